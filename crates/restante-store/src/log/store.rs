//! `LogStore`: a folder with shards.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use mail_wire::MaildropId;
use tokio::sync::oneshot;

use crate::copy::expect_whole;
use crate::custody::{Custody, JournalEntry, Note};
use crate::damage::Damage;
use crate::disk;
use crate::error::StoreError;
use crate::log::compacted::Compacted;
use crate::log::deliver::OnItsWay;
use crate::log::disk::Disk;
use crate::log::front::Front;
use crate::log::journal;
use crate::log::notes::Taken;
use crate::log::opening;
use crate::log::queue::Job;
use crate::log::real::RealDisk;
use crate::log::settings::Settings;
use crate::log::snapshot::Snapshot;
use crate::log::standstill::stills;
use crate::log::upkeep;
use crate::log::writer::Writer;
use crate::pending::Pending;
use crate::pool::Pool;
use crate::store::{Delivery, Incoming, Maildrop, Promises, Store, Usage};
use crate::upkeep::{Recovered, Repaired, Stats, Upkeep, Watch};
use crate::view::View;

/// A store that keeps all messages in logs of its own. FORMAT.md says how.
#[derive(Clone, Debug)]
pub struct LogStore {
    pub(crate) front: Arc<Front>,
    damage: Arc<[Damage]>,
}

/// How many threads may wait for the disk at once, and how much may wait for them.
const THREADS: usize = 16;
const QUEUE_MAX: usize = 4096;

impl LogStore {
    /// What it promises, wherever it is.
    pub const PROMISES: Promises = Promises {
        durable: true,
        atomic_update: true,
        shared_with_others: false,
        custody: true,
        surrogates: true,
    };

    /// Opens the store in this folder, and makes it if there is none. It stays locked against
    /// other processes until the store and all that came from it are dropped, and what was
    /// queued is written.
    ///
    /// What was found damaged, and put aside, is in [`LogStore::damage`].
    pub fn open(root: &Path, settings: &Settings) -> Result<Self, StoreError> {
        expect_whole(root)?;
        Self::open_with(disk::Disk::default(), root, settings)
    }

    /// The same of one that a copy goes into, and that nobody else may open.
    pub fn open_unfinished(root: &Path, settings: &Settings) -> Result<Self, StoreError> {
        Self::open_with(disk::Disk::default(), root, settings)
    }

    pub(crate) fn open_with(
        calls: disk::Disk,
        root: &Path,
        settings: &Settings,
    ) -> Result<Self, StoreError> {
        let name = root.display().to_string();
        let disk = RealDisk::open(calls, root)
            .map_err(|fault| StoreError::disk(format!("open {name}"), fault))?;
        let disk: Arc<dyn Disk> = Arc::new(disk);
        Self::open_on(&disk, &name, settings)
    }

    pub(crate) fn open_on(
        disk: &Arc<dyn Disk>,
        name: &str,
        settings: &Settings,
    ) -> Result<Self, StoreError> {
        let (store, writers) = Self::assemble(disk, name, settings, Pool::new(THREADS, QUEUE_MAX))?;
        store.front.start(writers)?;
        Ok(store)
    }

    /// The store, and its writers, which do not run yet.
    pub(crate) fn assemble(
        disk: &Arc<dyn Disk>,
        name: &str,
        settings: &Settings,
        pool: Pool,
    ) -> Result<(Self, Vec<Writer>), StoreError> {
        let (writers, damage) = opening::open(disk, name, settings)?;
        let shards = writers.iter().map(|writer| Arc::clone(writer.shard())).collect();
        let front = Arc::new(Front::new(shards, pool));
        Ok((Self { front, damage: damage.into() }, writers))
    }

    /// What was found damaged in the store in this folder and was not repaired, as it is noted
    /// there. Nothing is opened or changed, so that it may be asked while a server runs.
    pub fn noted_damage(root: &Path) -> Result<Vec<Damage>, StoreError> {
        opening::noted_damage(&*on_disk(root)?)
    }

    /// Makes the index of the store in this folder anew; nobody may have it open.
    pub fn rebuild_index(
        root: &Path,
        settings: &Settings,
        watch: &dyn Watch,
    ) -> Result<Stats, StoreError> {
        expect_whole(root)?;
        upkeep::rebuild(&on_disk(root)?, &root.display().to_string(), settings, watch)
    }

    /// Deals with what is damaged in the store in this folder; nobody may have it open.
    pub fn repair(
        root: &Path,
        settings: &Settings,
        watch: &dyn Watch,
    ) -> Result<Repaired, StoreError> {
        expect_whole(root)?;
        upkeep::repair(&on_disk(root)?, &root.display().to_string(), settings, watch)
    }

    /// Makes a store in this folder, where none may be, out of a backup.
    pub fn recover_from(
        backup: &Path,
        root: &Path,
        settings: &Settings,
        watch: &dyn Watch,
    ) -> Result<Recovered, StoreError> {
        let mut recovered = upkeep::restore(&*on_disk(backup)?, &*on_disk(root)?, watch)?;
        let store = Self::open(root, settings)?;
        let stats = store.stats();
        store.close();
        recovered.messages = stats?.shards.iter().map(|shard| shard.messages).sum();
        Ok(recovered)
    }

    /// Gives room back: segments of which little is live are copied on, and given up. They are
    /// removed when no snapshot lists anything in them any more.
    pub async fn compact(&self) -> Result<Compacted, StoreError> {
        let mut all = Compacted::default();
        for shard in &self.front.shards {
            // What is copied makes new segments: those are for the next time.
            for _ in shard.segments.all() {
                let (answer, answered) = oneshot::channel();
                shard.queue.push(Job::Compact(answer))?;
                match answered.await.map_err(|_| StoreError::Unavailable)?? {
                    Some(one) => all = all.plus(one),
                    None => break,
                }
            }
        }
        Ok(all)
    }

    pub(crate) fn front(&self) -> &Arc<Front> {
        &self.front
    }

    /// How many notes were lost since the store was opened: there were too many, or they could
    /// not be written.
    pub fn notes_lost(&self) -> u64 {
        let lost = self.front.shards.iter().map(|shard| shard.notes.dropped());
        lost.fold(0, u64::saturating_add)
    }

    /// Writes down what a session did, soon.
    pub fn write_down(&self, maildrop: MaildropId, note: &Note) {
        let Ok(shard) = self.front.shard(maildrop) else { return };
        if shard.notes.take(maildrop.get(), note, shard.time()) == Taken::Tell {
            shard.queue.nudge();
        }
    }

    /// What happened in a maildrop, in its order, since then.
    pub async fn told(
        &self,
        maildrop: MaildropId,
        since: Option<SystemTime>,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let shard = Arc::clone(self.front.shard(maildrop)?);
        self.front.pool.run(move || journal::read(&shard, maildrop.get(), since)).await?
    }

    /// What was found damaged when the store was opened, or before, and was not repaired since.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }
}

fn on_disk(root: &Path) -> Result<Arc<dyn Disk>, StoreError> {
    let disk = RealDisk::open(disk::Disk::default(), root)
        .map_err(|fault| StoreError::disk(format!("open {}", root.display()), fault))?;
    Ok(Arc::new(disk))
}

impl Store for LogStore {
    fn promises(&self) -> Promises {
        Self::PROMISES
    }

    fn open(
        &self,
        maildrop: MaildropId,
        view: View,
    ) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>> {
        Box::pin(async move {
            let snapshot = Snapshot::open(&self.front, maildrop, view).await?;
            Ok(Box::new(snapshot) as Box<dyn Maildrop>)
        })
    }

    fn deliver(&self, incoming: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>> {
        Box::pin(async move {
            let delivery = OnItsWay::new(Arc::clone(&self.front), incoming)?;
            Ok(Box::new(delivery) as Box<dyn Delivery>)
        })
    }

    fn usage(&self, maildrop: MaildropId) -> Pending<'_, Result<Usage, StoreError>> {
        Box::pin(async move {
            let shard = Arc::clone(self.front.shard(maildrop)?);
            // Mostly it is known.
            if let Some(usage) = shard.usages.peek(maildrop.get()) {
                return Ok(usage);
            }
            self.front.pool.run(move || shard.usage(maildrop.get())).await?
        })
    }

    fn maildrops(&self) -> Pending<'_, Result<Vec<MaildropId>, StoreError>> {
        Box::pin(async move {
            let front = Arc::clone(&self.front);
            let look = move || {
                let mut all = Vec::new();
                for still in stills(&front)? {
                    still.shard().certain()?;
                    still.moment.index.maildrops(|maildrop, _| {
                        all.push(MaildropId::new(maildrop));
                        Ok(())
                    })?;
                }
                all.sort_unstable();
                Ok::<_, StoreError>(all)
            };
            self.front.pool.run(look).await?
        })
    }

    fn custody(&self) -> Option<&dyn Custody> {
        Some(self)
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }

    fn remove(&self, maildrop: MaildropId) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let shard = self.front.shard(maildrop)?;
            shard.queue.push(Job::Remove(maildrop.get(), answer))?;
            answered.await.map_err(|_| StoreError::Unavailable)?
        })
    }
}
