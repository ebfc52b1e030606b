//! Addresses and login names: octets in, parts out, or what is wrong with them.

use mail_wire::prepared::saslprep;

use crate::domain::Domain;
use crate::local_part::LocalPart;

/// The octets of an address (RFC 5321 §4.5.3.1.3: a path is 256, its brackets are two), with
/// room for a domain in U-labels.
const OCTETS_MAX: usize = 1_024;

/// Whoever is meant by a login name or in a command: with a domain or without.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) local: LocalPart,
    pub(crate) domain: Option<Domain>,
}

impl Name {
    /// Takes a login name as the octets that came (CVE-2019-10691: 8-bit octets are no reason
    /// to fall over). `Err` says what is wrong, for the log and for commands.
    pub(crate) fn parse(given: &[u8]) -> Result<Self, &'static str> {
        if given.len() > OCTETS_MAX {
            return Err("the name is too long");
        }
        let given = std::str::from_utf8(given).map_err(|_| "the name is not UTF-8")?;
        // rulings 9: SASLprep where it passes. Where it does not, the alphabet below judges what
        // came: names of right-to-left scripts that end in a digit, and letters that are younger
        // than Unicode 3.2, are names all the same.
        let prepared = saslprep(given);
        let given = prepared.as_deref().unwrap_or(given);
        let name = match given.split_once('@') {
            None => Self { local: LocalPart::parse(given)?, domain: None },
            Some((local, domain)) => {
                Self { local: LocalPart::parse(local)?, domain: Some(Domain::fold(domain)?) }
            }
        };
        name.local.check_as_name()?;
        Ok(name)
    }

    /// One text for all spellings of this name, to remember it by.
    pub(crate) fn key(&self, case_sensitive: bool) -> String {
        let local = self.local.compared(case_sensitive);
        self.domain.as_ref().map_or_else(|| local.to_owned(), |domain| format!("{local}@{domain}"))
    }
}

/// An address that leads somewhere: `local-part@domain`, or `@domain` for the catch-all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// `None`: the catch-all.
    pub(crate) local: Option<LocalPart>,
    /// `None` only before the only domain was filled in.
    pub(crate) domain: Option<Domain>,
}

impl Address {
    /// Takes an address as a person writes it. `Err` says what is wrong.
    pub(crate) fn parse(given: &str) -> Result<Self, &'static str> {
        if given.len() > OCTETS_MAX {
            return Err("the address is too long");
        }
        // The last @ divides: one in front of it can only be in a quoted local part, which
        // `LocalPart` refuses.
        match given.rsplit_once('@') {
            None => Ok(Self { local: Some(LocalPart::parse(given)?), domain: None }),
            Some(("", domain)) => Ok(Self { local: None, domain: Some(Domain::fold(domain)?) }),
            Some((local, domain)) => Ok(Self {
                local: Some(LocalPart::parse(local)?),
                domain: Some(Domain::fold(domain)?),
            }),
        }
    }
}

/// Makes what somebody typed fit for a message: control characters escaped, not too long.
pub(crate) fn shown(given: &str) -> String {
    let mut shown: String =
        given.chars().take(128).flat_map(|c| match c {
            c if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{200b}'..='\u{200f}') => {
                c.escape_unicode().collect::<Vec<_>>()
            }
            c => vec![c],
        }).collect();
    if given.chars().nth(128).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // security A4, A5, A10; CVE-2019-10691, CVE-2020-7046: truncated UTF-8
    #[test]
    fn what_names_nobody_is_refused_without_falling_over() {
        let long = vec![b'a'; 1_000];
        let longer = vec![b'@'; 70_000];
        for bad in [
            &b""[..],
            b"@",
            b"a@",
            b"@b",
            b"user@domain@other",
            b"\xff",
            b"\xc3",
            b"\xe2\x82",
            b"\xf0\x9f\x98",
            b"\xed\xa0\x80",
            b"\xc0\xaf",
            b"ann\xe4",
            b"%n%s%x",
            &long,
            &longer,
        ] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn spellings_of_one_name_have_one_key() {
        let key = |name: &str| Name::parse(name.as_bytes()).unwrap().key(false);
        assert_eq!(key("Anna@EXAMPLE.org."), "anna@example.org");
        assert_eq!(key("ANNA"), "anna");
    }

    // rulings 9, P-093: names are compared as SASLprep has them
    #[test]
    fn names_are_prepared() {
        let key = |name: &str| Name::parse(name.as_bytes()).unwrap().key(false);
        assert_eq!(key("an\u{ad}na@example.org"), "anna@example.org");
        assert_eq!(key("\u{ff21}nna\u{ff20}example.org"), "anna@example.org");
        assert_eq!(key("\u{aa}\u{2168}"), "aix");
        // RFC 3454 §6 refuses it for its digit; it is a name all the same
        assert_eq!(key("\u{5d3}\u{5d5}\u{5d3}1"), "\u{5d3}\u{5d5}\u{5d3}1");
        for nobody in ["\u{ad}", "\u{feff}@example.org", "a\u{2028}", "a\u{ff0f}b", "\u{2025}"] {
            assert!(Name::parse(nobody.as_bytes()).is_err(), "{nobody:?}");
        }
    }

    #[test]
    fn a_catch_all_has_no_local_part() {
        let address = Address::parse("@Example.ORG").unwrap();
        assert!(address.local.is_none());
        assert_eq!(address.domain.unwrap().as_str(), "example.org");
        assert!(Address::parse("a@b@example.org").is_err());
    }

    #[test]
    fn what_is_shown_draws_nothing_on_a_terminal() {
        assert_eq!(shown("a\u{1b}[2J\u{202e}\n"), "a\\u{1b}[2J\\u{202e}\\u{a}");
        assert!(shown(&"x".repeat(5_000)).len() < 140);
    }

    proptest! {
        #[test]
        fn names_never_panic_and_are_idempotent(given in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Name::parse(&given);
        }

        #[test]
        fn a_prepared_name_prepares_to_itself(given in "[a-zA-Z0-9äÄßİΣ._+=-]{1,20}(@[a-zA-ZäÖ-]{1,10}\\.[a-z]{2,4})?") {
            if let Ok(once) = Name::parse(given.as_bytes()) {
                let again = Name::parse(once.key(false).as_bytes()).unwrap();
                prop_assert_eq!(again.key(false), once.key(false));
            }
        }
    }
}
