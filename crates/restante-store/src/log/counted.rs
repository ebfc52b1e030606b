//! For tests: a disk that counts what is written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::disk::Existence;
use crate::log::disk::{Disk, DiskFile, Lock};
use crate::log::real::RealDisk;

/// A disk that counts what is written, under a clock of its own.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) disk: RealDisk,
    pub(crate) counts: Arc<Counts>,
    /// Milliseconds since 1970.
    pub(crate) now: Arc<AtomicU64>,
}

/// Octets that were written.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) log: AtomicU64,
    pub(crate) index: AtomicU64,
}

#[derive(Debug)]
struct CountedFile {
    file: Arc<dyn DiskFile>,
    counts: Arc<Counts>,
    is_log: bool,
}

impl Disk for Counted {
    fn open(&self, path: &str, existence: Existence) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(path, existence)?;
        let is_log = path.ends_with(".log");
        Ok(Arc::new(CountedFile { file, counts: Arc::clone(&self.counts), is_log }))
    }
    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.disk.lock(path)
    }
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }
    fn mkdir(&self, folder: &str) -> io::Result<()> {
        self.disk.mkdir(folder)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn unlink(&self, path: &str) -> io::Result<()> {
        self.disk.unlink(path)
    }
    fn sync_dir(&self, folder: &str) -> io::Result<()> {
        self.disk.sync_dir(folder)
    }
    fn free_space(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now.load(Ordering::SeqCst))
    }
    fn draw(&self, octets: &mut [u8]) -> io::Result<()> {
        self.disk.draw(octets)
    }
}

impl DiskFile for CountedFile {
    fn read_at(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(octets, at)
    }
    fn read_cached(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_cached(octets, at)
    }
    fn write_at(&self, octets: &[u8], at: u64) -> io::Result<()> {
        let count = if self.is_log { &self.counts.log } else { &self.counts.index };
        count.fetch_add(octets.len() as u64, Ordering::SeqCst);
        self.file.write_at(octets, at)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, octets: u64) -> io::Result<()> {
        self.file.set_len(octets)
    }
    fn preallocate(&self, at: u64, octets: u64) -> io::Result<()> {
        self.file.preallocate(at, octets)
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}
