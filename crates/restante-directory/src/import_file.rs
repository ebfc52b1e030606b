//! Reads an import file and hands it over in batches.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

use mail_wire::Secret;

use crate::manage::Manage;
use crate::records::{ImportBatch, ImportLine, ImportReport};
use crate::refusal::ManageError;

/// Why an import ended early. What was taken before stays; the same file can be given again.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error(
        "line {line}: the file cannot be read: {source}; give it again when it can be, what was taken stays"
    )]
    Read {
        /// The first line that was not taken.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The directory cannot take more now.
    #[error("after line {line}: {source}; give the file again later, what was taken stays")]
    Act {
        /// The last line that was taken.
        line: u64,
        /// What it said.
        source: ManageError,
    },
}

/// Lines a batch: one transaction, one sync of the disk.
const BATCH_LINES: usize = 1_000;
/// Passwords in clear a batch: each costs a hash, and people like to see progress.
const BATCH_PLAIN: usize = 16;
/// Octets a batch: with a last line, and what JSON adds, it stays below 1 MiB.
const BATCH_OCTETS: usize = 400 * 1_024;
/// Octets a line: a name, a hash, and a hundred addresses or so.
const LINE_OCTETS_MAX: u64 = 64 * 1_024;

/// Imports a file, calling `progress` with the sums after each batch. Lines that are there
/// already are skipped, so an import that was cut short is simply begun again.
pub async fn import_lines(
    manage: &dyn Manage,
    reader: impl BufRead,
    dry_run: bool,
    mut progress: impl FnMut(&ImportReport),
) -> Result<ImportReport, ImportError> {
    let mut lines = ImportLines::new(reader);
    let mut report = ImportReport::default();
    loop {
        let next = lines.number.saturating_add(1);
        let batch =
            lines.batch(&mut report).map_err(|source| ImportError::Read { line: next, source })?;
        let Some(batch) = batch else { return Ok(report) };
        let done = manage
            .import(ImportBatch { lines: batch, dry_run })
            .await
            .map_err(|source| ImportError::Act { line: next.saturating_sub(1), source })?;
        report.absorb(done);
        progress(&report);
    }
}

/// The lines of an import file, in batches that fit one transaction, and one request through the
/// control socket.
pub struct ImportLines<R> {
    reader: R,
    number: u64,
    /// The names so far, by a short digest, each with its line and a digest of that. About 60
    /// octets a line; a dry run cannot see otherwise that a file names somebody twice.
    seen: HashMap<[u8; 16], (u64, [u8; 16])>,
}

impl<R: BufRead> ImportLines<R> {
    /// From the beginning of a file.
    pub fn new(reader: R) -> Self {
        Self { reader, number: 0, seen: HashMap::new() }
    }

    /// The next lines, for [`Manage::import`]; `None` at the end of the file. Lines that are no
    /// text, or came before, are in the report and not in the batch, which may be empty.
    pub fn batch(&mut self, report: &mut ImportReport) -> io::Result<Option<Vec<ImportLine>>> {
        let mut batch = Vec::new();
        let mut plain = 0usize;
        let mut octets = 0usize;
        let mut any = false;
        while batch.len() < BATCH_LINES && plain < BATCH_PLAIN && octets < BATCH_OCTETS {
            let Some(line) = self.next()? else { break };
            any = true;
            match line.and_then(|text| self.unseen(text)) {
                Ok(Some(text)) => {
                    octets = octets.saturating_add(text.expose().len());
                    if holds_plain(text.expose()) {
                        plain = plain.saturating_add(1);
                    }
                    batch.push(ImportLine { number: self.number, text });
                }
                Ok(None) => {
                    report.lines = report.lines.saturating_add(1);
                    report.unchanged = report.unchanged.saturating_add(1);
                }
                Err(why) => {
                    report.lines = report.lines.saturating_add(1);
                    report.refuse(self.number, why);
                }
            }
        }
        Ok(any.then_some(batch))
    }

    fn next(&mut self) -> io::Result<Option<Result<Secret<String>, String>>> {
        let mut octets = Vec::with_capacity(256);
        let read = self.reader.by_ref().take(LINE_OCTETS_MAX).read_until(b'\n', &mut octets)?;
        if read == 0 {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        if octets.last() != Some(&b'\n') && self.skip_line()? {
            return Ok(Some(Err(format!("the line is longer than {LINE_OCTETS_MAX} octets"))));
        }
        while matches!(octets.last(), Some(b'\n' | b'\r')) {
            octets.pop();
        }
        if self.number == 1 && octets.starts_with(b"\xef\xbb\xbf") {
            octets.drain(..3);
        }
        Ok(Some(
            String::from_utf8(octets)
                .map(Secret::new)
                .map_err(|_| "the line is not UTF-8; convert the file first".to_owned()),
        ))
    }

    /// Skips what is left of a line that is too long; whether there was anything.
    fn skip_line(&mut self) -> io::Result<bool> {
        let mut any = false;
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = buffer.iter().position(|octet| *octet == b'\n');
            let length = end.map_or(buffer.len(), |at| at.saturating_add(1));
            self.reader.consume(length);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// `Ok(None)`: the same line came before. `Err`: another line of the same name did.
    fn unseen(&mut self, text: Secret<String>) -> Result<Option<Secret<String>>, String> {
        let name = text.expose().split(':').next().unwrap_or_default().trim();
        if name.is_empty() || name.starts_with('#') {
            return Ok(Some(text));
        }
        let (name, line) = (short(&name.to_lowercase()), short(text.expose()));
        match self.seen.get(&name) {
            None => {
                self.seen.insert(name, (self.number, line));
                Ok(Some(text))
            }
            Some((_, same)) if *same == line => Ok(None),
            Some((before, _)) => {
                Err(format!("line {before} names the same account; put both into one line"))
            }
        }
    }
}

fn short(text: &str) -> [u8; 16] {
    let mut digest = [0; 16];
    let full = blake3::hash(text.as_bytes());
    digest.iter_mut().zip(full.as_bytes()).for_each(|(to, from)| *to = *from);
    digest
}

fn holds_plain(line: &str) -> bool {
    line.split(':').nth(1).is_some_and(|field| {
        ["{plain}", "{cleartext}"]
            .iter()
            .any(|scheme| field.get(..scheme.len()).is_some_and(|h| h.eq_ignore_ascii_case(scheme)))
    })
}
