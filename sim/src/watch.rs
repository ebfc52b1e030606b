//! Watches what is done to segments (I9): they are written at their end by whoever made them,
//! and by nobody behind the next one, or behind an error.

use std::collections::BTreeMap;

/// What was seen of the segments of this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// Of each shard's folder: the segment that may be written, and from where on.
    open: BTreeMap<String, Open>,
    wrongs: Vec<String>,
}

#[derive(Clone, Debug)]
struct Open {
    path: String,
    /// Octets before were written already.
    end: u64,
    has_failed: bool,
}

impl Watch {
    /// A file was made.
    pub(crate) fn made(&mut self, path: &str) {
        if let Some(folder) = folder(path) {
            let open = Open { path: path.to_owned(), end: 0, has_failed: false };
            self.open.insert(folder.to_owned(), open);
        }
    }

    /// A file is about to be written from here on.
    pub(crate) fn written(&mut self, path: &str, at: u64) {
        let Some(folder) = folder(path) else { return };
        let wrong = match self.open.get_mut(folder) {
            Some(open) if open.path == path => {
                if open.has_failed {
                    Some("was written after an error")
                } else if at < open.end {
                    Some("was written where it had been written")
                } else {
                    open.end = at.saturating_add(1);
                    None
                }
            }
            _ => Some("was written though it was sealed"),
        };
        if let Some(wrong) = wrong {
            self.wrongs.push(format!("{path} {wrong}, at {at}"));
        }
    }

    /// A write or a sync of a file failed.
    pub(crate) fn failed(&mut self, path: &str) {
        if let Some(open) = folder(path).and_then(|folder| self.open.get_mut(folder))
            && open.path == path
        {
            open.has_failed = true;
        }
    }

    /// What was wrong.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.wrongs.clone()
    }
}

/// The folder of a segment; `None` for other files.
fn folder(path: &str) -> Option<&str> {
    path.strip_suffix(".log").and_then(|path| path.rsplit_once('/')).map(|(folder, _)| folder)
}
