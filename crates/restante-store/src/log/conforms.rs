//! The log store keeps the promises of the traits.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::conformance::{Factory, all, many};
use crate::error::StoreError;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::maildir::scratch::quick_place;
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
            match LogStore::open(folder.path(), &self.settings) {
                Ok(store) => {
                    assert_eq!(store.damage(), []);
                    return Arc::new(store);
                }
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

/// Small enough for a folder in memory.
fn small() -> Settings {
    Settings {
        segment_octets: 128 << 10,
        ahead_octets: 64 << 10,
        reserve_octets: 64 << 10,
        ..Settings::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_keeps_its_promises() {
    assert_eq!(all(&InFolders::new(std::env::temp_dir(), small())).await, []);
}

// Segments of a record or two, an index that is never behind, every body in a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_keeps_its_promises_when_everything_happens_all_the_time() {
    let settings = Settings {
        shards: 3,
        segment_octets: 4096,
        big_octets_min: 300,
        checkpoint_messages: 1,
        ..small()
    };
    assert_eq!(all(&InFolders::new(quick_place(), settings)).await, []);
}

// P-156
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_messages() {
    assert_eq!(many(&InFolders::new(quick_place(), small()), 100_000).await, []);
}
