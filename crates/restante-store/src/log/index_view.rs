//! The index as it was at one moment, to be looked through.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use redb::{Key, ReadTransaction, ReadableTable, TableDefinition, Value};

use crate::error::StoreError;
use crate::log::entry::Entry;
use crate::log::mark::{Said, Spot};
use crate::log::packed::Unpacked;
use crate::log::tables::{BIG, CHUNK, DUE, JOURNAL, MARK, NAME, SEGMENT, SUM, SURROGATE, UIDL};
use crate::log::trouble::{failed, guarded, there};

/// What the index keeps beside the messages.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// What is laid over messages that are there, without what says nothing.
    pub(crate) marks: BTreeMap<(u64, Spot), Said>,
    /// Until when, in which maildrop, which message is held.
    pub(crate) due: BTreeSet<(u64, u64, u64)>,
    /// The octets of messages with their stand-ins.
    pub(crate) surrogates: BTreeMap<(u64, u64), u64>,
    /// Which messages have unique-ids that they brought along.
    pub(crate) names: BTreeMap<(u64, Vec<u8>), u64>,
    /// Where in a segment the first record is that concerns a maildrop.
    pub(crate) journal: BTreeMap<(u32, u64), u32>,
}

/// The index as it was at one moment.
pub(crate) struct View(ReadTransaction);

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

impl View {
    pub(crate) const fn new(transaction: ReadTransaction) -> Self {
        Self(transaction)
    }

    /// Each maildrop that holds something, with all that it holds in the order of ids.
    pub(crate) fn maildrops(
        &self,
        mut each: impl FnMut(u64, &[Entry]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        guarded(|| {
            let Some(table) = there(self.0.open_table(CHUNK))? else { return Ok(()) };
            let mut current: Option<(u64, Vec<Entry>)> = None;
            for row in table.iter().map_err(failed)? {
                let (key, chunk) = row.map_err(failed)?;
                let maildrop = key.value().0;
                if let Some((other, entries)) = current.take_if(|(other, _)| *other != maildrop) {
                    each(other, &entries)?;
                }
                let (_, entries) = current.get_or_insert_with(|| (maildrop, Vec::new()));
                for entry in Unpacked::new(chunk.value()) {
                    entries.push(entry.map_err(failed)?);
                }
            }
            match current {
                Some((maildrop, entries)) => each(maildrop, &entries),
                None => Ok(()),
            }
        })
    }

    /// What a maildrop holds is said to be: messages, octets.
    pub(crate) fn sum(&self, maildrop: u64) -> Result<(u64, u64), StoreError> {
        guarded(|| {
            let Some(table) = there(self.0.open_table(SUM))? else { return Ok((0, 0)) };
            let row = table.get(maildrop).map_err(failed)?;
            Ok(row.map(|row| row.value()).unwrap_or_default())
        })
    }

    /// The unique-id of a message, if it is not native.
    pub(crate) fn uidl(&self, maildrop: u64, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(|| {
            let Some(table) = there(self.0.open_table(UIDL))? else { return Ok(None) };
            let row = table.get((maildrop, id)).map_err(failed)?;
            Ok(row.map(|row| row.value().to_vec()))
        })
    }

    /// How much of each segment is said to be live.
    pub(crate) fn live(&self) -> Result<BTreeMap<u32, u64>, StoreError> {
        guarded(|| {
            let Some(table) = there(self.0.open_table(SEGMENT))? else {
                return Ok(BTreeMap::new());
            };
            let rows = table.iter().map_err(failed)?;
            rows.map(|row| row.map(|(number, octets)| (number.value(), octets.value().1)))
                .collect::<Result<_, _>>()
                .map_err(failed)
        })
    }

    /// All that is kept beside the messages.
    pub(crate) fn beside(&self) -> Result<Beside, StoreError> {
        let mut beside = Beside::default();
        self.each(MARK, |(maildrop, aspect, credential, id), (stamp, value)| {
            if value != 0 {
                let spot = Spot { aspect, credential, id };
                beside.marks.insert((maildrop, spot), Said { stamp, value });
            }
        })?;
        self.each(DUE, |key, ()| {
            beside.due.insert(key);
        })?;
        self.each(SURROGATE, |key, octets| {
            beside.surrogates.insert(key, octets);
        })?;
        self.each(NAME, |(maildrop, uidl): (u64, &[u8]), id| {
            beside.names.insert((maildrop, uidl.to_vec()), id);
        })?;
        self.each(JOURNAL, |key, place| {
            beside.journal.insert(key, place);
        })?;
        Ok(beside)
    }

    fn each<K: Key + 'static, V: Value + 'static>(
        &self,
        table: TableDefinition<'_, K, V>,
        mut take: impl for<'a> FnMut(K::SelfType<'a>, V::SelfType<'a>),
    ) -> Result<(), StoreError> {
        guarded(|| {
            let Some(table) = there(self.0.open_table(table))? else { return Ok(()) };
            for row in table.iter().map_err(failed)? {
                let (key, value) = row.map_err(failed)?;
                take(key.value(), value.value());
            }
            Ok(())
        })
    }

    /// The files of long bodies.
    pub(crate) fn big_files(&self) -> Result<Vec<u64>, StoreError> {
        guarded(|| {
            let Some(table) = there(self.0.open_table(BIG))? else { return Ok(Vec::new()) };
            let rows = table.iter().map_err(failed)?;
            rows.map(|row| row.map(|(_, big)| big.value().0).map_err(failed)).collect()
        })
    }
}
