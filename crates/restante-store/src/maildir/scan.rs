//! What stands in `new` and `cur`: every message once, though programs move files meanwhile.

use std::collections::HashSet;
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

/// How often the folders are listed before we take what all the listings gave together. A
/// folder in which something is renamed all the time never stands still.
const PASSES_MAX: usize = 8;

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
    let mut earlier: Vec<Found> = Vec::new();
    let mut passes = 0_usize;
    loop {
        passes = passes.saturating_add(1);
        let before = changed(disk, folders)?;
        let now = disk.now();
        let mut found = Vec::new();
        for side in [Side::New, Side::Cur] {
            disk.list(folders.side(side), |name, inode, kind| {
                // Links, folders, FIFOs are no messages, and are not touched.
                if matches!(kind, FileType::RegularFile | FileType::Unknown) {
                    found.push(Found { name: name.into(), side, inode });
                }
            })?;
        }
        let stood_still = before == changed(disk, folders)?;
        // Whatever an earlier pass saw and this one did not has gone, or was passed over.
        if !earlier.is_empty() {
            let names: HashSet<(Side, &[u8])> = found.iter().map(|f| (f.side, &*f.name)).collect();
            earlier.retain(|f| !names.contains(&(f.side, &*f.name)) && is_there(disk, folders, f));
            found.append(&mut earlier);
        }
        if (stood_still && (passes > 1 || age(before, now) > CLOCK_TICK)) || passes >= PASSES_MAX {
            // Not by the whole name: `a!` would stand between `a` and `a,S=1`.
            found
                .sort_unstable_by(|a, b| (unique_part(&a.name), a).cmp(&(unique_part(&b.name), b)));
            let found = without_twins(disk, folders, found);
            let settled = stood_still && age(before, now) > SETTLED_AFTER;
            return Ok(Scan { found, changed: before, settled });
        }
        earlier = found;
    }
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
