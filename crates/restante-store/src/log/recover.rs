//! A shard is opened: the segments are read from where the index ends.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use crate::damage::Damage;
use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::apply::{Applied, apply};
use crate::log::bugs::{self, Bug};
use crate::log::disk::{Disk, DiskFile, read_exact_at};
use crate::log::header::{HEADER_OCTETS, Header, VERSION, number};
use crate::log::index::Index;
use crate::log::overlay::Overlay;
use crate::log::position::Position;
use crate::log::quarantine::{self, Stretch};
use crate::log::record::FLAG_CONTINUES;
use crate::log::scan::{Record, Scan};
use crate::log::segments::Segments;

/// Where a shard is, and of which store.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: String,
    pub(crate) shard: u16,
    pub(crate) store: [u8; 16],
    pub(crate) index_cache_octets: usize,
    /// Damage that a repair has dealt with.
    pub(crate) seen: BTreeSet<Stretch>,
}

/// What a shard holds.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) segments: Segments,
    pub(crate) index: Index,
    pub(crate) overlay: Overlay,
    /// The last segment, and where it ends.
    pub(crate) last: Option<Position>,
    /// The number of the next segment.
    pub(crate) next: u32,
    /// The highest epoch that was seen.
    pub(crate) epoch: u32,
    pub(crate) damage: Vec<Damage>,
}

/// Opens a shard.
pub(crate) fn recover(ground: &Ground) -> Result<Recovered, StoreError> {
    let mut recovery = Recovery::begin(ground)?;
    let index = Index::open(
        Arc::clone(&ground.disk),
        format!("{}/index.redb", ground.folder),
        ground.store,
        ground.index_cache_octets,
        |applied| recovery.has(applied),
    )?;
    recovery.replay(index.applied())?;
    let Recovery { found, overlay, epoch, damage, .. } = recovery;
    let segments = Segments::new(Arc::clone(&ground.disk), ground.folder.clone());
    let last = found
        .last_key_value()
        .map(|(number, segment)| Position { segment: *number, offset: segment.end });
    let next = last.map_or(0, |last| last.segment).max(index.applied().segment);
    for (number, segment) in found {
        // Opened again when it is read: most never are.
        segments.insert(number, None, segment.end);
    }
    let next = next.checked_add(1).ok_or_else(|| StoreError::Damaged {
        detail: format!("{}: there is no segment number behind the last", ground.folder),
    })?;
    Ok(Recovered { segments, index, overlay, last, next, epoch, damage })
}

struct Recovery<'a> {
    ground: &'a Ground,
    found: BTreeMap<u32, Segment>,
    seed: u32,
    overlay: Overlay,
    epoch: u32,
    damage: Vec<Damage>,
}

struct Segment {
    file: Arc<dyn DiskFile>,
    /// Where its records end.
    end: u64,
    /// Whether it was written last: only there a tail may be torn.
    is_last: bool,
}

impl<'a> Recovery<'a> {
    /// Reads all headers.
    fn begin(ground: &'a Ground) -> Result<Self, StoreError> {
        let fault = |fault| StoreError::disk(format!("look into {}", ground.folder), fault);
        let mut recovery = Self {
            ground,
            found: BTreeMap::new(),
            seed: crc32c::crc32c(&ground.store),
            overlay: Overlay::default(),
            epoch: 0,
            damage: Vec::new(),
        };
        let names = ground.disk.list(&ground.folder).map_err(fault)?;
        let mut numbers: Vec<_> = names.iter().filter_map(|name| number(name)).collect();
        numbers.sort_unstable();
        let mut ends: BTreeMap<u32, u64> = BTreeMap::new();
        // From the last one down: what was only being made is no segment, and then the one before
        // it may be the last that was written.
        for number in numbers.into_iter().rev() {
            if let Some(header) = recovery.take_in(number)? {
                ends.insert(header.previous, header.previous_end);
                recovery.epoch = recovery.epoch.max(header.epoch);
            }
        }
        for (number, segment) in &mut recovery.found {
            if let Some(end) = ends.get(number) {
                segment.end = segment.end.min(*end);
            }
        }
        Ok(recovery)
    }

    fn path(&self, number: u32) -> String {
        format!("{}/{}", self.ground.folder, crate::log::header::name(number))
    }

    /// Takes a segment in, and answers with its header, if that is right.
    fn take_in(&mut self, number: u32) -> Result<Option<Header>, StoreError> {
        let path = self.path(number);
        let is_last = self.found.is_empty();
        let fault = |fault| StoreError::disk(format!("read {path}"), fault);
        let file = self.ground.disk.open(&path, Existence::Old).map_err(fault)?;
        let end = file.len().map_err(fault)?;
        let header = match header(&*file).map_err(fault)? {
            Some(header) if header.version > VERSION => {
                return Err(StoreError::Damaged {
                    detail: format!(
                        "{path}: it has version {}, this program knows {VERSION}: use a newer one",
                        header.version
                    ),
                });
            }
            Some(header) => Some(header).filter(|header| {
                header.number == number
                    && header.shard == self.ground.shard
                    && header.store == self.ground.store
            }),
            None => None,
        };
        if header.is_none() {
            let scan = Scan { file: &*file, number, seed: self.seed, end };
            // It was being made when all ended, or could not be made and its removal was not
            // durable: nothing in it was ever acknowledged.
            if scan.is_blank(HEADER_OCTETS as u64).map_err(fault)?
                || is_last && scan.find(0, |_| true).map_err(fault)?.is_none()
            {
                self.ground.disk.unlink(&path).map_err(fault)?;
                return Ok(None);
            }
            self.report(number, &*file, (0, HEADER_OCTETS as u64), "its header is not right")?;
        }
        self.found.insert(number, Segment { file, end, is_last });
        Ok(header)
    }

    /// Whether the log has this place.
    fn has(&self, position: Position) -> bool {
        position == Position::default()
            || self.found.get(&position.segment).is_some_and(|segment| {
                (HEADER_OCTETS as u64..=segment.end).contains(&position.offset)
            })
    }

    /// Reads all records behind a place.
    fn replay(&mut self, from: Position) -> Result<(), StoreError> {
        let numbers: Vec<u32> =
            self.found.range(from.segment..).map(|(number, _)| *number).collect();
        for number in numbers {
            let start = if number == from.segment { from.offset } else { HEADER_OCTETS as u64 };
            let fault = |fault| StoreError::disk(format!("read segment {number:08x}"), fault);
            let end = self.replay_segment(number, start).map_err(|error| match error {
                Fault::Disk(source) => fault(source),
                Fault::Store(error) => error,
            })?;
            if let Some(segment) = self.found.get_mut(&number) {
                segment.end = end;
                if segment.is_last && !bugs::is_on(Bug::TailNotSyncedAtStart) {
                    // A process that was killed may have written it and not synced it. What is
                    // seen from now on, and goes into the index, must not be gone after a power
                    // cut. Once, and no sync before it: one that fails ends this start, and one
                    // that comes after it would be believed and have lost everything.
                    segment.file.sync().map_err(fault)?;
                }
            }
        }
        Ok(())
    }

    /// Reads the records of a segment from an offset, and answers where they end.
    fn replay_segment(&mut self, number: u32, start: u64) -> Result<u64, Fault> {
        let Some(segment) = self.found.get(&number) else { return Ok(start) };
        let (file, limit, is_last) = (Arc::clone(&segment.file), segment.end, segment.is_last);
        let scan = Scan { file: &*file, number, seed: self.seed, end: limit };
        let (mut at, mut group) = (start, Group::default());
        while at < limit {
            let record = scan.record(at)?;
            if let Some(record) = record {
                // A body is looked at only where it may have been torn; else when it is read.
                let is_unseen = !is_last || bugs::is_on(Bug::TornBodyTaken);
                if is_unseen || scan.body_is_right(&record)? || is_damage(&scan, at)? {
                    at = record.end();
                    if group.push(record) {
                        self.apply_all(&*file, &mut group)?;
                    }
                    continue;
                }
                return Ok(cut(&*file, group.start(at)));
            }
            let is_resumed = !is_last || bugs::is_on(Bug::TornBatchResumed);
            let wanted = |record: &Record| is_resumed || record.batch() > at;
            match scan.find(at, wanted)? {
                Some(_) => {
                    // From here on every right record counts, whatever its batch.
                    let next = scan.find(at, |_| true)?.map_or(limit, |next| next.at);
                    self.report(number, &*file, (at, next), "no record where one should be")?;
                    // What stands before it in its group was acknowledged.
                    self.apply_all(&*file, &mut group)?;
                    at = next;
                }
                None if is_last => return Ok(cut(&*file, group.start(at))),
                // A segment that could not be begun: nothing was ever written to it.
                None if scan.is_blank(at)? => return Ok(group.start(at)),
                None => {
                    self.report(number, &*file, (at, limit), "no record where one should be")?;
                    self.apply_all(&*file, &mut group)?;
                    at = limit;
                }
            }
        }
        // The rest of a group that was begun was never written.
        let end = group.start(limit);
        Ok(if is_last && end < limit { cut(&*file, end) } else { end })
    }

    fn apply_all(&mut self, file: &dyn DiskFile, group: &mut Group) -> Result<(), Fault> {
        group.take().iter().try_for_each(|record| self.apply(file, record))
    }

    fn apply(&mut self, file: &dyn DiskFile, record: &Record) -> Result<(), Fault> {
        match apply(&mut self.overlay, &record.head, &record.meta) {
            Applied::Done => {}
            Applied::Epoch(epoch) => self.epoch = self.epoch.max(epoch),
            Applied::Senseless => {
                let what = "a record that makes no sense";
                self.report(record.head.segment, file, (record.at, record.end()), what)?;
            }
            Applied::Unknown => {
                return Err(Fault::Store(StoreError::Damaged {
                    detail: format!(
                        "segment {:08x} has a record of kind {}, which this version does not \
                         know: use a newer one",
                        record.head.segment, record.head.kind
                    ),
                }));
            }
        }
        Ok(())
    }

    fn report(
        &mut self,
        number: u32,
        file: &dyn DiskFile,
        (from, to): (u64, u64),
        what: &'static str,
    ) -> Result<(), StoreError> {
        let stretch = Stretch { shard: self.ground.shard, segment: number, from };
        // What a repair has dealt with is no news.
        let is_hushed = bugs::is_on(Bug::GapPassedOver);
        if !is_hushed && !self.ground.seen.contains(&stretch) {
            quarantine::keep(&*self.ground.disk, &stretch, file, to)?;
            self.damage.push(Damage { path: self.path(number), from, to, what });
        }
        Ok(())
    }
}

/// Records that count together.
#[derive(Debug, Default)]
struct Group(Vec<Record>);

impl Group {
    /// One more; answers whether it was the last.
    fn push(&mut self, record: Record) -> bool {
        let continues =
            record.head.flags & FLAG_CONTINUES != 0 && !bugs::is_on(Bug::GroupHalfTaken);
        self.0.push(record);
        !continues
    }

    /// Where it begins, or would.
    fn start(&self, at: u64) -> u64 {
        self.0.first().map_or(at, |first| first.at)
    }

    fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.0)
    }
}

enum Fault {
    Disk(io::Error),
    Store(StoreError),
}

impl From<io::Error> for Fault {
    fn from(fault: io::Error) -> Self {
        Self::Disk(fault)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Whether something behind this place was written when it was durable.
fn is_damage(scan: &Scan<'_>, at: u64) -> io::Result<bool> {
    Ok(scan.find(at, |record| record.batch() > at)?.is_some())
}

/// Cuts a torn tail off, and answers with the new end; whoever asks syncs the file then. What is
/// left of the segment is what was acknowledged; the next segment's header says so too, and so it
/// does not matter if this fails.
fn cut(file: &dyn DiskFile, end: u64) -> u64 {
    if bugs::is_on(Bug::TornTailKept) {
        return file.len().unwrap_or(end);
    }
    let _ = file.set_len(end);
    end
}

/// The header of a segment, if it is whole.
fn header(file: &dyn DiskFile) -> io::Result<Option<Header>> {
    let mut octets = [0; HEADER_OCTETS];
    match read_exact_at(file, &mut octets, 0) {
        Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        outcome => outcome.map(|()| Header::decode(&octets)),
    }
}
