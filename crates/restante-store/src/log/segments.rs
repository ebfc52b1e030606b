//! The segments of a shard, to be read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::disk::{Disk, DiskFile};
use crate::log::header::name;

/// More files than these are not kept open for a shard, however many segments it has; those that
/// were read last are. One that is being read stays open for its reader.
const FILES_MAX: usize = 128;

/// The segments of a shard, each opened when it is read.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    folder: String,
    slots: RwLock<BTreeMap<u32, Slot>>,
    /// How often a file was asked for.
    asked: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    file: Option<Arc<dyn DiskFile>>,
    /// Where its records end, as far as that is known.
    end: u64,
    /// When its file was last asked for, counted in requests.
    used: AtomicU64,
}

impl Segments {
    /// None yet, in this folder.
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: String) -> Self {
        Self { disk, folder, slots: RwLock::default(), asked: AtomicU64::new(0) }
    }

    /// The path of a segment.
    pub(crate) fn path(&self, number: u32) -> String {
        format!("{}/{}", self.folder, name(number))
    }

    /// One more, whose records end here.
    pub(crate) fn insert(&self, number: u32, file: Option<Arc<dyn DiskFile>>, end: u64) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.insert(number, Slot { file, end, used: AtomicU64::new(self.asks()) });
        close_some(&mut slots);
    }

    /// Nothing more is written to it: its records end here.
    pub(crate) fn ends(&self, number: u32, end: u64) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(&number) {
            slot.end = end;
        }
    }

    /// One less: its file is gone, durably.
    pub(crate) fn remove(&self, number: u32) {
        self.slots.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// All whose files may be there, with the ends of their records.
    pub(crate) fn all(&self) -> BTreeMap<u32, u64> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.iter().map(|(number, slot)| (*number, slot.end)).collect()
    }

    /// The file of a segment.
    pub(crate) fn file(&self, number: u32) -> Result<Arc<dyn DiskFile>, StoreError> {
        let path = || self.path(number);
        let now = self.asks();
        {
            let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
            match slots.get(&number) {
                Some(Slot { file: Some(file), used, .. }) => {
                    used.store(now, Ordering::Relaxed);
                    return Ok(Arc::clone(file));
                }
                Some(_) => {}
                None => {
                    return Err(StoreError::Damaged {
                        detail: format!("{}: the segment is not there", path()),
                    });
                }
            }
        }
        let file = self
            .disk
            .open(&path(), Existence::Old)
            .map_err(|fault| StoreError::disk(format!("open {}", path()), fault))?;
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        // Only if it is still there: it may have been removed meanwhile.
        if let Some(slot) = slots.get_mut(&number) {
            slot.file = Some(Arc::clone(&file));
            slot.used.store(now, Ordering::Relaxed);
        }
        close_some(&mut slots);
        Ok(file)
    }

    fn asks(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed)
    }
}

/// When too many files are open, those are closed that were not read for longest: a quarter, so
/// that this is not done at every read.
fn close_some(slots: &mut BTreeMap<u32, Slot>) {
    let open = |slot: &Slot| slot.file.is_some();
    if slots.values().filter(|slot| open(slot)).count() <= FILES_MAX {
        return;
    }
    let used = |slot: &Slot| slot.used.load(Ordering::Relaxed);
    let mut times: Vec<u64> = slots.values().filter(|slot| open(slot)).map(used).collect();
    times.sort_unstable();
    let oldest = times.get(FILES_MAX / 4).copied().unwrap_or_default();
    for slot in slots.values_mut().filter(|slot| used(slot) < oldest) {
        slot.file = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk as Calls;
    use crate::log::real::RealDisk;

    // A store of many segments does not run out of descriptors; what is read again and again
    // stays open.
    #[test]
    fn only_so_many_files_are_open() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(Calls::default(), folder.path()).unwrap();
        let segments = Segments::new(Arc::new(disk), ".".into());
        let count = u32::try_from(FILES_MAX).unwrap() * 3;
        for number in 1..=count {
            std::fs::write(folder.path().join(name(number)), number.to_le_bytes()).unwrap();
            segments.insert(number, None, 4);
        }
        for number in 1..=count {
            let file = segments.file(number).unwrap();
            let mut octets = [0; 4];
            file.read_at(&mut octets, 0).unwrap();
            assert_eq!(octets, number.to_le_bytes());
            segments.file(1).unwrap();
            let slots = segments.slots.read().unwrap();
            let open = slots.values().filter(|slot| slot.file.is_some()).count();
            assert!(open <= FILES_MAX && open > number.min(64) as usize / 2, "{number}: {open}");
            assert!(slots[&1].file.is_some(), "{number}");
        }
    }
}
