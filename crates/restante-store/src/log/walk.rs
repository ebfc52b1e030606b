//! What a maildrop holds, entry by entry: from the index, and from what it does not know yet.

use std::collections::BTreeMap;

use redb::{Error, Range, ReadOnlyTable, ReadTransaction, TableError};

use crate::log::entry::{Entry, NAMED};
use crate::log::overlay::Change;
use crate::log::tables::{CHUNK, SUM, UIDL};

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
pub(crate) fn walk(
    transaction: &ReadTransaction,
    maildrop: u64,
    changes: Option<&BTreeMap<u64, Change>>,
    sink: &mut impl Sink,
) -> Result<(), Error> {
    let chunks = there(transaction.open_table(CHUNK))?;
    let sums = there(transaction.open_table(SUM))?;
    let sum = sums.map(|sums| sums.get(maildrop)).transpose()?.flatten();
    let (messages, _) = sum.map(|sum| sum.value()).unwrap_or_default();
    let messages = usize::try_from(messages.min(EXPECTED_MAX)).unwrap_or_default();
    sink.expect(messages.saturating_add(changes.map_or(0, BTreeMap::len)));
    let mut changes = changes.into_iter().flatten().peekable();
    let mut names = Names { transaction, maildrop, rows: None };
    if let Some(chunks) = &chunks {
        for row in chunks.range((maildrop, 0)..=(maildrop, u64::MAX))? {
            let (_, chunk) = row?;
            for entry in Entry::decode_all(chunk.value()) {
                while let Some((_, change)) = changes.next_if(|(id, _)| **id < entry.id) {
                    tell(change, sink);
                }
                // The changes win; so it does not matter whether the index knows them by now.
                if let Some((_, change)) = changes.next_if(|(id, _)| **id == entry.id) {
                    tell(change, sink);
                } else if entry.flags & NAMED == 0 {
                    sink.entry(&entry, None);
                } else {
                    names.find(entry.id, |uidl| sink.entry(&entry, Some(uidl)))?;
                }
            }
        }
    }
    for (_, change) in changes {
        tell(change, sink);
    }
    Ok(())
}

fn tell(change: &Change, sink: &mut impl Sink) {
    if let Change::Added(entry, uidl) = change {
        sink.entry(entry, Some(uidl.as_slice()).filter(|uidl| !uidl.is_empty()));
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
    fn find(&mut self, id: u64, use_it: impl FnOnce(&[u8])) -> Result<(), Error> {
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
                use_it(uidl.value());
                return Ok(());
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
