//! Copies of damaged stretches, for people to look at.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::disk::{Disk, DiskFile};

const FOLDER: &str = "quarantine";

/// What stands behind the name of a stretch that a repair has dealt with.
const SEEN: &str = ".seen";

/// What stands behind the name of a record whose body has a file of its own: that file.
const BODY: &str = ".msg";

/// How much is copied at once.
const PIECE_OCTETS: u64 = 256 << 10;

/// Whether something was ever found damaged in this store.
pub(crate) fn is_empty(disk: &dyn Disk) -> Result<bool, StoreError> {
    match disk.list(FOLDER) {
        Ok(names) => Ok(names.is_empty()),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(fault) => Err(StoreError::disk("look into quarantine", fault)),
    }
}

/// Keeps a copy of a stretch of a segment. One that is there already stays, if it is whole: it
/// may have been begun on a full disk.
pub(crate) fn keep(
    disk: &dyn Disk,
    stretch: &Stretch,
    file: &dyn DiskFile,
    to: u64,
) -> Result<(), StoreError> {
    copy(disk, &stretch.name(), file, stretch.from..to)
        .map_err(|fault| StoreError::disk("copy a damaged stretch to quarantine", fault))
}

/// Takes the file of a long body in, beside the copy of its record. One that is missing stays so.
pub(crate) fn take(disk: &dyn Disk, stretch: &Stretch, path: &str) -> Result<(), StoreError> {
    let fault = |fault| StoreError::disk(format!("move {path} to quarantine"), fault);
    disk.mkdir(FOLDER).map_err(fault)?;
    match disk.rename(path, &format!("{FOLDER}/{}{BODY}", stretch.name())) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome.and_then(|()| disk.sync_dir(FOLDER)).map_err(fault),
    }
}

/// Where something damaged begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Stretch {
    pub(crate) shard: u16,
    pub(crate) segment: u32,
    pub(crate) from: u64,
}

impl Stretch {
    fn name(&self) -> String {
        let Self { shard, segment, from } = self;
        format!("s{shard:02x}-{segment:08x}-{from}")
    }

    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix('s')?.splitn(3, '-');
        let shard = u16::from_str_radix(parts.next()?, 16).ok()?;
        let segment = u32::from_str_radix(parts.next()?, 16).ok()?;
        let stretch = Self { shard, segment, from: parts.next()?.parse().ok()? };
        (stretch.name() == name).then_some(stretch)
    }
}

/// What is in quarantine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// What nobody has dealt with yet.
    pub(crate) open: BTreeSet<Stretch>,
    /// What a repair has dealt with.
    pub(crate) seen: BTreeSet<Stretch>,
}

/// All that is in quarantine.
pub(crate) fn all(disk: &dyn Disk) -> Result<Kept, StoreError> {
    let names = match disk.list(FOLDER) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        outcome => outcome.map_err(|fault| StoreError::disk("look into quarantine", fault))?,
    };
    let mut kept = Kept::default();
    for name in names {
        match name.strip_suffix(SEEN) {
            Some(name) => kept.seen.extend(Stretch::parse(name)),
            None => kept.open.extend(Stretch::parse(&name)),
        }
    }
    kept.open.retain(|stretch| !kept.seen.contains(stretch));
    Ok(kept)
}

/// Notes, durably, that all that is in quarantine was dealt with.
pub(crate) fn close(disk: &dyn Disk) -> Result<(), StoreError> {
    let fault = |fault| StoreError::disk("note what was dealt with in quarantine", fault);
    let open = all(disk)?.open;
    if open.is_empty() {
        return Ok(());
    }
    for stretch in open {
        let name = format!("{FOLDER}/{}", stretch.name());
        disk.rename(&name, &format!("{name}{SEEN}")).map_err(fault)?;
    }
    disk.sync_dir(FOLDER).map_err(fault)
}

/// How long the copy of a stretch is, in octets.
pub(crate) fn length(disk: &dyn Disk, stretch: &Stretch) -> io::Result<u64> {
    disk.open(&format!("{FOLDER}/{}", stretch.name()), Existence::Old)?.len()
}

fn copy(disk: &dyn Disk, name: &str, file: &dyn DiskFile, stretch: Range<u64>) -> io::Result<()> {
    disk.mkdir(FOLDER)?;
    let copy = disk.open(&format!("{FOLDER}/{name}"), Existence::Either)?;
    if copy.len()? >= stretch.end.saturating_sub(stretch.start) {
        return Ok(());
    }
    let (mut at, mut piece) = (stretch.start, Vec::new());
    while at < stretch.end {
        let length = stretch.end.saturating_sub(at).min(PIECE_OCTETS);
        piece.resize(usize::try_from(length).unwrap_or(0), 0);
        let read = file.read_at(&mut piece, at)?;
        if read == 0 {
            break;
        }
        copy.write_at(piece.get(..read).unwrap_or_default(), at.saturating_sub(stretch.start))?;
        at = at.saturating_add(read as u64);
    }
    copy.sync()?;
    disk.sync_dir(FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::real::RealDisk;
    use crate::maildir::scratch::quick;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    const STRETCH: Stretch = Stretch { shard: 1, segment: 0x2a, from: 64 };

    // P-056: that nothing is damaged is only said when that is known. A folder that cannot be
    // looked into is not an empty one.
    #[test]
    fn a_folder_that_cannot_be_read_is_not_empty() {
        let folder = quick();
        let fails = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&fails);
        let calls = crate::disk::Disk::behind(Arc::new(move |_| {
            let fails = gate.load(Ordering::SeqCst);
            if fails { Err(io::Error::from(rustix::io::Errno::IO)) } else { Ok(()) }
        }));
        let disk = RealDisk::open(calls, folder.path()).unwrap();
        assert!(is_empty(&disk).unwrap(), "there is no such folder");
        assert!(all(&disk).unwrap().open.is_empty());
        take(&disk, &STRETCH, "s00/big/0.msg").unwrap();

        std::fs::write(folder.path().join("damaged"), "xxxx").unwrap();
        let file = disk.open("damaged", Existence::Old).unwrap();
        keep(&disk, &STRETCH, &*file, 66).unwrap();
        assert!(!is_empty(&disk).unwrap());
        assert!(all(&disk).unwrap().open.contains(&STRETCH));
        fails.store(true, Ordering::SeqCst);
        assert!(matches!(is_empty(&disk), Err(StoreError::Disk { .. })));
        assert!(matches!(all(&disk), Err(StoreError::Disk { .. })));
        assert!(take(&disk, &STRETCH, "damaged").is_err());
    }

    // FORMAT.md, quarantine: <shard>-<segment>-<offset>, `.seen` behind what was dealt with, and
    // the damaged stretch, octet by octet, however long it is
    #[test]
    fn a_stretch_is_copied_whole_and_named_after_its_place() {
        let folder = quick();
        let disk = RealDisk::open(crate::disk::Disk::default(), folder.path()).unwrap();
        let octets: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(folder.path().join("segment"), &octets).unwrap();
        let file = disk.open("segment", Existence::Old).unwrap();
        let to = octets.len() as u64 - 5;
        keep(&disk, &STRETCH, &*file, to).unwrap();
        let path = folder.path().join("quarantine/s01-0000002a-64");
        assert!(std::fs::read(&path).unwrap() == octets[64..octets.len() - 5]);
        // One that was begun on a full disk is made whole.
        std::fs::write(&path, &octets[64..1000]).unwrap();
        keep(&disk, &STRETCH, &*file, to).unwrap();
        assert!(std::fs::read(&path).unwrap() == octets[64..octets.len() - 5]);
        assert_eq!(length(&disk, &STRETCH).unwrap(), to - 64);
        close(&disk).unwrap();
        let kept = all(&disk).unwrap();
        assert_eq!((kept.open.len(), kept.seen.contains(&STRETCH)), (0, true));
        assert!(folder.path().join("quarantine/s01-0000002a-64.seen").exists());
    }
}
