//! The folders of one Maildir, open: `new`, `cur`, `tmp`, and the one they stand in.

use std::io;
use std::os::fd::OwnedFd;

use mail_wire::MaildropId;
use rustix::fs::FileType;

use crate::disk::{Disk, Links};
use crate::error::StoreError;

/// The open folders of one Maildir. Nothing in them is reached by a path again, so nobody can
/// put another folder in their place while a session lasts.
#[derive(Debug)]
pub(crate) struct Folders {
    /// The Maildir itself; our own files stand here.
    pub(crate) base: OwnedFd,
    /// What was delivered and not yet seen.
    pub(crate) new: OwnedFd,
    /// What a mail program has seen.
    pub(crate) cur: OwnedFd,
    /// What is being delivered.
    pub(crate) tmp: OwnedFd,
}

/// In which of its two folders a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    /// `new`
    New,
    /// `cur`
    Cur,
}

/// Our own list, in the Maildir.
pub(crate) const UIDLIST: &[u8] = b"restante-uidlist";

/// The folder of messages that were removed while another session still lists them.
pub(crate) const REMOVED: &[u8] = b"restante-removed";

/// Where long messages wait for their end, in the store's folder.
pub(crate) const SPOOL: &[u8] = b"spool";

impl Folders {
    /// Opens the Maildir of this maildrop, and makes it if it was never there.
    ///
    /// `<root>/<id>` may be a symbolic link that the operator made. What it leads to is then
    /// never made: an account's Maildir on a disk that is not mounted must not look empty
    /// (P-056). The same goes for a Maildir that we had before.
    pub(crate) fn open(disk: &Disk, root: &OwnedFd, id: MaildropId) -> Result<Self, StoreError> {
        let name = id.to_string();
        let name = name.as_bytes();
        let base = match disk.open_folder(root, name, Links::Follow) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                if is_link(disk, root, name) {
                    return Err(failed(id, "the link's target is missing", fault));
                }
                let made = disk.make_folder(root, name);
                made.map_err(|fault| failed(id, "make the folder", fault))?;
                let base = disk.open_folder(root, name, Links::Refuse);
                disk.sync(root).map_err(|fault| failed(id, "sync the root", fault))?;
                base
            }
            opened => opened,
        };
        let base = base.map_err(|fault| failed(id, "open the folder", fault))?;
        let open = || {
            let open = |name: &[u8]| disk.open_folder(&base, name, Links::Refuse);
            Ok::<_, io::Error>((open(b"new")?, open(b"cur")?, open(b"tmp")?))
        };
        let parts = match open() {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                if is_link(disk, root, name) || disk.status(&base, UIDLIST).is_ok() {
                    return Err(failed(id, "new, cur or tmp is missing", fault));
                }
                let make = || {
                    for part in [b"tmp", b"new", b"cur"] {
                        disk.make_folder(&base, part)?;
                    }
                    disk.sync(&base)
                };
                make().map_err(|fault| failed(id, "make new, cur and tmp", fault))?;
                open()
            }
            opened => opened,
        };
        let (new, cur, tmp) = parts.map_err(|fault| failed(id, "open new, cur and tmp", fault))?;
        Ok(Self { base, new, cur, tmp })
    }

    /// The folder on this side.
    pub(crate) fn side(&self, side: Side) -> &OwnedFd {
        match side {
            Side::New => &self.new,
            Side::Cur => &self.cur,
        }
    }
}

/// All names in a folder but those that begin with a dot.
pub(crate) fn names(disk: &Disk, folder: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    disk.list(folder, |name, _, _| names.push(name.to_vec()))?;
    Ok(names)
}

/// Removes the files in a folder of our own. What cannot be removed stays for the next time.
pub(crate) fn sweep(disk: &Disk, at: &OwnedFd, name: &[u8]) {
    if let Ok(folder) = disk.open_folder(at, name, Links::Refuse) {
        for name in names(disk, &folder).unwrap_or_default() {
            let _ = disk.unlink(&folder, &name);
        }
    }
}

fn is_link(disk: &Disk, root: &OwnedFd, name: &[u8]) -> bool {
    disk.status(root, name).is_ok_and(|status| status.kind == FileType::Symlink)
}

fn failed(id: MaildropId, action: &str, fault: io::Error) -> StoreError {
    StoreError::disk(format!("maildrop {id}: {action}"), fault)
}
