//! App passwords: how they are generated, read back and kept.
//!
//! ```text
//! app-password = "rst1-" 26symbol     ; symbol: Crockford's base 32, five bits each
//! ```
//! 128 bits from the system's generator need no slow hash: they are kept under a keyed BLAKE3
//! (`rulings` 10), so that a robot's login costs microseconds and a storm of guesses nothing.

use mail_wire::Secret;
use subtle::ConstantTimeEq;

/// What every app password starts with.
const PREFIX: &str = "rst1-";
/// Symbols behind the prefix: 26 times 5 bits hold 128.
const SYMBOLS: usize = 26;
/// Digits and lower-case letters without `i`, `l`, `o` and `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The 128 bits of an app password.
pub(crate) struct AppPassword(Secret<[u8; 16]>);

/// What is kept of an app password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 32]);

impl AppPassword {
    /// A new one; `Err` says why the system has no random octets.
    pub(crate) fn generate() -> Result<Self, String> {
        let mut bits = [0u8; 16];
        getrandom::fill(&mut bits)
            .map_err(|error| format!("the system has no random octets: {error}"))?;
        Ok(Self(Secret::new(bits)))
    }

    /// Reads what somebody typed: case does not matter, `o` is `0`, `i` and `l` are `1`. `None`
    /// for everything that does not have the shape; that is then a main password. The shape
    /// alone decides, never an account.
    pub(crate) fn parse(typed: &[u8]) -> Option<Self> {
        let (prefix, symbols) = typed.split_at_checked(PREFIX.len())?;
        if !prefix.eq_ignore_ascii_case(PREFIX.as_bytes()) || symbols.len() != SYMBOLS {
            return None;
        }
        let mut value: u128 = 0;
        for (place, symbol) in symbols.iter().enumerate() {
            let five = value_of(*symbol)?;
            // 26 symbols hold 130 bits: the first has three.
            if place == 0 && five > 7 {
                return None;
            }
            value = (value << 5) | u128::from(five);
        }
        Some(Self(Secret::new(value.to_be_bytes())))
    }

    /// As it is shown, once.
    pub(crate) fn text(&self) -> Secret<String> {
        let value = u128::from_be_bytes(*self.0.expose());
        let mut text = String::with_capacity(PREFIX.len().saturating_add(SYMBOLS));
        text.push_str(PREFIX);
        for shift in (0..SYMBOLS).rev().map(|place| place.saturating_mul(5)) {
            let five = usize::try_from((value >> shift) & 31).unwrap_or_default();
            text.push(ALPHABET.get(five).copied().map_or('0', char::from));
        }
        Secret::new(text)
    }

    /// What is kept of it under this key.
    pub(crate) fn digest(&self, key: &Secret<[u8; 32]>) -> Digest {
        Digest(*blake3::keyed_hash(key.expose(), self.0.expose()).as_bytes())
    }
}

impl Digest {
    /// One that was kept.
    pub(crate) const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets to keep.
    pub(crate) const fn octets(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

fn value_of(symbol: u8) -> Option<u8> {
    let symbol = match symbol.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|known| *known == symbol).and_then(|at| u8::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: Secret<[u8; 32]> = Secret::new([7; 32]);

    // rulings 10: `rst1-` and 26 characters
    #[test]
    fn has_the_shape_that_was_promised() {
        let text = AppPassword::generate().unwrap().text();
        let symbols = text.expose().strip_prefix("rst1-").unwrap();
        assert_eq!(symbols.len(), 26);
        assert!(symbols.bytes().all(|b| ALPHABET.contains(&b)));
        assert_ne!(text.expose(), AppPassword::generate().unwrap().text().expose());
    }

    #[test]
    fn is_read_as_people_type_it() {
        let read = |typed: &str| AppPassword::parse(typed.as_bytes()).map(|p| p.digest(&KEY));
        let as_shown = read("rst1-10abcdefghjkmnpqrstvwxyz01").unwrap();
        assert_eq!(read("RST1-10ABCDEFGHJKMNPQRSTVWXYZ01"), Some(as_shown));
        assert_eq!(read("rst1-lOabcdefghjkmnpqrstvwxyzoi"), Some(as_shown));
        for other in [
            "rst1-10abcdefghjkmnpqrstvwxyz0",
            "rst1-10abcdefghjkmnpqrstvwxyz011",
            "rst1-u0abcdefghjkmnpqrstvwxyz01",
            "rst1-80abcdefghjkmnpqrstvwxyz01",
            "rst1-",
            "",
            "rst2-10abcdefghjkmnpqrstvwxyz01",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bits in any::<[u8; 16]>()) {
            let shown = AppPassword(Secret::new(bits)).text();
            let read = AppPassword::parse(shown.expose().as_bytes()).unwrap();
            prop_assert_eq!(read.0.expose(), &bits);
        }

        #[test]
        fn reading_never_panics(typed in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = AppPassword::parse(&typed);
        }
    }
}
