//! Makes the index anew.

use std::io;
use std::sync::Arc;

use crate::error::StoreError;
use crate::log::disk::Disk;
use crate::log::format::Format;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::upkeep::{Advance, Stats, Upkeep, Watch};

/// Moves the index of each shard of a closed store aside, and makes it anew from the segments.
/// Interrupted, it is made at the next start.
pub(crate) fn rebuild(
    disk: &Arc<dyn Disk>,
    name: &str,
    settings: &Settings,
    watch: &dyn Watch,
) -> Result<Stats, StoreError> {
    aside(&**disk, name)?;
    // How long it takes is known when it is over.
    let advance = |done| Advance { what: "indexes made anew from the segments", done, all: 1 };
    if !watch.goes_on(&advance(0)) {
        return Err(StoreError::Interrupted);
    }
    let store = LogStore::open_on(disk, name, settings)?;
    let stats = store.stats();
    store.close();
    // It is done: nothing is left to be ended.
    let _ = watch.goes_on(&advance(1));
    stats
}

fn aside(disk: &dyn Disk, name: &str) -> Result<(), StoreError> {
    let fault = |fault| StoreError::disk("move an index aside", fault);
    let Some(_lock) = disk.lock("LOCK").map_err(fault)? else {
        return Err(StoreError::Locked { path: name.to_owned() });
    };
    let format = Format::load(disk)?.ok_or_else(|| StoreError::Refused {
        detail: format!("there is no log store in {name}"),
    })?;
    for shard in 0..format.shards {
        let path = format!("s{shard:02x}/index.redb");
        match disk.rename(&path, &format!("{path}.aside")) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome.map_err(fault)?,
        }
        disk.sync_dir(&format!("s{shard:02x}")).map_err(fault)?;
    }
    Ok(())
}
