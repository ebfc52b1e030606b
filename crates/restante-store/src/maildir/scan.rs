//! What stands in `new` and `cur`: every message once, though programs move files meanwhile.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::FileType;

use crate::disk::Disk;
use crate::maildir::folders::{Folders, Side};
use crate::maildir::names::unique_part;

/// A file that may be a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Its name.
    pub(crate) name: Box<[u8]>,
    /// Where it stands.
    pub(crate) side: Side,
    /// Its inode.
    pub(crate) inode: u64,
}

/// When `new` and `cur` were last changed, in nanoseconds since 1970.
pub(crate) type Changed = (i64, i64);

/// What was found, and when.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The files, ordered by the unique parts of their names.
    pub(crate) found: Vec<Found>,
    /// When the folders had last been changed.
    pub(crate) changed: Changed,
    /// Whether equal times will mean that nothing has changed since.
    pub(crate) settled: bool,
}

/// How often the folders are listed before we take what the listings gave together. A folder
/// in which something is renamed all the time never stands still.
const PASSES_MAX: usize = 8;

/// For how many passes a message is still believed to be there that they did not show. One
/// pass misses a file now and then; four in a row mean that it is gone.
const PASSES_MISSED_MAX: usize = 4;

/// Clocks of file systems stand still for up to this long: two changes within it may bear the
/// same time.
const CLOCK_TICK: Duration = Duration::from_millis(20);

/// Ample room for a file server's clock that differs from ours.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// When the folders were last changed.
pub(crate) fn changed(disk: &Disk, folders: &Folders) -> io::Result<Changed> {
    Ok((disk.status_of(&folders.new)?.modified, disk.status_of(&folders.cur)?.modified))
}

/// Lists both folders until nothing changes meanwhile.
///
/// `new` comes first: a message that is moved to `cur` is then seen at least once. One that is
/// renamed within `cur` while that is listed may be seen twice, or not at all (readdir(3)
/// leaves it open), hence the passes.
pub(crate) fn scan(disk: &Disk, folders: &Folders) -> io::Result<Scan> {
    // By unique part, what earlier passes saw, and which of them saw it last.
    let mut earlier: HashMap<Box<[u8]>, (Found, usize)> = HashMap::new();
    let mut passes = 0_usize;
    loop {
        passes = passes.saturating_add(1);
        let before = changed(disk, folders)?;
        let now = disk.now();
        let mut found = list(disk, folders)?;
        let stood_still = before == changed(disk, folders)?;
        let ticked = age(before, now) > CLOCK_TICK;
        if !(stood_still && ticked) {
            for f in &found {
                earlier.insert(unique_part(&f.name).into(), (f.clone(), passes));
            }
            earlier.retain(|_, (_, last)| passes.saturating_sub(*last) < PASSES_MISSED_MAX);
            // Under the name that it had: whoever reads it finds it by its unique part.
            let missed = earlier.values().filter(|(_, last)| *last < passes);
            let missed: Vec<Found> = missed.map(|(f, _)| f.clone()).collect();
            let is_whole = stood_still && passes > 1 && missed.is_empty();
            if !is_whole && passes < PASSES_MAX {
                continue;
            }
            found.extend(missed);
        }
        // Not by the whole name: `a!` would stand between `a` and `a,S=1`.
        found.sort_unstable_by(|a, b| (unique_part(&a.name), a).cmp(&(unique_part(&b.name), b)));
        let found = without_twins(disk, folders, found);
        let settled = stood_still && age(before, now) > SETTLED_AFTER;
        return Ok(Scan { found, changed: before, settled });
    }
}

fn list(disk: &Disk, folders: &Folders) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for side in [Side::New, Side::Cur] {
        disk.list(folders.side(side), |name, inode, kind| {
            // Links, folders, FIFOs are no messages, and are not touched.
            if matches!(kind, FileType::RegularFile | FileType::Unknown) {
                found.push(Found { name: name.into(), side, inode });
            }
        })?;
    }
    Ok(found)
}

/// How long ago the later of the two changes was; nothing if it lies in the future.
fn age((new, cur): Changed, now: SystemTime) -> Duration {
    let changed = Duration::from_nanos(u64::try_from(new.max(cur)).unwrap_or_default());
    let changed = UNIX_EPOCH.checked_add(changed).unwrap_or(now);
    now.duration_since(changed).unwrap_or_default()
}

/// Leaves one of the names of a message that was seen twice because it was moved meanwhile:
/// one that still exists. Two files that share a unique part are two messages (M9).
fn without_twins(disk: &Disk, folders: &Folders, found: Vec<Found>) -> Vec<Found> {
    let is_twin = |a: &Found, b: &Found| unique_part(&a.name) == unique_part(&b.name);
    if !found.windows(2).any(|pair| matches!(pair, [a, b] if is_twin(a, b))) {
        return found;
    }
    let mut kept: Vec<Found> = Vec::with_capacity(found.len());
    for twins in found.chunk_by(is_twin) {
        let start = kept.len();
        for twin in twins {
            let others = kept.get(start..).unwrap_or_default();
            let is_other = others.iter().all(|other| other.inode != twin.inode);
            if twins.len() == 1 || (is_other && is_there(disk, folders, twin)) {
                kept.push(twin.clone());
            }
        }
        if kept.len() == start {
            // All names are old by now: it was moved again. One of them has to stand for it.
            kept.extend(twins.last().cloned());
        }
    }
    kept
}

/// Whether the name still exists, or at least cannot be said not to.
fn is_there(disk: &Disk, folders: &Folders, found: &Found) -> bool {
    match disk.status(folders.side(found.side), &found.name) {
        Err(fault) => fault.kind() != io::ErrorKind::NotFound,
        Ok(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::scratch::quick;
    use mail_wire::MaildropId;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Scans a Maildir of one message, which is moved so that only the passes that `sees` says
    /// see it: out of `cur` before that is listed, and back before `new` is.
    fn found_when(sees: fn(usize) -> bool) -> usize {
        let folder = quick();
        let sound = Disk::default();
        let root = sound.open_root(folder.path()).unwrap();
        drop(Folders::open(&sound, &root, MaildropId::new(1)).unwrap());
        let (new, cur) = (folder.path().join("1/new/1.a.h"), folder.path().join("1/cur/1.a.h:2,"));
        std::fs::write(&cur, b"A: b\n\n").unwrap();
        let listings = AtomicUsize::new(0);
        let moving = Disk::behind(Arc::new(move |call| {
            if call == "list a folder" {
                let listing = listings.fetch_add(1, Ordering::Relaxed);
                let (pass, is_cur) = (listing / 2 + 1, listing % 2 == 1);
                if is_cur && !sees(pass) {
                    std::fs::rename(&cur, &new)?;
                } else if new.exists() {
                    std::fs::rename(&new, &cur)?;
                }
                // Something else changes too, so that the folders never stand still.
                std::fs::write(new.with_file_name(format!(".{listing}")), b"")?;
            }
            Ok(())
        }));
        let folders = Folders::open(&moving, &root, MaildropId::new(1)).unwrap();
        scan(&moving, &folders).unwrap().found.len()
    }

    // P-056, P-222
    #[test]
    fn a_message_that_some_passes_miss_is_found_once() {
        assert_eq!(found_when(|_| true), 1);
        assert_eq!(found_when(|pass| pass <= 5), 1);
        assert_eq!(found_when(|pass| pass % 3 == 0), 1);
        assert_eq!(found_when(|pass| pass <= 4), 0, "four passes in a row did not see it");
    }
}
