//! SASLprep (RFC 4013) of names and passwords, and the forms of one password.
//!
//! A person types `Grüße`; what arrives are the octets of one of several ways to write that, and
//! what a server once hashed may be another. Both ends agree here on which way is meant.

use stringprep::saslprep as profile;
use unicode_normalization::UnicodeNormalization;

use crate::Secret;

/// A name or a password as RFC 4013 prepares it, as a stored string: code points that Unicode
/// 3.2 had not assigned are prohibited (RFC 5802 §2.2).
///
/// `None` where it fails, or where nothing is left (RFC 4616 §2).
#[must_use]
pub fn saslprep(text: &str) -> Option<String> {
    let prepared = profile(text).ok()?;
    (!prepared.is_empty()).then(|| prepared.into_owned())
}

/// The form that a new hash of a password is made over: SASLprep where it passes, else the
/// octets as they came.
#[must_use]
pub fn to_store(password: &[u8]) -> Secret<Vec<u8>> {
    let prepared = std::str::from_utf8(password).ok().and_then(saslprep);
    Secret::new(prepared.map_or_else(|| password.to_vec(), String::into_bytes))
}

/// The forms of an offered password in the order in which a hash is compared with them:
/// SASLprep where it passes, NFC, the octets as they came. Equal ones are there once, so there
/// are one to three; how many depends on the password alone.
///
/// The first is [`to_store`]'s wherever SASLprep passes. NFC is what RFC 8265 §4.2 (OpaqueString)
/// makes of most passwords; a server that knew neither hashed the octets.
#[must_use]
pub fn forms(password: &[u8]) -> Vec<Secret<Vec<u8>>> {
    let mut forms: Vec<Secret<Vec<u8>>> = Vec::with_capacity(3);
    let mut add = |form: Vec<u8>| {
        let form = Secret::new(form);
        if !forms.iter().any(|known| known.expose() == form.expose()) {
            forms.push(form);
        }
    };
    if let Ok(text) = std::str::from_utf8(password) {
        if let Some(prepared) = saslprep(text) {
            add(prepared.into_bytes());
        }
        add(text.nfc().collect::<String>().into_bytes());
    }
    add(password.to_vec());
    forms
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // RFC 4013 §3, its seven examples; P-093
    #[test]
    fn the_examples_of_the_rfc() {
        for (given, prepared) in [
            ("I\u{ad}X", Some("IX")),
            ("user", Some("user")),
            ("USER", Some("USER")),
            ("\u{aa}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("\u{627}\u{31}", None),
        ] {
            assert_eq!(saslprep(given).as_deref(), prepared, "{given:?}");
        }
    }

    // RFC 4013 §2: mapping, normalisation, prohibited output, unassigned code points; RFC 4616
    // §2 and P-093: nothing left is a failure
    #[test]
    fn each_step_of_the_profile() {
        for (given, prepared) in [
            ("a\u{a0}b\u{3000}c", Some("a b c")),
            ("Gru\u{308}\u{df}e", Some("Gr\u{fc}\u{df}e")),
            ("\u{ff41}", Some("a")),
            ("\u{5d3}\u{5d5}\u{5d3}", Some("\u{5d3}\u{5d5}\u{5d3}")),
            ("", None),
            ("\u{feff}", None),
            ("\u{ad}\u{2060}", None),
            ("a\u{e000}", None),
            ("a\u{fffd}", None),
            ("a\u{200e}", None),
            ("a\u{85}", None),
            ("a\tb", None),
            ("\u{5d3}a", None),
            // assigned in Unicode 6.0, not in 3.2
            ("\u{1f600}", None),
        ] {
            assert_eq!(saslprep(given).as_deref(), prepared, "{given:?}");
        }
    }

    fn shown(forms: &[Secret<Vec<u8>>]) -> Vec<&[u8]> {
        forms.iter().map(|form| form.expose().as_slice()).collect()
    }

    // rulings 9: SASLprep, then NFC, then raw; equal ones once
    #[test]
    fn forms_come_in_the_order_of_the_rulings() {
        assert_eq!(shown(&forms(b"plain")), [b"plain"]);
        // NFKC makes an `a` of it, NFC leaves it as it is
        assert_eq!(shown(&forms("\u{aa}".as_bytes())), [&b"a"[..], "\u{aa}".as_bytes()]);
        // three ways to write one password
        assert_eq!(
            shown(&forms("\u{aa}e\u{301}".as_bytes())),
            ["a\u{e9}".as_bytes(), "\u{aa}\u{e9}".as_bytes(), "\u{aa}e\u{301}".as_bytes()]
        );
        // SASLprep fails: NFC, raw
        assert_eq!(
            shown(&forms("\u{1f600}e\u{301}".as_bytes())),
            ["\u{1f600}\u{e9}".as_bytes(), "\u{1f600}e\u{301}".as_bytes()]
        );
        // P-011: Latin-1 is octets
        assert_eq!(shown(&forms(b"caf\xe9")), [b"caf\xe9"]);
    }

    // rulings 9: hashed over SASLprep where it passes, else over the raw octets
    #[test]
    fn what_is_stored_is_prepared_where_that_passes() {
        for (given, stored) in [
            (&b"a b  "[..], &b"a b  "[..]),
            ("Gru\u{308}\u{df}e".as_bytes(), "Gr\u{fc}\u{df}e".as_bytes()),
            ("\u{1f600}e\u{301}".as_bytes(), "\u{1f600}e\u{301}".as_bytes()),
            (b"caf\xe9", b"caf\xe9"),
        ] {
            assert_eq!(to_store(given).expose(), stored);
        }
    }

    proptest! {
        // rulings 9: whatever was stored is found again by who offers the same octets
        #[test]
        fn what_is_stored_is_among_the_forms(
            given in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                "\\PC{0,20}|[a\u{aa}e\u{301}\u{ad}\u{2168}\u{1f600}]{0,8}".prop_map(String::into_bytes),
            ],
        ) {
            let forms = forms(&given);
            prop_assert!((1..=3).contains(&forms.len()));
            let stored = to_store(&given);
            prop_assert!(forms.iter().any(|form| form.expose() == stored.expose()));
        }

        // RFC 3454 §1: a prepared string is prepared
        #[test]
        fn preparing_twice_changes_nothing(given in "\\PC{0,20}|[a-zA-ZäÄß\u{aa}\u{301}\u{ad}\u{a0}]{0,12}") {
            if let Some(once) = saslprep(&given) {
                prop_assert_eq!(saslprep(&once), Some(once));
            }
        }
    }
}
