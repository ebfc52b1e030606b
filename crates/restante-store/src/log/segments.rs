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
    files: RwLock<BTreeMap<u32, Option<Arc<dyn DiskFile>>>>,
}

impl Segments {
    /// None yet, in this folder.
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: String) -> Self {
        Self { disk, folder, files: RwLock::default() }
    }

    /// The path of a segment.
    pub(crate) fn path(&self, number: u32) -> String {
        format!("{}/{}", self.folder, name(number))
    }

    /// One more.
    pub(crate) fn insert(&self, number: u32, file: Option<Arc<dyn DiskFile>>) {
        self.files.write().unwrap_or_else(PoisonError::into_inner).insert(number, file);
    }

    /// The file of a segment.
    pub(crate) fn file(&self, number: u32) -> Result<Arc<dyn DiskFile>, StoreError> {
        let path = || self.path(number);
        {
            let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
            match files.get(&number) {
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
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        // Only if it is still there: it may have been removed meanwhile.
        if let Some(place) = files.get_mut(&number) {
            *place = Some(Arc::clone(&file));
        }
        Ok(file)
    }
}
