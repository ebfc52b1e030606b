//! A body as it comes in: made wire form, counted, and put into files when it is long.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use mail_wire::Form;
use mail_wire::dot::{Stuffer, TERMINATION, TopCut};
use sha2::{Digest, Sha256};

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::addition::Content;
use crate::log::bugs::{self, Bug};
use crate::log::disk::DiskFile;
use crate::log::provenance::{Known, MessageIdAt, message_id};
use crate::log::read::big_path;
use crate::log::shard::Shard;
use crate::log::surrogate::unstuffed;

/// A body on its way in, for some shards.
#[derive(Debug)]
pub(crate) struct Intake {
    form: Form,
    stuffer: Stuffer,
    header: TopCut,
    at_line_start: bool,
    /// What is not in files yet.
    wire: Vec<u8>,
    /// How many octets it has, un-stuffed.
    octets: u64,
    /// Of these octets.
    digest: Sha256,
    header_length: u64,
    /// How many octets the header has un-stuffed.
    header_octets: u64,
    /// Whether what was seen of the header ends a line.
    header_ends_line: bool,
    /// What is in files already.
    spilled: Spilled,
    big_octets_min: usize,
}

#[derive(Debug, Default)]
struct Spilled {
    length: u64,
    crc: u32,
    /// It stood in the first piece.
    message_id: Option<Vec<u8>>,
    files: Vec<BigFile>,
}

/// A body's file in one shard. It is removed again unless it is kept.
#[derive(Debug)]
pub(crate) struct BigFile {
    shard: Arc<Shard>,
    file: Arc<dyn DiskFile>,
    pub(crate) file_id: u64,
    is_kept: bool,
}

/// How much is written to a file at once, at least.
const PIECE_OCTETS_MIN: usize = 256 << 10;

impl Intake {
    pub(crate) fn new(form: Form, big_octets_min: usize) -> Self {
        Self {
            form,
            stuffer: Stuffer::default(),
            header: TopCut::new(0),
            at_line_start: true,
            wire: Vec::new(),
            octets: 0,
            digest: Sha256::new(),
            header_length: 0,
            header_octets: 0,
            header_ends_line: true,
            spilled: Spilled::default(),
            big_octets_min,
        }
    }

    /// The next octets.
    pub(crate) fn write(&mut self, octets: &[u8], shards: &[Arc<Shard>]) -> Result<(), StoreError> {
        let start = self.wire.len();
        match self.form {
            Form::Text => {
                self.stuffer.stuff(octets, &mut self.wire);
                self.count(octets);
            }
            Form::Wire => {
                self.stuffer.pass(octets);
                self.wire.extend_from_slice(octets);
                self.count_unstuffed(octets);
            }
        }
        self.look_at_header(start);
        let long = self.wire.len() > self.big_octets_min;
        if long || (self.spilled.length > 0 && self.wire.len() >= PIECE_OCTETS_MIN) {
            self.spill(shards)?;
        }
        Ok(())
    }

    /// Whether it is in files.
    pub(crate) const fn is_long(&self) -> bool {
        self.spilled.length > 0
    }

    /// Nothing more comes. Answers with the content and its files, in the order of the shards;
    /// there are none if it is in memory. The files are not durable yet.
    pub(crate) fn finish(
        mut self,
        shards: &[Arc<Shard>],
        utf8: bool,
        time: u64,
    ) -> Result<(Content, Vec<BigFile>), StoreError> {
        let start = self.wire.len();
        std::mem::take(&mut self.stuffer).finish(&mut self.wire);
        // The end of a message belongs to the way, not to the message.
        self.wire.truncate(self.wire.len().saturating_sub(TERMINATION.len()));
        let completed = self.wire.get(start..).unwrap_or_default().to_vec();
        self.count(&completed);
        self.look_at_header(start);
        if self.spilled.length > 0 {
            self.spill(shards)?;
        }
        let in_memory = self.spilled.files.is_empty();
        let message_id = match self.spilled.message_id.take() {
            None if in_memory => {
                let length = usize::try_from(self.header_length).unwrap_or(usize::MAX);
                let header = self.wire.get(..length).unwrap_or_default();
                message_id(header).and_then(|(at, text)| {
                    Some(MessageIdAt::Body(at.try_into().ok()?, text.len().try_into().ok()?))
                })
            }
            found => found.map(MessageIdAt::Text),
        };
        let known = Known { digest: Some(self.digest.finalize().into()), message_id };
        let (length, crc) = if in_memory {
            (self.wire.len() as u64, crc32c::crc32c(&self.wire))
        } else {
            (self.spilled.length, self.spilled.crc)
        };
        let content = Content {
            wire: Bytes::from(self.wire),
            length,
            octets: self.octets,
            header_length: self.header_length,
            header_octets: self.header_octets,
            crc,
            utf8,
            known,
            time,
        };
        Ok((content, self.spilled.files))
    }

    fn count(&mut self, text: &[u8]) {
        self.octets = self.octets.saturating_add(text.len() as u64);
        self.digest.update(text);
    }

    /// Of the dots at a line start the first was added for the way (RFC 5321 §4.5.2).
    fn count_unstuffed(&mut self, wire: &[u8]) {
        let Some(last) = wire.last() else { return };
        let is_added = self.at_line_start && wire.starts_with(b".");
        self.at_line_start = *last == b'\n';
        let mut from = usize::from(is_added);
        for found in memchr::memmem::find_iter(wire, b"\n.") {
            let dot = found.saturating_add(1);
            self.count(wire.get(from..dot).unwrap_or_default());
            from = dot.saturating_add(1);
        }
        self.count(wire.get(from..).unwrap_or_default());
    }

    fn look_at_header(&mut self, start: usize) {
        if !self.header.is_done() {
            let new = self.wire.get(start..).unwrap_or_default();
            let wanted = self.header.wanted(new);
            let header = new.get(..wanted).unwrap_or_default();
            let octets = unstuffed(header, self.header_ends_line);
            self.header_octets = self.header_octets.saturating_add(octets);
            if let Some(last) = header.last() {
                self.header_ends_line = *last == b'\n';
            }
            self.header_length = self.header_length.saturating_add(wanted as u64);
        }
    }

    fn spill(&mut self, shards: &[Arc<Shard>]) -> Result<(), StoreError> {
        if self.spilled.files.is_empty() {
            let length = usize::try_from(self.header_length).unwrap_or(usize::MAX);
            let header = self.wire.get(..length.min(self.wire.len())).unwrap_or_default();
            self.spilled.message_id = message_id(header).map(|(_, text)| text.to_vec());
            for shard in shards {
                self.spilled.files.push(BigFile::new(shard)?);
            }
        }
        for big in &self.spilled.files {
            let outcome = big.file.write_at(&self.wire, self.spilled.length);
            outcome.map_err(|fault| StoreError::disk("write a long message", fault))?;
        }
        self.spilled.length = self.spilled.length.saturating_add(self.wire.len() as u64);
        self.spilled.crc = crc32c::crc32c_append(self.spilled.crc, &self.wire);
        self.wire.clear();
        Ok(())
    }
}

impl BigFile {
    fn new(shard: &Arc<Shard>) -> Result<Self, StoreError> {
        let (ids, _) = shard.ids.take(1)?;
        let file_id = ids.first().copied().ok_or(StoreError::Unavailable)?;
        let path = big_path(&shard.folder, file_id);
        let file = shard
            .disk
            .open(&path, Existence::New)
            .map_err(|fault| StoreError::disk(format!("make {path}"), fault))?;
        Ok(Self { shard: Arc::clone(shard), file, file_id, is_kept: false })
    }

    /// Makes content and name durable: before the record that says so.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if !bugs::is_on(Bug::BigNotSynced) {
            self.file.sync()?;
        }
        if bugs::is_on(Bug::BigNameNotSynced) {
            return Ok(());
        }
        self.shard.disk.sync_dir(&format!("{}/big", self.shard.folder))
    }

    /// A record may say so from now on. If none does, it is swept at the next start.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for BigFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // If it cannot be removed now, it is swept at the next start.
            let _ = self.shard.disk.unlink(&big_path(&self.shard.folder, self.file_id));
        }
    }
}
