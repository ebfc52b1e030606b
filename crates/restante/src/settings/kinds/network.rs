//! Networks: `"192.168.7.0/24"`, `"fd00::/8"`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// A network with its prefix length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network;

impl Kind for Network {
    type Value = IpNet;

    fn describe(&self) -> String {
        "a network such as \"192.168.7.0/24\"".to_owned()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<IpNet, Vec<Problem>> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(vec![wrong_type(name, value, &self.describe())]);
        };
        let problem = match text.parse::<IpNet>() {
            Ok(network) if network.prefix_len() == 0 => {
                Problem::error(format!("`{name}` names everybody"))
                    .help("name the network of the devices that cannot speak TLS")
            }
            Ok(network) if network.network() != network.addr() => {
                Problem::error(format!("`{name}` names an address inside a network"))
                    .help(format!("the network is \"{}\"", network.trunc()))
            }
            Ok(network) => return Ok(network),
            Err(_) => {
                let problem = Problem::error(format!("`{name}` takes {}", self.describe()));
                match text.parse::<IpAddr>() {
                    Ok(address) => problem
                        .help(format!("for this address alone: \"{}\"", IpNet::from(address))),
                    Err(_) => problem,
                }
            }
        };
        Err(vec![problem.at(value.span())])
    }
}
