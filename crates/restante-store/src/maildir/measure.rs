//! How many octets RETR will send for a file, and by what we know that it is still the same.

use std::fs::File;
use std::io;

use mail_wire::Octets;

use crate::crlf::{Count, ToCrlf};
use crate::disk::{Disk, Status};

/// By what we know that a file is the one that was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its size in octets, as it is stored.
    pub(crate) size: u64,
    /// When its content was last modified, in nanoseconds since 1970.
    pub(crate) modified: i64,
    /// Its inode.
    pub(crate) inode: u64,
}

impl From<Status> for Stamp {
    fn from(status: Status) -> Self {
        Self { size: status.size, modified: status.modified, inode: status.inode }
    }
}

/// What was found when a file was read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    /// What RETR sends (P-043).
    pub(crate) octets: Octets,
    /// Of which file that is true.
    pub(crate) stamp: Stamp,
}

/// Reads a file whole. The `W=` of its name is never believed: reading once is cheap, and a
/// size that is wrong is a false answer (P-224).
pub(crate) fn measure(disk: &Disk, file: &File, status: Status) -> io::Result<Measured> {
    let (mut machine, mut count) = (ToCrlf::default(), Count::default());
    let mut piece = vec![0; 64 << 10];
    let mut size = 0_u64;
    loop {
        let octets = disk.read_at(file, &mut piece, size)?;
        if octets == 0 {
            break;
        }
        size = size.saturating_add(octets as u64);
        machine.pass(piece.get(..octets).unwrap_or_default(), &mut count);
    }
    if size != status.size {
        return Err(io::Error::other("the file changes while it is read"));
    }
    machine.finish(&mut count);
    Ok(Measured { octets: Octets::new(count.0), stamp: status.into() })
}
