//! Which messages a listing leaves out.

use crate::log::entry::Entry;
use crate::log::walk::Sink;

/// Who looks at a maildrop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eyes {
    /// A session with this credential.
    Credential(u64),
    /// Nobody's in particular: what is offered to anyone.
    Any,
    /// Whoever copies it: all that is there.
    Everything,
}

/// The ids of messages that somebody does not see: held, set aside, or hidden from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Withheld(Vec<u64>);

impl Withheld {
    /// These, in any order and more than once.
    pub(crate) fn new(mut ids: Vec<u64>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }

    /// Whether this message is one of them.
    pub(crate) fn has(&self, id: u64) -> bool {
        self.0.binary_search(&id).is_ok()
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Tells on what is not withheld.
pub(crate) struct Shown<'a, S> {
    pub(crate) withheld: Withheld,
    pub(crate) sink: &'a mut S,
}

impl<S: Sink> Sink for Shown<'_, S> {
    fn expect(&mut self, entries: usize) {
        self.sink.expect(entries);
    }

    fn entry(&mut self, entry: &Entry, uidl: Option<&[u8]>) {
        if !self.withheld.has(entry.id) {
            self.sink.entry(entry, uidl);
        }
    }
}
