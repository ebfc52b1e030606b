//! What was noted and is not written yet: it waits for the next batch, and nobody waits for it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use mail_wire::MessageId;

use crate::custody::Note;
use crate::log::event::{Event, noted};

/// Notes in the order in which they came.
#[derive(Debug)]
pub(crate) struct Notes {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Each as an entry of an EVENT, with its maildrop.
    waiting: VecDeque<(u64, Vec<u8>)>,
    octets: usize,
    /// Since when the first waits, milliseconds since 1970.
    since: u64,
    /// The number of the next one.
    next: u64,
    /// How many were not taken, or could not be written.
    dropped: u64,
}

/// More than this does not wait, in octets.
const OCTETS_MAX: usize = 1 << 20;

/// With so many octets they are written at once.
const OCTETS_ENOUGH: usize = 256 << 10;

/// The first waits so long for others, in milliseconds.
const PATIENCE_MILLIS: u64 = 1000;

/// Whether the writer must hear of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is the first, or there are enough.
    Tell,
    /// It knows.
    Quietly,
}

impl Notes {
    /// None yet; their numbers rise from this one on.
    pub(crate) const fn new(next: u64) -> Self {
        let waiting = VecDeque::new();
        Self { state: Mutex::new(State { waiting, octets: 0, since: 0, next, dropped: 0 }) }
    }

    /// Takes a note, at this time, unless too many wait.
    pub(crate) fn take(&self, maildrop: u64, note: &Note, now: u64) -> Taken {
        self.with(|state| {
            let (what, octets) = noted(state.next, note);
            let id = note.message.map_or(0, MessageId::get);
            let mut entry = Vec::with_capacity(octets.len().saturating_add(28));
            Event { maildrop, id, time: now, what, octets: &octets }.push(&mut entry);
            let before = state.octets;
            let after = before.saturating_add(entry.len());
            if after > OCTETS_MAX {
                state.dropped = state.dropped.saturating_add(1);
                return Taken::Quietly;
            }
            state.next = state.next.saturating_add(1);
            if state.waiting.is_empty() {
                state.since = now;
            }
            state.octets = after;
            state.waiting.push_back((maildrop, entry));
            let is_enough = before < OCTETS_ENOUGH && after >= OCTETS_ENOUGH;
            if state.waiting.len() == 1 || is_enough { Taken::Tell } else { Taken::Quietly }
        })
    }

    /// In how many milliseconds they should be written, if nothing else is; `None`: there are
    /// none.
    pub(crate) fn due_in(&self, now: u64) -> Option<u64> {
        self.with(|state| {
            if state.waiting.is_empty() {
                return None;
            }
            // A clock that was set back makes nobody wait.
            let waited = now.checked_sub(state.since).unwrap_or(PATIENCE_MILLIS);
            let is_enough = state.octets >= OCTETS_ENOUGH;
            Some(if is_enough { 0 } else { PATIENCE_MILLIS.saturating_sub(waited) })
        })
    }

    /// The meta of an EVENT with all that waits, and how many that are. They wait on until
    /// [`Notes::written`] or [`Notes::dropped`].
    pub(crate) fn meta(&self) -> (Vec<u8>, usize) {
        self.with(|state| {
            let mut meta = Vec::with_capacity(state.octets);
            for (_, entry) in &state.waiting {
                meta.extend_from_slice(entry);
            }
            (meta, state.waiting.len())
        })
    }

    /// So many, the first ones, are durable.
    pub(crate) fn written(&self, count: usize) {
        self.with(|state| state.forget(count));
    }

    /// So many, the first ones, could not be written.
    pub(crate) fn drop_first(&self, count: usize) {
        self.with(|state| {
            state.forget(count);
            state.dropped = state.dropped.saturating_add(count as u64);
        });
    }

    /// How many were lost since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.with(|state| state.dropped)
    }

    /// Those of a maildrop that are not written yet, as the meta of an EVENT.
    pub(crate) fn of(&self, maildrop: u64) -> Vec<u8> {
        self.with(|state| {
            let ours = state.waiting.iter().filter(|(whose, _)| *whose == maildrop);
            ours.flat_map(|(_, entry)| entry.iter().copied()).collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn forget(&mut self, count: usize) {
        for (_, entry) in self.waiting.drain(..count.min(self.waiting.len())) {
            self.octets = self.octets.saturating_sub(entry.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::Noted;
    use crate::log::event::all;

    fn note(messages: u64) -> Note {
        Note { message: None, credential: 1, peer: None, what: Noted::Listed { messages } }
    }

    // product §2: informational ones may lose the last second
    #[test]
    fn the_first_waits_a_second_for_others() {
        let notes = Notes::new(1);
        assert_eq!(notes.due_in(5), None);
        assert_eq!(notes.take(7, &note(1), 5000), Taken::Tell);
        assert_eq!(notes.take(7, &note(2), 5600), Taken::Quietly);
        assert_eq!(notes.due_in(5600), Some(400));
        assert_eq!(notes.due_in(9000), Some(0));
        assert_eq!(notes.due_in(4000), Some(0), "the clock was set back");
        let (meta, count) = notes.meta();
        assert_eq!(all(&meta).map(|event| event.time).collect::<Vec<_>>(), [5000, 5600]);
        assert_eq!(notes.take(8, &note(3), 5700), Taken::Quietly);
        notes.written(count);
        assert_eq!(all(&notes.of(7)).count(), 0);
        assert_eq!(all(&notes.of(8)).count(), 1);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let notes = Notes::new(1);
        let mut told = 0;
        while notes.dropped() == 0 {
            told += usize::from(notes.take(7, &note(1), 5000) == Taken::Tell);
        }
        assert_eq!(told, 2, "the first, and when there were enough");
        let (meta, count) = notes.meta();
        assert!(meta.len() <= OCTETS_MAX && meta.len() > OCTETS_MAX - 100);
        notes.drop_first(count);
        assert_eq!(notes.dropped(), count as u64 + 1);
        assert_eq!(notes.due_in(5000), None);
    }
}
