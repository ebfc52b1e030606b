//! `[limits]`: how much anybody may take.

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::count::{count, count_or_unlimited};
use crate::settings::kinds::flag::Flag;
use crate::settings::kinds::optional::Optional;
use crate::settings::reader::Reader;

/// How many connections there may be. `None` is unlimited.
#[derive(Clone, Debug)]
pub(crate) struct LimitSettings {
    /// In all; `None`: as many as the system's own limits leave room for.
    pub(crate) connections: Option<u64>,
    /// Of one address.
    pub(crate) connections_per_address: Option<u64>,
    /// Without a login, in all; `None`: half of all.
    pub(crate) unauthenticated: Option<u64>,
    /// Without a login, of one address.
    pub(crate) unauthenticated_per_address: Option<u64>,
    /// Without a login, of one network.
    pub(crate) unauthenticated_per_network: Option<u64>,
    /// Sessions of one account.
    pub(crate) sessions_per_account: Option<u64>,
    /// Whether this machine itself is free of the limits by address.
    pub(crate) exempt_loopback: bool,
}

/// More than any machine has room for.
const MANY: u64 = 10_000_000;

impl LimitSettings {
    /// The table.
    pub(crate) const NAME: &'static str = "limits";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "How many connections there may be. Zero is an error; what may have no limit takes \
         \"unlimited\".";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            connections: connections(reader),
            connections_per_address: reader.setting(&count_or_unlimited(1..=MANY), Definition {
                name: "connections_per_address",
                otherwise: Otherwise::Value("200"),
                meaning: "Connections of one address (an IPv4 address, an IPv6 /64), logged in \
                          or not.",
                reloads: false,
            }),
            unauthenticated: unauthenticated(reader),
            unauthenticated_per_address: reader.setting(&count_or_unlimited(1..=MANY), Definition {
                name: "unauthenticated_per_address",
                otherwise: Otherwise::Value("20"),
                meaning: "Connections without a login of one address (an IPv4 address, an IPv6 \
                          /64).",
                reloads: false,
            }),
            unauthenticated_per_network: reader.setting(&count_or_unlimited(1..=MANY), Definition {
                name: "unauthenticated_per_network",
                otherwise: Otherwise::Value("60"),
                meaning: "Connections without a login of one network (an IPv4 /24, an IPv6 /48).",
                reloads: false,
            }),
            sessions_per_account: reader.setting(&count_or_unlimited(1..=MANY), Definition {
                name: "sessions_per_account",
                otherwise: Otherwise::Value("8"),
                meaning: "Sessions of one account at a time.",
                reloads: false,
            }),
            exempt_loopback: reader.setting(&Flag, Definition {
                name: "exempt_loopback",
                otherwise: Otherwise::Value("true"),
                meaning: "Whether this machine itself is free of the limits by address. Say false \
                          where a proxy on this machine passes connections on.",
                reloads: false,
            }),
        }
    }
}

fn connections(reader: &mut Reader<'_>) -> Option<u64> {
    let given = reader.setting(&Optional(count(1..=MANY)), Definition {
        name: "connections",
        otherwise: Otherwise::Nothing("10000"),
        meaning: "Connections in all. Where nothing is said it is four fifths of the files that \
                  the system lets the server open.",
        reloads: false,
    });
    given.flatten()
}

fn unauthenticated(reader: &mut Reader<'_>) -> Option<u64> {
    let given = reader.setting(
        &Optional(count(1..=MANY)),
        Definition {
            name: "unauthenticated",
            otherwise: Otherwise::Nothing("5000"),
            meaning: "Connections without a login in all. Where nothing is said it is half of \
                  `connections`. When half of these places are taken, the oldest idle ones go \
                  first.",
            reloads: false,
        },
    );
    given.flatten()
}
