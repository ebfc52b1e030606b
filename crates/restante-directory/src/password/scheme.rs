//! What a password field says: `{SCHEME}hash`, a hash of crypt(3), or that there is none.
//!
//! The names are Dovecot's (its `password-scheme.c` and the page "Password schemes" of its
//! manual), the bare hashes those of crypt(5) and of Apache's htpasswd.

use super::argon2::Argon2Hash;
use super::bcrypt::Bcrypt;
use super::cram_md5::CramMd5;
use super::digest::{Algorithm, Digested};
use super::encoding::{base64, hex};
use super::md5_crypt::Md5Crypt;
use super::pbkdf2::Pbkdf2;
use super::plain::Plain;
use super::scram::Scram;
use super::sha_crypt::ShaCrypt;
use super::verifier::{Family, Verifier};
use super::yescrypt::Yescrypt;

/// Longer than any hash, and than a password of 512 octets in hexadecimal.
const FIELD_OCTETS_MAX: usize = 2_048;

/// What a password field says.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    /// No password is good: the field is empty, or locked with `*` or `!` (shadow(5)).
    Nothing,
    /// This one is.
    Password(Verifier),
}

/// Reads a password field. `Err` says what is wrong, and nothing of the hash.
pub(crate) fn read(field: &str) -> Result<Stored, String> {
    if field.len() > FIELD_OCTETS_MAX {
        return Err(format!("the password field has over {FIELD_OCTETS_MAX} octets"));
    }
    let unlocked = field.get(..7).filter(|head| head.eq_ignore_ascii_case("{crypt}"));
    let bare = unlocked.map_or(field, |head| field.get(head.len()..).unwrap_or_default());
    if bare.is_empty() || bare.starts_with(['*', '!']) {
        return Ok(Stored::Nothing);
    }
    let family = match field.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((scheme, rest)) => schemed(scheme, rest)?,
        None => crypt(field)?,
    };
    Ok(Stored::Password(Verifier::new(family)))
}

/// How the hash is written behind the scheme.
#[derive(Clone, Copy)]
enum Suffix {
    None,
    Base64,
    Hex,
}

fn schemed(scheme: &str, rest: &str) -> Result<Family, String> {
    let (name, suffix) = match scheme.split_once('.') {
        None => (scheme, Suffix::None),
        Some((name, suffix)) => match suffix.to_ascii_lowercase().as_str() {
            "b64" | "base64" => (name, Suffix::Base64),
            "hex" => (name, Suffix::Hex),
            _ => return Err(unknown(scheme)),
        },
    };
    let name = name.to_ascii_uppercase();
    if let Some((algorithm, salted)) = digest(&name) {
        let length = (!salted).then(|| algorithm.octets());
        let octets = octets(rest, suffix, length)?;
        return Digested::parse(algorithm, salted, &octets).map(Family::Digest);
    }
    match name.as_str() {
        "PLAIN" | "CLEARTEXT" | "CLEAR" => {
            let password = match suffix {
                Suffix::None => rest.as_bytes().to_vec(),
                written => octets(rest, written, None)?,
            };
            return Plain::parse(password).map(Family::Plain);
        }
        "CRAM-MD5" | "HMAC-MD5" => {
            return CramMd5::parse(octets(rest, suffix, Some(32))?).map(Family::CramMd5);
        }
        _ => {}
    }
    let text = match suffix {
        Suffix::None => rest.to_owned(),
        written => String::from_utf8(octets(rest, written, None)?)
            .map_err(|_| "the hash is no text when it is decoded".to_owned())?,
    };
    match name.as_str() {
        "CRYPT" => crypt(&text),
        "MD5" if text.starts_with("$1$") => Md5Crypt::parse(&text).map(Family::Md5Crypt),
        "MD5" => {
            let octets = octets(&text, Suffix::None, Some(Algorithm::Md5.octets()))?;
            Digested::parse(Algorithm::Md5, false, &octets).map(Family::Digest)
        }
        "MD5-CRYPT" => Md5Crypt::parse(&text).map(Family::Md5Crypt),
        "SHA256-CRYPT" | "SHA512-CRYPT" => ShaCrypt::parse(&text).map(Family::ShaCrypt),
        "BLF-CRYPT" => Bcrypt::parse(&text).map(Family::Bcrypt),
        "ARGON2I" | "ARGON2ID" => Argon2Hash::parse(&text).map(Family::Argon2),
        "PBKDF2" => Pbkdf2::parse(&text).map(Family::Pbkdf2),
        "SCRAM-SHA-1" => Scram::parse(false, &text).map(Family::Scram),
        "SCRAM-SHA-256" => Scram::parse(true, &text).map(Family::Scram),
        _ => Err(unknown(scheme)),
    }
}

/// The schemes of one digest; whether a salt follows it.
fn digest(name: &str) -> Option<(Algorithm, bool)> {
    Some(match name {
        "SHA" | "SHA1" => (Algorithm::Sha1, false),
        "SHA256" => (Algorithm::Sha256, false),
        "SHA512" => (Algorithm::Sha512, false),
        "PLAIN-MD5" | "LDAP-MD5" => (Algorithm::Md5, false),
        "SSHA" => (Algorithm::Sha1, true),
        "SSHA256" => (Algorithm::Sha256, true),
        "SSHA512" => (Algorithm::Sha512, true),
        "SMD5" => (Algorithm::Md5, true),
        _ => return None,
    })
}

/// The octets of a hash. Where no suffix says how they are written, a text of twice the length
/// that they must have is hexadecimal, as Dovecot has it; any other is base64.
fn octets(text: &str, suffix: Suffix, length: Option<usize>) -> Result<Vec<u8>, String> {
    let guess = || {
        let twice = length.and_then(|length| length.checked_mul(2));
        if twice == Some(text.len()) { hex(text).or_else(|| base64(text)) } else { base64(text) }
    };
    let octets = match suffix {
        Suffix::None => guess(),
        Suffix::Base64 => base64(text),
        Suffix::Hex => hex(text),
    };
    octets.ok_or_else(|| match suffix {
        Suffix::Hex => "the hash is not hexadecimal".to_owned(),
        _ => "the hash is not whole base64".to_owned(),
    })
}

/// A hash of crypt(3), by its prefix.
fn crypt(text: &str) -> Result<Family, String> {
    if Md5Crypt::is(text) {
        return Md5Crypt::parse(text).map(Family::Md5Crypt);
    }
    if ShaCrypt::is(text) {
        return ShaCrypt::parse(text).map(Family::ShaCrypt);
    }
    if Yescrypt::is(text) {
        return Yescrypt::parse(text).map(Family::Yescrypt);
    }
    if Argon2Hash::is(text) {
        return Argon2Hash::parse(text).map(Family::Argon2);
    }
    if Bcrypt::is(text) {
        return Bcrypt::parse(text).map(Family::Bcrypt);
    }
    let prefix = text.strip_prefix('$').and_then(|rest| rest.split_once('$'));
    Err(match prefix {
        Some((prefix, _)) => format!(
            "hashes that begin with `${}$` are not taken; give the account a new password",
            name_in_words(prefix)
        ),
        None => "the hash has no scheme; write {PLAIN} before a password in clear. Hashes of the \
                 old DES crypt, which have no sign, are not taken: they keep eight letters of a \
                 password"
            .to_owned(),
    })
}

fn unknown(scheme: &str) -> String {
    format!(
        "hashes of the scheme {{{}}} are not taken; give the account a new password, or leave \
         the field empty and give it app passwords",
        name_in_words(scheme)
    )
}

/// A name as it may be shown.
fn name_in_words(name: &str) -> String {
    name.chars()
        .take(24)
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workbench::Workbench;

    /// `password TAB hash TAB command`, made by the original tools: `fixtures/hashes/make.sh`.
    const GOLDEN: &str = include_str!("../../tests/fixtures/hashes/golden.txt");

    fn golden() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        GOLDEN.lines().map(|line| {
            let mut fields = line.split('\t');
            (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap())
        })
    }

    fn verifier(field: &str) -> Result<Verifier, String> {
        match read(field)? {
            Stored::Password(verifier) => Ok(verifier),
            Stored::Nothing => Err("nothing".to_owned()),
        }
    }

    // issue 4: "golden hashes made by the original tools", right and wrong passwords
    #[test]
    fn what_the_original_tools_made_fits_the_right_password_only() {
        let mut bench = Workbench::default();
        let mut families = std::collections::BTreeSet::new();
        for (password, hash, command) in golden() {
            let verifier = verifier(hash).unwrap_or_else(|why| panic!("{command}: {why}"));
            families.insert(verifier.kind().family);
            // The dear ones, of one password only.
            let dear =
                ["ARGON2", "YESCRYPT"].iter().any(|dear| verifier.kind().family.starts_with(dear));
            if dear && password != "tanstaaf" {
                continue;
            }
            assert!(verifier.fits(password.as_bytes(), &mut bench), "{command}");
            // bcrypt cuts at 72 octets: a wrong one differs in its first
            let mut wrong = password.as_bytes().to_vec();
            wrong[0] ^= 1;
            assert!(!verifier.fits(&wrong, &mut bench), "{command}");
            if !dear && password == "tanstaaf" {
                for wrong in [&b""[..], b"x", format!("{password}\0").as_bytes()] {
                    assert!(!verifier.fits(wrong, &mut bench), "{command}: {wrong:?}");
                }
            }
        }
        assert_eq!(
            families.into_iter().collect::<Vec<_>>(),
            [
                "ARGON2I",
                "ARGON2ID",
                "BLF-CRYPT",
                "CRAM-MD5",
                "MD5",
                "MD5-CRYPT",
                "PBKDF2",
                "PLAIN",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "SCRYPT",
                "SHA",
                "SHA256",
                "SHA256-CRYPT",
                "SHA512",
                "SHA512-CRYPT",
                "YESCRYPT"
            ]
        );
    }

    /// One hash of each command, over one password, with the cheapest first of each family.
    fn one_of_each() -> Vec<(&'static str, &'static str)> {
        let mut seen = std::collections::BTreeSet::new();
        golden()
            .filter(|(password, hash, _)| {
                let scheme = hash.split_inclusive(['}', '$']).take(2).collect::<String>();
                *password == "tanstaaf" && seen.insert(scheme.chars().take(16).collect::<String>())
            })
            .map(|(password, hash, _)| (password, hash))
            .collect()
    }

    /// Whether a damaged text is the same hash all the same.
    fn same(whole: &str, damaged: &str) -> bool {
        let scheme = |text: &str| text.split_once('}').map(|(scheme, _)| scheme.to_lowercase());
        let hexadecimal =
            ["HEX}", "{PLAIN-MD5}", "-MD5}", "{PBKDF2}"].iter().any(|sign| whole.contains(sign));
        let bodies = (whole.split_once('}'), damaged.split_once('}'));
        scheme(whole) == scheme(damaged)
            && matches!(bodies, (Some((_, a)), Some((_, b)))
                if a == b || (hexadecimal && a.eq_ignore_ascii_case(b)))
    }

    // brief of the issue: each cut and flipped octet is refused, and nothing panics
    #[test]
    fn a_damaged_hash_fits_nothing() {
        let mut bench = Workbench::default();
        for (password, hash) in one_of_each() {
            let mut damaged: Vec<String> =
                (1..hash.len()).filter_map(|end| hash.get(..end).map(str::to_owned)).collect();
            // Five thousand rounds an octet are too many for all of them.
            let step = if hash.contains('$') || hash.contains("SCRAM") { 9 } else { 1 };
            for at in (0..hash.len()).step_by(step) {
                // One bit an octet, another one each time.
                let mut octets = hash.as_bytes().to_vec();
                octets[at] ^= 1 << (at % 7);
                damaged.extend(String::from_utf8(octets).ok());
            }
            for damaged in damaged {
                if same(hash, &damaged) {
                    continue;
                }
                if let Ok(verifier) = verifier(&damaged)
                    // What only asks for more work is wrong already; argon2 and yescrypt would
                    // take minutes over all of them.
                    && !matches!(verifier.kind().family, "ARGON2I" | "ARGON2ID" | "YESCRYPT" | "SCRYPT" | "BLF-CRYPT")
                {
                    assert!(!verifier.fits(password.as_bytes(), &mut bench), "{hash}: {damaged}");
                }
            }
        }
    }

    // The dear families: a few octets of the salt, the digest and the parameters each
    #[test]
    fn a_damaged_dear_hash_fits_nothing() {
        let mut bench = Workbench::default();
        for (password, hash) in one_of_each() {
            let Ok(whole) = verifier(hash) else { continue };
            if !matches!(whole.kind().family, "ARGON2ID" | "YESCRYPT" | "SCRYPT" | "BLF-CRYPT") {
                continue;
            }
            for at in [hash.len() - 1, hash.len() - 20, hash.len() - 44] {
                let mut octets = hash.as_bytes().to_vec();
                octets[at] = if octets[at] == b'x' { b'y' } else { b'x' };
                if let Ok(verifier) = verifier(&String::from_utf8(octets).unwrap()) {
                    assert!(!verifier.fits(password.as_bytes(), &mut bench), "{hash} {at}");
                }
            }
        }
    }

    // brief of the issue: a hostile hash takes neither the memory nor an hour
    #[test]
    fn dear_hashes_are_refused() {
        let letters = |count| "a".repeat(count);
        for (bad, says) in [
            (format!("$6$rounds=999999999$salt${}", letters(86)), "999999999 rounds"),
            (format!("$5$rounds=999$salt${}", letters(43)), "999 rounds"),
            (format!("$2y$31$abcdefghijklmnopqrstuu{}", letters(31)), "cost 31"),
            (format!("$2y$03$abcdefghijklmnopqrstuu{}", letters(31)), "cost 3"),
            // N = 2^24, r = 32: 64 GiB
            (format!("$y$jLT$abcd${}", letters(42) + "."), "too dear"),
            (format!("$7$J6..../....abcd${}", letters(42) + "."), "too dear"),
            (format!("{{PBKDF2}}$1$abcd$4000000000${}", letters(40)), "rounds"),
            ("{SCRAM-SHA-1}99999999,AAAA,,".to_owned(), "whole"),
            ("{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$c29tZXNhbHQxMjM$c29tZXRoaW5nIHRoYXQgaXMgMzIgb2N0ZXRzIGxvbmc".to_owned(), "too dear"),
            (format!("{{PLAIN}}{}", letters(3_000)), "over 2048"),
        ] {
            let why = verifier(&bad).map(|_| ()).unwrap_err();
            assert!(why.contains(says), "{bad}: {why}");
        }
    }

    #[test]
    fn what_is_not_taken_is_named_and_nothing_of_it_shown() {
        for (bad, says) in [
            ("{DES-CRYPT}abJnggxhB/yWI", "{DES-CRYPT}"),
            ("{OTP}secret", "{OTP}"),
            ("{DIGEST-MD5}secret", "{DIGEST-MD5}"),
            ("{SSHA.rot13}secret", "{SSHA.rot13}"),
            ("{NTLM}\u{1b}secret", "{NTLM}"),
            ("$gy$j9T$secret$secret", "`$gy$`"),
            ("$sha1$secret$secret", "`$sha1$`"),
            ("$2x$05$secret", "faulty"),
            ("abJnggxhB/yWI", "{PLAIN}"),
            ("secret", "{PLAIN}"),
            ("{SHA}secret", "base64"),
            ("{SHA.HEX}secret", "hexadecimal"),
            ("{PLAIN}", "no password"),
            ("{SSHA}60cXn4M+9rlkPiIl1CM8mjjFKYE=", "salt"),
        ] {
            let why = verifier(bad).map(|_| ()).unwrap_err();
            assert!(why.contains(says), "{bad}: {why}");
            assert!(!why.contains("secret") && !why.contains('\u{1b}'), "{bad}: {why}");
        }
        for nothing in ["", "*", "!", "!!", "{CRYPT}*", "{crypt}", "!$6$abc$def"] {
            assert!(matches!(read(nothing), Ok(Stored::Nothing)), "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(
            field in "\\PC{0,60}|[{}$a-zA-Z0-9./,=+-]{0,90}|\\{[A-Z0-9-]{2,9}(\\.hex|\\.b64)?\\}[$a-z0-9./,=]{0,60}|\\$(y|7|5|6|1|2y|apr1)\\$[$a-zA-Z0-9./=]{0,80}",
        ) {
            let _ = read(&field);
        }
    }
}
