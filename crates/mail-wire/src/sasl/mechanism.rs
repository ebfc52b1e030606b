//! The mechanisms by name.

use std::fmt;

use super::scram::Hash;

/// The longest name of a mechanism, in octets (RFC 4422 §3.1).
pub const MECHANISM_OCTETS_MAX: usize = 20;

/// A mechanism that is built.
///
/// RFC 4422 §3.1: "SASL mechanisms are named by character strings, from 1 to 20 characters in
/// length, consisting of ASCII uppercase letters, digits, hyphens, and/or underscores." Here
/// they are matched in any case, as RFC 5034 §4 has it (P-250).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 5802, RFC 7677.
    Scram {
        /// Over which hash.
        hash: Hash,
        /// Whether it is bound to the channel: -PLUS.
        plus: bool,
    },
    /// RFC 4422, appendix A.
    External,
    /// RFC 7628.
    OauthBearer,
    /// What RFC 7628 grew out of, and most clients speak.
    Xoauth2,
    /// RFC 4616.
    Plain,
    /// RFC 2195.
    CramMd5,
    /// RFC 4505.
    Anonymous,
    /// draft-murchison-sasl-login-00: obsolete and everywhere.
    Login,
}

impl Mechanism {
    /// All of them in the order in which they are announced: what proves most first; LOGIN is
    /// the last (P-102).
    pub const ALL: [Self; 11] = [
        Self::Scram { hash: Hash::Sha256, plus: true },
        Self::Scram { hash: Hash::Sha1, plus: true },
        Self::Scram { hash: Hash::Sha256, plus: false },
        Self::Scram { hash: Hash::Sha1, plus: false },
        Self::External,
        Self::OauthBearer,
        Self::Xoauth2,
        Self::Plain,
        Self::CramMd5,
        Self::Anonymous,
        Self::Login,
    ];

    /// The mechanism of this name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| name.eq_ignore_ascii_case(mechanism.name().as_bytes()))
    }

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scram { hash: Hash::Sha256, plus: true } => "SCRAM-SHA-256-PLUS",
            Self::Scram { hash: Hash::Sha1, plus: true } => "SCRAM-SHA-1-PLUS",
            Self::Scram { hash: Hash::Sha256, plus: false } => "SCRAM-SHA-256",
            Self::Scram { hash: Hash::Sha1, plus: false } => "SCRAM-SHA-1",
            Self::External => "EXTERNAL",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Xoauth2 => "XOAUTH2",
            Self::Plain => "PLAIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::Anonymous => "ANONYMOUS",
            Self::Login => "LOGIN",
        }
    }

    /// Whether whoever listens learns a secret that can be used again (P-038).
    pub const fn reveals_password(self) -> bool {
        match self {
            Self::Plain | Self::Login | Self::OauthBearer | Self::Xoauth2 => true,
            Self::Scram { .. } | Self::External | Self::CramMd5 | Self::Anonymous => false,
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
        let plus = Mechanism::Scram { hash: Hash::Sha256, plus: true };
        assert_eq!(Mechanism::from_name(b"scram-sha-256-plus"), Some(plus));
        for name in ["", "PLAI", "PLAINS", "PLAIN ", "PLAIN\0", "NOSUCH", "LOGIN-", "SCRAM-SHA-512"]
        {
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

    // P-102: LOGIN is announced last; P-097: nothing with a security layer is built
    #[test]
    fn the_order_of_announcement() {
        let names = Mechanism::ALL.map(Mechanism::name);
        assert_eq!(names.first(), Some(&"SCRAM-SHA-256-PLUS"));
        assert_eq!(names.last(), Some(&"LOGIN"));
        assert!(names.iter().all(|name| !name.contains("GSS") && !name.contains("DIGEST")));
        for name in names {
            assert_eq!(Mechanism::from_name(name.as_bytes()).map(Mechanism::name), Some(name));
        }
    }
}
