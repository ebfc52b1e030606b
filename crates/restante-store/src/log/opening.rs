//! Opens a store: FORMAT, an epoch, the shards, and what a crash left behind.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

use crate::arrivals::Arrivals;
use crate::damage::Damage;
use crate::error::StoreError;
use crate::log::bugs::{self, Bug};
use crate::log::disk::{Disk, Lock};
use crate::log::epochs::{Epochs, IdSource};
use crate::log::format::Format;
use crate::log::header;
use crate::log::listings::Listings;
use crate::log::notes::Notes;
use crate::log::noting::Noting;
use crate::log::quarantine::{self, Kept, Stretch};
use crate::log::queue::Queue;
use crate::log::read::big_path;
use crate::log::recover::{Ground, Recovered, recover};
use crate::log::settings::Settings;
use crate::log::shard::Shard;
use crate::log::snapshots::Snapshots;
use crate::log::tail::Tail;
use crate::log::usages::Usages;
use crate::log::writer::Writer;

/// The writers of all shards of a store, which do not run yet, and what is damaged.
pub(crate) type Opened = (Vec<Writer>, Vec<Damage>);

/// Opens the store on this disk, and makes it if there is none.
pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    name: &str,
    settings: &Settings,
) -> Result<Opened, StoreError> {
    let locked = disk.lock("LOCK").map_err(|fault| StoreError::disk("lock the store", fault))?;
    let lock: Arc<dyn Lock> =
        locked.ok_or_else(|| StoreError::Locked { path: name.to_owned() })?.into();
    let format = format(&**disk, settings.shards)?;
    let epochs = Arc::new(Epochs::new(Arc::clone(disk), format.clone()));
    // FORMAT is durable before the first shard is made.
    let mut epoch = first_epoch(&**disk, &epochs, format.shards)?;
    let kept = quarantine::all(&**disk)?;
    let mut grounds = Vec::new();
    for number in 0..format.shards {
        let ground = Ground {
            disk: Arc::clone(disk),
            folder: folder(number),
            shard: number,
            store: format.store,
            index_cache_octets: settings.index_cache_octets,
            seen: kept.seen.clone(),
        };
        make_folders(&**disk, &ground.folder)
            .map_err(|fault| StoreError::disk("make the folders of a shard", fault))?;
        let recovered = recover(&ground)?;
        grounds.push((ground, recovered));
    }
    disk.sync_dir(".").map_err(|fault| StoreError::disk("sync the store's folder", fault))?;
    // FORMAT may be older than the logs, if somebody put an old one back.
    let seen = grounds.iter().map(|(_, recovered)| recovered.epoch).max().unwrap_or_default();
    if seen >= epoch && !bugs::is_on(Bug::EpochFromClock) {
        epoch = epochs.take(seen)?;
    }
    let mut all = Vec::new();
    let mut shards = Vec::new();
    for (ground, recovered) in grounds {
        sweep(&ground, &recovered)?;
        let damage = outstanding(&ground, &kept, &recovered.damage)?;
        let ids =
            IdSource::new(u8::try_from(ground.shard).unwrap_or(0), Arc::clone(&epochs), epoch);
        let doubt = damage.first().map(ToString::to_string);
        all.extend(damage);
        shards.push(writer(ground, recovered, &format, ids, (settings, doubt), &lock)?);
    }
    Ok((shards, all))
}

/// What is damaged in a shard: what was found now, and what was found at an earlier start and
/// not repaired since. The index may have gone past the latter.
fn outstanding(ground: &Ground, kept: &Kept, found: &[Damage]) -> Result<Vec<Damage>, StoreError> {
    let mut damage = found.to_vec();
    for stretch in kept.open.iter().filter(|stretch| stretch.shard == ground.shard) {
        let noted = noted(&*ground.disk, stretch)?;
        if found.iter().all(|known| known.path != noted.path || known.from != noted.from) {
            damage.push(noted);
        }
    }
    Ok(damage)
}

/// All that is noted as damaged in a store, and was not repaired.
pub(crate) fn noted_damage(disk: &dyn Disk) -> Result<Vec<Damage>, StoreError> {
    quarantine::all(disk)?.open.iter().map(|stretch| noted(disk, stretch)).collect()
}

fn noted(disk: &dyn Disk, stretch: &Stretch) -> Result<Damage, StoreError> {
    let length = quarantine::length(disk, stretch)
        .map_err(|fault| StoreError::disk("look into quarantine", fault))?;
    Ok(Damage {
        path: format!("{}/{}", folder(stretch.shard), header::name(stretch.segment)),
        from: stretch.from,
        to: stretch.from.saturating_add(length),
        what: "found at an earlier start, and not repaired since",
    })
}

fn writer(
    ground: Ground,
    recovered: Recovered,
    format: &Format,
    ids: IdSource,
    (settings, doubt): (&Settings, Option<String>),
    lock: &Arc<dyn Lock>,
) -> Result<Writer, StoreError> {
    let Recovered { segments, index, overlay, last, next, .. } = recovered;
    let there = segments.all();
    let mut sources = index.sources()?;
    sources.extend(overlay.sources());
    sources.retain(|number| there.contains_key(number));
    // No start has the numbers of another.
    let notes = Notes::new(u64::from(ids.epoch()) << 32);
    let shard = Arc::new(Shard {
        disk: ground.disk,
        folder: ground.folder,
        number: ground.shard,
        store: format.store,
        tags: format.tags(),
        settings: settings.clone(),
        segments,
        index,
        overlay: RwLock::new(overlay),
        ids,
        queue: Queue::new(settings.queue_octets_max),
        snapshots: Snapshots::default(),
        usages: Usages::default(),
        listings: Listings::new(settings.listings_octets),
        noting: Noting::default(),
        moves: AtomicU64::new(0),
        arrivals: Arrivals::default(),
        doubt: doubt.filter(|_| !settings.shows_doubtful),
        notes,
        _lock: Arc::clone(lock),
    });
    // The first segment of this start says in its header of which epoch it is.
    let epoch = shard.ids.epoch();
    let tail = Tail::new(Arc::clone(&shard), last.unwrap_or_default(), next, epoch);
    Ok(Writer::new(shard, tail, sources))
}

/// The epoch of this start. On a full disk what is kept for deletions serves for this, too: else
/// nobody could log in and delete anything (I12).
fn first_epoch(disk: &dyn Disk, epochs: &Epochs, shards: u16) -> Result<u32, StoreError> {
    match epochs.take(0) {
        Err(StoreError::Full { .. }) => {
            for number in 0..shards {
                // One that is not there gives no room; the others may.
                let _ = disk.unlink(&format!("{}/reserve", folder(number)));
            }
            epochs.take(0)
        }
        outcome => outcome,
    }
}

/// The FORMAT of the store, or of a new one where nothing is.
fn format(disk: &dyn Disk, shards: u16) -> Result<Format, StoreError> {
    if let Some(format) = Format::load(disk)? {
        return Ok(format);
    }
    match disk.list(&folder(0)) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
        Ok(_) => {
            return Err(StoreError::Damaged {
                detail: "FORMAT is missing, and shards are there: put it back from a backup".into(),
            });
        }
        Err(fault) => return Err(StoreError::disk("look for shards", fault)),
    }
    Format::draw(disk, shards).map_err(|fault| StoreError::disk("draw a store's number", fault))
}

fn folder(shard: u16) -> String {
    format!("s{shard:02x}")
}

fn make_folders(disk: &dyn Disk, folder: &str) -> io::Result<()> {
    disk.mkdir(folder)?;
    disk.mkdir(&format!("{folder}/big"))?;
    disk.sync_dir(folder)
}

/// Removes the bodies that no record names: deliveries that were under way when all ended. Not
/// when something was ever found damaged: the record may be in what was lost.
fn sweep(ground: &Ground, recovered: &Recovered) -> Result<(), StoreError> {
    let fault = |fault| StoreError::disk("sweep the bodies of long messages", fault);
    let names = ground.disk.list(&format!("{}/big", ground.folder)).map_err(fault)?;
    if names.is_empty() || !quarantine::is_empty(&*ground.disk)? {
        return Ok(());
    }
    let mut known: HashSet<String> = HashSet::new();
    let logged = recovered.overlay.bigs().map(|(_, file_id)| file_id);
    let logged = logged.filter(|_| !bugs::is_on(Bug::LoggedBigSwept));
    for file_id in recovered.index.big_files()?.into_iter().chain(logged) {
        known.insert(big_path(&ground.folder, file_id));
    }
    for name in names {
        let path = format!("{}/big/{name}", ground.folder);
        if name.ends_with(".msg") && !known.contains(&path) {
            ground.disk.unlink(&path).map_err(fault)?;
        }
    }
    Ok(())
}
