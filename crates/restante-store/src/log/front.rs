//! What the parts of an open store share; when the last of them is gone, the writers end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use mail_wire::MaildropId;

use crate::error::StoreError;
use crate::log::shard::Shard;
use crate::log::writer::Writer;
use crate::pool::Pool;

/// All shards.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) shards: Vec<Arc<Shard>>,
    /// Where work that may wait for the disk is done.
    pub(crate) pool: Pool,
    /// Their writers, until somebody waits for their end.
    writers: Mutex<Vec<JoinHandle<()>>>,
}

impl Front {
    /// Shards whose writers do not run yet.
    pub(crate) fn new(shards: Vec<Arc<Shard>>, pool: Pool) -> Self {
        Self { shards, pool, writers: Mutex::default() }
    }

    /// Starts the writers, each on a thread of its own.
    pub(crate) fn start(&self, writers: Vec<Writer>) -> Result<(), StoreError> {
        for writer in writers {
            let started = thread::Builder::new()
                .name(format!("log {}", writer.shard().folder))
                .spawn(move || writer.run())
                .map_err(|fault| StoreError::disk("start a writer", fault))?;
            self.threads().push(started);
        }
        Ok(())
    }

    /// Takes no more work; what was queued is still done. Answers the writers, to be waited for.
    pub(crate) fn close(&self) -> Vec<JoinHandle<()>> {
        for shard in &self.shards {
            shard.queue.close();
        }
        std::mem::take(&mut *self.threads())
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard that a maildrop is in.
    pub(crate) fn shard(&self, maildrop: MaildropId) -> Result<&Arc<Shard>, StoreError> {
        self.shards.get(self.shard_number(maildrop)).ok_or(StoreError::Unavailable)
    }

    /// Its place among them.
    pub(crate) fn shard_number(&self, maildrop: MaildropId) -> usize {
        let crc = crc32c::crc32c(&maildrop.get().to_le_bytes());
        let crc = usize::try_from(crc).unwrap_or_default();
        crc.checked_rem(self.shards.len()).unwrap_or_default()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.queue.close();
        }
    }
}
