//! Who is here: one entry a connection, for as long as it lives.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::guard::nudge::{Nudge, Word};
use crate::net::service::{Peer, Service};

/// One connection, as an operator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct SessionSummary {
    /// Its number, never used twice while the server runs; log lines carry it.
    pub id: u64,
    /// What it speaks.
    pub service: Service,
    /// From where.
    pub peer: Peer,
    /// The account that logged in.
    pub account: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// What it does now, in a word or two.
    pub doing: &'static str,
}

#[derive(Debug)]
struct Entry {
    summary: SessionSummary,
    nudge: Arc<Nudge>,
}

/// All connections of one server.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    next_id: AtomicU64,
    present: Mutex<BTreeMap<u64, Entry>>,
}

impl Roll {
    /// Enters a connection; it is on the roll until the entry goes.
    pub(crate) fn enter(
        self: &Arc<Self>,
        service: Service,
        peer: Peer,
        nudge: &Arc<Nudge>,
    ) -> Present {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let since = Timestamp::now();
        let summary =
            SessionSummary { id, service, peer, account: None, since, doing: "connecting" };
        self.lock().insert(id, Entry { summary, nudge: Arc::clone(nudge) });
        Present { roll: Arc::clone(self), id }
    }

    /// Everyone who is here.
    pub(crate) fn summaries(&self) -> Vec<SessionSummary> {
        self.lock().values().map(|entry| entry.summary.clone()).collect()
    }

    /// Tells everyone that the server is stopping.
    pub(crate) fn drain(&self) {
        self.lock().values().for_each(|entry| entry.nudge.say(Word::Drain));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Entry>> {
        // A session that panicked left no half-made entry: each change is one assignment.
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place on the roll.
#[derive(Debug)]
pub(crate) struct Present {
    roll: Arc<Roll>,
    id: u64,
}

impl Present {
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// Notes what the connection does now.
    pub(crate) fn does(&self, doing: &'static str) {
        if let Some(entry) = self.roll.lock().get_mut(&self.id) {
            entry.summary.doing = doing;
        }
    }

    /// Notes who it is.
    pub(crate) fn is(&self, account: &str) {
        if let Some(entry) = self.roll.lock().get_mut(&self.id) {
            entry.summary.account = Some(account.to_owned());
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.roll.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn an_entry_lasts_as_long_as_its_connection() {
        let roll = Arc::new(Roll::default());
        let peer = Peer::at(SocketAddr::from(([192, 0, 2, 7], 4711)));
        let first = roll.enter(Service::Pop3, peer, &Arc::default());
        first.is("anna@example.org");
        first.does("reading mail");
        let second = roll.enter(Service::Lmtp, Peer::Local { uid: None }, &Arc::default());
        assert_ne!(first.id(), second.id());
        drop(second);
        let [summary] = &roll.summaries()[..] else { panic!("one is here") };
        let shown = serde_json::to_value(summary).unwrap();
        assert_eq!(shown["account"], "anna@example.org");
        assert_eq!(shown["peer"], "192.0.2.7:4711");
        assert_eq!(shown["doing"], "reading mail");
        drop(first);
        assert!(roll.summaries().is_empty());
    }
}
