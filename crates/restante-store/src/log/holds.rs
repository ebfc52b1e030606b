//! When the store looks for what was held and whose time is over.

use std::time::Duration;

/// When to look. Nothing is looked for where nothing is held.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Holds {
    /// The first time at which something may be over, milliseconds since 1970.
    due: Option<u64>,
    /// Not before this.
    rested: u64,
}

/// So long there is between two looks, at least, in milliseconds.
const REST_MILLIS: u64 = 5 * 60 * 1000;

impl Holds {
    /// Something is held until then.
    pub(crate) fn held(&mut self, until: Option<u64>) {
        self.due = self.due.into_iter().chain(until).min();
    }

    /// Somebody looked now; the next is over then.
    pub(crate) fn looked(&mut self, now: u64, next: Option<u64>) {
        *self = Self { due: next, rested: now.saturating_add(REST_MILLIS) };
    }

    /// Whether it is time to look.
    pub(crate) fn is_time(&self, now: u64) -> bool {
        // A rest that is too long is one of a clock that was set back.
        let has_rested = now >= self.rested || self.rested > now.saturating_add(REST_MILLIS);
        has_rested && self.due.is_some_and(|due| due <= now)
    }

    /// How long to wait, if nothing else is to be done; `None`: for as long as that is so.
    pub(crate) fn patience(&self, now: u64) -> Option<Duration> {
        let wait = self.due?.max(self.rested).saturating_sub(now);
        // The clock may be set meanwhile: so not for longer than that.
        Some(Duration::from_millis(wait.clamp(1000, REST_MILLIS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_when_something_is_due_and_not_all_the_time() {
        let mut holds = Holds::default();
        assert!(!holds.is_time(u64::MAX));
        assert_eq!(holds.patience(0), None, "nothing is held");
        holds.held(Some(9_000));
        holds.held(Some(5_000));
        assert!(!holds.is_time(4_999) && holds.is_time(5_000));
        assert_eq!(holds.patience(1_000), Some(Duration::from_secs(4)));
        holds.looked(5_000, Some(5_001));
        assert!(!holds.is_time(6_000) && holds.is_time(5_000 + REST_MILLIS));
        holds.looked(10 * REST_MILLIS, Some(5_001));
        assert!(holds.is_time(REST_MILLIS), "the clock was set back");
        holds.looked(0, None);
        assert_eq!(holds.patience(REST_MILLIS), None);
    }
}
