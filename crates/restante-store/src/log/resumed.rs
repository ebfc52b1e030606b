//! What a start finds that an earlier one left half done: it is taken over durably, or was
//! never there; and nobody is told of damage where there is none.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use mail_wire::MaildropId;
use rustix::io::Errno;
use tempfile::TempDir;

use crate::disk::{Disk as Calls, Existence};
use crate::error::StoreError;
use crate::log::crashes::bounds;
use crate::log::disk::{Disk, DiskFile, Lock};
use crate::log::header::{HEADER_OCTETS, Header, name};
use crate::log::real::RealDisk;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, image, open, remove, segments, small, text, without_index,
};
use crate::maildir::scratch::quick;

const OURS: MaildropId = MaildropId::new(1);

/// A folder that remembers what of each file was synced, and that may be full.
#[derive(Clone, Debug)]
struct Watched(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    disk: RealDisk,
    root: PathBuf,
    /// What was in each file when it was synced last.
    synced: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Nothing can be written until room is given back.
    is_full: AtomicBool,
    /// The next sync of a segment fails; later ones do not.
    fails: AtomicBool,
}

#[derive(Debug)]
struct WatchedFile {
    of: Watched,
    path: String,
    file: Arc<dyn DiskFile>,
}

impl Watched {
    fn new(root: &Path) -> Self {
        Self(Arc::new(Inner {
            disk: RealDisk::open(Calls::default(), root).unwrap(),
            root: root.to_owned(),
            synced: Mutex::default(),
            is_full: AtomicBool::new(false),
            fails: AtomicBool::new(false),
        }))
    }

    fn synced(&self, path: &str) -> Option<Vec<u8>> {
        self.0.synced.lock().unwrap().get(path).cloned()
    }

    fn has_room(&self) -> io::Result<()> {
        if self.0.is_full.load(Ordering::SeqCst) { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }

    fn open_store(&self) -> LogStore {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<LogStore, StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(self.clone());
        LogStore::open_on(&disk, "watched", &small())
    }
}

impl Disk for Watched {
    fn open(&self, path: &str, existence: Existence) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.0.disk.open(path, existence)?;
        Ok(Arc::new(WatchedFile { of: self.clone(), path: path.to_owned(), file }))
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.0.disk.lock(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.disk.list(folder)
    }

    fn mkdir(&self, folder: &str) -> io::Result<()> {
        self.0.disk.mkdir(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.disk.rename(from, to)
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        self.0.disk.unlink(path)?;
        if path.ends_with("/reserve") {
            self.0.is_full.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    fn sync_dir(&self, folder: &str) -> io::Result<()> {
        self.0.disk.sync_dir(folder)
    }

    fn free_space(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn now(&self) -> SystemTime {
        self.0.disk.now()
    }

    fn draw(&self, octets: &mut [u8]) -> io::Result<()> {
        self.0.disk.draw(octets)
    }
}

impl DiskFile for WatchedFile {
    fn read_at(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(octets, at)
    }

    fn read_cached(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_cached(octets, at)
    }

    fn write_at(&self, octets: &[u8], at: u64) -> io::Result<()> {
        self.of.has_room()?;
        self.file.write_at(octets, at)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, octets: u64) -> io::Result<()> {
        self.file.set_len(octets)
    }

    fn preallocate(&self, at: u64, octets: u64) -> io::Result<()> {
        self.of.has_room()?;
        self.file.preallocate(at, octets)
    }

    fn sync(&self) -> io::Result<()> {
        if self.path.ends_with(".log") && self.of.0.fails.swap(false, Ordering::SeqCst) {
            return Err(Errno::IO.into());
        }
        self.file.sync()?;
        // One that was removed meanwhile is nobody's any more.
        if let Ok(octets) = fs::read(self.of.0.root.join(&self.path)) {
            self.of.0.synced.lock().unwrap().insert(self.path.clone(), octets);
        }
        Ok(())
    }
}

/// A store that is killed after three messages, and what it held.
async fn killed() -> (TempDir, Vec<(String, String)>) {
    let folder = quick();
    let store = open(folder.path(), &small()).unwrap();
    for number in 0..3 {
        deliver(&store, &[OURS], &text(number, 40)).await.unwrap().pop().unwrap().unwrap();
    }
    let all = contents(&store, OURS).await.unwrap();
    (image(folder.path()), all)
}

/// The store holds these, with its index and without.
async fn holds(root: &Path, expected: &[(String, String)]) {
    for is_rebuilt in [false, true] {
        let copy = image(root);
        if is_rebuilt {
            without_index(copy.path());
        }
        let store = open(copy.path(), &small()).unwrap();
        assert_eq!(store.damage(), [], "rebuilt: {is_rebuilt}");
        assert_eq!(contents(&store, OURS).await.unwrap(), expected, "rebuilt: {is_rebuilt}");
        drop(store);
        closed(copy.path());
    }
}

// I1, I2: a process was killed between the write and the sync; whoever comes next shows what
// was written, and so it must be there after a power cut
#[tokio::test]
async fn what_is_taken_over_is_synced() {
    let (folder, all) = killed().await;
    let path = "s00/00000001.log";
    // No room behind the last record: where nothing is cut off, nothing is synced by that.
    let mut octets = fs::read(folder.path().join(path)).unwrap();
    octets.truncate(usize::try_from(*bounds(folder.path()).last().unwrap()).unwrap());
    fs::write(folder.path().join(path), octets).unwrap();
    let disk = Watched::new(folder.path());
    let store = disk.open_store();
    let octets = disk.synced(path);
    assert!(octets.is_some(), "the tail was taken over, and may be gone tomorrow");
    assert_eq!(octets, fs::read(folder.path().join(path)).ok());
    assert_eq!(contents(&store, OURS).await.unwrap(), all);
    drop(store);
    closed(folder.path());
}

// I1; design §3, Write path: a sync that failed is never tried again. One that comes after it is
// believed, and what a killed process had written is gone all the same: so there is no start.
#[tokio::test]
async fn a_tail_that_cannot_be_synced_is_not_taken_over() {
    let (folder, _) = killed().await;
    // With room behind the last record, which is cut off, and without.
    for has_room in [true, false] {
        let copy = image(folder.path());
        let path = segments(copy.path()).pop().unwrap();
        if !has_room {
            let mut octets = fs::read(&path).unwrap();
            octets.truncate(usize::try_from(*bounds(copy.path()).last().unwrap()).unwrap());
            fs::write(path, octets).unwrap();
        }
        let disk = Watched::new(copy.path());
        disk.0.fails.store(true, Ordering::SeqCst);
        let outcome = disk.try_open();
        assert!(!disk.0.fails.load(Ordering::SeqCst), "it was asked for");
        assert!(matches!(outcome, Err(StoreError::Disk { .. })), "{has_room}: {outcome:?}");
        closed(copy.path());
    }
}

// FORMAT.md, Recovery: a segment that could not be begun holds nothing, whatever of its header
// is there, and although there is a later one
#[tokio::test]
async fn a_segment_that_could_not_be_begun_is_no_damage() {
    let (folder, all) = killed().await;
    let first = image(folder.path());
    let store = open(folder.path(), &small()).unwrap();
    deliver(&store, &[OURS], &text(9, 40)).await.unwrap().pop().unwrap().unwrap();
    let octets = fs::read(segments(folder.path()).pop().unwrap()).unwrap();
    let begun = Header::decode(&octets).unwrap();
    assert_eq!((begun.number, begun.previous), (2, 1));
    drop(store);
    closed(folder.path());
    // The second could not be begun; the third was, behind the first.
    let third = Header { number: 3, ..begun }.encode();
    for written in [0, 1, 30, HEADER_OCTETS] {
        for room in [0, 4096] {
            let copy = image(first.path());
            let mut second = begun.encode();
            second.truncate(written);
            second.resize(room.max(written), 0);
            let shard = copy.path().join("s00");
            fs::write(shard.join(name(2)), second).unwrap();
            fs::write(shard.join(name(3)), &third).unwrap();
            holds(copy.path(), &all).await;
        }
    }
}

// FORMAT.md, Recovery: what was only being made is no segment, and so the one before it may end
// with a torn tail
#[tokio::test]
async fn a_tail_is_torn_though_the_next_segment_was_being_made() {
    let (folder, all) = killed().await;
    let path = segments(folder.path()).pop().unwrap();
    let mut octets = fs::read(&path).unwrap();
    let end = octets.iter().rposition(|octet| *octet != 0).unwrap();
    octets[end - 40..].fill(0);
    fs::write(&path, octets).unwrap();
    for written in [0, 30, 4096] {
        let copy = image(folder.path());
        let mut second = b"RSTSEG\r\n\x01".to_vec();
        second.resize(written, 0);
        fs::write(copy.path().join("s00").join(name(2)), second).unwrap();
        holds(copy.path(), &all[..2]).await;
    }
}

// I12: on a full disk deletions and logins work, after a start, too: what is kept for deletions
// serves for what a start must write
#[tokio::test]
async fn a_store_opens_on_a_full_disk() {
    let folder = quick();
    let store = open(folder.path(), &small()).unwrap();
    deliver(&store, &[OURS], &text(0, 40)).await.unwrap().pop().unwrap().unwrap();
    let all = contents(&store, OURS).await.unwrap();
    drop(store);
    closed(folder.path());
    assert!(folder.path().join("s00/reserve").exists());
    let disk = Watched::new(folder.path());
    disk.0.is_full.store(true, Ordering::SeqCst);
    let store = disk.open_store();
    assert_eq!(contents(&store, OURS).await.unwrap(), all);
    assert_eq!(remove(&store, OURS, &[all[0].0.clone()]).await.unwrap(), 1);
    drop(store);
    closed(folder.path());
}
