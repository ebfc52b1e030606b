//! All records of a shard, one after another, each octet looked at.

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::disk::{Disk, DiskFile};
use crate::log::header::HEADER_OCTETS;
use crate::log::meta;
use crate::log::read::big_path;
use crate::log::record::{Head, Kind};
use crate::log::scan::{Record, Scan};
use crate::log::standstill::Standstill;
use crate::log::upkeep::meter::Meter;

/// How much of a file is read at once.
const PIECE_OCTETS: usize = 256 << 10;

/// What was read.
pub(super) enum Read<'a> {
    /// A record; whether its body, wherever that is, is what was written.
    Record(&'a Record, Body),
    /// No record from here to there.
    Nothing {
        /// The segment.
        segment: u32,
        /// Where it begins.
        from: u64,
        /// Where it ends.
        to: u64,
    },
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// What was written, or none.
    Right,
    /// Something else.
    Wrong,
    /// Its file is not there.
    Missing,
}

/// Reads all records.
pub(super) fn walk(
    still: &Standstill,
    meter: &mut Meter<'_>,
    each: &mut dyn FnMut(Read<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let shard = still.shard();
    for (&segment, &end) in &still.moment.segments {
        let file = shard.segments.file(segment)?;
        let scan = Scan { file: &*file, number: segment, seed: shard.seed(), end };
        let path = shard.segments.path(segment);
        let fault = |fault| StoreError::disk(format!("read {path}"), fault);
        let mut at = HEADER_OCTETS as u64;
        while at < end {
            let next = if let Some(record) = scan.record(at).map_err(fault)? {
                let body = body(&*shard.disk, &shard.folder, &scan, &record)?;
                each(Read::Record(&record, body))?;
                record.end()
            } else if let Some(next) = scan.find(at, |_| true).map_err(fault)? {
                each(Read::Nothing { segment, from: at, to: next.at })?;
                next.at
            } else {
                if !scan.is_blank(at).map_err(fault)? {
                    each(Read::Nothing { segment, from: at, to: end })?;
                }
                end
            };
            meter.add(next.saturating_sub(at))?;
            at = next;
        }
    }
    Ok(())
}

fn body(
    disk: &dyn Disk,
    folder: &str,
    scan: &Scan<'_>,
    record: &Record,
) -> Result<Body, StoreError> {
    let Record { head, meta, .. } = record;
    if !head.is_big() {
        let fault = |fault| StoreError::disk("read a message", fault);
        let is_right = scan.body_is_right(record).map_err(fault)?;
        return Ok(if is_right { Body::Right } else { Body::Wrong });
    }
    if !matches!(Kind::of(head.kind), Some(Kind::Big | Kind::Move)) {
        return Ok(Body::Right);
    }
    let Some(file_id) = meta::message(head, meta).and_then(|message| message.file_id) else {
        return Ok(Body::Wrong);
    };
    let path = big_path(folder, file_id);
    let fault = |fault| StoreError::disk(format!("read {path}"), fault);
    match disk.open(&path, Existence::Old) {
        // Of a message that is gone the file may be, too.
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(Body::Missing),
        Err(other) => Err(fault(other)),
        Ok(file) if is_right(&*file, head).map_err(fault)? => Ok(Body::Right),
        Ok(_) => Ok(Body::Wrong),
    }
}

fn is_right(file: &dyn DiskFile, head: &Head) -> std::io::Result<bool> {
    let (mut crc, mut at, mut piece) = (0, 0_u64, vec![0; PIECE_OCTETS]);
    loop {
        let read = file.read_at(&mut piece, at)?;
        if read == 0 {
            return Ok(at == head.body_length && crc == head.body_crc);
        }
        crc = crc32c::crc32c_append(crc, piece.get(..read).unwrap_or_default());
        at = at.saturating_add(read as u64);
    }
}
