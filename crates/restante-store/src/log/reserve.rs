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
