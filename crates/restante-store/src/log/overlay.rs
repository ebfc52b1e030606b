//! What the log says and the index does not know yet, in memory.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry as Place};
use std::sync::Arc;

use crate::log::entry::Entry;
use crate::log::fill::Written;
use crate::log::mark::{HELD, Mark, Said, Spot};

/// Changes to maildrops since the index was brought up to date.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    maildrops: BTreeMap<u64, Arc<BTreeMap<u64, Change>>>,
    /// What was said of messages, whether they are there or not.
    marks: BTreeMap<u64, Arc<BTreeMap<Spot, Said>>>,
    /// Of each record whose body has a file of its own: the file.
    bigs: BTreeMap<(u32, u32), u64>,
    /// Which message of a maildrop was the last to bring this unique-id along.
    names: BTreeMap<(u64, Vec<u8>), u64>,
    /// Of messages with a stand-in for the header: their octets with it.
    surrogates: BTreeMap<(u64, u64), u64>,
    /// Segments that copies were made from.
    sources: BTreeSet<u32>,
    /// Where it was written.
    written: Written,
    changes: usize,
    /// Maildrops that hold, or show, something else than when this was taken last.
    touched: BTreeSet<u64>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is there; with its unique-id, if that is not native.
    Added(Entry, Vec<u8>),
    /// It is gone, for good.
    Destroyed,
}

impl Overlay {
    /// A message, or a later copy of it. One that is gone stays gone: that it was destroyed may
    /// be read before that it was added.
    pub(crate) fn add(&mut self, maildrop: u64, entry: Entry, uidl: &[u8]) {
        if !uidl.is_empty() {
            let last = self.names.entry((maildrop, uidl.to_vec())).or_default();
            *last = entry.id.max(*last);
        }
        match self.of(maildrop).entry(entry.id) {
            Place::Occupied(place) if *place.get() == Change::Destroyed => {}
            Place::Occupied(mut place) => {
                let before = place.insert(Change::Added(entry, uidl.to_vec()));
                // Whatever it was copied from: the older copy is there, too.
                if let Change::Added(Entry { segment, .. }, _) = before
                    && segment != entry.segment
                {
                    self.sources.insert(segment);
                }
            }
            Place::Vacant(place) => {
                place.insert(Change::Added(entry, uidl.to_vec()));
                self.changes = self.changes.saturating_add(1);
            }
        }
    }

    /// The message with this unique-id, if it brought that along and came lately; it may be gone.
    pub(crate) fn named(&self, maildrop: u64, uidl: &[u8]) -> Option<u64> {
        self.names.get(&(maildrop, uidl.to_vec())).copied()
    }

    /// A message has so many octets with the stand-in for its header.
    pub(crate) fn add_surrogate(&mut self, maildrop: u64, id: u64, octets: u64) {
        self.surrogates.insert((maildrop, id), octets);
    }

    /// The messages of a maildrop with stand-ins: their octets with them.
    pub(crate) fn surrogates_of(&self, maildrop: u64) -> BTreeMap<u64, u64> {
        let rows = self.surrogates.range((maildrop, 0)..=(maildrop, u64::MAX));
        rows.map(|((_, id), octets)| (*id, *octets)).collect()
    }

    /// The same of all maildrops.
    pub(crate) fn surrogates(&self) -> &BTreeMap<(u64, u64), u64> {
        &self.surrogates
    }

    /// The record at this place has its body in a file.
    pub(crate) fn add_big(&mut self, at: (u32, u32), file_id: u64) {
        self.bigs.insert(at, file_id);
    }

    /// Copies were made from this segment.
    pub(crate) fn add_source(&mut self, segment: u32) {
        self.sources.insert(segment);
    }

    /// The segments that copies were made from.
    pub(crate) fn sources(&self) -> impl Iterator<Item = u32> {
        self.sources.iter().copied()
    }

    /// A message is gone.
    pub(crate) fn destroy(&mut self, maildrop: u64, id: u64) {
        let before = self.of(maildrop).insert(id, Change::Destroyed);
        self.changes = self.changes.saturating_add(usize::from(before.is_none()));
    }

    /// Where all this was written.
    pub(crate) const fn written(&self) -> &Written {
        &self.written
    }

    /// A message for one recipient was written to a segment, so many octets of it.
    pub(crate) fn wrote_message(&mut self, segment: u32, octets: u64) {
        self.written.message(segment, octets);
    }

    /// A record that tells what happened was written to a segment, the last of it at this time.
    pub(crate) fn wrote_journal(&mut self, segment: u32, octets: u64, newest: u64) {
        self.written.journal(segment, octets, newest);
    }

    /// The record at this place of a segment concerns a maildrop.
    pub(crate) fn concerns(&mut self, segment: u32, maildrop: u64, place: u32) {
        let is_first = self.written.concerns(segment, maildrop, place);
        self.changes = self.changes.saturating_add(usize::from(is_first));
    }

    /// Something is remembered of messages.
    pub(crate) fn mark(&mut self, mark: &Mark) {
        if mark.withholds() {
            self.touched.insert(mark.maildrop);
        }
        let marks = Arc::make_mut(self.marks.entry(mark.maildrop).or_default());
        for spot in mark.spots() {
            match marks.entry(spot) {
                Place::Occupied(mut place) => {
                    let said = place.get().or(mark.said);
                    place.insert(said);
                }
                Place::Vacant(place) => {
                    place.insert(mark.said);
                    self.changes = self.changes.saturating_add(1);
                }
            }
        }
    }

    /// What was said of the messages of one maildrop.
    pub(crate) fn marks_of(&self, maildrop: u64) -> Option<&Arc<BTreeMap<Spot, Said>>> {
        self.marks.get(&maildrop)
    }

    /// All maildrops of whose messages something was said.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (u64, &BTreeMap<Spot, Said>)> {
        self.marks.iter().map(|(maildrop, marks)| (*maildrop, &**marks))
    }

    /// The first time until which a message is held.
    pub(crate) fn first_due(&self) -> Option<u64> {
        let held = |marks: &'_ Arc<BTreeMap<Spot, Said>>| {
            let held = marks.range(Spot::of(HELD, 0)..=Spot::of(HELD, u64::MAX));
            held.map(|(_, said)| said.value).filter(|until| *until != 0).min()
        };
        self.marks.values().filter_map(held).min()
    }

    /// The maildrops that are listed otherwise since this was asked last.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.touched)
    }

    /// How many changes there are.
    pub(crate) const fn changes(&self) -> usize {
        self.changes
    }

    /// All maildrops that changed, each with its changes in the order of ids.
    pub(crate) fn maildrops(&self) -> impl Iterator<Item = (u64, &BTreeMap<u64, Change>)> {
        self.maildrops.iter().map(|(maildrop, changes)| (*maildrop, &**changes))
    }

    /// The records that have their bodies in files, and the files.
    pub(crate) fn bigs(&self) -> impl Iterator<Item = ((u32, u32), u64)> {
        self.bigs.iter().map(|(at, big)| (*at, *big))
    }

    /// The unique-id of a message, if it is not native and known here.
    pub(crate) fn uidl(&self, maildrop: u64, id: u64) -> Option<&[u8]> {
        match self.maildrops.get(&maildrop)?.get(&id)? {
            Change::Added(_, uidl) if !uidl.is_empty() => Some(uidl),
            _ => None,
        }
    }

    /// What changed in one maildrop, in the order of ids. Whoever keeps it has it as it was then.
    pub(crate) fn changes_of(&self, maildrop: u64) -> Option<&Arc<BTreeMap<u64, Change>>> {
        self.maildrops.get(&maildrop)
    }

    /// The same, to be changed: copied only while somebody lists the maildrop.
    fn of(&mut self, maildrop: u64) -> &mut BTreeMap<u64, Change> {
        self.touched.insert(maildrop);
        Arc::make_mut(self.maildrops.entry(maildrop).or_default())
    }
}

/// What a maildrop holds, from what the index says: both in the order of ids. The changes win;
/// so it does not matter whether the index knows them by now.
pub(crate) fn changed<'a>(
    indexed: Vec<Entry>,
    changes: impl IntoIterator<Item = (&'a u64, &'a Change)>,
) -> Vec<Entry> {
    let mut merged = Vec::with_capacity(indexed.len());
    let mut indexed = indexed.into_iter().peekable();
    for (id, change) in changes {
        while let Some(entry) = indexed.next_if(|entry| entry.id < *id) {
            merged.push(entry);
        }
        indexed.next_if(|entry| entry.id == *id);
        if let Change::Added(entry, _) = change {
            merged.push(*entry);
        }
    }
    merged.extend(indexed);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    impl Overlay {
        fn applied_to(&self, maildrop: u64, indexed: Vec<Entry>) -> Vec<Entry> {
            match self.changes_of(maildrop) {
                Some(changes) => changed(indexed, &**changes),
                None => indexed,
            }
        }
    }

    fn entry(id: u64, place: u32) -> Entry {
        Entry { id, octets: 1, segment: 1, place, recipient: 0, flags: 0, day: 0 }
    }

    #[test]
    fn what_is_gone_stays_gone_in_whatever_order_it_is_read() {
        let mut overlay = Overlay::default();
        overlay.destroy(1, 5);
        overlay.add(1, entry(5, 0), b"");
        overlay.add(1, entry(6, 0), b"");
        assert_eq!(overlay.applied_to(1, vec![entry(5, 0)]), [entry(6, 0)]);
        assert_eq!(overlay.applied_to(2, vec![entry(5, 0)]), [entry(5, 0)], "another maildrop");
    }

    proptest! {
        // The merge is the plain one: a map, changed one by one; doing it twice changes nothing.
        #[test]
        fn merging_is_the_reference(
            indexed in vec(0_u64..20, 0..12),
            changes in vec((0_u64..25, any::<bool>()), 0..12),
        ) {
            let mut reference: BTreeMap<u64, Entry> =
                indexed.iter().map(|id| (*id, entry(*id, 1))).collect();
            let base: Vec<_> = reference.values().copied().collect();
            let mut overlay = Overlay::default();
            let mut gone = std::collections::HashSet::new();
            for (id, add) in changes {
                if add {
                    overlay.add(7, entry(id, 2), b"");
                    if !gone.contains(&id) {
                        reference.insert(id, entry(id, 2));
                    }
                } else {
                    overlay.destroy(7, id);
                    gone.insert(id);
                    reference.remove(&id);
                }
            }
            let wanted: Vec<_> = reference.into_values().collect();
            let merged = overlay.applied_to(7, base);
            prop_assert_eq!(&merged, &wanted);
            prop_assert_eq!(&overlay.applied_to(7, merged), &wanted);
        }
    }
}
