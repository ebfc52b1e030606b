//! How octets are written in hashes: hexadecimal, base64, and the alphabets of crypt(3).
//!
//! One text an octet string: spare bits must be zero and padding complete, so that a damaged
//! hash is never taken for a whole one.

use base64::Engine;
use base64::alphabet;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{NO_PAD, STANDARD};

/// bcrypt's own order of letters.
const BCRYPT: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD);

/// The alphabet of crypt(3), in which md5-crypt, sha-crypt and yescrypt write.
const ITOA64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Hexadecimal in either case.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit =
        |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?)).collect()
}

/// RFC 4648 §4, padded.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// bcrypt's base64.
pub(super) fn bcrypt64(text: &str) -> Option<Vec<u8>> {
    BCRYPT.decode(text).ok()
}

/// crypt(3)'s six bits a letter, the lowest first, as yescrypt and scrypt write octets.
pub(super) fn crypt64(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    for letters in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for letter in letters.iter().rev() {
            bits = (bits << 6) | crypt64_digit(*letter)?;
        }
        let count = match letters.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        let (taken, spare) = bits
            .to_le_bytes()
            .split_at_checked(count)
            .map(|(taken, spare)| (taken.to_vec(), spare.iter().any(|octet| *octet != 0)))?;
        if spare {
            return None;
        }
        octets.extend(taken);
    }
    Some(octets)
}

/// The value of one letter of crypt(3).
pub(super) fn crypt64_digit(letter: u8) -> Option<u32> {
    ITOA64.iter().position(|known| *known == letter).and_then(|at| u32::try_from(at).ok())
}

/// Appends the lowest six bits, then the next, so many letters in all.
pub(super) fn push_crypt64(text: &mut String, mut bits: u32, letters: u32) {
    for _ in 0..letters {
        let letter = usize::try_from(bits & 0x3f).ok().and_then(|at| ITOA64.get(at));
        text.push(letter.map_or('.', |letter| char::from(*letter)));
        bits >>= 6;
    }
}

/// Whether a text can be a salt of crypt(3): letters that end no field.
pub(super) fn is_crypt_salt(salt: &str) -> bool {
    salt.bytes().all(|octet| {
        octet.is_ascii_graphic() && !matches!(octet, b'$' | b':' | b'!' | b'*' | b'\\' | b';')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_an_octet_string() {
        assert_eq!(hex("00fFa5").unwrap(), [0, 0xff, 0xa5]);
        assert_eq!(base64("AAEC").unwrap(), [0, 1, 2]);
        assert_eq!(base64("AA==").unwrap(), [0]);
        for bad in ["0", "0g", "é", "+1"] {
            assert!(hex(bad).is_none(), "{bad}");
        }
        for bad in ["A", "AA", "AA=", "AB==", "AA==A", "A A=", "é==="] {
            assert!(base64(bad).is_none(), "{bad}");
        }
    }

    // yescrypt's README: salts are little-endian base64
    #[test]
    fn crypt64_reads_what_it_writes() {
        let mut text = String::new();
        push_crypt64(&mut text, 0x00fe_dcba, 4);
        push_crypt64(&mut text, 0x9876, 3);
        assert_eq!(crypt64(&text).unwrap(), [0xba, 0xdc, 0xfe, 0x76, 0x98]);
        assert_eq!(crypt64("..").unwrap(), [0]);
        for bad in [".", "zz", "..z.0", "é.", "$$$$"] {
            assert!(crypt64(bad).is_none(), "{bad}");
        }
    }
}
