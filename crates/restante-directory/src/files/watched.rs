//! A passwd file on disk: noticed when it changes, read whole.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::content::{Content, Meaning};
use crate::settings::FileFormat;

/// A file of a million accounts is smaller.
const FILE_OCTETS_MAX: u64 = 256 << 20;
/// A file that was changed so short a time before it was read may have been changed again in
/// the same tick of the file system's clock: it is read again, seconds.
const YOUNG_SECS: i64 = 2;

/// A file, and what was last read of it.
pub(crate) struct Watched {
    path: PathBuf,
    format: FileFormat,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    content: Arc<Content>,
    /// Of what was last read, be it broken; `None`: not read yet, or young.
    stamp: Option<Stamp>,
    digest: Option<blake3::Hash>,
    /// Why the file cannot be asked now.
    down: Option<String>,
    /// Why its newest state was not taken.
    broken: Option<String>,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    octets: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What a look at a file found.
pub(crate) enum Seen {
    /// What was known.
    Same,
    /// Something new, to be taken with [`Watched::take`], or refused with [`Watched::refuse`].
    New(Arc<Content>),
    /// It has just become broken or unreadable: what was known stays, and this is why.
    Worse(String),
}

impl Watched {
    pub(crate) fn new(path: PathBuf, format: FileFormat) -> Self {
        Self { path, format, known: Mutex::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What holds now.
    pub(crate) fn content(&self) -> Arc<Content> {
        Arc::clone(&self.known().content)
    }

    /// Why it cannot be asked now, if it cannot.
    pub(crate) fn down(&self) -> Option<String> {
        self.known().down.clone()
    }

    /// What its owner should know: it is broken, out of reach, or read by everybody.
    pub(crate) fn concerns(&self) -> Vec<String> {
        let known = self.known();
        let mut concerns: Vec<String> =
            known.broken.iter().map(|why| format!("{why}; what it said before holds")).collect();
        concerns.extend(known.down.clone());
        drop(known);
        if self.path.metadata().is_ok_and(|found| found.mode() & 0o004 != 0) {
            concerns.push(format!(
                "{} can be read by every user of this machine, and so can its hashes; `chmod o-r` \
                 it",
                self.path.display()
            ));
        }
        concerns
    }

    /// Why it is not taken as it is now.
    pub(crate) fn unusable(&self) -> Option<String> {
        let known = self.known();
        known.broken.clone().or_else(|| known.down.clone())
    }

    /// Looks whether the file is another than the one that was read. `now`: seconds since 1970.
    pub(crate) fn look(&self, meaning: &Meaning<'_>, now: i64) -> Seen {
        let mut known = self.known();
        let stamp = match self.path.metadata().map_err(|error| error.to_string()).and_then(usable) {
            Ok(stamp) => stamp,
            Err(why) => return self.out_of_reach(&mut known, &why),
        };
        if known.stamp == Some(stamp) && known.down.is_none() {
            return Seen::Same;
        }
        let octets = match self.octets() {
            Ok(octets) => octets,
            Err(why) => return self.out_of_reach(&mut known, &why.to_string()),
        };
        known.down = None;
        let young = now.saturating_sub(stamp.modified.0) <= YOUNG_SECS;
        known.stamp = (!young).then_some(stamp);
        let digest = blake3::hash(&octets);
        if known.digest == Some(digest) {
            return Seen::Same;
        }
        known.digest = Some(digest);
        match Content::parse(&octets, self.format, meaning) {
            Ok(content) => {
                known.broken = None;
                Seen::New(Arc::new(content))
            }
            Err((line, why)) => {
                let why = format!("{}:{line}: {why}", self.path.display());
                known.broken = Some(why.clone());
                Seen::Worse(why)
            }
        }
    }

    /// From now on this holds.
    pub(crate) fn take(&self, content: Arc<Content>) {
        self.known().content = content;
    }

    /// What was read cannot be taken; it is read again at the next look where that may help.
    pub(crate) fn refuse(&self, why: &str, again: bool) {
        let mut known = self.known();
        known.broken = Some(why.to_owned());
        if again {
            known.stamp = None;
            known.digest = None;
        }
    }

    fn out_of_reach(&self, known: &mut Known, why: &str) -> Seen {
        let why = format!("{}: {why}", self.path.display());
        if known.down.replace(why.clone()).is_some() { Seen::Same } else { Seen::Worse(why) }
    }

    fn octets(&self) -> std::io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        File::open(&self.path)?.take(FILE_OCTETS_MAX).read_to_end(&mut octets)?;
        Ok(octets)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a file that may be read; else why it may not.
#[expect(clippy::needless_pass_by_value, reason = "the end of a chain of results")]
fn usable(found: std::fs::Metadata) -> Result<Stamp, String> {
    if !found.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if found.mode() & 0o002 != 0 {
        return Err("every user of this machine may write it, and so let in anybody; `chmod o-w` \
                    it"
        .to_owned());
    }
    if found.len() > FILE_OCTETS_MAX {
        return Err(format!("it has over {FILE_OCTETS_MAX} octets"));
    }
    Ok(Stamp {
        place: (found.dev(), found.ino()),
        octets: found.len(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}
