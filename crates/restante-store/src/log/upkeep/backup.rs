//! Brings a backup up to date, from a store that goes on.
//!
//! Segments only grow, and what was long enough once never changes. So what is missing in the
//! backup is copied, then the manifest is replaced, then what it does not name is removed: at
//! each moment the manifest that is there is of a whole backup.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::disk::{Disk, DiskFile};
use crate::log::format::Format;
use crate::log::read::big_path;
use crate::log::standstill::Standstill;
use crate::log::upkeep::manifest::{Manifest, NEW, PART, Piece, copy, part_line, parts};
use crate::log::upkeep::meter::Meter;
use crate::upkeep::{BackedUp, Watch};

/// What a copy is called before it is whole.
const HALF: &str = ".half";

/// Brings the backup in `target` up to date.
pub(super) fn backup(
    stills: &[Standstill],
    target: &dyn Disk,
    watch: &dyn Watch,
) -> Result<BackedUp, StoreError> {
    let Some(shard) = stills.first().map(Standstill::shard) else {
        return Err(StoreError::Unavailable);
    };
    let source = &*shard.disk;
    // After the moment that is copied: no id of it is of a later epoch.
    let format = Format::load(source)?.ok_or(StoreError::Unavailable)?;
    let fault = |fault| StoreError::disk("lock the backup", fault);
    let Some(_lock) = target.lock("LOCK").map_err(fault)? else {
        return Err(refused("another backup is being made there"));
    };
    let before = before(target, &format)?;
    let files = files(stills)?;
    let all = files.values().map(|(octets, _)| *octets).fold(0, u64::saturating_add);
    let mut work = Work {
        target,
        meter: Meter::new(watch, "backed up", all),
        before,
        part: part(target)?,
        part_end: 0,
        done: BackedUp { files: files.len() as u64, octets: all, ..BackedUp::default() },
    };
    for still in stills {
        let folder = &still.shard().folder;
        let fault = |fault| StoreError::disk("make the folders of the backup", fault);
        target.mkdir(folder).map_err(fault)?;
        target.mkdir(&format!("{folder}/big")).map_err(fault)?;
        target.sync_dir(folder).map_err(fault)?;
    }
    let mut manifest = Manifest { format: format.render(), ..Manifest::default() };
    let now = source.now().duration_since(UNIX_EPOCH).unwrap_or_default();
    manifest.taken = now.as_secs();
    for (path, (octets, file)) in files {
        let piece = work.bring(&path, octets, &*file.open(source, &path)?)?;
        manifest.pieces.insert(path, piece);
    }
    let fault = |fault| StoreError::disk("finish the backup", fault);
    for still in stills {
        let folder = &still.shard().folder;
        target.sync_dir(folder).map_err(fault)?;
        target.sync_dir(&format!("{folder}/big")).map_err(fault)?;
    }
    manifest.save(target).map_err(fault)?;
    work.done.removed = sweep(target, &manifest).map_err(fault)?;
    Ok(work.done)
}

/// What a whole backup in the folder consists of, and what was copied since: nothing of it has
/// to be copied again.
fn before(target: &dyn Disk, format: &Format) -> Result<BTreeMap<String, Piece>, StoreError> {
    let mut known = BTreeMap::new();
    if let Some(manifest) = Manifest::load(target)? {
        let old = Format::parse(&manifest.format);
        if old.as_ref().is_none_or(|old| old.store != format.store) {
            return Err(refused("the folder holds a backup of another store"));
        }
        // The numbers of segments are the same from where it was recovered on, and what is in them
        // is not; and what came in after the backup it was recovered from may only be there.
        if old.is_some_and(|old| old.tag != format.tag) {
            return Err(refused("the folder holds a backup from before the store was recovered"));
        }
        known = manifest.pieces;
    } else {
        let fault = |fault| StoreError::disk("look into the backup", fault);
        let names = target.list(".").map_err(fault)?;
        let ours = |name: &String| name == "LOCK" || name == PART || name == NEW;
        let begun = names.iter().any(|name| name == PART);
        if !begun && !names.iter().all(ours) {
            return Err(refused("the folder is not empty and holds no backup"));
        }
    }
    known.extend(parts(target)?);
    Ok(known)
}

/// Where a file of the store is read from.
enum From {
    /// It is open: its name may go.
    Open(Arc<dyn DiskFile>),
    /// By its name, which stays while the standstill lives.
    Named,
}

impl From {
    fn open(&self, disk: &dyn Disk, path: &str) -> Result<Arc<dyn DiskFile>, StoreError> {
        match self {
            Self::Open(file) => Ok(Arc::clone(file)),
            Self::Named => disk
                .open(path, Existence::Old)
                .map_err(|fault| StoreError::disk(format!("read {path}"), fault)),
        }
    }
}

/// All files that the backup consists of, and how long each is.
fn files(stills: &[Standstill]) -> Result<BTreeMap<String, (u64, From)>, StoreError> {
    let mut files = BTreeMap::new();
    for still in stills {
        let shard = still.shard();
        for (number, end) in &still.moment.segments {
            let file = From::Open(shard.segments.file(*number)?);
            files.insert(shard.segments.path(*number), (*end, file));
        }
        for file_id in still.moment.index.big_files()? {
            let path = big_path(&shard.folder, file_id);
            let fault = |fault| StoreError::disk(format!("read {path}"), fault);
            let file = shard.disk.open(&path, Existence::Old).map_err(fault)?;
            let octets = file.len().map_err(fault)?;
            files.insert(path, (octets, From::Named));
        }
    }
    Ok(files)
}

struct Work<'a> {
    target: &'a dyn Disk,
    meter: Meter<'a>,
    before: BTreeMap<String, Piece>,
    part: Arc<dyn DiskFile>,
    part_end: u64,
    done: BackedUp,
}

impl Work<'_> {
    /// Copies a file, unless it is there already, durably.
    fn bring(&mut self, path: &str, octets: u64, from: &dyn DiskFile) -> Result<Piece, StoreError> {
        if let Some(piece) = self.before.get(path).filter(|piece| piece.octets == octets)
            && self.is_there(path, octets)?
        {
            let piece = *piece;
            self.note(path, piece)?;
            self.meter.add(octets)?;
            return Ok(piece);
        }
        let fault = |fault| StoreError::disk(format!("copy {path} to the backup"), fault);
        let half = format!("{path}{HALF}");
        let to = self.target.open(&half, Existence::Either).map_err(fault)?;
        to.set_len(0).map_err(fault)?;
        let meter = &mut self.meter;
        let crc = copy(from, &*to, octets, &mut |more| meter.add(more))?;
        to.sync().map_err(fault)?;
        // Over a shorter one of the last backup: that is a part of this one.
        self.target.rename(&half, path).map_err(fault)?;
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.target.sync_dir(folder).map_err(fault)?;
        }
        let piece = Piece { octets, crc };
        self.note(path, piece)?;
        self.done.copied = self.done.copied.saturating_add(octets);
        Ok(piece)
    }

    fn is_there(&self, path: &str, octets: u64) -> Result<bool, StoreError> {
        match self.target.open(path, Existence::Old).and_then(|file| file.len()) {
            Ok(length) => Ok(length >= octets),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(fault) => Err(StoreError::disk(format!("look at {path} in the backup"), fault)),
        }
    }

    /// Writes down that a file is whole, so that it is not copied again should this end now.
    fn note(&mut self, path: &str, piece: Piece) -> Result<(), StoreError> {
        let line = part_line(path, piece);
        self.part
            .write_at(line.as_bytes(), self.part_end)
            .map_err(|fault| StoreError::disk("write down what is copied", fault))?;
        self.part_end = self.part_end.saturating_add(line.len() as u64);
        Ok(())
    }
}

/// The file in which it is written down what is copied.
fn part(target: &dyn Disk) -> Result<Arc<dyn DiskFile>, StoreError> {
    let fault = |fault| StoreError::disk("write down what is copied", fault);
    let file = target.open(PART, Existence::Either).map_err(fault)?;
    file.set_len(0).map_err(fault)?;
    target.sync_dir(".").map_err(fault)?;
    Ok(file)
}

/// Removes what a whole backup does not need; answers how many files.
fn sweep(target: &dyn Disk, manifest: &Manifest) -> io::Result<u64> {
    let mut removed = 0_u64;
    let shards: Vec<String> = target
        .list(".")?
        .into_iter()
        .filter(|name| name.len() == 3 && name.starts_with('s'))
        .collect();
    for folder in shards.iter().flat_map(|shard| [shard.clone(), format!("{shard}/big")]) {
        for name in target.list(&folder)? {
            let path = format!("{folder}/{name}");
            let is_file = name.ends_with(".log") || name.ends_with(".msg") || name.ends_with(HALF);
            if is_file && !manifest.pieces.contains_key(&path) {
                target.unlink(&path)?;
                removed = removed.saturating_add(1);
            }
        }
    }
    target.unlink(PART)?;
    Ok(removed)
}

fn refused(why: &str) -> StoreError {
    StoreError::Refused { detail: format!("{why}: name another folder") }
}
