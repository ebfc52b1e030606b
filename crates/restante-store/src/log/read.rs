//! A message out of the log: its octets, checked on their way.

use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use mail_wire::Form;

use crate::body::{Body, Progress, Stream, Wait};
use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::bugs::{self, Bug};
use crate::log::disk::{Disk, DiskFile};
use crate::log::entry::{Entry, STANDS_IN};
use crate::log::extensions::Extensions;
use crate::log::meta;
use crate::log::record::{HEAD_OCTETS, Head, offset};
use crate::log::segments::Segments;
use crate::log::surrogate::StandIn;

/// The most that is read at once.
const PIECE_OCTETS_MAX: u64 = 64 << 10;

/// What stands around a body, as a first guess.
const AROUND_OCTETS: u64 = 2048;

/// Where a shard's messages are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) folder: &'a str,
    pub(crate) segments: &'a Segments,
    pub(crate) seed: u32,
}

/// The message of an entry; `None` if the disk must be waited for, and may not be.
///
/// The head, the meta, and the body of a message up to 60 KiB are checked before anything is
/// answered; a longer body before its end is handed over (P-057).
pub(crate) fn message(
    place: Place<'_>,
    entry: &Entry,
    wait: Wait,
) -> Result<Option<Body>, StoreError> {
    let file = place.segments.file(entry.segment)?;
    let start = offset(entry.place);
    let guess = entry.octets.saturating_add(AROUND_OCTETS).min(PIECE_OCTETS_MAX);
    let damaged = |what: &str| StoreError::Damaged {
        detail: format!("{} at {start}: {what}", place.segments.path(entry.segment)),
    };
    let Some(mut piece) = read(&*file, start, guess, wait)? else { return Ok(None) };
    let head = Head::decode(&piece, place.seed)
        .filter(|head| head.segment == entry.segment && head.place == entry.place)
        .ok_or_else(|| damaged("the head of a message is not right"))?;
    let meta_end = u64::from(head.meta_length).saturating_add(HEAD_OCTETS as u64);
    if meta_end > piece.len() as u64 {
        let Some(longer) = read(&*file, start, meta_end, wait)? else { return Ok(None) };
        piece = longer;
    }
    let octets_of_meta = usize::try_from(meta_end).ok().and_then(|end| piece.get(HEAD_OCTETS..end));
    let octets_of_meta = octets_of_meta
        .filter(|meta| crc32c::crc32c(meta) == head.meta_crc)
        .ok_or_else(|| damaged("the recipients of a message are not right"))?;
    let meta::Message { file_id, rows, extensions, .. } = meta::message(&head, octets_of_meta)
        .ok_or_else(|| damaged("the recipients make no sense"))?;
    let row = usize::try_from(entry.recipient).ok().and_then(|recipient| rows.get(recipient));
    let another = || damaged("it is another message than the index says");
    let row = row.filter(|row| row.id == entry.id).ok_or_else(another)?;
    let stand_in = stand_in(entry, &head, extensions, row.prefix).map_err(|Another| another())?;
    let mut ahead = BytesMut::from(stand_in.map_or(row.prefix, |stand_in| stand_in.prefix));
    ahead.extend_from_slice(stand_in.map_or(&[], |stand_in| stand_in.header));
    let mut checked = Checked {
        ahead: Bytes::new(),
        file,
        at: start.saturating_add(head.body_at()),
        left: head.body_length,
        hidden: stand_in.map_or(0, |_| u64::from(head.header_length)),
        crc: 0,
        wanted: head.body_crc,
        is_damaged: false,
    };
    if let Some(file_id) = file_id {
        let path = big_path(place.folder, file_id);
        checked.file = place
            .disk
            .open(&path, Existence::Old)
            .map_err(|fault| StoreError::disk(format!("open {path}"), fault))?;
        checked.at = 0;
    } else {
        let body = usize::try_from(head.body_at()).ok().and_then(|at| piece.get(at..));
        let here = checked.take(body.unwrap_or_default());
        let hidden = checked.hide(here.len());
        ahead.extend_from_slice(here.get(hidden..).unwrap_or_default());
    }
    checked.ahead = ahead.freeze();
    if checked.left > 0 {
        return Ok(Some(Body::stream(Form::Wire, Box::new(checked))));
    }
    checked.verdict()?;
    Ok(Some(Body::chunk(Form::Wire, checked.ahead)))
}

/// It is another message than the entry says.
struct Another;

/// What stands in the place of prefix and header, if this entry is to be read so.
fn stand_in<'a>(
    entry: &Entry,
    head: &Head,
    extensions: Extensions<'a>,
    prefix: &'a [u8],
) -> Result<Option<StandIn<'a>>, Another> {
    if entry.flags & STANDS_IN == 0 {
        let octets = head.body_octets.saturating_add(prefix.len() as u64);
        return if octets == entry.octets { Ok(None) } else { Err(Another) };
    }
    let stand_in = StandIn::find(extensions, entry.recipient, prefix);
    let is_right = |stand_in: &StandIn<'_>| stand_in.octets(head) == entry.octets;
    stand_in.filter(is_right).map(Some).ok_or(Another)
}

/// The path of a body with a file of its own.
pub(crate) fn big_path(folder: &str, file_id: u64) -> String {
    format!("{folder}/big/{file_id:016x}.msg")
}

/// Reads so much from here on, or up to the end; `None` if it must be waited for.
fn read(
    file: &dyn DiskFile,
    at: u64,
    octets: u64,
    wait: Wait,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut piece = vec![0; usize::try_from(octets).unwrap_or(0)];
    let mut filled = 0_usize;
    while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read_some(file, rest, at.saturating_add(filled as u64), wait) {
            Ok(0) => break,
            Ok(octets) => filled = filled.saturating_add(octets),
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(fault) => return Err(StoreError::disk("read a message", fault)),
        }
    }
    piece.truncate(filled);
    Ok(Some(piece))
}

fn read_some(file: &dyn DiskFile, octets: &mut [u8], at: u64, wait: Wait) -> io::Result<usize> {
    match wait {
        Wait::Yes => file.read_at(octets, at),
        Wait::No => file.read_cached(octets, at),
    }
}

/// A body whose last octet is handed over only if all are those that were written.
#[derive(Debug)]
struct Checked {
    /// What was read already.
    ahead: Bytes,
    file: Arc<dyn DiskFile>,
    at: u64,
    left: u64,
    /// How much of what comes is checked and not handed over: a header that another stands for.
    hidden: u64,
    /// The checksum of all that was read.
    crc: u32,
    wanted: u32,
    is_damaged: bool,
}

impl Checked {
    /// Takes of these octets what belongs to the body.
    fn take<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(octets.len());
        let taken = octets.get(..length).unwrap_or_default();
        self.crc = crc32c::crc32c_append(self.crc, taken);
        self.at = self.at.saturating_add(taken.len() as u64);
        self.left = self.left.saturating_sub(taken.len() as u64);
        taken
    }

    /// How many of the next so many octets are not handed over.
    fn hide(&mut self, octets: usize) -> usize {
        let hidden = usize::try_from(self.hidden).unwrap_or(usize::MAX).min(octets);
        self.hidden = self.hidden.saturating_sub(hidden as u64);
        hidden
    }

    fn verdict(&mut self) -> Result<(), StoreError> {
        let is_other = self.crc != self.wanted && !bugs::is_on(Bug::BodyNotChecked);
        self.is_damaged |= self.left == 0 && is_other;
        if self.is_damaged {
            return Err(StoreError::Damaged {
                detail: "a message is not what was written: its checksum differs".into(),
            });
        }
        Ok(())
    }
}

impl Stream for Checked {
    fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        octets_max: usize,
        wait: Wait,
    ) -> Result<Progress, StoreError> {
        self.verdict()?;
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(octets_max);
            buffer.extend_from_slice(self.ahead.get(..length).unwrap_or_default());
            self.ahead.advance(length);
            return Ok(Progress::Octets(length));
        }
        if self.left == 0 {
            return Ok(Progress::Ended);
        }
        let start = buffer.len();
        let length = self.left.min(octets_max as u64).min(PIECE_OCTETS_MAX);
        let end = start.saturating_add(usize::try_from(length).unwrap_or(0));
        buffer.resize(end, 0);
        let place = buffer.get_mut(start..).unwrap_or_default();
        let outcome = read_some(&*self.file, place, self.at, wait);
        let read = *outcome.as_ref().unwrap_or(&0);
        buffer.truncate(start.saturating_add(read));
        match outcome {
            Ok(0) => {
                self.is_damaged = true;
                self.verdict()?;
            }
            Ok(_) => {}
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Cold),
            Err(fault) => return Err(StoreError::disk("read a message", fault)),
        }
        self.take(buffer.get(start..).unwrap_or_default());
        if let Err(damaged) = self.verdict() {
            buffer.truncate(start);
            return Err(damaged);
        }
        let hidden = self.hide(read);
        buffer.drain(start..start.saturating_add(hidden));
        if hidden == read {
            // All of it: more must come before there is an answer.
            return self.read(buffer, octets_max, wait);
        }
        Ok(Progress::Octets(read.saturating_sub(hidden)))
    }
}

#[cfg(test)]
mod tests {
    use crate::log::trial::{contents, deliver, open, prefix, small, text};
    use crate::maildir::scratch::quick;
    use mail_wire::MaildropId;

    // I1; RFC 5321 §4.5.3.1.8 asks for 100 recipients at least: all of them can read what came for
    // them, however much room they take beside the message
    #[tokio::test]
    async fn each_of_a_thousand_recipients_reads_it() {
        let folder = quick();
        let store = open(folder.path(), &small()).unwrap();
        let all: Vec<_> = (1..=1000).map(MaildropId::new).collect();
        for outcome in deliver(&store, &all, &text(1, 10)).await.unwrap() {
            outcome.unwrap();
        }
        for ours in [all[0], all[499], all[999]] {
            let found = contents(&store, ours).await.unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].1, format!("{}{}", prefix(ours), text(1, 10)));
        }
    }
}
