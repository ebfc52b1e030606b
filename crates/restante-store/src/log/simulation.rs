//! A log store on a disk that the caller brings, its writers stepped by the caller: for the
//! simulator.
//!
//! There is no thread and no runtime: work that would go to a pool is done where it is asked
//! for, and what waits for a writer waits until [`Stepped::step`]. The same disk and the same
//! calls give the same life, octet by octet.

use std::sync::Arc;

use mail_wire::MaildropId;

pub use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::audit::audit;
pub use crate::log::bugs::{Bug, switch};
pub use crate::log::disk::{Disk, DiskFile, Lock};
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::writer::Writer;
use crate::pool::Pool;

/// A log store whose writers do nothing by themselves.
///
/// Dropped, it is a process that was killed: what waits is given up. The index may still write
/// to its file then, so the disk should be taken away from it first.
#[derive(Debug)]
pub struct Stepped {
    store: LogStore,
    writers: Vec<Stepping>,
}

#[derive(Debug)]
struct Stepping {
    writer: Writer,
    has_begun: bool,
}

impl Stepped {
    /// Opens the store on this disk, and makes it if there is none.
    pub fn open(disk: &Arc<dyn Disk>, settings: &Settings) -> Result<Self, StoreError> {
        let (store, writers) = LogStore::assemble(disk, "simulated", settings, Pool::inline())?;
        let writers =
            writers.into_iter().map(|writer| Stepping { writer, has_begun: false }).collect();
        Ok(Self { store, writers })
    }

    /// The store.
    pub const fn store(&self) -> &LogStore {
        &self.store
    }

    /// How many shards it has.
    pub fn shards(&self) -> usize {
        self.writers.len()
    }

    /// The shard that a maildrop is in.
    pub fn shard_of(&self, maildrop: MaildropId) -> usize {
        self.store.front().shard_number(maildrop)
    }

    /// How many jobs wait for the writer of a shard.
    pub fn waiting(&self, shard: usize) -> usize {
        self.writers
            .get(shard)
            .map_or(0, |one| one.writer.shard().queue.waiting().saturating_add(one.writer.asked()))
    }

    /// The writer of a shard takes so many jobs at most, does them as one batch, and whatever
    /// else is due.
    pub fn step(&mut self, shard: usize, jobs_max: usize) {
        let Some(one) = self.writers.get_mut(shard) else { return };
        one.begin();
        let jobs = one.writer.shard().queue.take_now(jobs_max);
        one.writer.work(jobs);
    }

    /// The writer of a shard brings the index up to date now.
    pub fn checkpoint(&mut self, shard: usize) {
        if let Some(one) = self.writers.get_mut(shard) {
            one.begin();
            one.writer.checkpoint();
        }
    }

    /// What the index of a shard counts otherwise than it holds it.
    pub fn audit(&self, shard: usize) -> Vec<String> {
        let Some(one) = self.writers.get(shard) else { return Vec::new() };
        audit(&one.writer.shard().index).unwrap_or_else(|fault| vec![fault.to_string()])
    }

    /// All that waits is done, and the store ends in good order.
    pub fn end(mut self) {
        for one in &mut self.writers {
            one.begin();
            let jobs = one.writer.shard().queue.take_now(usize::MAX);
            one.writer.work(jobs);
            one.writer.end();
        }
    }
}

impl Stepping {
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.writer.begin();
        }
    }
}
