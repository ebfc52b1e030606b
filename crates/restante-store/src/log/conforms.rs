//! The log store keeps the promises of the traits.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::io::Errno;
use tempfile::TempDir;

use crate::conformance::{Factory, all, many};
use crate::disk::Disk;
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

/// Opens stores on a disk of which one call fails; a store that cannot be opened is tried again.
struct Failing {
    folder: Mutex<Option<TempDir>>,
    calls: Arc<AtomicUsize>,
    at: usize,
    with: Errno,
}

impl Failing {
    fn open(&self, folder: &TempDir) -> Arc<dyn Store> {
        loop {
            let (calls, at, with) = (Arc::clone(&self.calls), self.at, self.with);
            let disk = Disk::behind(Arc::new(move |_| {
                let fails = calls.fetch_add(1, Ordering::Relaxed) == at;
                if fails { Err(io::Error::from(with)) } else { Ok(()) }
            }));
            if let Ok(store) = LogStore::open_with(disk, folder.path(), &small()) {
                return Arc::new(store);
            }
            std::thread::yield_now();
        }
    }
}

impl Factory for Failing {
    fn fresh(&self) -> Arc<dyn Store> {
        let folder = TempDir::new_in(quick_place()).unwrap();
        let store = self.open(&folder);
        *self.folder.lock().unwrap() = Some(folder);
        store
    }

    fn again(&self) -> Arc<dyn Store> {
        self.open(self.folder.lock().unwrap().as_ref().unwrap())
    }
}

// One call of the whole suite fails: at most one promise is broken, the one that asked for it,
// and it is broken by an error that was told, never by other octets. Every call of a life of
// our own fails in `faults`; of the thousands here each so-manieth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failing_call_breaks_no_other_promise() {
    const STEP: usize = 397;
    let mut at = 0;
    for with in [Errno::IO, Errno::NOSPC].into_iter().cycle() {
        let calls = Arc::new(AtomicUsize::new(0));
        let failing = Failing { folder: Mutex::default(), calls: Arc::clone(&calls), at, with };
        let broken = all(&failing).await;
        assert!(broken.len() <= 1, "{at}: {broken:?}");
        for broken in &broken {
            let is_told = ["deliver: ", "write: ", "commit: ", "open: ", "read "]
                .iter()
                .any(|what| broken.seen.starts_with(what))
                || broken.seen.contains("(os error")
                || broken.seen.contains("no room");
            assert!(is_told, "{at}: {broken:?}");
        }
        if calls.load(Ordering::Relaxed) <= at {
            break;
        }
        at += STEP;
    }
    assert!(at > 1000, "{at}");
}
