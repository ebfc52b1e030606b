//! Which snapshots are open, and which files wait for them to end before they are removed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::log::bugs::{self, Bug};

/// A file that nobody needs but snapshots that were open before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doomed {
    /// The body with this number.
    Big(u64),
    /// The segment with this number.
    Segment(u32),
}

/// The open snapshots of a shard.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often something was doomed.
    now: u64,
    /// How many snapshots were opened at each time, of those that are open.
    open: BTreeMap<u64, usize>,
    doomed: VecDeque<(u64, Doomed)>,
    /// The segments that were ever doomed: no number is used again.
    given_up: BTreeSet<u32>,
}

impl Snapshots {
    /// A snapshot is about to look: what is there from now on stays until [`Snapshots::end`].
    pub(crate) fn begin(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.now;
        let open = state.open.entry(now).or_default();
        *open = open.saturating_add(1);
        now
    }

    /// The snapshot that began then has ended. Answers whether something waited for one.
    pub(crate) fn end(&self, began: u64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = state.open.get_mut(&began) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                state.open.remove(&began);
            }
        }
        !state.doomed.is_empty()
    }

    /// No snapshot that begins from now on will see this file.
    pub(crate) fn doom(&self, what: Doomed) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.now;
        if let Doomed::Segment(number) = what {
            state.given_up.insert(number);
        }
        state.doomed.push_back((now, what));
        state.now = state.now.saturating_add(1);
    }

    /// Leaves those segments that were not given up: whoever began before this finds all of them.
    /// What was given up before it began may go at any time, and nothing of it is needed.
    pub(crate) fn leave<T>(&self, segments: &mut BTreeMap<u32, T>) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        segments.retain(|number, _| !state.given_up.contains(number));
    }

    /// What no open snapshot needs any more; handed over once.
    pub(crate) fn due(&self) -> Vec<Doomed> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = match state.open.keys().next() {
            Some(began) if !bugs::is_on(Bug::SnapshotsPinNothing) => *began,
            _ => u64::MAX,
        };
        let mut due = Vec::new();
        while state.doomed.front().is_some_and(|(doomed, _)| *doomed < oldest) {
            due.extend(state.doomed.pop_front().map(|(_, what)| what));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // I10: no entry points nowhere
    #[test]
    fn a_file_waits_for_the_snapshots_that_may_see_it() {
        let snapshots = Snapshots::default();
        let early = snapshots.begin();
        snapshots.doom(Doomed::Big(1));
        let late = snapshots.begin();
        snapshots.doom(Doomed::Segment(2));
        assert_eq!(snapshots.due(), []);
        assert!(snapshots.end(early));
        assert_eq!(snapshots.due(), [Doomed::Big(1)]);
        assert!(snapshots.end(late));
        assert_eq!(snapshots.due(), [Doomed::Segment(2)]);
        assert!(!snapshots.end(snapshots.begin()));
        snapshots.doom(Doomed::Big(3));
        assert_eq!(snapshots.due(), [Doomed::Big(3)], "nobody looks");
    }
}
