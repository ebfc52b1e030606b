//! The mechanisms by name.

use std::fmt;

/// The longest name of a mechanism, in octets (RFC 4422 §3.1).
pub const MECHANISM_OCTETS_MAX: usize = 20;

/// A mechanism that is built.
///
/// RFC 4422 §3.1: "SASL mechanisms are named by character strings, from 1 to 20 characters in
/// length, consisting of ASCII uppercase letters, digits, hyphens, and/or underscores." Here
/// they are matched in any case, as RFC 5034 §4 has it (P-250).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login-00: obsolete and everywhere.
    Login,
}

impl Mechanism {
    /// All of them, the preferred one first; LOGIN is announced last (P-102).
    pub const ALL: [Self; 2] = [Self::Plain, Self::Login];

    /// The mechanism of this name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| name.eq_ignore_ascii_case(mechanism.name().as_bytes()))
    }

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// Whether whoever listens learns the password (P-038).
    pub const fn reveals_password(self) -> bool {
        match self {
            Self::Plain | Self::Login => true,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether octets may name a mechanism at all, built or not (RFC 4422 §3.1).
pub fn is_mechanism_name(name: &[u8]) -> bool {
    (1..=MECHANISM_OCTETS_MAX).contains(&name.len())
        && name.iter().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    // P-250
    #[test]
    fn names_match_in_any_case() {
        for name in ["PLAIN", "plain", "Plain", "pLAIN"] {
            assert_eq!(Mechanism::from_name(name.as_bytes()), Some(Mechanism::Plain));
        }
        for name in ["", "PLAI", "PLAINS", "PLAIN ", "PLAIN\0", "NOSUCH", "LOGIN-"] {
            assert_eq!(Mechanism::from_name(name.as_bytes()), None, "{name:?}");
        }
    }

    // P-250, RFC 4422 §3.1
    #[test]
    fn a_name_has_1_to_20_octets_of_its_alphabet() {
        assert!(Mechanism::ALL.iter().all(|m| is_mechanism_name(m.name().as_bytes())));
        assert!(is_mechanism_name(&[b'A'; 20]) && is_mechanism_name(b"SCRAM-SHA-256-PLUS"));
        assert!(!is_mechanism_name(b"") && !is_mechanism_name(&[b'A'; 21]));
        assert!(
            !is_mechanism_name(b"A B") && !is_mechanism_name(b"A\0") && !is_mechanism_name(b"A=")
        );
    }
}
