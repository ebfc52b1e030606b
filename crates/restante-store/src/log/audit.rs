//! Counts what an index holds, and compares with what it says.

use std::collections::BTreeMap;

use redb::{ReadableDatabase, ReadableTable};

use crate::error::StoreError;
use crate::log::entry::BIG as IN_FILE;
use crate::log::index::Index;
use crate::log::packed::Unpacked;
use crate::log::tables::{BIG, CHUNK, SEGMENT, SUM};
use crate::log::trouble::{failed, there};

/// What is wrong with the sums of an index, in words.
pub(crate) fn audit(index: &Index) -> Result<Vec<String>, StoreError> {
    index.with(|database| {
        let transaction = database.begin_read().map_err(failed)?;
        let mut sums: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        let mut segments: BTreeMap<u32, u64> = BTreeMap::new();
        let mut files: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        if let Some(table) = there(transaction.open_table(CHUNK))? {
            for row in table.iter().map_err(failed)? {
                let (key, chunk) = row.map_err(failed)?;
                for entry in Unpacked::new(chunk.value()) {
                    let entry = entry.map_err(failed)?;
                    let sum = sums.entry(key.value().0).or_default();
                    *sum = (sum.0.saturating_add(1), sum.1.saturating_add(entry.octets));
                    let live = segments.entry(entry.segment).or_default();
                    *live = live.saturating_add(entry.in_segment());
                    if entry.flags & IN_FILE != 0 {
                        let live = files.entry((entry.segment, entry.place)).or_default();
                        *live = live.saturating_add(1);
                    }
                }
            }
        }
        let mut wrong = Vec::new();
        let mut compare = |what: &str, said: String, held: String| {
            if said != held {
                wrong.push(format!("the index says of {what} {said}, and holds {held}"));
            }
        };
        let mut said = BTreeMap::new();
        if let Some(table) = there(transaction.open_table(SUM))? {
            for row in table.iter().map_err(failed)? {
                let (maildrop, sum) = row.map_err(failed)?;
                said.insert(maildrop.value(), sum.value());
            }
        }
        compare("maildrops", format!("{said:?}"), format!("{sums:?}"));
        let mut said = BTreeMap::new();
        if let Some(table) = there(transaction.open_table(SEGMENT))? {
            for row in table.iter().map_err(failed)? {
                let (number, octets) = row.map_err(failed)?;
                said.insert(number.value(), octets.value().1);
            }
        }
        said.retain(|_, live| *live > 0);
        compare("segments", format!("{said:?}"), format!("{segments:?}"));
        let mut said = BTreeMap::new();
        if let Some(table) = there(transaction.open_table(BIG))? {
            for row in table.iter().map_err(failed)? {
                let (at, file) = row.map_err(failed)?;
                said.insert(at.value(), file.value().1);
            }
        }
        compare("files", format!("{said:?}"), format!("{files:?}"));
        Ok(wrong)
    })
}
