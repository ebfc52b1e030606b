//! How much maildrops hold, as far as somebody has asked: counted once, and kept up to date.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::log::entry::Entry;
use crate::log::walk::Sink;
use crate::store::Usage;

/// The numbers of a shard's maildrops that are known.
#[derive(Debug, Default)]
pub(crate) struct Usages {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<u64, Slot>,
    /// How often somebody began to count.
    counts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Somebody counts, and nothing has changed since.
    Counting(u64),
    Known(Usage),
}

/// Somebody counts: for [`Usages::counted`].
#[derive(Debug)]
pub(crate) struct Counting(u64);

/// Of so many maildrops the numbers are kept; with more, all are counted again.
const KNOWN_MAX: usize = 1 << 16;

impl Usages {
    /// How much this maildrop holds, if that is known.
    pub(crate) fn peek(&self, maildrop: u64) -> Option<Usage> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.slots.get(&maildrop) {
            Some(Slot::Known(usage)) => Some(*usage),
            _ => None,
        }
    }

    /// How much this maildrop holds; where that is not known, it is to be counted from now on.
    pub(crate) fn known(&self, maildrop: u64) -> Result<Usage, Counting> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Slot::Known(usage)) = state.slots.get(&maildrop) {
            return Ok(*usage);
        }
        if state.slots.len() >= KNOWN_MAX {
            state.slots.clear();
        }
        state.counts = state.counts.saturating_add(1);
        let counting = state.counts;
        state.slots.insert(maildrop, Slot::Counting(counting));
        Err(Counting(counting))
    }

    /// It holds so much, unless that has changed since it began to be counted.
    pub(crate) fn counted(&self, maildrop: u64, counting: &Counting, usage: Usage) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.slots.get(&maildrop) == Some(&Slot::Counting(counting.0)) {
            state.slots.insert(maildrop, Slot::Known(usage));
        }
    }

    /// One message more, of so many octets. To be told before anybody can count it.
    pub(crate) fn added(&self, maildrop: u64, octets: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.slots.get_mut(&maildrop) {
            Some(Slot::Known(usage)) => *usage = usage.plus(octets),
            Some(Slot::Counting(_)) => drop(state.slots.remove(&maildrop)),
            None => {}
        }
    }

    /// It holds less, or who knows what. To be told before anybody can count it.
    pub(crate) fn forget(&self, maildrop: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).slots.remove(&maildrop);
    }
}

/// Counts what it is told.
#[derive(Debug, Default)]
pub(crate) struct Sum(pub(crate) Usage);

impl Sink for Sum {
    fn expect(&mut self, _entries: usize) {}

    fn entry(&mut self, entry: &Entry, _uidl: Option<&[u8]>) {
        self.0 = self.0.plus(entry.octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Usage = Usage { messages: 1, octets: 10 };

    // I11: sums are sums, whoever counts when
    #[test]
    fn what_changed_while_it_was_counted_is_counted_again() {
        let usages = Usages::default();
        let counting = usages.known(7).unwrap_err();
        usages.counted(7, &counting, ONE);
        assert_eq!(usages.known(7).unwrap(), ONE);
        usages.added(7, 5);
        assert_eq!(usages.known(7).unwrap(), Usage { messages: 2, octets: 15 });
        usages.forget(7);
        let counting = usages.known(7).unwrap_err();
        usages.added(7, 5);
        usages.counted(7, &counting, ONE);
        let counting = usages.known(7).unwrap_err();
        let other = usages.known(7).unwrap_err();
        usages.counted(7, &counting, ONE);
        usages.forget(7);
        usages.counted(7, &other, ONE);
        usages.known(7).unwrap_err();
        usages.added(8, 1);
        usages.known(8).unwrap_err();
    }
}
