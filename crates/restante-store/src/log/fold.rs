//! Changes go into the index: chunks, sums, what is live in segments and files.

use std::collections::{BTreeMap, BTreeSet};

use redb::{Error, ReadableTable, Table, WriteTransaction};

use crate::log::bugs::{self, Bug};
use crate::log::chunks::Chunks;
use crate::log::entry::{BIG as IN_FILE, Entry, NAMED, SURROGATE as HAS_SURROGATE};
use crate::log::marks::Marks;
use crate::log::overlay::{Change, Overlay};
use crate::log::tables::{BIG, CHUNK, JOURNAL, NAME, SEGMENT, SOURCE, SUM, SURROGATE, UIDL};

/// What became free by folding changes in.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// Files of bodies that no message has any more.
    pub(crate) files: Vec<u64>,
}

/// Folds the changes in.
///
/// Of segments that are gone nothing is kept.
pub(crate) fn fold(
    transaction: &WriteTransaction,
    changes: &Overlay,
    gone: &[u32],
) -> Result<Folded, Error> {
    let mut tally = Tally::default();
    {
        let mut table = transaction.open_table(CHUNK)?;
        let mut sides = Sides {
            uidls: transaction.open_table(UIDL)?,
            names: transaction.open_table(NAME)?,
            surrogates: transaction.open_table(SURROGATE)?,
        };
        let mut sums = transaction.open_table(SUM)?;
        let octets_with = changes.surrogates();
        for (maildrop, changes) in changes.maildrops() {
            let mut sum = Difference::default();
            let mut chunks = Chunks::new(&mut table, maildrop);
            for (id, change) in changes {
                let before = fold_one(&mut chunks, *id, change, &mut sum, &mut tally)?;
                sides.fold((maildrop, *id), before.as_ref(), change, octets_with)?;
            }
            chunks.finish()?;
            let before = sums.get(maildrop)?.map(|sum| sum.value()).unwrap_or_default();
            match sum.applied_to(before) {
                (0, _) => drop(sums.remove(maildrop)?),
                after => drop(sums.insert(maildrop, after)?),
            }
        }
        fold_marks(transaction, &mut table, changes)?;
    }
    let mut segments = transaction.open_table(SEGMENT)?;
    for (number, live) in &tally.segments {
        let (added, before, journal, newest) =
            segments.get(number)?.map(|row| row.value()).unwrap_or_default();
        let after = live.applied_to((0, before)).1;
        segments.insert(number, (added, after, journal, newest))?;
    }
    for (number, more) in changes.written().fills() {
        let (added, live, journal, newest) =
            segments.get(number)?.map(|row| row.value()).unwrap_or_default();
        let (added, journal) =
            (added.saturating_add(more.added), journal.saturating_add(more.journal));
        segments.insert(number, (added, live, journal, newest.max(more.newest)))?;
    }
    let mut first = transaction.open_table(JOURNAL)?;
    for (key, place) in changes.written().first() {
        let before = first.get(key)?.map(|row| row.value());
        if before.is_none_or(|before| place < before) {
            first.insert(key, place)?;
        }
    }
    let mut sources = transaction.open_table(SOURCE)?;
    for number in changes.sources() {
        sources.insert(number, ())?;
    }
    for number in gone {
        segments.remove(number)?;
        sources.remove(number)?;
        first.retain_in((*number, 0)..=(*number, u64::MAX), |_, _| false)?;
    }
    let files = fold_files(transaction, changes, tally)?;
    Ok(Folded { files })
}

/// What was said of messages is kept for those that are there by now.
fn fold_marks(
    transaction: &WriteTransaction,
    chunks: &mut Table<'_, (u64, u64), &'static [u8]>,
    changes: &Overlay,
) -> Result<(), Error> {
    let mut marks = Marks::open(transaction)?;
    for (maildrop, changes) in changes.maildrops() {
        let gone = changes.iter().filter(|(_, change)| **change == Change::Destroyed);
        marks.forget(maildrop, gone.map(|(id, _)| *id))?;
    }
    for (maildrop, said) in changes.marks() {
        let here = changes.changes_of(maildrop);
        let mut chunks = Chunks::new(chunks, maildrop);
        for (spot, said) in said {
            let is_there = match here.and_then(|here| here.get(&spot.id)) {
                Some(Change::Added(..)) => true,
                Some(Change::Destroyed) => false,
                None => chunks.has(spot.id)?,
            };
            if is_there {
                marks.put(maildrop, *spot, *said)?;
            }
        }
    }
    Ok(())
}

/// Counts for how many messages each file is, and answers with those that are for none.
fn fold_files(
    transaction: &WriteTransaction,
    changes: &Overlay,
    mut tally: Tally,
) -> Result<Vec<u64>, Error> {
    let mut bigs = transaction.open_table(BIG)?;
    for (at, file_id) in changes.bigs() {
        // How many live messages it has is counted with their entries.
        if bigs.get(at)?.is_none() {
            bigs.insert(at, (file_id, 0))?;
        }
    }
    let added = changes.bigs().map(|(at, _)| at);
    let touched: Vec<_> = tally.bigs.keys().copied().chain(added).collect();
    let (mut free, mut used) = (Vec::new(), BTreeSet::new());
    for at in touched {
        let Some((file_id, before)) = bigs.get(at)?.map(|row| row.value()) else { continue };
        // Counted once: what comes again finds nothing left to add.
        let change = tally.bigs.remove(&at).unwrap_or_default();
        let (live, _) = change.applied_to((before, 0));
        if live == 0 {
            bigs.remove(at)?;
            free.push(file_id);
        } else {
            bigs.insert(at, (file_id, live))?;
            used.insert(file_id);
        }
    }
    // A record that was copied has no messages any more, and its file has: the copy's, which
    // are counted with the same changes.
    free.retain(|file_id| !used.contains(file_id) || bugs::is_on(Bug::BigGoneEarly));
    Ok(free)
}

/// What the changes do to the numbers.
#[derive(Debug, Default)]
struct Tally {
    segments: BTreeMap<u32, Difference>,
    bigs: BTreeMap<(u32, u32), Difference>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Difference {
    added: u64,
    removed: u64,
    added_octets: u64,
    removed_octets: u64,
}

impl Difference {
    fn add(&mut self, octets: u64) {
        self.added = self.added.saturating_add(1);
        self.added_octets = self.added_octets.saturating_add(octets);
    }

    fn remove(&mut self, octets: u64) {
        self.removed = self.removed.saturating_add(1);
        self.removed_octets = self.removed_octets.saturating_add(octets);
    }

    fn applied_to(&self, (count, octets): (u64, u64)) -> (u64, u64) {
        (
            count.saturating_add(self.added).saturating_sub(self.removed),
            octets.saturating_add(self.added_octets).saturating_sub(self.removed_octets),
        )
    }
}

impl Tally {
    fn add(&mut self, entry: &Entry, sum: &mut Difference) {
        sum.add(entry.octets);
        self.segments.entry(entry.segment).or_default().add(entry.in_segment());
        if entry.flags & IN_FILE != 0 {
            self.bigs.entry((entry.segment, entry.place)).or_default().add(0);
        }
    }

    fn remove(&mut self, entry: &Entry, sum: &mut Difference) {
        if !bugs::is_on(Bug::SumsNotReduced) {
            sum.remove(entry.octets);
        }
        self.segments.entry(entry.segment).or_default().remove(entry.in_segment());
        if entry.flags & IN_FILE != 0 {
            self.bigs.entry((entry.segment, entry.place)).or_default().remove(0);
        }
    }
}

fn fold_one(
    chunks: &mut Chunks<'_, '_>,
    id: u64,
    change: &Change,
    sum: &mut Difference,
    tally: &mut Tally,
) -> Result<Option<Entry>, Error> {
    let before = match change {
        Change::Added(entry, _) => {
            tally.add(entry, sum);
            chunks.put(*entry)?
        }
        Change::Destroyed => chunks.take(id)?,
    };
    if let Some(before) = &before {
        tally.remove(before, sum);
    }
    Ok(before)
}

/// What some messages have beside their entries.
struct Sides<'t> {
    uidls: Table<'t, (u64, u64), &'static [u8]>,
    names: Table<'t, (u64, &'static [u8]), u64>,
    surrogates: Table<'t, (u64, u64), u64>,
}

impl Sides<'_> {
    /// `before` is the entry that the message had.
    fn fold(
        &mut self,
        (maildrop, id): (u64, u64),
        before: Option<&Entry>,
        change: &Change,
        octets_with: &BTreeMap<(u64, u64), u64>,
    ) -> Result<(), Error> {
        let message = (maildrop, id);
        match change {
            Change::Added(entry, uidl) => {
                if !uidl.is_empty() {
                    self.uidls.insert(message, uidl.as_slice())?;
                    self.names.insert((maildrop, uidl.as_slice()), id)?;
                }
                let octets = octets_with.get(&message);
                if let Some(octets) = octets.filter(|_| entry.flags & HAS_SURROGATE != 0) {
                    let octets =
                        if bugs::is_on(Bug::StandInSizeLost) { entry.octets } else { *octets };
                    self.surrogates.insert(message, octets)?;
                }
            }
            Change::Destroyed => {
                let flags = before.map_or(0, |before| before.flags);
                if flags & NAMED != 0 {
                    let uidl = self.uidls.remove(message)?.map(|uidl| uidl.value().to_vec());
                    self.forget(maildrop, id, uidl.unwrap_or_default().as_slice())?;
                }
                if flags & HAS_SURROGATE != 0 {
                    self.surrogates.remove(message)?;
                }
            }
        }
        Ok(())
    }

    /// A unique-id is free again, unless another message has it by now.
    fn forget(&mut self, maildrop: u64, id: u64, uidl: &[u8]) -> Result<(), Error> {
        let is_its = self.names.get((maildrop, uidl))?.is_some_and(|row| row.value() == id);
        if is_its {
            self.names.remove((maildrop, uidl))?;
        }
        Ok(())
    }
}
