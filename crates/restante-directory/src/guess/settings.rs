//! The settings of guess control, with their defaults and the reasons for them.

use std::time::Duration;

use ipnet::IpNet;

/// How guessing is kept at a trickle.
#[derive(Clone, Debug)]
pub struct GuessSettings {
    /// Failed attempts of one source in a minute; three times that for the network around it,
    /// nine times for the wider one. `None`: no limit.
    pub failures_per_minute: Option<u32>,
    /// The same for a day. They come back one by one, so that no block lasts longer than a
    /// day's part of one: half an hour at 50.
    pub failures_per_day: Option<u32>,
    /// Failures of one account in an hour, from wherever, after which a place that it was never
    /// used from waits. `None`: no limit.
    pub account_failures_per_hour: Option<u32>,
    /// How long such a place waits before it is judged. Robots give up at 6 seconds.
    pub new_place_waits: Duration,
    /// How long a place that an account was used from is known.
    pub place_known: Duration,
    /// How long the same wrong password of the same account from the same source counts once.
    pub repeat: Duration,
    /// Networks that are never blocked, whatever comes from them: proxies, webmail, the office.
    pub never: Vec<IpNet>,
    /// Whether this machine itself is never blocked (`rulings` 2).
    pub exempt_loopback: bool,
    /// How many octets all that is remembered may take.
    pub memory: usize,
}

impl Default for GuessSettings {
    fn default() -> Self {
        Self {
            // security §4.2 rule 1: mox has had these in the field.
            failures_per_minute: Some(10),
            failures_per_day: Some(50),
            account_failures_per_hour: Some(100),
            new_place_waits: Duration::from_secs(2),
            place_known: Duration::from_hours(30 * 24),
            repeat: Duration::from_hours(1),
            never: Vec::new(),
            exempt_loopback: true,
            // About 65,000 sources, 14,000 accounts and 130,000 places.
            memory: 16 << 20,
        }
    }
}
