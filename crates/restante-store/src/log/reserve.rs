//! Room that is kept for deletions, so that they work on a full disk.

use std::io;
use std::sync::Arc;

use crate::disk::Existence;
use crate::log::bugs::{self, Bug};
use crate::log::disk::Disk;

/// A file whose room is given back when nothing else is left.
#[derive(Debug)]
pub(crate) struct Reserve {
    disk: Arc<dyn Disk>,
    path: String,
    octets: u64,
    is_held: bool,
}

impl Reserve {
    /// Takes the room, if there is so much.
    pub(crate) fn new(disk: Arc<dyn Disk>, path: String, octets: u64) -> Self {
        let mut reserve = Self { disk, path, octets, is_held: false };
        reserve.is_held = reserve.allocate().is_ok();
        reserve
    }

    /// Whether the room is held; if not, it is taken back as soon as the disk has it twice.
    pub(crate) fn is_held(&mut self) -> bool {
        if !self.is_held {
            let enough = self.octets.saturating_mul(2);
            let free = self.disk.free_space().is_ok_and(|free| free >= enough);
            self.is_held = free && self.allocate().is_ok();
        }
        self.is_held
    }

    /// Gives the room back to whoever is first; answers whether there was any.
    pub(crate) fn release(&mut self) -> bool {
        !bugs::is_on(Bug::ReserveKept)
            && std::mem::take(&mut self.is_held)
            && self.disk.unlink(&self.path).is_ok()
    }

    fn allocate(&self) -> io::Result<()> {
        let file = self.disk.open(&self.path, Existence::Either)?;
        file.preallocate(0, self.octets.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::real::RealDisk;
    use crate::maildir::scratch::quick;

    // I12, FORMAT.md: room kept for deletions on a full disk is given to them, once, and taken back
    // when there is room again
    #[test]
    fn what_is_kept_is_given_once_and_taken_back() {
        let folder = quick();
        let calls = crate::disk::Disk::default();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(calls, folder.path()).unwrap());
        let path = folder.path().join("reserve");
        let mut reserve = Reserve::new(Arc::clone(&disk), "reserve".into(), 8192);
        assert_eq!(path.metadata().unwrap().len(), 8192);
        assert!(reserve.release());
        assert!(!path.exists(), "whoever is first has the room");
        assert!(!reserve.release(), "there is no more");
        assert!(reserve.is_held(), "the disk has it twice");
        assert_eq!(path.metadata().unwrap().len(), 8192);
        let mut reserve = Reserve::new(disk, "too-much".into(), u64::MAX >> 2);
        assert!(!reserve.is_held() && !reserve.release());
    }
}
