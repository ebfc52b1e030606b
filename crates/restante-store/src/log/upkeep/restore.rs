//! Makes a store out of a backup.

use std::io;

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::disk::Disk;
use crate::log::format::Format;
use crate::log::upkeep::manifest::{Manifest, copy};
use crate::log::upkeep::meter::Meter;
use crate::upkeep::{Recovered, Watch};

/// Stands in a store that is being made out of a backup, and is not whole.
const UNDER_WAY: &str = "RECOVERING";

/// Copies the backup in `from` into `to`, where no store may be, and checks every octet.
///
/// FORMAT comes last: without it a store cannot be opened, so that a recovery that was
/// interrupted is never taken for whole; it can be begun again. How many messages there are is
/// for whoever opens it.
pub(crate) fn restore(
    from: &dyn Disk,
    to: &dyn Disk,
    watch: &dyn Watch,
) -> Result<Recovered, StoreError> {
    let manifest = Manifest::load(from)?.ok_or_else(|| StoreError::Refused {
        detail: "there is no whole backup in that folder (no MANIFEST)".into(),
    })?;
    let format = Format::parse(&manifest.format).ok_or_else(|| StoreError::Damaged {
        detail: "MANIFEST: what it says of the store makes no sense".into(),
    })?;
    let fault = |fault| StoreError::disk("make the store", fault);
    let Some(_lock) = to.lock("LOCK").map_err(fault)? else {
        return Err(StoreError::Locked { path: "that is to be made".into() });
    };
    begin(to)?;
    for shard in 0..format.shards {
        to.mkdir(&format!("s{shard:02x}")).map_err(fault)?;
        to.mkdir(&format!("s{shard:02x}/big")).map_err(fault)?;
    }
    let all = manifest.pieces.values().map(|piece| piece.octets).fold(0, u64::saturating_add);
    let mut meter = Meter::new(watch, "recovered", all);
    for (path, piece) in &manifest.pieces {
        let fault = |fault| StoreError::disk(format!("recover {path}"), fault);
        let source = from.open(path, Existence::Old).map_err(fault)?;
        if source.len().map_err(fault)? < piece.octets {
            return Err(StoreError::Damaged {
                detail: format!("the backup's {path} is too short"),
            });
        }
        let target = to.open(path, Existence::Either).map_err(fault)?;
        target.set_len(0).map_err(fault)?;
        let crc = copy(&*source, &*target, piece.octets, &mut |more| meter.add(more))?;
        if crc != piece.crc {
            let detail = format!("the backup's {path} is not what was backed up");
            return Err(StoreError::Damaged { detail });
        }
        target.sync().map_err(fault)?;
    }
    for shard in 0..format.shards {
        to.sync_dir(&format!("s{shard:02x}/big")).map_err(fault)?;
        to.sync_dir(&format!("s{shard:02x}")).map_err(fault)?;
    }
    let format = format.recovered(to)?;
    to.unlink(UNDER_WAY).and_then(|()| to.sync_dir(".")).map_err(fault)?;
    Ok(Recovered {
        taken: manifest.taken,
        files: manifest.pieces.len() as u64,
        octets: all,
        messages: 0,
        tag: format.tag.as_str().to_owned(),
        earlier: format.earlier.last().map(|(tag, _)| tag.as_str().to_owned()).unwrap_or_default(),
    })
}

/// Takes the folder, unless there is a store in it.
fn begin(to: &dyn Disk) -> Result<(), StoreError> {
    let fault = |fault| StoreError::disk("look at where the store is to be", fault);
    let names = to.list(".").map_err(fault)?;
    let has = |name: &str| names.iter().any(|other| other == name);
    let is_empty = names.iter().all(|name| name == "LOCK");
    if has("FORMAT") || !(is_empty || has(UNDER_WAY)) {
        return Err(StoreError::Refused {
            detail: "there is a store already: move it away first; nothing was changed".into(),
        });
    }
    match to.open(UNDER_WAY, Existence::New) {
        Ok(file) => file.sync().map_err(fault)?,
        Err(there) if there.kind() == io::ErrorKind::AlreadyExists => {}
        Err(other) => return Err(fault(other)),
    }
    to.sync_dir(".").map_err(fault)
}
