//! The networks that a credential may be used from.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::address::shown;
use crate::refusal::ManageError;

/// Networks; none means anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks(Vec<IpNet>);

/// More would be a mistake, and each login looks at all of them.
const NETWORKS_MAX: usize = 64;

impl Networks {
    /// Reads what a person wrote: `192.0.2.0/24`, `2001:db8::/32`, or one address.
    pub(crate) fn parse(given: &[String]) -> Result<Self, ManageError> {
        if given.len() > NETWORKS_MAX {
            return Err(ManageError::BadRequest {
                why: format!("{} networks are more than {NETWORKS_MAX}", given.len()),
            });
        }
        let mut networks = Vec::with_capacity(given.len());
        for text in given {
            let network = parse_one(text.trim())
                .map_err(|why| ManageError::BadNetwork { network: shown(text), why })?;
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
        Ok(Self(networks))
    }

    /// Reads what [`Networks::stored`] wrote. `None` if it is damaged: the caller then lets
    /// nobody in, as an empty list would let everybody.
    pub(crate) fn from_stored(stored: &str) -> Option<Self> {
        stored
            .split(',')
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().ok())
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }

    /// For the database.
    pub(crate) fn stored(&self) -> String {
        self.texts().join(",")
    }

    /// For people.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether a peer's address is in one of them. An IPv4 peer on a socket for both kinds
    /// comes as `::ffff:192.0.2.1` (RFC 4291 §2.5.5.2) and is IPv4 all the same.
    pub(crate) fn allow(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&peer))
    }
}

fn parse_one(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => text
            .parse::<IpAddr>()
            .map(IpNet::from)
            .map_err(|_| "write it as 192.0.2.0/24 or 2001:db8::/32".to_owned())?,
    };
    if network.addr() != network.network() {
        return Err(format!("the network is `{}`, a single address has no `/`", network.trunc()));
    }
    if network.addr() != network.addr().to_canonical() {
        return Err("write IPv4 networks as IPv4: 192.0.2.0/24".to_owned());
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Result<Networks, ManageError> {
        Networks::parse(&texts.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn allow_what_is_inside() {
        let some = networks(&["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]).unwrap();
        for (peer, inside) in [
            ("192.0.2.9", true),
            ("::ffff:192.0.2.9", true),
            ("192.0.3.9", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
        ] {
            assert_eq!(some.allow(peer.parse().unwrap()), inside, "{peer}");
        }
        assert!(Networks::default().allow("203.0.113.1".parse().unwrap()));
        assert_eq!(Networks::from_stored(&some.stored()), Some(some));
    }

    #[test]
    fn refuse_what_is_none_and_say_what_would_be_right() {
        for (bad, hint) in [
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("example.org", "192.0.2.0/24"),
            ("::ffff:192.0.2.0/120", "as IPv4"),
            ("", "192.0.2.0/24"),
        ] {
            let error = networks(&[bad]).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
        assert_eq!(Networks::from_stored("192.0.2.0/24,rubbish"), None);
    }
}
