//! Room is given back: what is live in a segment is copied on, and with it every DESTROY that
//! is still needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::error::StoreError;
use crate::log::apply::apply;
use crate::log::disk::read_exact_at;
use crate::log::header::{HEADER_OCTETS, Header};
use crate::log::meta::{Destroyed, Message, RecipientRow, Recipients, message};
use crate::log::provenance::carried;
use crate::log::record::{FLAG_BIG, Head, Kind, is_optional};
use crate::log::scan::{Record, Scan};
use crate::log::shard::Shard;
use crate::log::tail::Tail;

/// A segment with less than this live is worth it, in hundredths of its octets.
const LIVE_MAX: u64 = 50;

/// The same when the disk has hardly room left for some segments.
const LIVE_MAX_WHEN_NARROW: u64 = 80;

/// What is copied in one write, about, in octets.
const BATCH_OCTETS: u64 = 4 << 20;

/// The segment that is worth it most, and where it ends. Never the last one, nor one of the
/// `spared`.
pub(crate) fn victim(
    shard: &Shard,
    live: &BTreeMap<u32, u64>,
    last: u32,
    spared: &BTreeSet<u32>,
) -> Option<(u32, u64)> {
    let narrow = shard.settings.segment_octets.saturating_mul(4);
    let is_narrow = shard.disk.free_space().is_ok_and(|free| free < narrow);
    let live_max = if is_narrow { LIVE_MAX_WHEN_NARROW } else { LIVE_MAX };
    let hundredths = |number: u32, end: u64| {
        let live = live.get(&number).copied().unwrap_or_default();
        live.saturating_mul(100).checked_div(end).unwrap_or_default()
    };
    shard
        .segments
        .all()
        .into_iter()
        .filter(|(number, _)| *number < last && !spared.contains(number))
        .map(|(number, end)| (hundredths(number, end), number, end))
        .filter(|(live, ..)| *live < live_max)
        .min()
        .map(|(_, number, end)| (number, end))
}

/// Whether nothing is lost with a segment's header: it says where the one before it ends, and
/// that must be seen without it.
pub(crate) fn can_go(shard: &Shard, number: u32) -> Result<bool, StoreError> {
    let fault = |fault| StoreError::disk("look at a segment", fault);
    let mut octets = [0; HEADER_OCTETS];
    read_exact_at(&*shard.segments.file(number)?, &mut octets, 0).map_err(fault)?;
    let Some(header) = Header::decode(&octets) else { return Ok(false) };
    if !shard.segments.all().contains_key(&header.previous) {
        return Ok(true);
    }
    let previous = shard.segments.file(header.previous)?;
    // A cut that is not durable is none.
    previous.sync().map_err(fault)?;
    Ok(previous.len().map_err(fault)? <= header.previous_end)
}

/// Copies all that is needed of a segment, durably, and answers how many octets that was.
///
/// On an error some of it may have been copied: the segment then holds second copies, and must
/// count as a source.
pub(crate) fn copy_on(
    shard: &Shard,
    tail: &mut Tail,
    number: u32,
    end: u64,
) -> Result<u64, StoreError> {
    let file = shard.segments.file(number)?;
    let scan = Scan { file: &*file, number, seed: shard.seed(), end };
    let fault = |fault| StoreError::disk("read a segment to compact it", fault);
    let (mut at, mut kept, mut size, mut copied) = (HEADER_OCTETS as u64, Vec::new(), 0_u64, 0_u64);
    while at < end {
        let Some(record) = scan.record(at).map_err(fault)? else {
            if scan.is_blank(at).map_err(fault)? {
                break;
            }
            return Err(damaged(number, at));
        };
        at = record.end();
        if let Some(needed) = needed(shard, &scan, &record)? {
            size = size.saturating_add(needed.size());
            kept.push(needed);
        }
        if size >= BATCH_OCTETS {
            write(shard, tail, &kept, size)?;
            copied = copied.saturating_add(std::mem::take(&mut size));
            kept.clear();
        }
    }
    if !kept.is_empty() {
        write(shard, tail, &kept, size)?;
        copied = copied.saturating_add(size);
    }
    Ok(copied)
}

/// A record to be written again.
struct Kept {
    head: Head,
    meta: Vec<u8>,
    body: Vec<u8>,
}

impl Kept {
    fn size(&self) -> u64 {
        let meta_length = u32::try_from(self.meta.len()).unwrap_or(u32::MAX);
        Head { meta_length, ..self.head }.size()
    }
}

/// What must be kept of a record, if anything.
fn needed(shard: &Shard, scan: &Scan<'_>, record: &Record) -> Result<Option<Kept>, StoreError> {
    let Record { at, head, meta } = record;
    let damaged = || damaged(scan.number, *at);
    match Kind::of(head.kind) {
        Some(Kind::Message | Kind::Big | Kind::Move) => {
            let Message { file_id, rows, extensions, .. } =
                message(head, meta).ok_or_else(damaged)?;
            let (mut live, mut numbers) = (Vec::with_capacity(rows.len()), Vec::new());
            for (number, row) in rows.iter().enumerate() {
                if is_current(shard, head, row)? {
                    live.push(*row);
                    numbers.push(number);
                }
            }
            if live.is_empty() {
                return Ok(None);
            }
            let extensions = carried(extensions, &rows, &numbers);
            let meta =
                Recipients::moved(scan.number, file_id, &live, &extensions).ok_or_else(damaged)?;
            let flags = head.flags | if file_id.is_some() { FLAG_BIG } else { 0 };
            let body = body(scan, record)?.ok_or_else(damaged)?;
            let head = Head { kind: Kind::Move.number(), flags, ..*head };
            Ok(Some(Kept { head, meta, body }))
        }
        Some(Kind::Destroy) => {
            let mut destroyed = Destroyed::decode(meta).ok_or_else(damaged)?;
            let there = shard.segments.all();
            destroyed
                .copies
                .retain(|(_, segment)| *segment != scan.number && there.contains_key(segment));
            if destroyed.copies.is_empty() {
                return Ok(None);
            }
            let meta = destroyed.encode().ok_or_else(damaged)?;
            Ok(Some(Kept { head: *head, meta, body: Vec::new() }))
        }
        Some(Kind::Epoch | Kind::Seal) => Ok(None),
        Some(Kind::Event) => Ok(Some(Kept { head: *head, meta: meta.clone(), body: Vec::new() })),
        None if is_optional(head.kind) => {
            let body = body(scan, record)?.ok_or_else(damaged)?;
            Ok(Some(Kept { head: *head, meta: meta.clone(), body }))
        }
        None => Err(damaged()),
    }
}

/// Whether this copy is the one that is read.
fn is_current(shard: &Shard, head: &Head, row: &RecipientRow<'_>) -> Result<bool, StoreError> {
    let entry = shard.index.entry(row.maildrop, row.id, &shard.overlay)?;
    Ok(entry.is_some_and(|entry| entry.segment == head.segment && entry.place == head.place))
}

/// The body in a record; `None` if it is not what was written: then the segment stays.
fn body(scan: &Scan<'_>, record: &Record) -> Result<Option<Vec<u8>>, StoreError> {
    if record.head.is_big() {
        return Ok(Some(Vec::new()));
    }
    let mut body = vec![0; usize::try_from(record.head.body_length).unwrap_or(0)];
    let at = record.at.saturating_add(record.head.body_at());
    read_exact_at(scan.file, &mut body, at)
        .map_err(|fault| StoreError::disk("read a message to copy it", fault))?;
    Ok((crc32c::crc32c(&body) == record.head.body_crc).then_some(body))
}

fn write(shard: &Shard, tail: &mut Tail, kept: &[Kept], size: u64) -> Result<(), StoreError> {
    let mut batch = tail.batch(size)?;
    for Kept { head, meta, body } in kept {
        batch
            .push(head, meta, body)
            .ok_or(StoreError::TooLarge { octets_max: u64::from(u32::MAX) })?;
    }
    tail.write(&batch)?;
    {
        let mut overlay = shard.overlay.write().unwrap_or_else(PoisonError::into_inner);
        for (head, meta) in batch.records() {
            apply(&mut overlay, head, meta);
        }
    }
    shard.moves.fetch_add(1, Ordering::AcqRel);
    Ok(())
}

fn damaged(number: u32, at: u64) -> StoreError {
    StoreError::Damaged {
        detail: format!("segment {number:08x} is not as written at {at}: it is not compacted"),
    }
}
