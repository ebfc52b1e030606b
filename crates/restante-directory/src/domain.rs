//! A domain name as it is compared: lower-case A-labels.

use std::fmt;

/// A domain name, folded so that equal domains are equal text.
///
/// ```text
/// domain = label *( "." label )       ; 1 to 253 octets
/// label  = 1*63( a-z / 0-9 / "-" / "_" ), no "-" at its ends
/// ```
/// U-labels have become A-labels (RFC 5890 §2.3.2.1): comparing those, and not what they look
/// like, is the lesson of CVE-2024-12224.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Domain(String);

/// The octets of a domain name, the root's dot left out (RFC 1035 §2.3.4).
const OCTETS_MAX: usize = 253;
/// The octets of one label (RFC 1035 §2.3.4).
const LABEL_OCTETS_MAX: usize = 63;

impl Domain {
    /// Folds a domain as it was given; `Err` says what is wrong with it. A dot at the end means
    /// the same name (RFC 1034 §3.1).
    pub(crate) fn fold(given: &str) -> Result<Self, &'static str> {
        let given = given.strip_suffix('.').unwrap_or(given);
        if given.is_empty() {
            return Err("the domain is missing");
        }
        // Bounded before any table of Unicode is looked at: a U-label is never more than
        // four octets for each octet of its A-label.
        if given.len() > OCTETS_MAX.saturating_mul(4) {
            return Err("the domain is longer than 253 octets");
        }
        let folded = if given.is_ascii() && !has_a_label(given) {
            given.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_cow(given.as_bytes(), idna::AsciiDenyList::EMPTY)
                .map_err(|_| "the domain is no valid internationalised name")?
                .into_owned()
        };
        check(&folded)?;
        Ok(Self(folded))
    }

    /// The folded text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn has_a_label(given: &str) -> bool {
    given
        .split('.')
        .any(|label| label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("xn--")))
}

fn check(folded: &str) -> Result<(), &'static str> {
    if folded.len() > OCTETS_MAX {
        return Err("the domain is longer than 253 octets");
    }
    for label in folded.split('.') {
        if label.is_empty() {
            return Err("the domain has an empty label");
        }
        if label.len() > LABEL_OCTETS_MAX {
            return Err("a label of the domain is longer than 63 octets");
        }
        // `_` is no host name's letter, but intranets have it.
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err("the domain may hold letters, digits, hyphens and dots only");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("a label of the domain starts or ends with a hyphen");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fold(given: &str) -> Option<String> {
        Domain::fold(given).ok().map(|domain| domain.0)
    }

    // RFC 5321 §2.4: domains are compared without case; RFC 5890: U-label and A-label are one
    #[test]
    fn spellings_of_one_domain_fold_to_one() {
        for given in ["example.org", "EXAMPLE.org", "Example.Org."] {
            assert_eq!(fold(given).as_deref(), Some("example.org"), "{given}");
        }
        for given in ["bücher.example", "BÜCHER.example", "bu\u{308}cher.example"] {
            assert_eq!(fold(given).as_deref(), Some("xn--bcher-kva.example"), "{given}");
        }
        assert_eq!(fold("XN--BCHER-KVA.example").as_deref(), Some("xn--bcher-kva.example"));
        // the sharp s has an A-label of its own since RFC 5891: another owner's domain
        assert_ne!(fold("straße.example"), fold("strasse.example"));
    }

    // CVE-2024-12224: `xn--` with plain ASCII behind it must not pass for the plain name
    #[test]
    fn a_masked_name_is_refused() {
        for given in ["xn--example-.org", "xn--.org", "xn--example.org\u{ad}-"] {
            assert_eq!(fold(given), None, "{given}");
        }
    }

    // security §2.3, CVE-2026-0394: nothing that could become a path or a query
    #[test]
    fn what_is_no_domain_is_refused() {
        let long_label = format!("{}.org", "a".repeat(64));
        let long_name = vec!["a".repeat(60); 5].join(".");
        for given in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "-a.org",
            "a-.org",
            "../etc",
            "a/b",
            "a\\b",
            "a b",
            "a\0b",
            "a'b",
            "a\"b",
            "a;b",
            "a%b",
            "[127.0.0.1]",
            "a@b",
            "a\u{202e}b",
            "a\r\nb",
            long_label.as_str(),
            long_name.as_str(),
        ] {
            assert_eq!(fold(given), None, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_never_panics_and_is_idempotent(given in "\\PC{0,80}|[a-zäß.xn-]{0,40}|xn--[a-z0-9-]{0,60}") {
            if let Some(once) = fold(&given) {
                prop_assert!(once.len() <= 253);
                prop_assert_eq!(fold(&once), Some(once));
            }
        }
    }
}
