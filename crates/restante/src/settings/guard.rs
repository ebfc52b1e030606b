//! `[guard]`: how guessing of passwords is kept at a trickle.

use ipnet::IpNet;

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::count::count_or_unlimited;
use crate::settings::kinds::list::List;
use crate::settings::kinds::network::Network;
use crate::settings::kinds::size::octets;
use crate::settings::reader::Reader;

/// How guessing is kept at a trickle. `None` is unlimited.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// Failed attempts of one address in a minute.
    pub(crate) failures_per_minute: Option<u64>,
    /// And in a day.
    pub(crate) failures_per_day: Option<u64>,
    /// Failed attempts of one account in an hour.
    pub(crate) account_failures_per_hour: Option<u64>,
    /// Who is never blocked.
    pub(crate) never: Vec<IpNet>,
    /// Octets that all that is remembered may take.
    pub(crate) memory: u64,
}

/// More is no limit.
const MANY: u64 = 1_000_000;

impl Guard {
    /// The table.
    pub(crate) const NAME: &'static str = "guard";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "How guessing of passwords is kept at a trickle. Only failures count, and the same wrong \
         password of one address counts once an hour. No account is ever locked, and a block \
         ends by itself, within half an hour. `restante guard list` shows who is blocked.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            failures_per_minute: reader.setting(
                &count_or_unlimited(1..=MANY),
                Definition {
                    name: "failures_per_minute",
                    otherwise: Otherwise::Value("10"),
                    meaning: "Failed logins of one address (an IPv4 address, an IPv6 /64) in a \
                          minute; three times that for the network around it (/24, /48), nine \
                          times for the wider one (/20, /40). They come back one by one.",
                    reloads: false,
                },
            ),
            // security §4.2 rule 5: no block lasts longer than an hour.
            failures_per_day: reader.setting(
                &count_or_unlimited(24..=MANY),
                Definition {
                    name: "failures_per_day",
                    otherwise: Otherwise::Value("50"),
                    meaning: "The same for a day. A block lasts until one has come back: an hour, where \
                              24 are allowed.",
                    reloads: false,
                },
            ),
            account_failures_per_hour: reader.setting(
                &count_or_unlimited(1..=MANY),
                Definition {
                    name: "account_failures_per_hour",
                    otherwise: Otherwise::Value("100"),
                    meaning: "Failed logins of one account in an hour, from wherever, after which \
                          the operator is told, and addresses that did not log in to it within \
                          30 days wait two seconds before each try.",
                    reloads: false,
                },
            ),
            never: reader.setting(
                &List(Network),
                Definition {
                    name: "never",
                    otherwise: Otherwise::Value("[]"),
                    meaning: "Networks that are never blocked: a webmail, the office. For a while: \
                          `restante guard allow`.",
                    reloads: false,
                },
            ),
            memory: reader.setting(
                &octets(1 << 20..=4 << 30),
                Definition {
                    name: "memory",
                    otherwise: Otherwise::Value("\"16MiB\""),
                    meaning: "What all that is remembered may take, whoever calls from wherever: \
                          about 65,000 addresses and networks, 14,000 accounts and 130,000 \
                          places that accounts are used from.",
                    reloads: false,
                },
            ),
        }
    }
}
