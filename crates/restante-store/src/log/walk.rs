//! What a maildrop holds, entry by entry: from the index, and from what it does not know yet.

use std::collections::BTreeMap;

use redb::{Error, Range, ReadOnlyTable, ReadTransaction, TableError};

use crate::log::entry::{Entry, NAMED, STANDS_IN, SURROGATE as SURROGATED, UTF8};
use crate::log::overlay::Change;
use crate::log::packed::each;
use crate::log::tables::{CHUNK, SUM, SURROGATE, UIDL};

/// Who is told the entries of a maildrop.
pub(crate) trait Sink {
    /// About so many come.
    fn expect(&mut self, entries: usize);

    /// The next one, in delivery order; with its unique-id, if that is not native.
    fn entry(&mut self, entry: &Entry, uidl: Option<&[u8]>);
}

/// More than these are not expected: a number that is wrong must not take all memory.
const EXPECTED_MAX: u64 = 4 << 20;

/// Tells all that a maildrop holds, with these changes, each octet of the index looked at once.
///
/// With `stand_ins`, the octets with them of messages that the index does not know yet, a message
/// that has one is told as it is with it.
pub(crate) fn walk(
    transaction: &ReadTransaction,
    maildrop: u64,
    changes: Option<&BTreeMap<u64, Change>>,
    stand_ins: Option<&BTreeMap<u64, u64>>,
    sink: &mut impl Sink,
) -> Result<(), Error> {
    let mut shown = Shown { transaction, maildrop, stand_ins, table: None, sink };
    let chunks = there(transaction.open_table(CHUNK))?;
    let sums = there(transaction.open_table(SUM))?;
    let sum = sums.map(|sums| sums.get(maildrop)).transpose()?.flatten();
    let (messages, _) = sum.map(|sum| sum.value()).unwrap_or_default();
    let messages = usize::try_from(messages.min(EXPECTED_MAX)).unwrap_or_default();
    shown.sink.expect(messages.saturating_add(changes.map_or(0, BTreeMap::len)));
    let mut changes = changes.into_iter().flatten().peekable();
    // The first of them that was not told yet.
    let mut ahead = changes.peek().map_or(u64::MAX, |(id, _)| **id);
    let mut names = Names { transaction, maildrop, rows: None };
    let mut tell = |entry: &Entry| {
        if entry.id >= ahead {
            while let Some((_, change)) = changes.next_if(|(id, _)| **id < entry.id) {
                shown.change(change)?;
            }
            // The changes win; so it does not matter whether the index knows them by now.
            let its = changes.next_if(|(id, _)| **id == entry.id);
            ahead = changes.peek().map_or(u64::MAX, |(id, _)| **id);
            if let Some((_, change)) = its {
                return shown.change(change);
            }
        }
        if entry.flags & NAMED == 0 {
            shown.tell(entry, None)
        } else {
            names.find(entry.id, |uidl| shown.tell(entry, Some(uidl)))
        }
    };
    if let Some(chunks) = &chunks {
        for row in chunks.range((maildrop, 0)..=(maildrop, u64::MAX))? {
            let (_, chunk) = row?;
            each(chunk.value(), &mut tell)?;
        }
    }
    for (_, change) in changes {
        shown.change(change)?;
    }
    Ok(())
}

/// Tells entries as they are shown.
struct Shown<'a, S> {
    transaction: &'a ReadTransaction,
    maildrop: u64,
    stand_ins: Option<&'a BTreeMap<u64, u64>>,
    table: Option<ReadOnlyTable<(u64, u64), u64>>,
    sink: &'a mut S,
}

impl<S: Sink> Shown<'_, S> {
    fn change(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Added(entry, uidl) => {
                self.tell(entry, Some(uidl.as_slice()).filter(|uidl| !uidl.is_empty()))
            }
            Change::Destroyed => Ok(()),
        }
    }

    #[expect(clippy::inline_always, reason = "a million times for one listing")]
    #[inline(always)]
    fn tell(&mut self, entry: &Entry, uidl: Option<&[u8]>) -> Result<(), Error> {
        let Some(recent) = self.stand_ins.filter(|_| entry.flags & SURROGATED != 0) else {
            self.sink.entry(entry, uidl);
            return Ok(());
        };
        let octets = match recent.get(&entry.id) {
            Some(octets) => *octets,
            None => self.octets_with(entry.id)?,
        };
        let flags = entry.flags & !UTF8 | STANDS_IN;
        self.sink.entry(&Entry { octets, flags, ..*entry }, uidl);
        Ok(())
    }

    fn octets_with(&mut self, id: u64) -> Result<u64, Error> {
        if self.table.is_none() {
            self.table = there(self.transaction.open_table(SURROGATE))?;
        }
        let row = self.table.as_ref().map(|table| table.get((self.maildrop, id)));
        let missing = || Error::Corrupted(format!("the size of {id:016x} is missing"));
        row.transpose()?.flatten().map(|row| row.value()).ok_or_else(missing)
    }
}

/// The unique-ids of a maildrop that are not native, asked for in the order of ids: so they are
/// read in one go.
struct Names<'a> {
    transaction: &'a ReadTransaction,
    maildrop: u64,
    rows: Option<Range<'static, (u64, u64), &'static [u8]>>,
}

impl Names<'_> {
    fn find(
        &mut self,
        id: u64,
        use_it: impl FnOnce(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let missing = || Error::Corrupted(format!("the unique-id of {id:016x} is missing"));
        if self.rows.is_none() {
            let table: Option<ReadOnlyTable<_, _>> = there(self.transaction.open_table(UIDL))?;
            let end = (self.maildrop, u64::MAX);
            self.rows = Some(table.ok_or_else(missing)?.range((self.maildrop, id)..=end)?);
        }
        for row in self.rows.iter_mut().flatten() {
            let (key, uidl) = row?;
            let (_, named) = key.value();
            if named == id {
                return use_it(uidl.value());
            }
            if named > id {
                break;
            }
        }
        Err(missing())
    }
}

/// A table, or `None` where it was never written to.
fn there<T>(table: Result<T, TableError>) -> Result<Option<T>, Error> {
    match table {
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        table => Ok(Some(table?)),
    }
}
