//! What all parts of an open Maildir store stand on: its folders, its threads, its maildrops.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mail_wire::MaildropId;

use crate::arrivals::Arrivals;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::maildir::drawer::Drawer;
use crate::maildir::folders::{SPOOL, sweep};
use crate::maildir::names::Namer;
use crate::maildir::settings::Settings;
use crate::pool::Pool;

/// An open store.
pub(crate) struct Ground {
    /// Every file call passes here.
    pub(crate) disk: Disk,
    /// The store's folder.
    pub(crate) root: OwnedFd,
    /// What was set.
    pub(crate) settings: Settings,
    /// Names for new files.
    pub(crate) namer: Namer,
    /// Threads that may wait for the disk.
    pub(crate) pool: Pool,
    /// Who waits for mail.
    pub(crate) arrivals: Arrivals,
    drawers: Mutex<HashMap<MaildropId, Arc<Drawer>>>,
    requests: AtomicU64,
    /// Held for as long as the store is open.
    _lock: Option<OwnedFd>,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("root", &self.root).finish_non_exhaustive()
    }
}

/// What one kept maildrop costs beyond its messages, counted in messages.
const DRAWER_WEIGHT: usize = 10;

/// What is kept is weighed at each so-many-th request.
const WEIGHED_EVERY: u64 = 64;

impl Ground {
    /// Opens the store, and locks it against other processes.
    pub(crate) fn open(disk: Disk, root: &Path, settings: Settings) -> Result<Self, StoreError> {
        let at = root.display();
        let folder = disk.open_root(root);
        let folder =
            folder.map_err(|fault| StoreError::disk(format!("open the store {at}"), fault))?;
        let lock = match disk.lock(&folder, b"LOCK") {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => return Err(StoreError::Locked { path: at.to_string() }),
            // Nothing can be locked, or damaged, on a read-only file system.
            Err(fault)
                if fault.kind() == std::io::ErrorKind::ReadOnlyFilesystem
                    || fault.kind() == std::io::ErrorKind::NotFound =>
            {
                None
            }
            Err(fault) => return Err(StoreError::disk(format!("lock {at}/LOCK"), fault)),
        };
        // Where files have names even without one, a crash leaves them.
        sweep(&disk, &folder, SPOOL);
        Ok(Self {
            disk,
            root: folder,
            namer: Namer::new(&settings.host),
            pool: Pool::new(settings.threads.max(1), settings.queue_max),
            settings,
            arrivals: Arrivals::default(),
            drawers: Mutex::default(),
            requests: AtomicU64::new(0),
            _lock: lock,
        })
    }

    /// What is known of a maildrop. Whoever holds it is the reason that it is kept.
    pub(crate) fn drawer(&self, id: MaildropId) -> Arc<Drawer> {
        let mut drawers = self.drawers.lock().unwrap_or_else(PoisonError::into_inner);
        let drawer = Arc::clone(drawers.entry(id).or_insert_with(|| Arc::new(Drawer::new(id))));
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        drawer.used.store(request, Ordering::Relaxed);
        if request.is_multiple_of(WEIGHED_EVERY) {
            self.make_room(&mut drawers);
        }
        drawer
    }

    /// Forgets maildrops that nobody uses, the longest unused first, when too much is kept.
    fn make_room(&self, drawers: &mut HashMap<MaildropId, Arc<Drawer>>) {
        let weight = |drawer: &Arc<Drawer>| {
            drawer.messages.load(Ordering::Relaxed).saturating_add(DRAWER_WEIGHT)
        };
        let mut total: usize = drawers.values().map(weight).sum();
        if total > self.settings.scan_messages_max {
            // Nobody can take up one of them meanwhile: that needs the lock which is held here.
            let mut idle: Vec<Arc<Drawer>> =
                drawers.values().filter(|s| Arc::strong_count(s) == 1).map(Arc::clone).collect();
            idle.sort_unstable_by_key(|drawer| drawer.used.load(Ordering::Relaxed));
            for oldest in idle {
                // Well below the limit, so that this is not done at every request.
                if total <= self.settings.scan_messages_max / 2 {
                    break;
                }
                total = total.saturating_sub(weight(&oldest));
                drawers.remove(&oldest.id);
            }
        }
    }
}
