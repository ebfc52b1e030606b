//! `Disk`: all that the log store asks of a disk, so that a simulated one can stand there.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use crate::disk::Existence;

/// A folder of a disk. Paths are relative to it, with `/` between names; `.` is itself.
///
/// Nothing is durable before it was synced: content by [`DiskFile::sync`], names by
/// [`Disk::sync_dir`].
#[cfg_attr(
    not(feature = "simulation"),
    expect(unreachable_pub, reason = "the simulator brings a disk of its own")
)]
pub trait Disk: Send + Sync + fmt::Debug + 'static {
    /// Opens a file to read and write it.
    fn open(&self, path: &str, existence: Existence) -> io::Result<Arc<dyn DiskFile>>;

    /// Locks a file, made if it is missing, against other processes for as long as the answer
    /// lives; `None` if another has it.
    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>>;

    /// The names in a folder, in no order.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Makes a folder. One that exists is fine.
    fn mkdir(&self, folder: &str) -> io::Result<()>;

    /// Renames a file, over one that may be there.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a name away.
    fn unlink(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, folder: &str) -> io::Result<()>;

    /// How many octets are free.
    fn free_space(&self) -> io::Result<u64>;

    /// The time of day.
    fn now(&self) -> SystemTime;

    /// Fills the octets at random.
    fn draw(&self, octets: &mut [u8]) -> io::Result<()>;
}

/// A lock that lives as long as this.
#[cfg_attr(
    not(feature = "simulation"),
    expect(unreachable_pub, reason = "the simulator brings a disk of its own")
)]
pub trait Lock: Send + Sync + fmt::Debug {}

/// An open file. A file without a name ends with its last handle.
#[cfg_attr(
    not(feature = "simulation"),
    expect(unreachable_pub, reason = "the simulator brings a disk of its own")
)]
#[cfg_attr(
    feature = "simulation",
    expect(clippy::len_without_is_empty, reason = "nobody asks whether a file is empty")
)]
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Reads octets from this place on; 0 at the end of the file.
    fn read_at(&self, octets: &mut [u8], at: u64) -> io::Result<usize>;

    /// The same, if no waiting for the disk is needed; else `WouldBlock`.
    fn read_cached(&self, octets: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes all of the octets from this place on.
    fn write_at(&self, octets: &[u8], at: u64) -> io::Result<()>;

    /// The file's length.
    fn len(&self) -> io::Result<u64>;

    /// Cuts it, or makes it longer with zeros.
    fn set_len(&self, octets: u64) -> io::Result<()>;

    /// Gives these places room, and the file at least this length. What was never written
    /// reads as zeros.
    fn preallocate(&self, at: u64, octets: u64) -> io::Result<()>;

    /// Makes the content durable. After an error nobody knows what is.
    fn sync(&self) -> io::Result<()>;
}

/// Fills all of the octets from this place on, or `UnexpectedEof`.
pub(crate) fn read_exact_at(file: &dyn DiskFile, octets: &mut [u8], at: u64) -> io::Result<()> {
    let mut rest = octets;
    let mut at = at;
    while !rest.is_empty() {
        let read = file.read_at(rest, at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        rest = rest.get_mut(read..).unwrap_or_default();
        at = at.saturating_add(read as u64);
    }
    Ok(())
}
