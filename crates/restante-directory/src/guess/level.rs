//! How much of an allowance is left: a bucket of tokens, told by one number.

use std::time::Duration;

/// So many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    window: u64,
    interval: u64,
}

/// What one source has taken of an allowance: the time at which its bucket will be full again
/// (the generic cell rate algorithm, ITU-T I.371). It counts in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level(u64);

impl Allowance {
    /// `count` tokens, all of which come back within `window`, one by one.
    pub(super) fn new(count: u32, window: Duration) -> Self {
        let window = millis(window).max(1);
        let interval = window.checked_div(count.into()).unwrap_or(window).max(1);
        Self { window, interval }
    }
}

impl Level {
    /// How long until a token is there; `None`: one is.
    pub(super) fn wait(self, of: Allowance, now: u64) -> Option<Duration> {
        let after = self.standing(of, now).saturating_add(of.interval);
        let wait = after.saturating_sub(now.saturating_add(of.window));
        (wait > 0).then(|| Duration::from_millis(wait))
    }

    /// Takes a token, whether one is there or not: a bucket is at most empty.
    pub(super) fn take(&mut self, of: Allowance, now: u64) {
        let after = self.standing(of, now).saturating_add(of.interval);
        self.0 = after.min(now.saturating_add(of.window));
    }

    /// Gives one back.
    pub(super) fn give_back(&mut self, of: Allowance) {
        self.0 = self.0.saturating_sub(of.interval);
    }

    /// When the bucket will be full again.
    pub(super) const fn until(self) -> u64 {
        self.0
    }

    /// Of what [`Level::until`] gave.
    pub(super) const fn of(until: u64) -> Self {
        Self(until)
    }

    /// A bucket that is to be full later than an empty one would be was emptied before the
    /// clock was put back: what it says is void (R15).
    fn standing(self, of: Allowance, now: u64) -> u64 {
        if self.0 > now.saturating_add(of.window) { now } else { self.0.max(now) }
    }
}

/// A time as it is counted here.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn minute() -> Allowance {
        Allowance::new(10, Duration::from_mins(1))
    }

    // `security` §4.2 rule 1: ten a minute
    #[test]
    fn so_many_and_then_one_by_one() {
        let mut level = Level::default();
        for _ in 0..10 {
            assert_eq!(level.wait(minute(), NOW), None);
            level.take(minute(), NOW);
        }
        assert_eq!(level.wait(minute(), NOW), Some(Duration::from_secs(6)));
        assert_eq!(level.wait(minute(), NOW + 5_999), Some(Duration::from_millis(1)));
        assert_eq!(level.wait(minute(), NOW + 6_000), None);
        level.take(minute(), NOW + 6_000);
        assert_eq!(level.wait(minute(), NOW + 6_000), Some(Duration::from_secs(6)));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut level = Level::default();
        for _ in 0..10 {
            level.take(minute(), NOW);
        }
        level.give_back(minute());
        assert_eq!(level.wait(minute(), NOW), None);
        level.take(minute(), NOW);
        assert!(level.wait(minute(), NOW).is_some());
    }

    // `security` §4.2 rule 5: no wait is longer than the window, however often is tried
    #[test]
    fn an_empty_bucket_does_not_get_emptier() {
        let mut level = Level::default();
        for _ in 0..1_000 {
            level.take(minute(), NOW);
        }
        assert_eq!(level.wait(minute(), NOW), Some(Duration::from_secs(6)));
    }

    // R15: the clock jumps by a year, forth and back
    #[test]
    fn a_clock_that_jumps_blocks_nobody() {
        const YEAR: u64 = 365 * 86_400_000;
        let mut level = Level::default();
        for _ in 0..10 {
            level.take(minute(), NOW);
        }
        assert_eq!(level.wait(minute(), NOW + YEAR), None);
        assert_eq!(level.wait(minute(), NOW - YEAR), None);
        level.take(minute(), NOW - YEAR);
        assert_eq!(level.wait(minute(), NOW - YEAR), None);
    }
}
