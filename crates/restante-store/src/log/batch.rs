//! Records that are written together.

use std::ops::Range;

use crate::log::record::{Head, Kind, pad, place};

/// Records that are written together, behind what is durable.
#[derive(Debug)]
pub(crate) struct Batch {
    segment: u32,
    /// The offset of its first octet.
    start: u64,
    seed: u32,
    time: u64,
    octets: Vec<u8>,
    records: Vec<(Head, Range<usize>)>,
}

impl Batch {
    /// An empty one, to be written at this offset of a segment.
    pub(crate) fn new(segment: u32, start: u64, seed: u32, time: u64) -> Self {
        Self { segment, start, seed, time, octets: Vec::new(), records: Vec::new() }
    }

    /// One more record; `None` if it cannot stand so far behind in a segment.
    pub(crate) fn push(&mut self, head: &Head, meta: &[u8], body: &[u8]) -> Option<()> {
        let at = self.start.checked_add(self.octets.len() as u64)?;
        let head = Head {
            segment: self.segment,
            place: place(at)?,
            batch: place(self.start)?,
            meta_length: u32::try_from(meta.len()).ok()?,
            meta_crc: crc32c::crc32c(meta),
            ..*head
        };
        self.octets.extend_from_slice(&head.encode(self.seed));
        let meta_start = self.octets.len();
        self.octets.extend_from_slice(meta);
        let meta_at = meta_start..self.octets.len();
        pad(&mut self.octets);
        self.octets.extend_from_slice(body);
        pad(&mut self.octets);
        self.records.push((head, meta_at));
        Some(())
    }

    /// One more record, without a body.
    pub(crate) fn push_plain(&mut self, kind: Kind, meta: &[u8]) -> Option<()> {
        self.push_flagged(kind, 0, meta)
    }

    /// The same with these flags.
    pub(crate) fn push_flagged(&mut self, kind: Kind, flags: u8, meta: &[u8]) -> Option<()> {
        let head = Head { flags, ..Head::plain(kind, self.time) };
        self.push(&head, meta, &[])
    }

    /// What is to be written.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Where it ends.
    pub(crate) fn end(&self) -> u64 {
        self.start.saturating_add(self.octets.len() as u64)
    }

    /// Whether it is what compaction copies.
    pub(crate) fn is_copied(&self) -> bool {
        self.records.iter().any(|(head, _)| head.kind == Kind::Move.number())
    }

    /// The records, with their metas.
    pub(crate) fn records(&self) -> impl Iterator<Item = (&Head, &[u8])> {
        self.records
            .iter()
            .map(|(head, meta)| (head, self.octets.get(meta.clone()).unwrap_or_default()))
    }
}
