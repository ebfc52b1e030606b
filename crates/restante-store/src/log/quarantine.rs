//! Copies of damaged stretches, for people to look at.

use std::io;
use std::ops::Range;

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::disk::{Disk, DiskFile};

const FOLDER: &str = "quarantine";

/// How much is copied at once.
const PIECE_OCTETS: u64 = 256 << 10;

/// Whether something was ever found damaged in this store.
pub(crate) fn is_empty(disk: &dyn Disk) -> Result<bool, StoreError> {
    match disk.list(FOLDER) {
        Ok(names) => Ok(names.is_empty()),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(fault) => Err(StoreError::disk("look into quarantine", fault)),
    }
}

/// Keeps a copy of a stretch under this name. One that is there already stays.
pub(crate) fn keep(
    disk: &dyn Disk,
    name: &str,
    file: &dyn DiskFile,
    stretch: Range<u64>,
) -> Result<(), StoreError> {
    copy(disk, name, file, stretch)
        .map_err(|fault| StoreError::disk("copy a damaged stretch to quarantine", fault))
}

fn copy(disk: &dyn Disk, name: &str, file: &dyn DiskFile, stretch: Range<u64>) -> io::Result<()> {
    disk.mkdir(FOLDER)?;
    let copy = match disk.open(&format!("{FOLDER}/{name}"), Existence::New) {
        Err(there) if there.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        outcome => outcome?,
    };
    let (mut at, mut piece) = (stretch.start, Vec::new());
    while at < stretch.end {
        let length = stretch.end.saturating_sub(at).min(PIECE_OCTETS);
        piece.resize(usize::try_from(length).unwrap_or(0), 0);
        let read = file.read_at(&mut piece, at)?;
        if read == 0 {
            break;
        }
        copy.write_at(piece.get(..read).unwrap_or_default(), at.saturating_sub(stretch.start))?;
        at = at.saturating_add(read as u64);
    }
    copy.sync()?;
    disk.sync_dir(FOLDER)
}
