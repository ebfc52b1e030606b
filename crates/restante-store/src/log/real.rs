//! `RealDisk`: the log store's disk is a folder of the file system.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::body::read_cached;
use crate::disk::{self, Existence, Links};
use crate::log::disk::{Disk, DiskFile, Lock};

/// A folder of the file system.
#[derive(Debug)]
pub(crate) struct RealDisk {
    calls: disk::Disk,
    root: OwnedFd,
}

impl RealDisk {
    /// The folder with this path, made if it is missing.
    pub(crate) fn open(calls: disk::Disk, path: &Path) -> io::Result<Self> {
        let root = calls.open_root(path)?;
        Ok(Self { calls, root })
    }

    /// A folder below the root may be a link that the operator put there.
    fn folder(&self, folder: &str) -> io::Result<OwnedFd> {
        self.calls.open_folder(&self.root, folder.as_bytes(), Links::Follow)
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &str, existence: Existence) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.calls.open_in_place(&self.root, path.as_bytes(), existence)?;
        Ok(Arc::new(RealFile { calls: self.calls.clone(), file }))
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        let locked = self.calls.lock(&self.root, path.as_bytes())?;
        Ok(locked.map(|file| Box::new(Locked(file)) as Box<dyn Lock>))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        self.calls.list(self.folder(folder)?, |name, _, _| {
            // Our own names are ASCII; others are not ours.
            if let Ok(name) = str::from_utf8(name) {
                names.push(name.to_owned());
            }
        })?;
        Ok(names)
    }

    fn mkdir(&self, folder: &str) -> io::Result<()> {
        self.calls.make_folder(&self.root, folder.as_bytes())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.calls.rename_over(&self.root, from.as_bytes(), to.as_bytes())
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        self.calls.unlink(&self.root, path.as_bytes())
    }

    fn sync_dir(&self, folder: &str) -> io::Result<()> {
        self.calls.sync(self.folder(folder)?)
    }

    fn free_space(&self) -> io::Result<u64> {
        self.calls.free_space(&self.root)
    }

    fn now(&self) -> SystemTime {
        self.calls.now()
    }

    fn draw(&self, octets: &mut [u8]) -> io::Result<()> {
        getrandom::fill(octets).map_err(|fault| io::Error::other(fault.to_string()))
    }
}

#[derive(Debug)]
struct Locked(#[expect(dead_code, reason = "the lock lives as long as the handle")] OwnedFd);

impl Lock for Locked {}

#[derive(Debug)]
struct RealFile {
    calls: disk::Disk,
    file: File,
}

impl DiskFile for RealFile {
    fn read_at(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        self.calls.read_at(&self.file, octets, at)
    }

    fn read_cached(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        read_cached(&self.file, octets, at)
    }

    fn write_at(&self, octets: &[u8], at: u64) -> io::Result<()> {
        self.calls.write_at(&self.file, octets, at)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.calls.status_of(&self.file)?.size)
    }

    fn set_len(&self, octets: u64) -> io::Result<()> {
        self.calls.set_len(&self.file, octets)
    }

    fn preallocate(&self, at: u64, octets: u64) -> io::Result<()> {
        self.calls.preallocate(&self.file, at, octets)
    }

    fn sync(&self) -> io::Result<()> {
        self.calls.sync_data(&self.file)
    }
}
