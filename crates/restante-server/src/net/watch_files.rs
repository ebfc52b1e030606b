//! Whether files changed: by modification time, size and inode, looked at now and then. That
//! works on every file system, through symbolic links and for files that are replaced.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files that are watched.
#[derive(Debug)]
pub(crate) struct FilesChanged {
    paths: Vec<PathBuf>,
    used: Vec<Option<Look>>,
    last: Vec<Option<Look>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl FilesChanged {
    /// Watches these from now on.
    pub(crate) fn new(paths: &[&Path]) -> Self {
        let paths: Vec<PathBuf> = paths.iter().map(|path| (*path).to_owned()).collect();
        let used = looks(&paths);
        Self { paths, last: used.clone(), used }
    }

    /// Whether they changed and have been at rest since the look before: a certificate and its
    /// key are written one after the other, and half a pair is of no use.
    pub(crate) fn look(&mut self) -> bool {
        let now = looks(&self.paths);
        let rests = now == self.last;
        self.last.clone_from(&now);
        if rests && now != self.used {
            self.used = now;
            return true;
        }
        false
    }
}

fn looks(paths: &[PathBuf]) -> Vec<Option<Look>> {
    paths
        .iter()
        .map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some(Look {
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                size: metadata.size(),
                inode: metadata.ino(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_it_rests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificate.pem");
        std::fs::write(&path, "one").unwrap();
        let mut files = FilesChanged::new(&[&path]);
        assert!(!files.look());
        std::fs::write(&path, "three").unwrap();
        assert!(!files.look(), "it may still be written");
        assert!(files.look());
        assert!(!files.look(), "told once");
        std::fs::remove_file(&path).unwrap();
        assert!(!files.look());
        assert!(files.look(), "a file that went is a change too");
    }
}
