//! Where ids come from: epochs of the store, counted through by its shards.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::StoreError;
use crate::log::bugs::{self, Bug};
use crate::log::disk::Disk;
use crate::log::format::Format;
use crate::log::identity::Ids;

/// Gives out epochs, each once.
#[derive(Debug)]
pub(crate) struct Epochs {
    disk: Arc<dyn Disk>,
    format: Mutex<Format>,
}

impl Epochs {
    pub(crate) fn new(disk: Arc<dyn Disk>, format: Format) -> Self {
        Self { disk, format: Mutex::new(format) }
    }

    /// The next epoch, above `floor`, durable in FORMAT.
    pub(crate) fn take(&self, floor: u32) -> Result<u32, StoreError> {
        let mut format = self.format.lock().unwrap_or_else(PoisonError::into_inner);
        format.take_epoch(&*self.disk, floor)
    }
}

/// The ids of one shard.
#[derive(Debug)]
pub(crate) struct IdSource {
    shard: u8,
    epochs: Arc<Epochs>,
    ids: Mutex<Ids>,
}

impl IdSource {
    /// Ids of a shard, at first of this epoch, which nobody else may use for this shard.
    pub(crate) fn new(shard: u8, epochs: Arc<Epochs>, epoch: u32) -> Self {
        Self { shard, epochs, ids: Mutex::new(Ids::new(shard, epoch)) }
    }

    /// The epoch of the next ids.
    pub(crate) fn epoch(&self) -> u32 {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).epoch()
    }

    /// So many ids, rising, above all that were taken before; and their epoch.
    pub(crate) fn take(&self, count: usize) -> Result<(Vec<u64>, u32), StoreError> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if !ids.has(count) {
            *ids = Ids::new(self.shard, self.epochs.take(ids.epoch())?);
        }
        let taken: Option<Vec<u64>> = (0..count).map(|_| ids.next()).collect();
        // A delivery to more than 16 million maildrops.
        let taken = taken.ok_or(StoreError::TooLarge { octets_max: 1 << 24 })?;
        if bugs::is_on(Bug::CounterStepsBack) {
            ids.step_back();
        }
        Ok((taken, ids.epoch()))
    }
}
