//! What guess control remembers, for people.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Whom `why` and `clear` ask about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// An address, or a network.
    Network(IpNet),
    /// A login name.
    Account(String),
}

/// A source, a network or an account with failed attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The address, network or login name.
    pub who: String,
    /// Whether it is a login name.
    pub account: bool,
    /// Failed attempts, repeats of one wrong password left out.
    pub failures: u32,
    /// The first of them, in seconds since 1970.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// Whom the last was for, or where it came from.
    pub other: String,
    /// It is blocked (an account: new places wait) until then; `None`: it is not.
    pub blocked_until: Option<i64>,
}

/// A network that is not blocked, for a while or for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// The network.
    pub network: IpNet,
    /// Until then, in seconds since 1970; `None`: until it is cleared.
    pub until: Option<i64>,
}

impl Subject {
    /// Reads an address, a network, or else a login name.
    #[must_use]
    pub fn parse(given: &str) -> Self {
        let given = given.trim();
        given
            .parse::<IpNet>()
            .or_else(|_| given.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical())))
            .map_or_else(
                |_| Self::Account(given.to_owned()),
                |network| Self::Network(network.trunc()),
            )
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                write!(f, "{}", network.addr())
            }
            Self::Network(network) => write!(f, "{network}"),
            Self::Account(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_network_or_a_name() {
        for (given, shown) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            (" 2001:db8::/32", "2001:db8::/32"),
        ] {
            assert!(matches!(Subject::parse(given), Subject::Network(_)), "{given}");
            assert_eq!(Subject::parse(given).to_string(), shown);
        }
        assert_eq!(Subject::parse("anna@example.org"), Subject::Account("anna@example.org".into()));
    }
}
