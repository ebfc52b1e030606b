//! The journal of a maildrop, read from the records that concern it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::SystemTime;

use mail_wire::{MessageId, Uidl};

use crate::custody::JournalEntry;
use crate::error::StoreError;
use crate::log::disk::read_exact_at;
use crate::log::header::{HEADER_OCTETS, Header};
use crate::log::record::offset;
use crate::log::scan::Scan;
use crate::log::shard::Shard;
use crate::log::telling::{Told, tell, tell_events, time};

/// What happened in a maildrop, in its order, since then. Reads files: the heads and metas of
/// the segments that have something of it.
pub(crate) fn read(
    shard: &Shard,
    maildrop: u64,
    since: Option<SystemTime>,
) -> Result<Vec<JournalEntry>, StoreError> {
    let mut told = Vec::new();
    // Before the log: what is written meanwhile is rather seen twice.
    let recent = shard.notes.of(maildrop);
    let _looking = Looking::begin(shard);
    let mut ends = shard.segments.all();
    shard.snapshots.leave(&mut ends);
    let first = shard.index.journal(maildrop, ends.keys().copied(), &shard.overlay)?;
    for (number, place) in first {
        let Some(end) = ends.get(&number) else { continue };
        let next = ends.range(number..).nth(1).map(|(next, _)| *next);
        if since.is_some_and(|since| is_before(shard, next, since)) {
            continue;
        }
        let fault = |fault| StoreError::disk("read the journal", fault);
        let file = shard.segments.file(number)?;
        let scan = Scan { file: &*file, number, seed: shard.seed(), end: *end };
        read_segment(&scan, offset(place), maildrop, shard, &mut told).map_err(fault)?;
    }
    tell_events(&recent, maildrop, &shard.tags, &mut told);
    let mut entries = in_order(told);
    let named: BTreeMap<MessageId, Uidl> =
        entries.iter().filter_map(|entry| Some((entry.message?, entry.uidl.clone()?))).collect();
    for entry in &mut entries {
        let known = |id| named.get(&id).cloned().or_else(|| name(shard, maildrop, id));
        if entry.uidl.is_none() {
            entry.uidl = entry.message.and_then(known);
        }
    }
    entries.retain(|entry| since.is_none_or(|since| entry.at >= since));
    Ok(entries)
}

fn read_segment(
    scan: &Scan<'_>,
    from: u64,
    maildrop: u64,
    shard: &Shard,
    told: &mut Vec<Told>,
) -> io::Result<()> {
    let mut at = from;
    while at < scan.end {
        let record = match scan.record(at)? {
            Some(record) => record,
            // What is damaged was told at the start; the rest is as good as it was.
            None => match scan.find(at, |_| true)? {
                Some(record) => record,
                None => break,
            },
        };
        at = record.end();
        tell(scan, &record, maildrop, &shard.tags, told);
    }
    Ok(())
}

/// By time, and where that is the same as it was written; each once.
fn in_order(mut told: Vec<Told>) -> Vec<JournalEntry> {
    told.sort_by_key(|told| told.entry.at);
    let mut seen = BTreeSet::new();
    told.retain(|told| seen.insert(told.same));
    told.into_iter().map(|told| told.entry).collect()
}

/// Whether all that is before the segment with this number was written before this time.
fn is_before(shard: &Shard, next: Option<u32>, since: SystemTime) -> bool {
    let header = |number| {
        let mut octets = [0; HEADER_OCTETS];
        read_exact_at(&*shard.segments.file(number).ok()?, &mut octets, 0).ok()?;
        Header::decode(&octets)
    };
    next.and_then(header).is_some_and(|header| time(header.time) < since)
}

/// The unique-id of a message of which nothing told it.
fn name(shard: &Shard, maildrop: u64, id: MessageId) -> Option<Uidl> {
    let entry = shard.index.entry(maildrop, id.get(), &shard.overlay).ok()??;
    shard.uidl(maildrop, &entry).ok()
}

/// While this lives, no segment goes that was not given up when it began.
struct Looking<'a> {
    shard: &'a Shard,
    at: u64,
}

impl<'a> Looking<'a> {
    fn begin(shard: &'a Shard) -> Self {
        Self { shard, at: shard.snapshots.begin() }
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        if self.shard.snapshots.end(self.at) {
            self.shard.queue.nudge();
        }
    }
}
