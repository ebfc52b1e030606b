//! The Maildir store keeps the promises of the traits.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::conformance::{Factory, all, many};
use crate::error::StoreError;
use crate::maildir::scratch::quick_place;
use crate::maildir::settings::Settings;
use crate::maildir::store::MaildirStore;
use crate::store::Store;

struct InFolders {
    above: PathBuf,
    settings: Settings,
    folder: Mutex<Option<TempDir>>,
}

impl InFolders {
    fn new(above: PathBuf, settings: Settings) -> Self {
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
        let folder = TempDir::new_in(&self.above).unwrap();
        let store = self.open(&folder);
        *self.folder.lock().unwrap() = Some(folder);
        store
    }

    fn again(&self) -> Arc<dyn Store> {
        self.open(self.folder.lock().unwrap().as_ref().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_maildir_keeps_its_promises() {
    for settings in [
        Settings::default(),
        // Everything is spooled, and nothing is remembered.
        Settings { spool_octets_min: 0, scan_messages_max: 0, ..Settings::default() },
    ] {
        assert_eq!(all(&InFolders::new(std::env::temp_dir(), settings.clone())).await, []);
        // Another file system, with other habits.
        assert_eq!(all(&InFolders::new(quick_place(), settings)).await, []);
    }
}

// P-156, M11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages() {
    assert_eq!(many(&InFolders::new(quick_place(), Settings::default()), 10_000).await, []);
}
