//! What is known of one maildrop while the store is open: the list, the last scan, who reads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use mail_wire::MaildropId;
use rustix::fs::FileType;
use tokio::sync::Mutex as AsyncMutex;

use crate::disk::Disk;
use crate::error::StoreError;
use crate::maildir::contents::{Contents, gather};
use crate::maildir::folders::{Folders, REMOVED, names, sweep};
use crate::maildir::measure::Measured;
use crate::maildir::names::Identity;
use crate::maildir::scan::{self, Changed};
use crate::maildir::uidlist::{Record, Uidlist};

/// What is known of one maildrop.
#[derive(Debug)]
pub(crate) struct Drawer {
    /// Whose.
    pub(crate) id: MaildropId,
    /// How many snapshots are open. It grows only under the lock of `state`.
    pub(crate) snapshots: AtomicUsize,
    /// What the last scan found; for one piece of work at a time.
    pub(crate) state: Arc<AsyncMutex<State>>,
    /// Held while a delivery that must keep to a quota looks for room and takes it.
    pub(crate) turn: Arc<AsyncMutex<()>>,
    /// Whether removed messages are kept for snapshots that are open.
    pub(crate) keeps_removed: AtomicBool,
    /// How many messages the kept scan holds.
    pub(crate) messages: AtomicUsize,
    /// When it was last asked for, counted in requests.
    pub(crate) used: AtomicU64,
    /// Sizes of what was delivered since the last scan: these files need not be read again.
    fresh: Mutex<HashMap<Identity, Measured>>,
}

/// What the last scan found.
#[derive(Debug, Default)]
pub(crate) struct State {
    list: Option<Uidlist>,
    last: Option<Last>,
    swept: bool,
}

#[derive(Debug)]
struct Last {
    contents: Arc<Contents>,
    changed: Changed,
    settled: bool,
}

/// More fresh sizes than these are not kept for a maildrop that nobody reads.
const FRESH_MAX: usize = 10_000;

/// How often a scan is tried again because files were moved under it.
const TRIES_MAX: usize = 4;

impl Drawer {
    pub(crate) fn new(id: MaildropId) -> Self {
        Self {
            id,
            snapshots: AtomicUsize::new(0),
            state: Arc::default(),
            turn: Arc::default(),
            keeps_removed: AtomicBool::new(false),
            messages: AtomicUsize::new(0),
            used: AtomicU64::new(0),
            fresh: Mutex::default(),
        }
    }

    /// Remembers the size of a message that was just delivered.
    pub(crate) fn delivered(&self, identity: Identity, measured: Measured) {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        if fresh.len() < FRESH_MAX {
            fresh.insert(identity, measured);
        }
    }

    /// Whether something was delivered that no scan has seen.
    pub(crate) fn has_fresh(&self) -> bool {
        !self.fresh.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn take_fresh(&self) -> HashMap<Identity, Measured> {
        std::mem::take(&mut *self.fresh.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// What the maildrop holds now.
    pub(crate) fn contents(
        &mut self,
        drawer: &Drawer,
        disk: &Disk,
        folders: &Folders,
        tmp_age_max: Duration,
    ) -> Result<Arc<Contents>, StoreError> {
        let failed =
            |fault| StoreError::disk(format!("maildrop {}: list the messages", drawer.id), fault);
        if !self.swept {
            sweep_tmp(disk, folders, tmp_age_max);
            // Messages that only sessions of an earlier process could still read.
            sweep(disk, &folders.base, REMOVED);
            self.swept = true;
        }
        if let Some(last) = &self.last
            && last.settled
            && last.changed == scan::changed(disk, folders).map_err(failed)?
        {
            return Ok(Arc::clone(&last.contents));
        }
        let list = match &mut self.list {
            Some(list) => list,
            missing => missing.insert(Uidlist::load(disk, &folders.base)?),
        };
        let fresh = drawer.take_fresh();
        let mut tries = 0_usize;
        loop {
            tries = tries.saturating_add(1);
            let scan = scan::scan(disk, folders).map_err(failed)?;
            let gathered = gather(disk, folders, list, scan.found, &fresh)?;
            if !gathered.moved || tries >= TRIES_MAX {
                let contents = Arc::new(gathered.contents);
                let settled = scan.settled && !gathered.moved;
                self.last =
                    Some(Last { contents: Arc::clone(&contents), changed: scan.changed, settled });
                drawer.messages.store(contents.rows.len(), Ordering::Relaxed);
                return Ok(contents);
            }
        }
    }

    /// Writes down, durably, that a message which is about to be delivered has this unique-id;
    /// one that the maildrop has already is not written down. Answers whether it is.
    pub(crate) fn name(
        &mut self,
        drawer: &Drawer,
        disk: &Disk,
        folders: &Folders,
        tmp_age_max: Duration,
        record: Record,
    ) -> Result<bool, StoreError> {
        if self.list.is_none() || drawer.has_fresh() {
            // P-040: what was delivered before stands before it.
            self.contents(drawer, disk, folders, tmp_age_max)?;
        }
        if self.list.as_mut().is_some_and(|list| list.has(&record.uidl)) {
            // In the list; in the maildrop too?
            let contents = self.contents(drawer, disk, folders, tmp_age_max)?;
            if contents.listing.iter().any(|entry| entry.uidl == *record.uidl.as_str()) {
                return Ok(false);
            }
        }
        let Some(list) = &mut self.list else { return Ok(false) };
        if list.has(&record.uidl) {
            // Of a delivery that failed behind this, or of a message that is gone.
            list.forget_uidl(&record.uidl);
        }
        let identity = record.identity.clone();
        list.put(record);
        let place: Vec<usize> = list.place(&identity).into_iter().collect();
        list.save(disk, &folders.base, &place)
            .map_err(|fault| StoreError::disk("write down a unique-id", fault))?;
        Ok(true)
    }

    /// The next look shall compare every file with what is known of it: one was found changed.
    pub(crate) fn distrust(&mut self) {
        self.last = None;
        if let Some(list) = &mut self.list {
            list.distrust();
        }
    }
}

/// Removes what a crash left in `tmp` (P-223). As maildir(5) has it, whoever left it there:
/// a delivery of any program that takes longer is not going on any more.
fn sweep_tmp(disk: &Disk, folders: &Folders, age_max: Duration) {
    let Ok(now) = disk.now().duration_since(UNIX_EPOCH) else { return };
    for name in names(disk, &folders.tmp).unwrap_or_default() {
        let Ok(status) = disk.status(&folders.tmp, &name) else { continue };
        let used = (status.modified / 1_000_000_000).max(status.read_secs);
        let used = Duration::from_secs(u64::try_from(used).unwrap_or_default());
        if status.kind == FileType::RegularFile && now.saturating_sub(used) > age_max {
            let _ = disk.unlink(&folders.tmp, &name);
        }
    }
}
