//! Removing a maildrop as a whole.

use std::io;
use std::os::fd::OwnedFd;

use mail_wire::MaildropId;
use rustix::fs::FileType;

use crate::disk::{Disk, Links};
use crate::error::StoreError;
use crate::maildir::folders::{REMOVED, UIDLIST};

/// Removes all messages of a maildrop and what we put beside them, durably.
///
/// Where `<root>/<id>` is a link, the link goes and the Maildir's folders stay. Files of other
/// programs (indexes, subfolders) are theirs: they stay too.
pub(crate) fn remove(disk: &Disk, root: &OwnedFd, id: MaildropId) -> Result<(), StoreError> {
    let failed = |fault| StoreError::disk(format!("maildrop {id}: remove it"), fault);
    let name = id.to_string();
    let name = name.as_bytes();
    let status = match disk.status(root, name) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        status => status.map_err(failed)?,
    };
    let is_link = status.kind == FileType::Symlink;
    match disk.open_folder(root, name, Links::Follow) {
        Ok(base) => empty(disk, &base, is_link).map_err(failed)?,
        // A link that leads nowhere: there is nothing to remove but the link.
        Err(fault) if is_link && fault.kind() == io::ErrorKind::NotFound => {}
        Err(fault) => return Err(failed(fault)),
    }
    let removed = if is_link { disk.unlink(root, name) } else { remove_if_empty(disk, root, name) };
    removed.and_then(|()| disk.sync(root)).map_err(failed)
}

fn empty(disk: &Disk, base: &OwnedFd, keep_folders: bool) -> io::Result<()> {
    for part in [b"new".as_slice(), b"cur", b"tmp", REMOVED] {
        let folder = match disk.open_folder(base, part, Links::Refuse) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => continue,
            folder => folder?,
        };
        let mut names = Vec::new();
        disk.list(&folder, |name, _, kind| {
            if kind != FileType::Directory {
                names.push(name.to_vec());
            }
        })?;
        for name in names {
            unless_missing(disk.unlink(&folder, &name))?;
        }
        disk.sync(&folder)?;
        if !keep_folders || part == REMOVED {
            remove_if_empty(disk, base, part)?;
        }
    }
    unless_missing(disk.unlink(base, UIDLIST))?;
    disk.sync(base)
}

fn remove_if_empty(disk: &Disk, at: &OwnedFd, name: &[u8]) -> io::Result<()> {
    match disk.remove_folder(at, name) {
        Err(fault) if fault.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        outcome => unless_missing(outcome),
    }
}

fn unless_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
