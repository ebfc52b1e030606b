//! How long a wrong password waits for its answer, and how soon an account may log in again.
//!
//! An attempt is counted when it begins and given back when it succeeds, so that many at once
//! count as many. Memory is bounded: two generations of so many keys, the older of which is
//! forgotten when the younger is full.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use restante_directory::Prefix;
use tokio::time::Instant;

/// Keys a generation holds; one is 32 octets.
const KEYS_MAX: usize = 16 * 1024;
/// Failures are forgotten after this long without another.
const MEMORY: Duration = Duration::from_mins(15);
/// What the first failure waits, and the next ones (`security` §4.2). Not more: robots give up
/// at 6 seconds.
const DELAYS: [Duration; 5] = [
    Duration::from_millis(300),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// All failures that are remembered, by name and by address.
#[derive(Debug, Default)]
pub(crate) struct Penalties {
    hasher: RandomState,
    failures: Mutex<Generations>,
    logins: Mutex<HashMap<i64, (Instant, Duration)>>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u64, Failures>,
    old: HashMap<u64, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

/// An attempt that is under way: already counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    name: u64,
    address: Option<u64>,
    delay: Duration,
}

impl Attempt {
    /// How long its failure waits.
    pub(crate) const fn delay(&self) -> Duration {
        self.delay
    }
}

impl Penalties {
    /// An attempt begins. Loopback is counted by name alone: behind it may be a whole webmail.
    pub(crate) fn begin(&self, name: &[u8], address: IpAddr, now: Instant) -> Attempt {
        let name = self.hasher.hash_one((0_u8, name.to_ascii_lowercase()));
        let address = (!address.is_loopback())
            .then(|| self.hasher.hash_one((1_u8, Prefix::of_address(address))));
        let mut failures = self.failures();
        let by_name = failures.count(name, now);
        let by_address = address.map_or(0, |address| failures.count(address, now));
        let index =
            usize::try_from(by_name.max(by_address).saturating_sub(1)).unwrap_or(usize::MAX);
        let delay = DELAYS.get(index).or(DELAYS.last()).copied().unwrap_or_default();
        Attempt { name, address, delay }
    }

    /// It succeeded: it does not count, and the name begins anew.
    pub(crate) fn succeeded(&self, attempt: Attempt) {
        let mut failures = self.failures();
        failures.forget(attempt.name);
        if let Some(address) = attempt.address {
            failures.give_back(address);
        }
    }

    /// Nobody could say whether it was right: it does not count.
    pub(crate) fn undecided(&self, attempt: Attempt) {
        let mut failures = self.failures();
        failures.give_back(attempt.name);
        if let Some(address) = attempt.address {
            failures.give_back(address);
        }
    }

    /// How long this account has to wait before it may log in again (RFC 2449 §6.5); `None`
    /// where it may now.
    pub(crate) fn login_wait(
        &self,
        account: i64,
        delay: Duration,
        now: Instant,
    ) -> Option<Duration> {
        let logins = self.logins();
        let (last, _) = logins.get(&account)?;
        let wait = delay.saturating_sub(now.saturating_duration_since(*last));
        (!wait.is_zero()).then_some(wait)
    }

    /// This account has logged in, and may not do so again for so long.
    pub(crate) fn logged_in(&self, account: i64, delay: Duration, now: Instant) {
        let mut logins = self.logins();
        if logins.len() >= KEYS_MAX {
            // Each by its own delay: accounts differ.
            logins.retain(|_, (last, delay)| now.saturating_duration_since(*last) < *delay);
        }
        logins.insert(account, (now, delay));
    }

    fn logins(&self) -> MutexGuard<'_, HashMap<i64, (Instant, Duration)>> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self) -> MutexGuard<'_, Generations> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    /// Counts one more, and answers how many there are now.
    fn count(&mut self, key: u64, now: Instant) -> u32 {
        let before = self.young.get(&key).or_else(|| self.old.get(&key)).copied();
        let count = match before {
            Some(failures) if now.saturating_duration_since(failures.last) < MEMORY => {
                failures.count.saturating_add(1)
            }
            _ => 1,
        };
        if self.young.len() >= KEYS_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, Failures { count, last: now });
        count
    }

    fn forget(&mut self, key: u64) {
        self.young.remove(&key);
        self.old.remove(&key);
    }

    fn give_back(&mut self, key: u64) {
        if let Some(failures) = self.young.get_mut(&key) {
            failures.count = failures.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn delays(penalties: &Penalties, name: &[u8], address: IpAddr, tries: usize) -> Vec<u128> {
        let now = Instant::now();
        (0..tries).map(|_| penalties.begin(name, address, now).delay().as_millis()).collect()
    }

    // `security` §4.2 rule 4
    #[test]
    fn the_delay_grows_to_four_seconds_and_no_further() {
        let waited = delays(&Penalties::default(), b"anna", OFFICE, 7);
        assert_eq!(waited, [300, 500, 1000, 2000, 4000, 4000, 4000]);
    }

    #[test]
    fn guessing_many_names_from_one_network_grows_too() {
        let penalties = Penalties::default();
        let first = "2001:db8::1".parse().unwrap();
        assert_eq!(delays(&penalties, b"anna", first, 1), [300]);
        // A24: one IPv6 /64 with random tails is one source
        let second = "2001:db8::dead:beef".parse().unwrap();
        assert_eq!(delays(&penalties, b"bert", second, 1), [500]);
        let elsewhere = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(delays(&penalties, b"carl", elsewhere, 1), [300]);
    }

    #[test]
    fn loopback_counts_by_name_alone() {
        let penalties = Penalties::default();
        let local = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(delays(&penalties, b"anna", local, 2), [300, 500]);
        assert_eq!(delays(&penalties, b"bert", local, 1), [300]);
    }

    #[test]
    fn a_success_gives_its_attempt_back_and_clears_the_name() {
        let penalties = Penalties::default();
        delays(&penalties, b"anna", OFFICE, 3);
        let now = Instant::now();
        let attempt = penalties.begin(b"ANNA", OFFICE, now);
        penalties.succeeded(attempt);
        // The address still has its three.
        assert_eq!(delays(&penalties, b"anna", OFFICE, 1), [2000]);
        assert_eq!(delays(&penalties, b"anna", "198.51.100.1".parse().unwrap(), 1), [500]);
    }

    #[test]
    fn failures_are_forgotten_after_a_while() {
        let penalties = Penalties::default();
        let now = Instant::now();
        penalties.begin(b"anna", OFFICE, now);
        assert_eq!(penalties.begin(b"anna", OFFICE, now + MEMORY).delay(), DELAYS[0]);
    }

    #[test]
    fn memory_is_bounded() {
        let penalties = Penalties::default();
        let now = Instant::now();
        for name in 0..3 * KEYS_MAX {
            penalties.begin(&name.to_be_bytes(), OFFICE, now);
        }
        let failures = penalties.failures();
        assert!(failures.young.len() <= KEYS_MAX && failures.old.len() <= KEYS_MAX);
    }

    // P-074: LOGIN-DELAY is enforced
    #[test]
    fn a_login_within_the_delay_is_told_how_long_to_wait() {
        let penalties = Penalties::default();
        let (now, delay) = (Instant::now(), Duration::from_mins(1));
        assert_eq!(penalties.login_wait(1, delay, now), None);
        penalties.logged_in(1, delay, now);
        let early = now + Duration::from_secs(20);
        assert_eq!(penalties.login_wait(1, delay, early), Some(Duration::from_secs(40)));
        assert_eq!(penalties.login_wait(2, delay, early), None);
        assert_eq!(penalties.login_wait(1, delay, now + delay), None);
    }
}
