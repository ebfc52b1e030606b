//! The segments of a shard, to be read.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::disk::{Disk, DiskFile};
use crate::log::header::name;

/// The segments of a shard, each opened when it is first read.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    folder: String,
    slots: RwLock<BTreeMap<u32, Slot>>,
}

#[derive(Debug)]
struct Slot {
    file: Option<Arc<dyn DiskFile>>,
    /// Where its records end, as far as that is known.
    end: u64,
}

impl Segments {
    /// None yet, in this folder.
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: String) -> Self {
        Self { disk, folder, slots: RwLock::default() }
    }

    /// The path of a segment.
    pub(crate) fn path(&self, number: u32) -> String {
        format!("{}/{}", self.folder, name(number))
    }

    /// One more, whose records end here.
    pub(crate) fn insert(&self, number: u32, file: Option<Arc<dyn DiskFile>>, end: u64) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.insert(number, Slot { file, end });
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
        {
            let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
            match slots.get(&number).map(|slot| &slot.file) {
                Some(Some(file)) => return Ok(Arc::clone(file)),
                Some(None) => {}
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
        }
        Ok(file)
    }
}
