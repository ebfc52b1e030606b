//! Room is given back: what is live in a segment is copied on, step by step, and with it every
//! DESTROY that is still needed, and what is to be told of what is gone.

use std::sync::atomic::Ordering;

use crate::error::StoreError;
use crate::log::actor::Actor;
use crate::log::bugs::{self, Bug};
use crate::log::disk::read_exact_at;
use crate::log::event::{self, ACCEPTED, AcceptedOnce, DESTROYED, Event};
use crate::log::extensions::Extensions;
use crate::log::header::HEADER_OCTETS;
use crate::log::mark::Mark;
use crate::log::meta::{Destroyed, Message, RecipientRow, Recipients, message};
use crate::log::provenance::{alone, carried};
use crate::log::record::{FLAG_BIG, FLAG_CONTINUES, Head, Kind, is_optional};
use crate::log::scan::{Record, Scan};
use crate::log::shard::Shard;
use crate::log::tail::Tail;
use crate::log::telling::origin;

/// A segment that is being given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compaction {
    pub(crate) number: u32,
    /// Where its records end.
    pub(crate) end: u64,
    /// Up to here all that is needed was copied, durably.
    at: u64,
    /// How many octets that was.
    pub(crate) copied: u64,
}

/// So many records are looked at in one step, at most.
const RECORDS_MAX: usize = 4096;

/// An EVENT has about so many octets at most.
const EVENT_OCTETS: usize = 64 << 10;

impl Compaction {
    /// Of the segment with this number, whose records end there.
    pub(crate) const fn new(number: u32, end: u64) -> Self {
        Self { number, end, at: HEADER_OCTETS as u64, copied: 0 }
    }

    /// Whether all of it was looked at.
    pub(crate) const fn is_done(&self) -> bool {
        self.at >= self.end
    }

    /// Copies the next about so many octets of what is needed, durably, and answers how many
    /// that were.
    ///
    /// On an error some of it may have been copied: the segment then holds second copies, and
    /// must count as a source.
    pub(crate) fn step(
        &mut self,
        shard: &Shard,
        tail: &mut Tail,
        octets_max: u64,
    ) -> Result<u64, StoreError> {
        let file = shard.segments.file(self.number)?;
        let scan = Scan { file: &*file, number: self.number, seed: shard.seed(), end: self.end };
        let fault = |fault| StoreError::disk("read a segment to compact it", fault);
        let mut keeping = Keeping { shard, scan, kept: Vec::new(), size: 0, events: Vec::new() };
        let mut at = self.at;
        for _ in 0..RECORDS_MAX {
            if at >= self.end || keeping.size >= octets_max {
                break;
            }
            let Some(record) = scan.record(at).map_err(fault)? else {
                if scan.is_blank(at).map_err(fault)? {
                    at = self.end;
                    break;
                }
                return Err(damaged(self.number, at));
            };
            at = record.end();
            keeping.keep(&record)?;
        }
        keeping.end_event();
        let copied = keeping.size;
        if !keeping.kept.is_empty() {
            write(shard, tail, &keeping.kept, copied)?;
        }
        self.at = at;
        self.copied = self.copied.saturating_add(copied);
        Ok(copied)
    }
}

/// A record to be written again.
struct Kept {
    head: Head,
    meta: Vec<u8>,
    body: Vec<u8>,
}

/// What is kept in a step.
struct Keeping<'a> {
    shard: &'a Shard,
    scan: Scan<'a>,
    kept: Vec<Kept>,
    /// How many octets these are.
    size: u64,
    /// The meta of an EVENT that is being filled.
    events: Vec<u8>,
}

impl Keeping<'_> {
    /// Keeps what is needed of a record.
    fn keep(&mut self, record: &Record) -> Result<(), StoreError> {
        let Record { at, head, meta } = record;
        let (segment, at) = (self.scan.number, *at);
        let damaged = || damaged(segment, at);
        match Kind::of(head.kind) {
            Some(Kind::Message | Kind::Big | Kind::Move) => self.keep_message(record),
            Some(Kind::Destroy) => {
                let destroyed = Destroyed::decode(meta).ok_or_else(damaged)?;
                self.keep_destroyed(head, destroyed)
            }
            Some(Kind::Event) => {
                if bugs::is_on(Bug::EventsNotCarried) {
                    return Ok(());
                }
                let keep_from = self.shard.keep_from();
                for event in event::all(meta).filter(|event| event.time >= keep_from) {
                    self.tell(&event);
                }
                Ok(())
            }
            Some(Kind::Mark) => {
                let mark = Mark::decode(meta).ok_or_else(damaged)?;
                self.keep_mark(head, mark)
            }
            Some(Kind::Epoch | Kind::Seal) => Ok(()),
            None if is_optional(head.kind) => {
                let body = body(&self.scan, record)?.ok_or_else(damaged)?;
                self.push(Kept { head: *head, meta: meta.clone(), body });
                Ok(())
            }
            None => Err(damaged()),
        }
    }

    /// What is told of it is kept with the journal; what counts of it for as long as it does.
    fn keep_mark(&mut self, head: &Head, mut mark: Mark) -> Result<(), StoreError> {
        if bugs::is_on(Bug::MarksNotCarried)
            || bugs::is_on(Bug::MarkOffDropped) && mark.said.value == 0
        {
            return Ok(());
        }
        if head.time < self.shard.keep_from() {
            let spots: Vec<_> = mark.spots().collect();
            let said = self.shard.said(mark.maildrop, &spots)?;
            let stamp = mark.said.stamp;
            let current = mark.ids.iter().zip(said).filter(|(_, said)| said.stamp == stamp);
            mark.ids = current.map(|(id, _)| *id).collect();
        }
        if mark.ids.is_empty() {
            return Ok(());
        }
        let too_large = || StoreError::TooLarge { octets_max: u64::from(u32::MAX) };
        let meta = mark.encode().ok_or_else(too_large)?;
        self.push(Kept { head: *head, meta, body: Vec::new() });
        Ok(())
    }

    fn keep_message(&mut self, record: &Record) -> Result<(), StoreError> {
        let Record { at, head, meta } = record;
        let (segment, at) = (self.scan.number, *at);
        let damaged = || damaged(segment, at);
        let Message { file_id, rows, extensions, .. } = message(head, meta).ok_or_else(damaged)?;
        let (mut live, mut numbers) = (Vec::with_capacity(rows.len()), Vec::new());
        // Id 0: it was refused when the others were written.
        for (number, row) in rows.iter().enumerate().filter(|(_, row)| row.id != 0) {
            match self.fate(head, row)? {
                Fate::Here => {
                    live.push(*row);
                    numbers.push(number);
                }
                Fate::Elsewhere => {}
                Fate::Gone => {
                    let is_told = !bugs::is_on(Bug::AcceptedNotTold);
                    if is_told && head.time >= self.shard.keep_from() {
                        let origin = origin(&self.scan, record, extensions, &rows, number);
                        let octets = head.body_octets.saturating_add(row.prefix.len() as u64);
                        let extensions = &alone(&origin);
                        let octets = AcceptedOnce { octets, uidl: row.uidl, extensions }.encode();
                        let (maildrop, id, time) = (row.maildrop, row.id, head.time);
                        self.tell(&Event { maildrop, id, time, what: ACCEPTED, octets: &octets });
                    }
                }
            }
        }
        if live.is_empty() {
            return Ok(());
        }
        let extensions = carried(extensions, &rows, &numbers);
        let meta =
            Recipients::moved(self.scan.number, file_id, &live, &extensions).ok_or_else(damaged)?;
        let flags = head.flags | if file_id.is_some() { FLAG_BIG } else { 0 };
        let body = body(&self.scan, record)?.ok_or_else(damaged)?;
        let head = Head { kind: Kind::Move.number(), flags, ..*head };
        self.push(Kept { head, meta, body });
        Ok(())
    }

    /// What is named for segments that are gone by now is only told; the rest stands on.
    fn keep_destroyed(&mut self, head: &Head, mut destroyed: Destroyed) -> Result<(), StoreError> {
        let mut ids: Vec<u64> = destroyed.copies.iter().map(|(id, _)| *id).collect();
        let there = self.shard.segments.all();
        let number = self.scan.number;
        destroyed.copies.retain(|(_, segment)| *segment != number && there.contains_key(segment));
        if bugs::is_on(Bug::DestroyNotCarried) {
            // Only told: what the journal lacks would be seen sooner than what comes back.
            destroyed.copies.clear();
        }
        if bugs::is_on(Bug::DestroyNameDropped)
            && let Some(last) = destroyed.copies.iter().map(|(_, segment)| *segment).max()
        {
            destroyed.copies.retain(|(_, segment)| *segment != last);
        }
        let mut needed: Vec<u64> = destroyed.copies.iter().map(|(id, _)| *id).collect();
        needed.sort_unstable();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| needed.binary_search(id).is_err());
        if head.time >= self.shard.keep_from() && !bugs::is_on(Bug::EndNotTold) {
            let actor = Extensions::decode(&destroyed.extensions).and_then(Actor::told);
            let octets = actor.unwrap_or_default().encode();
            for id in ids {
                let (maildrop, time) = (destroyed.maildrop, head.time);
                self.tell(&Event { maildrop, id, time, what: DESTROYED, octets: &octets });
            }
        }
        if destroyed.copies.is_empty() {
            return Ok(());
        }
        let too_large = || StoreError::TooLarge { octets_max: u64::from(u32::MAX) };
        let meta = destroyed.encode().ok_or_else(too_large)?;
        self.push(Kept { head: *head, meta, body: Vec::new() });
        Ok(())
    }

    fn fate(&self, head: &Head, row: &RecipientRow<'_>) -> Result<Fate, StoreError> {
        let shard = self.shard;
        let entry = shard.index.entry(row.maildrop, row.id, &shard.overlay)?;
        Ok(match entry {
            Some(entry) if entry.segment == head.segment && entry.place == head.place => Fate::Here,
            Some(_) => Fate::Elsewhere,
            None if bugs::is_on(Bug::DestroyedCopied) => Fate::Here,
            None => Fate::Gone,
        })
    }

    fn tell(&mut self, event: &Event<'_>) {
        event.push(&mut self.events);
        if self.events.len() >= EVENT_OCTETS {
            self.end_event();
        }
    }

    /// Makes a record of what is to be told.
    fn end_event(&mut self) {
        let meta = std::mem::take(&mut self.events);
        if !meta.is_empty() {
            let head = Head::plain(Kind::Event, self.shard.time());
            self.push(Kept { head, meta, body: Vec::new() });
        }
    }

    fn push(&mut self, kept: Kept) {
        let meta_length = u32::try_from(kept.meta.len()).unwrap_or(u32::MAX);
        let size = Head { meta_length, ..kept.head }.size();
        self.size = self.size.saturating_add(size);
        self.kept.push(kept);
    }
}

/// What became of a message that a record has.
enum Fate {
    /// This copy is the one that is read.
    Here,
    /// Another copy is.
    Elsewhere,
    /// It was destroyed.
    Gone,
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
        // What it was in a group with is there, or was carried on too.
        let head = Head { flags: head.flags & !FLAG_CONTINUES, ..*head };
        batch
            .push(&head, meta, body)
            .ok_or(StoreError::TooLarge { octets_max: u64::from(u32::MAX) })?;
    }
    tail.write(&batch)?;
    drop(shard.show(&batch));
    shard.moves.fetch_add(1, Ordering::AcqRel);
    Ok(())
}

fn damaged(number: u32, at: u64) -> StoreError {
    StoreError::Damaged {
        detail: format!("segment {number:08x} is not as written at {at}: it is not compacted"),
    }
}
