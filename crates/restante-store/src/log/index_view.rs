//! The index as it was at one moment, to be looked through.

use std::collections::BTreeMap;
use std::fmt;

use redb::{ReadTransaction, ReadableTable};

use crate::error::StoreError;
use crate::log::entry::Entry;
use crate::log::tables::{BIG, CHUNK, SEGMENT, SUM, UIDL};
use crate::log::trouble::{failed, guarded, there};

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
                entries.extend(Entry::decode_all(chunk.value()));
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

    /// The files of long bodies.
    pub(crate) fn big_files(&self) -> Result<Vec<u64>, StoreError> {
        guarded(|| {
            let Some(table) = there(self.0.open_table(BIG))? else { return Ok(Vec::new()) };
            let rows = table.iter().map_err(failed)?;
            rows.map(|row| row.map(|(_, big)| big.value().0).map_err(failed)).collect()
        })
    }
}
