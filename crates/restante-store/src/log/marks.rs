//! What is remembered of messages, in the index: read with what is said since, and folded in.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use redb::{
    Error, ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableError, WriteTransaction,
};

use crate::log::mark::{ASIDE, HELD, HIDDEN, Said, Spot};
use crate::log::tables::{DUE, MARK};
use crate::log::withheld::Withheld;

/// Maildrop, aspect, credential, id.
type Key = (u64, u8, u64, u64);

type MarkTable = ReadOnlyTable<Key, (u64, u64)>;

/// The ids that are held, set aside, or hidden from this credential, if one is given. `said` is
/// what the index does not know yet.
pub(crate) fn withheld(
    transaction: &ReadTransaction,
    maildrop: u64,
    said: Option<&BTreeMap<Spot, Said>>,
    credential: Option<u64>,
) -> Result<Withheld, Error> {
    let mut rows = BTreeMap::new();
    let aspects = [Some((HELD, 0)), Some((ASIDE, 0)), credential.map(|of| (HIDDEN, of))];
    let table = table(transaction)?;
    for (aspect, credential) in aspects.into_iter().flatten() {
        if let Some(table) = &table {
            read(table, of_aspect(maildrop, aspect, credential), &mut rows)?;
        }
        let spot = |id| Spot { aspect, credential, id };
        let said = said.into_iter().flat_map(|said| said.range(spot(0)..=spot(u64::MAX)));
        said.for_each(|(spot, said)| say(&mut rows, *spot, *said));
    }
    let withheld = rows.iter().filter(|(_, said)| said.value != 0);
    Ok(Withheld::new(withheld.map(|(spot, _)| spot.id).collect()))
}

/// All that was said of a maildrop's messages.
pub(crate) fn all(
    transaction: &ReadTransaction,
    maildrop: u64,
    said: Option<&BTreeMap<Spot, Said>>,
) -> Result<BTreeMap<Spot, Said>, Error> {
    let mut rows = BTreeMap::new();
    if let Some(table) = table(transaction)? {
        let all = (maildrop, 0, 0, 0)..=(maildrop, u8::MAX, u64::MAX, u64::MAX);
        read(&table, all, &mut rows)?;
    }
    said.into_iter().flatten().for_each(|(spot, said)| say(&mut rows, *spot, *said));
    Ok(rows)
}

/// What the index does not know yet may have been said before what it knows: compaction writes old
/// marks again.
fn say(rows: &mut BTreeMap<Spot, Said>, spot: Spot, said: Said) {
    let row = rows.entry(spot).or_default();
    *row = row.or(said);
}

/// What was said at these spots, of which something is known that the index does not know yet.
pub(crate) fn get(
    transaction: &ReadTransaction,
    maildrop: u64,
    spots: &[Spot],
    known: Vec<Option<Said>>,
) -> Result<Vec<Said>, Error> {
    let table = table(transaction)?;
    let mut all = Vec::with_capacity(spots.len());
    for (spot, known) in spots.iter().zip(known) {
        let row = table.as_ref().map(|table| table.get(key(maildrop, *spot))).transpose()?;
        let indexed = row.flatten().map(|row| Said::from(row.value())).unwrap_or_default();
        all.push(known.map_or(indexed, |known| indexed.or(known)));
    }
    Ok(all)
}

/// The messages that are held until then or an earlier time: the first ones, so many at most.
pub(crate) fn due(
    transaction: &ReadTransaction,
    until: u64,
    count_max: usize,
) -> Result<Vec<(u64, u64)>, Error> {
    let Some(table) = there(transaction.open_table(DUE))? else { return Ok(Vec::new()) };
    let mut due = Vec::new();
    for row in table.range(..=(until, u64::MAX, u64::MAX))?.take(count_max) {
        let (_, maildrop, id) = row?.0.value();
        due.push((maildrop, id));
    }
    Ok(due)
}

/// The first time at which something is due.
pub(crate) fn first_due(transaction: &ReadTransaction) -> Result<Option<u64>, Error> {
    let Some(table) = there(transaction.open_table(DUE))? else { return Ok(None) };
    Ok(table.first()?.map(|(key, _)| key.value().0))
}

/// The same of what the index does not know yet.
pub(crate) fn due_of<'a>(
    marks: impl Iterator<Item = (u64, &'a BTreeMap<Spot, Said>)>,
    until: u64,
) -> BTreeSet<(u64, u64)> {
    let mut due = BTreeSet::new();
    for (maildrop, marks) in marks {
        let held = marks.range(Spot::of(HELD, 0)..=Spot::of(HELD, u64::MAX));
        let over = held.filter(|(_, said)| said.value != 0 && said.value <= until);
        due.extend(over.map(|(spot, _)| (maildrop, spot.id)));
    }
    due
}

/// The tables, to be written.
pub(crate) struct Marks<'t> {
    marks: Table<'t, Key, (u64, u64)>,
    due: Table<'t, (u64, u64, u64), ()>,
}

impl<'t> Marks<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        Ok(Self { marks: transaction.open_table(MARK)?, due: transaction.open_table(DUE)? })
    }

    /// Messages are gone, and what was said of them.
    pub(crate) fn forget(
        &mut self,
        maildrop: u64,
        ids: impl Iterator<Item = u64>,
    ) -> Result<(), Error> {
        let kinds = self.kinds(maildrop)?;
        if kinds.is_empty() {
            return Ok(());
        }
        for id in ids {
            for (aspect, credential) in &kinds {
                let row = self.marks.remove((maildrop, *aspect, *credential, id))?;
                let value = row.map(|row| row.value().1);
                if let Some(until) = value.filter(|_| *aspect == HELD) {
                    self.due.remove((until, maildrop, id))?;
                }
            }
        }
        Ok(())
    }

    /// Something was said of a message that is there.
    pub(crate) fn put(&mut self, maildrop: u64, spot: Spot, said: Said) -> Result<(), Error> {
        let key = key(maildrop, spot);
        let before = self.marks.get(key)?.map(|row| Said::from(row.value())).unwrap_or_default();
        let after = before.or(said);
        self.marks.insert(key, (after.stamp, after.value))?;
        if spot.aspect == HELD {
            self.due.remove((before.value, maildrop, spot.id))?;
            if after.value != 0 {
                self.due.insert((after.value, maildrop, spot.id), ())?;
            }
        }
        Ok(())
    }

    /// The aspects and credentials that there are in a maildrop: few, whatever it holds.
    fn kinds(&self, maildrop: u64) -> Result<Vec<(u8, u64)>, Error> {
        let mut kinds = Vec::new();
        let mut from = (maildrop, 0, 0, 0);
        let end = (maildrop, u8::MAX, u64::MAX, u64::MAX);
        while let Some((_, aspect, credential, _)) =
            self.marks.range(from..=end)?.next().transpose()?.map(|(key, _)| key.value())
        {
            kinds.push((aspect, credential));
            from = match (credential.checked_add(1), aspect.checked_add(1)) {
                (Some(next), _) => (maildrop, aspect, next, 0),
                (None, Some(next)) => (maildrop, next, 0, 0),
                (None, None) => break,
            };
        }
        Ok(kinds)
    }
}

impl From<(u64, u64)> for Said {
    fn from((stamp, value): (u64, u64)) -> Self {
        Self { stamp, value }
    }
}

const fn key(maildrop: u64, spot: Spot) -> Key {
    (maildrop, spot.aspect, spot.credential, spot.id)
}

const fn of_aspect(maildrop: u64, aspect: u8, credential: u64) -> RangeInclusive<Key> {
    (maildrop, aspect, credential, 0)..=(maildrop, aspect, credential, u64::MAX)
}

fn read(
    table: &MarkTable,
    range: RangeInclusive<Key>,
    rows: &mut BTreeMap<Spot, Said>,
) -> Result<(), Error> {
    for row in table.range(range)? {
        let (key, said) = row?;
        let (_, aspect, credential, id) = key.value();
        rows.insert(Spot { aspect, credential, id }, said.value().into());
    }
    Ok(())
}

fn table(transaction: &ReadTransaction) -> Result<Option<MarkTable>, Error> {
    there(transaction.open_table(MARK))
}

/// A table, or `None` where it was never written to.
fn there<T>(table: Result<T, TableError>) -> Result<Option<T>, Error> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}
