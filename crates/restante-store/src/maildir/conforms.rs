//! The Maildir store keeps the promises of the traits.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::conformance::{Factory, all, many};
use crate::error::StoreError;
use crate::maildir::settings::Settings;
use crate::maildir::store::MaildirStore;
use crate::store::Store;

struct InFolders {
    above: &'static Path,
    settings: Settings,
    folder: Mutex<Option<TempDir>>,
}

impl InFolders {
    fn new(above: &'static Path, settings: Settings) -> Self {
        Self { above, settings, folder: Mutex::default() }
    }

    fn open(&self, folder: &TempDir) -> Arc<dyn Store> {
        loop {
            match MaildirStore::open(folder.path(), self.settings.clone()) {
                Ok(store) => return Arc::new(store),
                // What the old store still does in the background ends first.
                Err(StoreError::Locked { .. }) => std::thread::yield_now(),
                Err(fault) => panic!("{fault}"),
            }
        }
    }
}

impl Factory for InFolders {
    fn fresh(&self) -> Arc<dyn Store> {
        let folder = TempDir::new_in(self.above).unwrap();
        let store = self.open(&folder);
        *self.folder.lock().unwrap() = Some(folder);
        store
    }

    fn again(&self) -> Arc<dyn Store> {
        self.open(self.folder.lock().unwrap().as_ref().unwrap())
    }
}

/// Where a sync costs nothing, if the machine has such a place.
fn memory_or_disk() -> &'static Path {
    let memory = Path::new("/dev/shm");
    let is_writable = TempDir::new_in(memory).is_ok();
    if is_writable { memory } else { Box::leak(std::env::temp_dir().into_boxed_path()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_maildir_keeps_its_promises() {
    let disk = Box::leak(std::env::temp_dir().into_boxed_path());
    for settings in [
        Settings::default(),
        // Everything is spooled, and nothing is remembered.
        Settings { spool_octets_min: 0, scan_messages_max: 0, ..Settings::default() },
    ] {
        assert_eq!(all(&InFolders::new(disk, settings.clone())).await, []);
        // Another file system, with other habits.
        assert_eq!(all(&InFolders::new(memory_or_disk(), settings)).await, []);
    }
}

// P-156, M11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages() {
    assert_eq!(many(&InFolders::new(memory_or_disk(), Settings::default()), 10_000).await, []);
}
