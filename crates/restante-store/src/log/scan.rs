//! Reads the records of a segment in order, and finds where they go on.

use std::io;

use memchr::memmem;

use crate::log::bugs::{self, Bug};
use crate::log::disk::{DiskFile, read_exact_at};
use crate::log::header::HEADER_OCTETS;
use crate::log::record::{ALIGNMENT, HEAD_OCTETS, Head, MAGIC, offset, place};

/// One segment to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    pub(crate) file: &'a dyn DiskFile,
    pub(crate) number: u32,
    /// The store's seed of checksums.
    pub(crate) seed: u32,
    /// No record reaches behind this.
    pub(crate) end: u64,
}

/// A record whose head and meta are right.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) at: u64,
    pub(crate) head: Head,
    pub(crate) meta: Vec<u8>,
}

impl Record {
    /// Where it ends.
    pub(crate) fn end(&self) -> u64 {
        self.at.saturating_add(self.head.size())
    }

    /// Before this offset all was durable when it was written.
    pub(crate) fn batch(&self) -> u64 {
        offset(self.head.batch)
    }
}

/// How much is looked through at once for a magic.
const WINDOW_OCTETS: u64 = 1 << 20;

/// How much of a body is checked at once.
const PIECE_OCTETS: u64 = 256 << 10;

impl Scan<'_> {
    /// The record at this offset, if its head and meta are right and it ends in time.
    pub(crate) fn record(&self, at: u64) -> io::Result<Option<Record>> {
        let behind_head = at.saturating_add(HEAD_OCTETS as u64);
        if behind_head > self.end || at < HEADER_OCTETS as u64 {
            return Ok(None);
        }
        let mut octets = [0; HEAD_OCTETS];
        read_exact_at(self.file, &mut octets, at)?;
        let Some(head) = Head::decode(&octets, self.seed) else { return Ok(None) };
        let ours = head.segment == self.number
            && place(at) == Some(head.place)
            && head.batch <= head.place;
        if !ours || at.checked_add(head.size()).is_none_or(|end| end > self.end) {
            return Ok(None);
        }
        let mut meta = vec![0; usize::try_from(head.meta_length).unwrap_or(0)];
        read_exact_at(self.file, &mut meta, behind_head)?;
        let right = crc32c::crc32c(&meta) == head.meta_crc || bugs::is_on(Bug::MetaNotChecked);
        Ok(right.then_some(Record { at, head, meta }))
    }

    /// Whether the body that is in the record is the one that was written.
    pub(crate) fn body_is_right(&self, record: &Record) -> io::Result<bool> {
        if record.head.is_big() {
            return Ok(true);
        }
        let mut at = record.at.saturating_add(record.head.body_at());
        let mut left = record.head.body_length;
        let (mut crc, mut piece) = (0, Vec::new());
        while left > 0 {
            let length = left.min(PIECE_OCTETS);
            piece.resize(usize::try_from(length).unwrap_or(0), 0);
            read_exact_at(self.file, &mut piece, at)?;
            crc = crc32c::crc32c_append(crc, &piece);
            at = at.saturating_add(length);
            left = left.saturating_sub(length);
        }
        Ok(crc == record.head.body_crc)
    }

    /// Whether there are only zeros from this offset on.
    pub(crate) fn is_blank(&self, from: u64) -> io::Result<bool> {
        let (mut at, mut window) = (from, Vec::new());
        while at < self.end {
            let length = self.end.saturating_sub(at).min(WINDOW_OCTETS);
            window.resize(usize::try_from(length).unwrap_or(0), 0);
            read_exact_at(self.file, &mut window, at)?;
            if window.iter().any(|octet| *octet != 0) {
                return Ok(false);
            }
            at = at.saturating_add(length);
        }
        Ok(true)
    }

    /// The first right record at or behind this offset for which `wanted` holds.
    pub(crate) fn find(
        &self,
        from: u64,
        wanted: impl Fn(&Record) -> bool,
    ) -> io::Result<Option<Record>> {
        let finder = memmem::Finder::new(&MAGIC);
        let mut window = Vec::new();
        let mut start = from.checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX);
        while start < self.end {
            // Aligned magics never lie across two windows.
            let length = self.end.saturating_sub(start).min(WINDOW_OCTETS);
            window.resize(usize::try_from(length).unwrap_or(0), 0);
            read_exact_at(self.file, &mut window, start)?;
            for found in finder.find_iter(&window) {
                let at = start.saturating_add(found as u64);
                if at.is_multiple_of(ALIGNMENT)
                    && let Some(record) = self.record(at)?
                    && wanted(&record)
                {
                    return Ok(Some(record));
                }
            }
            start = start.saturating_add(length);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk as Calls, Existence};
    use crate::log::disk::Disk;
    use crate::log::real::RealDisk;
    use crate::log::record::Kind;
    use crate::maildir::scratch::quick;

    const SEED: u32 = 7;
    const AT: u64 = 128;

    /// What is read at 128 of a file that has this head there, with so many octets behind it,
    /// if no record reaches behind `end`.
    fn read(head: Head, behind: usize, end: u64) -> Option<Head> {
        let folder = quick();
        let disk = RealDisk::open(Calls::default(), folder.path()).unwrap();
        let mut octets = vec![0; usize::try_from(AT).unwrap()];
        octets.extend(head.encode(SEED));
        octets.resize(octets.len() + behind, 0);
        std::fs::write(folder.path().join("segment"), octets).unwrap();
        let file = disk.open("segment", Existence::Old).unwrap();
        let scan = Scan { file: &*file, number: 3, seed: SEED, end };
        scan.record(AT).unwrap().map(|record| record.head)
    }

    // FORMAT.md, Records: segment number and place are in the head so that what an earlier use of
    // the same blocks left there is never taken for a record
    #[test]
    fn only_what_was_written_here_is_a_record() {
        let right = Head { segment: 3, place: 8, batch: 8, ..Head::plain(Kind::Seal, 0) };
        assert_eq!(read(right, 0, 192), Some(right));
        assert_eq!(read(Head { batch: 4, ..right }, 0, 192).unwrap().batch, 4);
        assert_eq!(read(Head { segment: 4, ..right }, 0, 192), None, "of another segment");
        assert_eq!(read(Head { place: 9, batch: 9, ..right }, 0, 192), None, "of another place");
        assert_eq!(read(Head { place: 7, batch: 7, ..right }, 0, 192), None, "of another place");
        assert_eq!(read(Head { batch: 9, ..right }, 0, 192), None, "of a batch behind it");
    }

    // FORMAT.md, Segment header: octets behind the end are no records, whatever they look like
    #[test]
    fn nothing_reaches_behind_the_end() {
        let right = Head { segment: 3, place: 8, batch: 8, ..Head::plain(Kind::Seal, 0) };
        for end in [0, 64, 128, 191] {
            assert_eq!(read(right, 64, end), None, "the head, {end}");
        }
        let long = Head { meta_length: 16, meta_crc: crc32c::crc32c(&[0; 16]), ..right };
        assert_eq!(read(long, 64, 208), Some(long));
        assert_eq!(read(long, 64, 207), None, "the meta");
        let long = Head { body_length: 33, ..right };
        assert_eq!(read(long, 64, 240), Some(long));
        assert_eq!(read(long, 64, 239), None, "the padding of the body");
    }

    // FORMAT.md: records follow the header. In the header there is none.
    #[test]
    fn there_is_no_record_in_the_header() {
        let folder = quick();
        let disk = RealDisk::open(Calls::default(), folder.path()).unwrap();
        let head = Head { segment: 3, place: 0, batch: 0, ..Head::plain(Kind::Seal, 0) };
        std::fs::write(folder.path().join("segment"), head.encode(SEED)).unwrap();
        let file = disk.open("segment", Existence::Old).unwrap();
        let scan = Scan { file: &*file, number: 3, seed: SEED, end: 64 };
        assert!(scan.record(0).unwrap().is_none());
        assert!(scan.record(u64::MAX - 8).unwrap().is_none());
    }
}
