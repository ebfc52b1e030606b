//! The packed entries of one maildrop, changed in the order of ids.

use redb::{Error, ReadableTable, Table};

use crate::log::entry::Entry;
use crate::log::packed::{Unpacked, pack, pack_evenly};

/// The chunks of one maildrop. What is asked of them comes in rising order of ids, so that each
/// is read and written once.
pub(crate) struct Chunks<'a, 't> {
    table: &'a mut Table<'t, (u64, u64), &'static [u8]>,
    maildrop: u64,
    current: Option<Chunk>,
}

struct Chunk {
    /// Its key.
    first: u64,
    /// The key of the next.
    next: Option<u64>,
    entries: Vec<Entry>,
    changed: bool,
}

impl<'a, 't> Chunks<'a, 't> {
    pub(crate) fn new(table: &'a mut Table<'t, (u64, u64), &'static [u8]>, maildrop: u64) -> Self {
        Self { table, maildrop, current: None }
    }

    /// Puts an entry in, and answers with the one that had its id.
    pub(crate) fn put(&mut self, entry: Entry) -> Result<Option<Entry>, Error> {
        let chunk = self.at(entry.id)?;
        chunk.changed = true;
        match chunk.entries.binary_search_by_key(&entry.id, |entry| entry.id) {
            Ok(place) => {
                let before = chunk.entries.get(place).copied();
                if let Some(place) = chunk.entries.get_mut(place) {
                    *place = entry;
                }
                Ok(before)
            }
            Err(place) => {
                chunk.entries.insert(place, entry);
                Ok(None)
            }
        }
    }

    /// Takes an entry out, if it is there.
    pub(crate) fn take(&mut self, id: u64) -> Result<Option<Entry>, Error> {
        let chunk = self.at(id)?;
        let Ok(place) = chunk.entries.binary_search_by_key(&id, |entry| entry.id) else {
            return Ok(None);
        };
        chunk.changed = true;
        Ok(Some(chunk.entries.remove(place)))
    }

    /// Whether an entry is there.
    pub(crate) fn has(&mut self, id: u64) -> Result<bool, Error> {
        let chunk = self.at(id)?;
        Ok(chunk.entries.binary_search_by_key(&id, |entry| entry.id).is_ok())
    }

    /// Writes what is left to be written.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.write()
    }

    /// The chunk that holds this id, or would.
    fn at(&mut self, id: u64) -> Result<&mut Chunk, Error> {
        let holds = |chunk: &Chunk| chunk.first <= id && chunk.next.is_none_or(|next| id < next);
        if !self.current.as_ref().is_some_and(holds) {
            self.write()?;
            self.current = Some(self.load(id)?);
        }
        let load = || Chunk { first: id, next: None, entries: Vec::new(), changed: false };
        Ok(self.current.get_or_insert_with(load))
    }

    fn load(&self, id: u64) -> Result<Chunk, Error> {
        let maildrop = self.maildrop;
        let mut before = self.table.range((maildrop, 0)..=(maildrop, id))?;
        let (first, entries) = match before.next_back().transpose()? {
            Some((key, chunk)) => {
                (key.value().1, Unpacked::new(chunk.value()).collect::<Result<_, _>>()?)
            }
            None => (id, Vec::new()),
        };
        let behind = first.saturating_add(1);
        let mut behind = self.table.range((maildrop, behind)..=(maildrop, u64::MAX))?;
        let next = behind.next().transpose()?.map(|(key, _)| key.value().1);
        Ok(Chunk { first, next, entries, changed: false })
    }

    fn write(&mut self) -> Result<(), Error> {
        let Some(chunk) = self.current.take().filter(|chunk| chunk.changed) else {
            return Ok(());
        };
        if chunk.entries.is_empty() {
            self.table.remove((self.maildrop, chunk.first))?;
        }
        // Mail comes at the end: the last one alone has room to grow. In the middle entries only
        // become longer.
        let is_last = chunk.next.is_none();
        let entries = &chunk.entries;
        let packed = if is_last { pack(entries) } else { pack_evenly(entries) };
        for (place, (first, octets)) in packed.into_iter().enumerate() {
            let key = if place == 0 { chunk.first } else { first };
            self.table.insert((self.maildrop, key), octets.as_slice())?;
        }
        Ok(())
    }
}
