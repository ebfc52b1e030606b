//! Deals with what is damaged: what is whole is given back, what is not goes to quarantine and is
//! named.

use std::collections::BTreeSet;
use std::sync::Arc;

use mail_wire::MaildropId;
use tokio::sync::oneshot;

use crate::custody::Cause;
use crate::error::StoreError;
use crate::log::actor::Actor;
use crate::log::disk::Disk;
use crate::log::entry::Entry;
use crate::log::meta::{Destroyed, message};
use crate::log::overlay::Change;
use crate::log::quarantine::{self, Stretch};
use crate::log::queue::Job;
use crate::log::read::big_path;
use crate::log::record::{HEAD_OCTETS, Head, offset};
use crate::log::scan::{Record, Scan};
use crate::log::settings::Settings;
use crate::log::standstill::{Standstill, stills};
use crate::log::store::LogStore;
use crate::log::upkeep::meter::Meter;
use crate::log::upkeep::rebuild::rebuild;
use crate::log::upkeep::verify::{Seen, at, name, told};
use crate::upkeep::{Finding, Repaired, Upkeep, Verdict, Watch};

/// Repairs a closed store.
///
/// First what the index knows and the log cannot give any more is taken out of the maildrops,
/// durably, when a copy of what is left is in quarantine; then the index is made anew, which
/// gives back what only it had lost; then what was damaged counts as dealt with. Interrupted
/// between any two of these, it can be done again.
pub(crate) fn repair(
    disk: &Arc<dyn Disk>,
    place: &str,
    settings: &Settings,
    watch: &dyn Watch,
) -> Result<Repaired, StoreError> {
    // Nothing moves meanwhile by itself: what was looked at stays where it is.
    let settings = Settings { shows_doubtful: true, compacts_by_itself: false, ..settings.clone() };
    let mut repaired = Repaired::default();
    let store = LogStore::open_on(disk, place, &settings)?;
    let known = take_out(&store, watch, &mut repaired);
    store.close();
    drop(store);
    let known = known?;
    rebuild(disk, place, &settings, watch)?;
    let store = LogStore::open_on(disk, place, &settings)?;
    let counted = count(&store, &known, &mut repaired);
    repaired.stretches = store.damage().to_vec();
    store.close();
    drop(store);
    counted?;
    quarantine::close(&**disk)?;
    Ok(repaired)
}

/// The ids of all messages that were listed and stay.
type Known = BTreeSet<u64>;

/// Takes the messages out that cannot be read whole.
fn take_out(
    store: &LogStore,
    watch: &dyn Watch,
    repaired: &mut Repaired,
) -> Result<Known, StoreError> {
    let stills = stills(store.front())?;
    let all = stills.iter().fold(0_u64, |sum, still| sum.saturating_add(still.octets()));
    let mut meter = Meter::new(watch, "looked at", all);
    let mut known = Known::new();
    for still in &stills {
        let seen = Seen::read(still, &mut meter, &mut Verdict::default())?;
        let mut lost: Vec<(u64, Vec<Entry>)> = Vec::new();
        still.moment.index.maildrops(|maildrop, entries| {
            let mut of = Vec::new();
            for entry in entries {
                match what_is_wrong(&seen, still, maildrop, entry) {
                    None => drop(known.insert(entry.id)),
                    Some(what) => {
                        let uidl = Some(name(still, maildrop, entry)?);
                        let maildrop = Some(MaildropId::new(maildrop));
                        repaired.lost.push(Finding { maildrop, uidl, what });
                        of.push(*entry);
                    }
                }
            }
            if !of.is_empty() {
                lost.push((maildrop, of));
            }
            Ok(())
        })?;
        for (maildrop, entries) in lost {
            for entry in &entries {
                keep(still, entry)?;
            }
            destroy(still, maildrop, &entries)?;
        }
    }
    Ok(known)
}

/// Why a message cannot be read whole, if it cannot.
fn what_is_wrong(seen: &Seen, still: &Standstill, maildrop: u64, entry: &Entry) -> Option<String> {
    if let Some(body) = seen.wrong.get(&(entry.segment, entry.place)) {
        return Some(told(*body, still, entry));
    }
    match seen.folded.changes_of(maildrop).and_then(|changes| changes.get(&entry.id)) {
        // Wherever it stands: the new index will know.
        Some(Change::Added(is, _)) if !seen.wrong.contains_key(&(is.segment, is.place)) => None,
        // Another one's word that it was removed: it stays removed.
        Some(Change::Destroyed) => None,
        _ => Some(format!("its record cannot be read: {}", at(still, entry))),
    }
}

/// Keeps a copy of what is left of a message.
fn keep(still: &Standstill, entry: &Entry) -> Result<(), StoreError> {
    let shard = still.shard();
    let Ok(file) = shard.segments.file(entry.segment) else { return Ok(()) };
    let end = still.moment.segments.get(&entry.segment).copied().unwrap_or_default();
    let from = offset(entry.place);
    let mut octets = [0; HEAD_OCTETS];
    // Without its head nobody knows how long it was: a stretch was kept when that was found.
    let head = file.read_at(&mut octets, from).ok();
    let head = head.and_then(|_| Head::decode(&octets, shard.seed()));
    let Some(head) = head else { return Ok(()) };
    let to = from.saturating_add(head.size()).min(end);
    let stretch = Stretch { shard: shard.number, segment: entry.segment, from };
    quarantine::keep(&*shard.disk, &stretch, &*file, to)?;
    let scan = Scan { file: &*file, number: entry.segment, seed: shard.seed(), end };
    let record = scan.record(from).ok().flatten();
    let file_id = record.and_then(|Record { head, meta, .. }| message(&head, &meta)?.file_id);
    // It goes with the last message that it is for.
    file_id.map_or(Ok(()), |file_id| {
        quarantine::take(&*shard.disk, &stretch, &big_path(&shard.folder, file_id))
    })
}

fn destroy(still: &Standstill, maildrop: u64, entries: &[Entry]) -> Result<(), StoreError> {
    use std::sync::atomic::Ordering;
    let shard = still.shard();
    let copies = entries.iter().map(|entry| (entry.id, entry.segment)).collect();
    let destroyed = Destroyed::new(maildrop, copies).by(&Actor::nobody(Cause::Removed));
    let moves = shard.moves.load(Ordering::Acquire);
    let (answer, answered) = oneshot::channel();
    shard.queue.push(Job::Destroy(destroyed, moves, answer))?;
    answered.blocking_recv().map_err(|_| StoreError::Unavailable)?
}

fn count(store: &LogStore, known: &Known, repaired: &mut Repaired) -> Result<(), StoreError> {
    for still in stills(store.front())? {
        still.moment.index.maildrops(|_, entries| {
            repaired.messages = repaired.messages.saturating_add(entries.len() as u64);
            let new = entries.iter().filter(|entry| !known.contains(&entry.id)).count();
            repaired.given_back = repaired.given_back.saturating_add(new as u64);
            Ok(())
        })?;
    }
    Ok(())
}
