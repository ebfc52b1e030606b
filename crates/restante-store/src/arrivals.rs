//! `Arrivals`: those who wait for mail are told that some is there.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use mail_wire::MaildropId;
use tokio::sync::Notify;

/// Who waits for mail in which maildrop. It costs something only for those who wait.
///
/// Nothing is missed between a listing and the wait: whoever lists takes [`Arrivals::count`]
/// before, and [`Arrivals::after`] compares it once it is among those that are told.
#[derive(Default)]
pub(crate) struct Arrivals {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often something arrived, for all maildrops that share a place here.
    counts: Vec<u64>,
    waiting: HashMap<MaildropId, Bell>,
}

/// Those who wait for one maildrop.
#[derive(Default)]
struct Bell {
    notify: Arc<Notify>,
    waiting: usize,
}

/// How many counts there are. Maildrops that share one look once in vain.
const COUNTS: usize = 1024;

impl Arrivals {
    /// Something is visible in these maildrops now that was not before.
    pub(crate) fn announce(&self, maildrops: impl IntoIterator<Item = MaildropId>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.counts.is_empty() {
            state.counts = vec![0; COUNTS];
        }
        for maildrop in maildrops {
            if let Some(count) = state.counts.get_mut(place(maildrop)) {
                *count = count.wrapping_add(1);
            }
            if let Some(bell) = state.waiting.get(&maildrop) {
                bell.notify.notify_waiters();
            }
        }
    }

    /// What stands on the count of a maildrop. To be taken before it is listed.
    pub(crate) fn count(&self, maildrop: MaildropId) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.counts.get(place(maildrop)).copied().unwrap_or_default()
    }

    /// Waits until the count of a maildrop is another than this, and answers with it. That
    /// something has arrived there is then likely, not certain.
    pub(crate) async fn after(&self, maildrop: MaildropId, seen: u64) -> u64 {
        let waiting = Waiting::begin(self, maildrop);
        loop {
            // From here on it is told, also of what comes before it waits.
            let told = waiting.notify.notified();
            let count = self.count(maildrop);
            if count != seen {
                return count;
            }
            told.await;
        }
    }
}

/// One that waits; it is told nothing more once this is dropped.
struct Waiting<'a> {
    arrivals: &'a Arrivals,
    maildrop: MaildropId,
    notify: Arc<Notify>,
}

impl<'a> Waiting<'a> {
    fn begin(arrivals: &'a Arrivals, maildrop: MaildropId) -> Self {
        let mut state = arrivals.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = state.waiting.entry(maildrop).or_default();
        bell.waiting = bell.waiting.saturating_add(1);
        Self { arrivals, maildrop, notify: Arc::clone(&bell.notify) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.arrivals.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = state.waiting.get_mut(&self.maildrop) {
            bell.waiting = bell.waiting.saturating_sub(1);
            if bell.waiting == 0 {
                state.waiting.remove(&self.maildrop);
            }
        }
    }
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrivals").finish_non_exhaustive()
    }
}

fn place(maildrop: MaildropId) -> usize {
    let place = maildrop.get().checked_rem(COUNTS as u64).unwrap_or_default();
    usize::try_from(place).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    const OURS: MaildropId = MaildropId::new(7);

    fn polled<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
        std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    // rulings 20: XWAIT; store.rs: at once, if it has arrived already
    #[test]
    fn what_came_between_listing_and_waiting_is_not_missed() {
        let arrivals = Arrivals::default();
        let seen = arrivals.count(OURS);
        arrivals.announce([OURS]);
        assert_eq!(polled(&mut Box::pin(arrivals.after(OURS, seen))), Poll::Ready(seen + 1));
    }

    #[test]
    fn who_waits_is_told_and_others_are_not() {
        let arrivals = Arrivals::default();
        let seen = arrivals.count(OURS);
        let mut waiting = Box::pin(arrivals.after(OURS, seen));
        let other = MaildropId::new(8);
        let mut others = Box::pin(arrivals.after(other, arrivals.count(other)));
        assert!(polled(&mut waiting).is_pending() && polled(&mut others).is_pending());
        arrivals.announce([OURS]);
        assert!(polled(&mut waiting).is_ready());
        assert!(polled(&mut others).is_pending());
    }

    #[test]
    fn nothing_is_kept_for_those_who_stopped_waiting() {
        let arrivals = Arrivals::default();
        let mut waiting = Box::pin(arrivals.after(OURS, 0));
        let second = Box::pin(arrivals.after(OURS, 0));
        assert!(polled(&mut waiting).is_pending());
        drop(second);
        assert!(polled(&mut waiting).is_pending());
        drop(waiting);
        assert!(arrivals.state.lock().unwrap().waiting.is_empty());
    }
}
