//! The index: what each maildrop holds, as far as the log was folded into it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::{Builder, Database, ReadTransaction, ReadableDatabase, ReadableTable};

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::backend::Backend;
use crate::log::bugs::{self, Bug};
use crate::log::disk::Disk;
use crate::log::entry::Entry;
use crate::log::fill::Fill;
use crate::log::fold::{self, Folded};
use crate::log::index_view::View;
use crate::log::mark::{Said, Spot};
use crate::log::marks;
use crate::log::overlay::{Change, Overlay, changed};
use crate::log::packed::Unpacked;
use crate::log::position::Position;
use crate::log::tables::{BIG, CHUNK, JOURNAL, META, NAME, SEGMENT, SOURCE, UIDL, VERSION};
use crate::log::trouble::{failed, guarded, there};
use crate::log::walk::{Sink, walk};
use crate::log::withheld::{Eyes, Shown, Withheld};

/// The index of one shard.
#[derive(Debug)]
pub(crate) struct Index {
    disk: Arc<dyn Disk>,
    path: String,
    store: [u8; 16],
    cache_octets: usize,
    /// `None` while it is opened again.
    database: RwLock<Option<Database>>,
    /// Up to where the log is in the index.
    applied: Mutex<Position>,
    /// An error was seen: redb does not trust itself after one, and is opened again.
    faulty: AtomicBool,
}

impl Index {
    /// Opens the index, or makes a new one where it is missing or not right.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        path: String,
        store: [u8; 16],
        cache_octets: usize,
        is_right: impl Fn(Position) -> bool,
    ) -> Result<Self, StoreError> {
        let load = || {
            let database = database(&*disk, &path, cache_octets)?;
            let applied = applied(&database, store)?;
            Ok::<_, StoreError>((database, applied))
        };
        let right = load().ok().filter(|(_, applied)| is_right(*applied));
        let (database, applied) = if let Some(right) = right {
            right
        } else {
            // Derived: nothing is lost. Kept once, for whoever wants to know what was wrong.
            let aside = disk.rename(&path, &format!("{path}.aside"));
            aside.map_err(|fault| StoreError::disk("move the index aside", fault))?;
            load()?
        };
        let (database, applied) = (RwLock::new(Some(database)), Mutex::new(applied));
        let faulty = AtomicBool::new(false);
        Ok(Self { disk, path, store, cache_octets, database, applied, faulty })
    }

    /// Up to where the log is in the index.
    pub(crate) fn applied(&self) -> Position {
        *self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a maildrop holds of these ids, in their order, with what the index does not know yet.
    pub(crate) fn entries(
        &self,
        maildrop: u64,
        ids: RangeInclusive<u64>,
        overlay: &RwLock<Overlay>,
    ) -> Result<Vec<Entry>, StoreError> {
        let changes = |overlay: &Overlay| overlay.changes_of(maildrop).cloned();
        self.together(overlay, changes, |transaction, changes| {
            entries(transaction, maildrop, &ids, changes.as_deref())
        })
    }

    /// Tells what of it these eyes see, in delivery order. With `stand_ins`, messages are told as
    /// they are for who may not see raw UTF-8.
    pub(crate) fn walk_for(
        &self,
        maildrop: u64,
        eyes: Eyes,
        stand_ins: bool,
        overlay: &RwLock<Overlay>,
        sink: &mut impl Sink,
    ) -> Result<(), StoreError> {
        let changes = |overlay: &Overlay| {
            let octets_with = stand_ins.then(|| overlay.surrogates_of(maildrop));
            let (changes, said) = (overlay.changes_of(maildrop), overlay.marks_of(maildrop));
            (changes.cloned(), said.cloned(), octets_with)
        };
        self.together(overlay, changes, |transaction, (changes, said, octets_with)| {
            let (changes, octets_with) = (changes.as_deref(), octets_with.as_ref());
            let credential = match eyes {
                Eyes::Credential(credential) => Some(credential),
                Eyes::Any | Eyes::Everything => None,
            };
            let withheld = if eyes == Eyes::Everything {
                Withheld::default()
            } else {
                marks::withheld(transaction, maildrop, said.as_deref(), credential)
                    .map_err(failed)?
            };
            if withheld.is_empty() {
                return walk(transaction, maildrop, changes, octets_with, sink).map_err(failed);
            }
            let mut shown = Shown { withheld, sink };
            walk(transaction, maildrop, changes, octets_with, &mut shown).map_err(failed)
        })
    }

    /// What a maildrop holds, and all that was said of its messages, or of others that are gone.
    pub(crate) fn entries_and_marks(
        &self,
        maildrop: u64,
        overlay: &RwLock<Overlay>,
    ) -> Result<(Vec<Entry>, BTreeMap<Spot, Said>), StoreError> {
        let changes = |overlay: &Overlay| {
            (overlay.changes_of(maildrop).cloned(), overlay.marks_of(maildrop).cloned())
        };
        self.together(overlay, changes, |transaction, (changes, said)| {
            let entries = entries(transaction, maildrop, &(0..=u64::MAX), changes.as_deref())?;
            let said = marks::all(transaction, maildrop, said.as_deref()).map_err(failed)?;
            Ok((entries, said))
        })
    }

    /// What was said last at these spots.
    pub(crate) fn said(
        &self,
        maildrop: u64,
        spots: &[Spot],
        overlay: &RwLock<Overlay>,
    ) -> Result<Vec<Said>, StoreError> {
        let known = |overlay: &Overlay| {
            let marks = overlay.marks_of(maildrop);
            let known = |spot| marks.and_then(|marks| marks.get(spot)).copied();
            spots.iter().map(known).collect::<Vec<_>>()
        };
        self.together(overlay, known, |transaction, known| {
            marks::get(transaction, maildrop, spots, known).map_err(failed)
        })
    }

    /// The messages that are held until then, or until an earlier time, as maildrop and id;
    /// some that are gone may be among them. Of those that the index knows so many at most.
    pub(crate) fn due(
        &self,
        until: u64,
        count_max: usize,
        overlay: &RwLock<Overlay>,
    ) -> Result<BTreeSet<(u64, u64)>, StoreError> {
        let recent = |overlay: &Overlay| marks::due_of(overlay.marks(), until);
        self.together(overlay, recent, |transaction, mut due| {
            due.extend(marks::due(transaction, until, count_max).map_err(failed)?);
            Ok(due)
        })
    }

    /// The first time at which something may be due; `None`: nothing is held.
    pub(crate) fn first_due(&self) -> Result<Option<u64>, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(failed)?;
            marks::first_due(&transaction).map_err(failed)
        })
    }

    /// Looks into the index and at what it does not know yet, both at one moment: what is taken
    /// out of the one is in the other.
    fn together<O, T>(
        &self,
        overlay: &RwLock<Overlay>,
        recent: impl FnOnce(&Overlay) -> O,
        work: impl FnOnce(&ReadTransaction, O) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|database| {
            let (transaction, recent) = {
                let overlay = overlay.read().unwrap_or_else(PoisonError::into_inner);
                (database.begin_read().map_err(failed)?, recent(&overlay))
            };
            work(&transaction, recent)
        })
    }

    /// Where a message is, with what the index does not know yet.
    pub(crate) fn entry(
        &self,
        maildrop: u64,
        id: u64,
        overlay: &RwLock<Overlay>,
    ) -> Result<Option<Entry>, StoreError> {
        self.with(|database| {
            let (transaction, change) = {
                let overlay = overlay.read().unwrap_or_else(PoisonError::into_inner);
                let change = overlay.changes_of(maildrop).and_then(|changes| changes.get(&id));
                (database.begin_read().map_err(failed)?, change.cloned())
            };
            match change {
                Some(Change::Added(entry, _)) => return Ok(Some(entry)),
                Some(Change::Destroyed) => return Ok(None),
                None => {}
            }
            let Some(table) = there(transaction.open_table(CHUNK))? else { return Ok(None) };
            let mut rows = table.range((maildrop, 0)..=(maildrop, id)).map_err(failed)?;
            let Some(row) = rows.next_back() else { return Ok(None) };
            let (_, chunk) = row.map_err(failed)?;
            for entry in Unpacked::new(chunk.value()) {
                let entry = entry.map_err(failed)?;
                if entry.id >= id {
                    return Ok(Some(entry).filter(|entry| entry.id == id));
                }
            }
            Ok(None)
        })
    }

    /// The message that brought this unique-id along, as far as the index knows.
    pub(crate) fn named(&self, maildrop: u64, uidl: &[u8]) -> Result<Option<u64>, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(failed)?;
            let Some(table) = there(transaction.open_table(NAME))? else { return Ok(None) };
            let row = table.get((maildrop, uidl)).map_err(failed)?;
            Ok(row.map(|row| row.value()))
        })
    }

    /// The unique-id of a message, if it is not native.
    pub(crate) fn uidl(&self, maildrop: u64, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(failed)?;
            let Some(table) = there(transaction.open_table(UIDL))? else { return Ok(None) };
            let row = table.get((maildrop, id)).map_err(failed)?;
            Ok(row.map(|row| row.value().to_vec()))
        })
    }

    /// All of it as it is now.
    pub(crate) fn view(&self) -> Result<View, StoreError> {
        self.with(|database| Ok(View::new(database.begin_read().map_err(failed)?)))
    }

    /// The files that bodies of messages are in.
    pub(crate) fn big_files(&self) -> Result<Vec<u64>, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(failed)?;
            let Some(table) = there(transaction.open_table(BIG))? else { return Ok(Vec::new()) };
            let rows = table.iter().map_err(failed)?;
            rows.map(|row| row.map(|(_, big)| big.value().0).map_err(failed)).collect()
        })
    }

    /// What each segment is filled with. Those are missing that never held anything.
    pub(crate) fn fills(&self) -> Result<BTreeMap<u32, Fill>, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(failed)?;
            let Some(table) = there(transaction.open_table(SEGMENT))? else {
                return Ok(BTreeMap::new());
            };
            let rows = table.iter().map_err(failed)?;
            rows.map(|row| {
                let (number, fill) = row.map_err(failed)?;
                let (added, live, journal, newest) = fill.value();
                Ok((number.value(), Fill { added, live, journal, newest }))
            })
            .collect()
        })
    }

    /// Of these segments those that have something that concerns a maildrop, each with the place
    /// of the first record that does; with what the index does not know yet.
    pub(crate) fn journal(
        &self,
        maildrop: u64,
        segments: impl IntoIterator<Item = u32>,
        overlay: &RwLock<Overlay>,
    ) -> Result<BTreeMap<u32, u32>, StoreError> {
        self.with(|database| {
            let (transaction, mut found) = {
                let overlay = overlay.read().unwrap_or_else(PoisonError::into_inner);
                let recent: BTreeMap<u32, u32> = overlay.written().of(maildrop).collect();
                (database.begin_read().map_err(failed)?, recent)
            };
            let Some(table) = there(transaction.open_table(JOURNAL))? else { return Ok(found) };
            for segment in segments {
                if let Some(place) = table.get((segment, maildrop)).map_err(failed)? {
                    let first = found.entry(segment).or_insert(u32::MAX);
                    *first = place.value().min(*first);
                }
            }
            Ok(found)
        })
    }

    /// The segments that copies were made from.
    pub(crate) fn sources(&self) -> Result<BTreeSet<u32>, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(failed)?;
            let Some(table) = there(transaction.open_table(SOURCE))? else {
                return Ok(BTreeSet::new());
            };
            let rows = table.iter().map_err(failed)?;
            rows.map(|row| row.map(|(number, _)| number.value()))
                .collect::<Result<_, _>>()
                .map_err(failed)
        })
    }

    /// Folds the changes in, durably: all of them or none.
    ///
    /// Of segments that are `gone` nothing is kept.
    pub(crate) fn fold(
        &self,
        changes: &Overlay,
        gone: &[u32],
        upto: Position,
    ) -> Result<Folded, StoreError> {
        let folded = self.with(|database| {
            let mut transaction = database.begin_write().map_err(failed)?;
            // After a crash the index is there at once, without being walked through.
            transaction.set_quick_repair(true);
            let folded = fold::fold(&transaction, changes, gone).map_err(failed)?;
            {
                let mut meta = transaction.open_table(META).map_err(failed)?;
                let ahead = if bugs::is_on(Bug::CheckpointAhead) { 64 } else { 0 };
                let upto = Position { offset: upto.offset.saturating_add(ahead), ..upto };
                let position =
                    [u64::from(upto.segment).to_le_bytes(), upto.offset.to_le_bytes()].concat();
                meta.insert("version", VERSION).map_err(failed)?;
                meta.insert("store", self.store.as_slice()).map_err(failed)?;
                meta.insert("applied", position.as_slice()).map_err(failed)?;
            }
            transaction.commit().map_err(failed)?;
            Ok(folded)
        })?;
        *self.applied.lock().unwrap_or_else(PoisonError::into_inner) = upto;
        Ok(folded)
    }

    /// Does work on the database, which is opened again if it does not trust itself.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.faulty.load(Ordering::Acquire) {
            self.open_again()?;
        }
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(StoreError::Unavailable)?;
        let outcome = guarded(|| work(database));
        if outcome.is_err() {
            self.faulty.store(true, Ordering::Release);
        }
        outcome
    }

    /// Opens the file anew, which must say what it said last.
    fn open_again(&self) -> Result<(), StoreError> {
        let mut place = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if !self.faulty.load(Ordering::Acquire) {
            return Ok(());
        }
        // The old one first: two on one file would not know of each other.
        let old = place.take();
        guarded(|| {
            drop(old);
            Ok(())
        })?;
        let database = database(&*self.disk, &self.path, self.cache_octets)?;
        let applied = applied(&database, self.store)?;
        let wanted = self.applied();
        if applied != wanted {
            let path = &self.path;
            return Err(StoreError::Damaged {
                detail: format!("{path}: it stands at {applied:?}, not at {wanted:?}: start again"),
            });
        }
        *place = Some(database);
        self.faulty.store(false, Ordering::Release);
        Ok(())
    }
}

/// What a maildrop holds of these ids, with these changes.
fn entries(
    transaction: &ReadTransaction,
    maildrop: u64,
    ids: &RangeInclusive<u64>,
    changes: Option<&BTreeMap<u64, Change>>,
) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    if let Some(table) = there(transaction.open_table(CHUNK))? {
        // The first of them may be in a chunk that begins before it.
        let mut before = table.range((maildrop, 0)..=(maildrop, *ids.start())).map_err(failed)?;
        let before = before.next_back().transpose().map_err(failed)?;
        let from = before.map_or(*ids.start(), |(key, _)| key.value().1);
        for row in table.range((maildrop, from)..=(maildrop, *ids.end())).map_err(failed)? {
            let (_, chunk) = row.map_err(failed)?;
            for entry in Unpacked::new(chunk.value()) {
                entries.push(entry.map_err(failed)?);
            }
        }
    }
    if let Some(changes) = changes {
        entries = changed(entries, changes.range(ids.clone()));
    }
    entries.retain(|entry| ids.contains(&entry.id));
    Ok(entries)
}

fn database(disk: &dyn Disk, path: &str, cache_octets: usize) -> Result<Database, StoreError> {
    guarded(|| {
        let file = disk
            .open(path, Existence::Either)
            .map_err(|fault| StoreError::disk("open the index", fault))?;
        let mut builder = Builder::new();
        builder.set_cache_size(cache_octets);
        builder.create_with_backend(Backend(file)).map_err(failed)
    })
}

/// Up to where the log is in this index: nowhere in one that is new.
fn applied(database: &Database, store: [u8; 16]) -> Result<Position, StoreError> {
    guarded(|| {
        let transaction = database.begin_read().map_err(failed)?;
        let Some(meta) = there(transaction.open_table(META))? else {
            return Ok(Position::default());
        };
        let value = |name| {
            let row = meta.get(name).map_err(failed)?;
            Ok::<_, StoreError>(row.map(|row| row.value().to_vec()).unwrap_or_default())
        };
        let position = value("applied")?;
        let (segment, offset) = position.split_first_chunk::<8>().ok_or_else(strange)?;
        if value("version")? != VERSION || value("store")? != store {
            return Err(strange());
        }
        Ok(Position {
            segment: u32::try_from(u64::from_le_bytes(*segment)).map_err(|_| strange())?,
            offset: u64::from_le_bytes(offset.try_into().map_err(|_| strange())?),
        })
    })
}

fn strange() -> StoreError {
    StoreError::Damaged { detail: "the index is of another store or another version".into() }
}
