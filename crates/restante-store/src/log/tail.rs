//! The segment that is being written.

use std::io;
use std::sync::Arc;

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::batch::Batch;
use crate::log::bugs::{self, Bug};
use crate::log::disk::DiskFile;
use crate::log::header::{HEADER_OCTETS, Header, VERSION};
use crate::log::position::Position;
use crate::log::record::Kind;
use crate::log::shard::Shard;

/// The end of a shard's log.
#[derive(Debug)]
pub(crate) struct Tail {
    shard: Arc<Shard>,
    current: Option<Current>,
    /// The segment before the current one, and where it ends; the default if there is none.
    previous: Position,
    /// The number of the next segment.
    next: u32,
    /// The epoch that the log has said last.
    pub(crate) epoch: u32,
}

/// The segment that is written.
#[derive(Debug)]
struct Current {
    file: Arc<dyn DiskFile>,
    number: u32,
    /// Up to here all is durable, and nothing was written behind it.
    end: u64,
    /// Up to here it has room.
    allocated: u64,
}

/// What a change of epoch and a seal take at most, in octets.
const MORE_OCTETS: u64 = 256;

impl Tail {
    /// Behind this place; the next segment has this number.
    pub(crate) fn new(shard: Arc<Shard>, previous: Position, next: u32, epoch: u32) -> Self {
        Self { shard, current: None, previous, next, epoch }
    }

    /// Where the log ends.
    pub(crate) fn position(&self) -> Position {
        self.current.as_ref().map_or(self.previous, |current| Position {
            segment: current.number,
            offset: current.end,
        })
    }

    /// An empty batch, to be written next, for so many octets, for which there is room then.
    pub(crate) fn batch(&mut self, octets: u64) -> Result<Batch, StoreError> {
        let octets = octets.saturating_add(MORE_OCTETS);
        let is_full = |current: &Current| {
            current.end > HEADER_OCTETS as u64
                && current.end.saturating_add(octets) > self.shard.settings.segment_octets
        };
        if self.current.as_ref().is_some_and(is_full) {
            self.seal();
        }
        let fault = |fault| StoreError::disk("make room for a segment", fault);
        if self.current.is_none() {
            self.begin_segment().map_err(fault)?;
        }
        let ahead = self.shard.settings.ahead_octets;
        let current = self.current.as_mut().ok_or(StoreError::Unavailable)?;
        current.allocate(octets, ahead).map_err(fault)?;
        Ok(Batch::new(current.number, current.end, self.shard.seed(), self.shard.time()))
    }

    /// Writes the batch that was asked for last, durably. After an error none of it is there,
    /// and nothing is written to its segment any more.
    pub(crate) fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let current = self.current.as_mut().ok_or(StoreError::Unavailable)?;
        let outcome = current
            .file
            .write_at(batch.octets(), current.end)
            // A sync that failed once may succeed the next time and have lost everything:
            // it is never tried again.
            .and_then(|()| current.sync(batch));
        match outcome {
            Ok(()) => {
                current.end = batch.end();
                self.shard.segments.ends(current.number, current.end);
                Ok(())
            }
            Err(fault) if bugs::is_on(Bug::SegmentNotAbandoned) => {
                Err(StoreError::disk("write to the log", fault))
            }
            Err(fault) => {
                self.previous = self.position();
                self.shard.segments.ends(self.previous.segment, self.previous.offset);
                self.current = None;
                // At once, so that its header says where the poisoned one ends. If that fails,
                // it is tried again with the next batch.
                let _ = self.begin_segment();
                Err(StoreError::disk("write to the log", fault))
            }
        }
    }

    /// Ends the current segment in good order.
    pub(crate) fn seal(&mut self) {
        let Some(current) = &self.current else { return };
        let number = current.number;
        let file = Arc::clone(&current.file);
        let mut batch = Batch::new(number, current.end, self.shard.seed(), self.shard.time());
        // Without its seal, or with a part of it, the segment ends where the next one says.
        if batch.push_plain(Kind::Seal, &[]).is_some()
            && file.write_at(batch.octets(), current.end).is_ok()
            && file.set_len(batch.end()).is_ok()
            && file.sync().is_ok()
        {
            self.previous = Position { segment: number, offset: batch.end() };
        } else {
            self.previous = self.position();
        }
        self.shard.segments.ends(number, self.previous.offset);
        self.current = None;
    }

    /// What was written is synced, for what that is worth by now.
    pub(crate) fn sync_late(&self) {
        if let Some(current) = &self.current {
            let _ = current.file.sync();
        }
    }

    /// The segment of an earlier start is written on.
    fn write_on(&mut self) -> io::Result<()> {
        let Position { segment: number, offset: end } = self.previous;
        let file = self.shard.disk.open(&self.shard.segments.path(number), Existence::Old)?;
        self.current = Some(Current { file, number, end, allocated: 0 });
        Ok(())
    }

    /// Makes the next segment, durable with its name.
    fn begin_segment(&mut self) -> io::Result<()> {
        if bugs::is_on(Bug::OldSegmentWritten) && self.previous.segment > 0 {
            return self.write_on();
        }
        let (shard, number) = (&self.shard, self.next);
        // Whatever becomes of it: no number is used twice.
        self.next = number.checked_add(1).ok_or(io::ErrorKind::StorageFull)?;
        let path = shard.segments.path(number);
        let header = Header {
            version: VERSION,
            shard: shard.number,
            number,
            store: shard.store,
            epoch: self.epoch,
            previous: if bugs::is_on(Bug::PreviousEndNotSaid) { 0 } else { self.previous.segment },
            previous_end: self.previous.offset,
            time: shard.time(),
        };
        let file = shard.disk.open(&path, Existence::New)?;
        let mut current = Current { file, number, end: HEADER_OCTETS as u64, allocated: 0 };
        let made = current
            .allocate(0, shard.settings.ahead_octets)
            .and_then(|()| current.file.write_at(&header.encode(), 0))
            .and_then(|()| current.file.sync())
            .and_then(|()| {
                let is_skipped = bugs::is_on(Bug::SegmentNameNotSynced);
                if is_skipped { Ok(()) } else { shard.disk.sync_dir(&shard.folder) }
            });
        if let Err(fault) = made {
            // It holds nothing. If it cannot be removed, it is an empty segment.
            let _ = shard.disk.unlink(&path);
            return Err(fault);
        }
        shard.segments.insert(number, Some(Arc::clone(&current.file)), current.end);
        self.current = Some(current);
        Ok(())
    }
}

/// Whether a batch is not synced when it is written.
fn is_unsynced(batch: &Batch) -> bool {
    bugs::is_on(Bug::LogNotSynced)
        || bugs::is_on(Bug::AnsweredBeforeSync)
        || bugs::is_on(Bug::CopiesNotSynced) && batch.is_copied()
}

impl Current {
    /// What was written is durable. A sync that failed once is never tried again.
    fn sync(&self, batch: &Batch) -> io::Result<()> {
        let outcome = if is_unsynced(batch) { Ok(()) } else { self.file.sync() };
        match outcome {
            Err(_) if bugs::is_on(Bug::SyncRetried) => self.file.sync(),
            outcome => outcome,
        }
    }

    /// Makes room for so many more octets, and for some ahead if the disk has that.
    fn allocate(&mut self, octets: u64, ahead: u64) -> io::Result<()> {
        let end = self.end.saturating_add(octets);
        if end <= self.allocated {
            return Ok(());
        }
        let room = |to: u64| {
            self.file.preallocate(self.allocated, to.saturating_sub(self.allocated)).map(|()| to)
        };
        self.allocated = room(end.saturating_add(ahead)).or_else(|fault| match fault.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => room(end),
            _ => Err(fault),
        })?;
        Ok(())
    }
}
