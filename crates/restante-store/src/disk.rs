//! Every call that touches files, in one place, so that a test can fail the n-th.
//!
//! All names are relative to a folder that is open already, and no symbolic link is followed
//! but where the caller says so.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{
    AtFlags, CWD, Dir, FallocateFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags,
    ResolveFlags, Stat,
};
use rustix::io::Errno;

/// The file system, behind a gate that a test may close.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    gate: Option<Arc<Gate>>,
}

/// Is told which call comes, and may refuse it.
pub(crate) type Gate = dyn Fn(&'static str) -> io::Result<()> + Send + Sync;

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

/// Whether the last part of a path may be a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// The operator put it there.
    Follow,
    /// Anybody may have put it there.
    Refuse,
}

/// Whether a file that is opened may, or must, be there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "simulation"),
    expect(unreachable_pub, reason = "the simulator brings a disk of its own")
)]
pub enum Existence {
    /// It must be there.
    Old,
    /// It must not.
    New,
    /// It is made if it is missing.
    Either,
}

/// What the system says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// What kind of file it is.
    pub(crate) kind: FileType,
    /// Its size in octets.
    pub(crate) size: u64,
    /// When its content was last modified, in nanoseconds since 1970.
    pub(crate) modified: i64,
    /// When it was last read, as far as the file system keeps that, in seconds since 1970.
    pub(crate) read_secs: i64,
    /// Its inode.
    pub(crate) inode: u64,
}

impl From<Stat> for Status {
    fn from(stat: Stat) -> Self {
        let seconds = stat.st_mtime;
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(i64::try_from(stat.st_mtime_nsec).unwrap_or_default()),
            read_secs: stat.st_atime,
            inode: stat.st_ino,
        }
    }
}

impl Disk {
    /// A disk whose calls have to pass this gate.
    #[cfg(test)]
    pub(crate) fn behind(gate: Arc<Gate>) -> Self {
        Self { gate: Some(gate) }
    }

    fn pass(&self, call: &'static str) -> io::Result<()> {
        self.gate.as_ref().map_or(Ok(()), |gate| gate(call))
    }

    /// The time of day.
    #[expect(clippy::unused_self, reason = "a simulated disk has a clock of its own")]
    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    /// Opens a folder by its path, and makes it and those above it where they are missing.
    pub(crate) fn open_root(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        self.pass("open a folder")?;
        match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                self.pass("make a folder")?;
                let mut builder = std::fs::DirBuilder::new();
                std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
                builder.recursive(true).create(path)?;
                Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Opens a folder within a folder.
    pub(crate) fn open_folder(
        &self,
        at: impl AsFd,
        name: &[u8],
        links: Links,
    ) -> io::Result<OwnedFd> {
        self.pass("open a folder")?;
        let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if links == Links::Refuse {
            flags |= OFlags::NOFOLLOW;
        }
        Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
    }

    /// Makes a folder, mode 0700. One that exists is fine.
    pub(crate) fn make_folder(&self, at: impl AsFd, name: &[u8]) -> io::Result<()> {
        self.pass("make a folder")?;
        match rustix::fs::mkdirat(at, name, Mode::RWXU) {
            Err(Errno::EXIST) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// Names, inode and kind of all that stands in a folder; the kind may be unknown. Names
    /// that begin with a dot are left out: in a Maildir they are never messages.
    pub(crate) fn list(
        &self,
        folder: impl AsFd,
        mut each: impl FnMut(&[u8], u64, FileType),
    ) -> io::Result<()> {
        self.pass("list a folder")?;
        // A handle of its own, so that readers of the same folder have each their own place.
        let mut entries = Dir::read_from(folder)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !name.starts_with(b".") {
                each(name, entry.ino(), entry.file_type());
            }
        }
        Ok(())
    }

    /// What is known of a name; a link is not followed.
    pub(crate) fn status(&self, at: impl AsFd, name: &[u8]) -> io::Result<Status> {
        self.pass("look at a file")?;
        Ok(rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    /// What is known of an open file or folder.
    pub(crate) fn status_of(&self, file: impl AsFd) -> io::Result<Status> {
        self.pass("look at an open file")?;
        Ok(rustix::fs::fstat(file)?.into())
    }

    /// Opens a regular file to read it.
    pub(crate) fn open_file(&self, at: impl AsFd, name: &[u8]) -> io::Result<(File, Status)> {
        self.pass("open a file")?;
        // O_NONBLOCK: a FIFO that somebody put there must not hold us.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        self.regular(rustix::fs::openat(at, name, flags, Mode::empty())?)
    }

    /// Opens a regular file if that needs no waiting for the disk; else `WouldBlock`.
    pub(crate) fn open_file_cached(
        &self,
        at: impl AsFd,
        name: &[u8],
    ) -> io::Result<(File, Status)> {
        self.pass("open a file")?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::fs::openat2(at, name, flags, Mode::empty(), ResolveFlags::CACHED) {
            // An older kernel, or a sandbox that knows no such call.
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => Err(io::ErrorKind::WouldBlock.into()),
            outcome => self.regular(outcome?),
        }
    }

    fn regular(&self, file: OwnedFd) -> io::Result<(File, Status)> {
        let status = self.status_of(&file)?;
        if status.kind != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok((File::from(file), status))
    }

    /// Makes a file, mode 0600, that did not exist before.
    pub(crate) fn create(&self, at: impl AsFd, name: &[u8]) -> io::Result<File> {
        self.pass("make a file")?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(rustix::fs::openat(at, name, flags, mode)?.into())
    }

    /// Makes a file that has no name, to write and read; it ends with its handle.
    pub(crate) fn create_unnamed(&self, at: impl AsFd, fallback: &[u8]) -> io::Result<File> {
        self.pass("make a file")?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        match rustix::fs::openat(&at, ".", flags | OFlags::TMPFILE, mode) {
            // A file system without such files: a name, taken away at once.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                let named = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                let file = rustix::fs::openat(&at, fallback, named, mode)?;
                rustix::fs::unlinkat(&at, fallback, AtFlags::empty())?;
                Ok(file.into())
            }
            outcome => Ok(outcome?.into()),
        }
    }

    /// Opens a regular file to append to it.
    pub(crate) fn open_to_append(&self, at: impl AsFd, name: &[u8]) -> io::Result<File> {
        self.pass("open a file to append")?;
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(self.regular(rustix::fs::openat(at, name, flags, Mode::empty())?)?.0)
    }

    /// Reads octets of a file from this place on; 0 at its end.
    pub(crate) fn read_at(&self, file: &File, octets: &mut [u8], at: u64) -> io::Result<usize> {
        self.pass("read a file")?;
        loop {
            match file.read_at(octets, at) {
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    /// Writes all of the octets.
    pub(crate) fn write(&self, mut file: &File, octets: &[u8]) -> io::Result<()> {
        if let Err(fault) = self.pass("write to a file") {
            // A disk that becomes full takes a part of it first.
            let half = octets.len() / 2;
            file.write_all(octets.get(..half).unwrap_or_default())?;
            return Err(fault);
        }
        file.write_all(octets)
    }

    /// Makes a file, or the names in a folder, durable.
    pub(crate) fn sync(&self, file: impl AsFd) -> io::Result<()> {
        self.pass("sync")?;
        Ok(rustix::fs::fsync(file)?)
    }

    /// Renames a file; a name that exists already is an error and stays as it is (P-220).
    pub(crate) fn rename_new(
        &self,
        from: (&OwnedFd, &[u8]),
        to: (&OwnedFd, &[u8]),
    ) -> io::Result<()> {
        self.pass("rename a file")?;
        let no_replace = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(from.0, from.1, to.0, to.1, no_replace) {
            // A file system that cannot promise it: a second name is never put over another.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                rustix::fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty())?;
                Ok(rustix::fs::unlinkat(from.0, from.1, AtFlags::empty())?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Renames a file within its folder, over one that may be there.
    pub(crate) fn rename_over(&self, at: impl AsFd, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.pass("rename a file")?;
        Ok(rustix::fs::renameat(&at, from, &at, to)?)
    }

    /// Takes a name away.
    pub(crate) fn unlink(&self, at: impl AsFd, name: &[u8]) -> io::Result<()> {
        self.pass("remove a file")?;
        Ok(rustix::fs::unlinkat(at, name, AtFlags::empty())?)
    }

    /// Takes an empty folder away.
    pub(crate) fn remove_folder(&self, at: impl AsFd, name: &[u8]) -> io::Result<()> {
        self.pass("remove a folder")?;
        Ok(rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR)?)
    }

    /// Opens a regular file, mode 0600, to read and write it in places.
    pub(crate) fn open_in_place(
        &self,
        at: impl AsFd,
        name: &[u8],
        existence: Existence,
    ) -> io::Result<File> {
        self.pass("open a file to write")?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let flags = flags
            | match existence {
                Existence::Old => OFlags::empty(),
                Existence::New => OFlags::CREATE | OFlags::EXCL,
                Existence::Either => OFlags::CREATE,
            };
        let file = rustix::fs::openat(at, name, flags, Mode::RUSR | Mode::WUSR)?;
        if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok(file.into())
    }

    /// Writes all of the octets from this place on.
    pub(crate) fn write_at(&self, file: &File, octets: &[u8], at: u64) -> io::Result<()> {
        if let Err(fault) = self.pass("write in a file") {
            // A disk that becomes full takes a part of it first.
            let half = octets.len() / 2;
            file.write_all_at(octets.get(..half).unwrap_or_default(), at)?;
            return Err(fault);
        }
        file.write_all_at(octets, at)
    }

    /// Cuts a file, or makes it longer with zeros.
    pub(crate) fn set_len(&self, file: &File, octets: u64) -> io::Result<()> {
        self.pass("set the length of a file")?;
        Ok(rustix::fs::ftruncate(file, octets)?)
    }

    /// Gives these places of a file room on the disk; they read as zeros until they are written.
    pub(crate) fn preallocate(&self, file: &File, at: u64, octets: u64) -> io::Result<()> {
        self.pass("allocate room")?;
        match rustix::fs::fallocate(file, FallocateFlags::empty(), at, octets) {
            // A file system that allocates when it writes.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// Makes a file's content durable, and what is needed to find it.
    pub(crate) fn sync_data(&self, file: &File) -> io::Result<()> {
        self.pass("sync")?;
        Ok(rustix::fs::fdatasync(file)?)
    }

    /// How many octets are free for us on the file system of a folder.
    pub(crate) fn free_space(&self, folder: impl AsFd) -> io::Result<u64> {
        self.pass("look at the free room")?;
        let system = rustix::fs::fstatvfs(folder)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// Opens a file, made if it is missing, and locks it against other processes for as long
    /// as the handle lives; `None` if another holds it.
    pub(crate) fn lock(&self, at: impl AsFd, name: &[u8]) -> io::Result<Option<OwnedFd>> {
        self.pass("lock a file")?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = match rustix::fs::openat(&at, name, flags | OFlags::CREATE, mode) {
            // A read-only file system can be read all the same, and locked.
            Err(Errno::ROFS) => rustix::fs::openat(&at, name, OFlags::CLOEXEC, Mode::empty())?,
            outcome => outcome?,
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    // P-220: never overwrite
    #[test]
    fn a_new_name_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let at = disk.open_root(folder.path()).unwrap();
        for name in ["a", "b"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let refused = disk.rename_new((&at, b"a"), (&at, b"b")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"a");
        assert_eq!(std::fs::read(folder.path().join("b")).unwrap(), b"b");
        disk.rename_new((&at, b"a"), (&at, b"c")).unwrap();
        assert_eq!(std::fs::read(folder.path().join("c")).unwrap(), b"a");
        assert!(disk.create(&at, b"c").is_err());
    }

    #[test]
    fn no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let at = disk.open_root(folder.path()).unwrap();
        std::fs::write(folder.path().join("file"), "x").unwrap();
        symlink("file", folder.path().join("link")).unwrap();
        symlink(".", folder.path().join("folder")).unwrap();
        symlink("nowhere", folder.path().join("dangling")).unwrap();
        assert!(disk.open_file(&at, b"link").is_err());
        assert!(disk.open_file_cached(&at, b"link").is_err());
        assert!(disk.open_to_append(&at, b"link").is_err());
        assert!(disk.create(&at, b"dangling").is_err());
        assert!(disk.open_folder(&at, b"folder", Links::Refuse).is_err());
        assert!(disk.lock(&at, b"link").is_err());
        assert!(disk.open_folder(&at, b"folder", Links::Follow).is_ok());
        assert_eq!(disk.status(&at, b"link").unwrap().kind, FileType::Symlink);
        assert!(disk.open_file(&at, b"file").is_ok());
        assert!(disk.open_file(&at, b".").is_err(), "a folder is no file");
    }
}
