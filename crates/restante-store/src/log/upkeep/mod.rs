//! What an operator can ask of a log store.
//!
//! ```text
//!   an open store: standstill ─► stats, verify, backup        one moment, while all goes on
//!   a closed one:  rebuild, repair (which verifies), restore
//! ```

mod backup;
mod beside;
mod manifest;
mod meter;
mod rebuild;
mod repair;
mod restore;
#[cfg(test)]
mod trials;
#[cfg(test)]
mod turned;
mod verify;
mod walk;

use std::path::Path;
use std::sync::Arc;

use mail_wire::MaildropId;
use tokio::sync::oneshot;

use crate::damage::Damage;
use crate::disk;
use crate::error::StoreError;
use crate::log::compacted::Compacted;
use crate::log::disk::Disk;
use crate::log::front::Front;
use crate::log::quarantine;
use crate::log::queue::Job;
use crate::log::real::RealDisk;
use crate::log::shard::Shard;
use crate::log::standstill::stills;
use crate::log::store::LogStore;
use crate::log::upkeep::meter::Meter;
use crate::upkeep::{BackedUp, Freed, ShardStats, Stats, Upkeep, Verdict, Watch};

pub(crate) use rebuild::rebuild;
pub(crate) use repair::repair;
pub(crate) use restore::restore;

impl Upkeep for LogStore {
    fn damage(&self) -> Vec<Damage> {
        Self::damage(self).to_vec()
    }

    fn close(&self) {
        for writer in self.front().close() {
            // One that broke down is found by the next start.
            let _ = writer.join();
        }
    }

    fn stats(&self) -> Result<Stats, StoreError> {
        stats(self.front(), Self::damage(self).len())
    }

    fn verify(&self, watch: &dyn Watch) -> Result<Verdict, StoreError> {
        let stills = stills(self.front())?;
        verify::verify(&stills, watch)
    }

    fn compact(
        &self,
        maildrop: Option<MaildropId>,
        watch: &dyn Watch,
    ) -> Result<Freed, StoreError> {
        let shards = match maildrop {
            Some(maildrop) => vec![Arc::clone(self.front().shard(maildrop)?)],
            None => self.front().shards.clone(),
        };
        compact(&shards, watch)
    }

    fn backup(&self, to: &Path, watch: &dyn Watch) -> Result<BackedUp, StoreError> {
        let name = to.display().to_string();
        let target = RealDisk::open(disk::Disk::default(), to)
            .map_err(|fault| StoreError::disk(format!("open {name}"), fault))?;
        backup_to(self, &target, watch)
    }
}

/// The same onto any disk.
pub(crate) fn backup_to(
    store: &LogStore,
    target: &dyn Disk,
    watch: &dyn Watch,
) -> Result<BackedUp, StoreError> {
    let stills = stills(store.front())?;
    backup::backup(&stills, target, watch)
}

fn stats(front: &Front, damaged: usize) -> Result<Stats, StoreError> {
    let mut stats = Stats { damaged: damaged as u64, ..Stats::default() };
    for still in stills(front)? {
        let mut one = ShardStats {
            segments: still.moment.segments.len() as u64,
            octets: still.octets(),
            is_reserve_held: still.moment.is_reserve_held,
            ..ShardStats::default()
        };
        still.moment.index.maildrops(|_, entries| {
            one.maildrops = one.maildrops.saturating_add(1);
            one.messages = one.messages.saturating_add(entries.len() as u64);
            Ok(())
        })?;
        let live = still.moment.index.live()?;
        let live = still.moment.segments.keys().filter_map(|number| live.get(number));
        one.live = live.fold(0, |sum, live| sum.saturating_add(*live));
        one.long_bodies = still.moment.index.big_files()?.len() as u64;
        stats.shards.push(one);
    }
    if let Some(shard) = front.shards.first() {
        let fault = |fault| StoreError::disk("look at the free room", fault);
        stats.free = shard.disk.free_space().map_err(fault)?;
        stats.quarantined = quarantine::all(&*shard.disk)?.seen.len() as u64;
    }
    Ok(stats)
}

fn compact(shards: &[Arc<Shard>], watch: &dyn Watch) -> Result<Freed, StoreError> {
    let all: u64 = shards.iter().map(|shard| shard.segments.all().len() as u64).sum();
    let mut meter = Meter::new(watch, "segments looked at", all);
    let mut freed = Freed::default();
    for shard in shards {
        // What is copied makes new segments: those are for the next time.
        for _ in shard.segments.all() {
            meter.add(1)?;
            let (answer, answered) = oneshot::channel();
            shard.queue.push(Job::Compact(answer))?;
            let done = answered.blocking_recv().map_err(|_| StoreError::Unavailable)??;
            let Some(Compacted { segments, freed: octets, copied }) = done else { break };
            freed.segments = freed.segments.saturating_add(segments);
            freed.freed = freed.freed.saturating_add(octets);
            freed.copied = freed.copied.saturating_add(copied);
        }
    }
    Ok(freed)
}
