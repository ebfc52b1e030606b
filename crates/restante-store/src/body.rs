//! A message to read: a range of a file, or octets in memory.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use mail_wire::{Form, Octets};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::crlf::ToCrlf;
use crate::error::StoreError;
use crate::pool::Pool;

/// The octets of one message, to be streamed once.
///
/// ```text
/// loop {
///     match body.try_read(&mut buffer, 64 << 10)? {
///         Progress::Octets(_) => send the buffer,
///         Progress::Cold => body.read_cold(&mut buffer, 64 << 10).await?,
///         Progress::Ended => break,
///     }
/// }
/// ```
/// [`Body::read`] does both steps. Either all octets come that were promised, or an error: a
/// body is never cut short silently (P-057).
#[derive(Debug)]
pub struct Body {
    form: Form,
    source: Source,
}

/// What a read did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many octets, at least one, were appended.
    Octets(usize),
    /// Nothing was appended, because the disk has to be waited for: [`Body::read_cold`] does.
    Cold,
    /// Nothing was appended: all octets were handed over before.
    Ended,
}

#[derive(Debug)]
enum Source {
    Chunk(Bytes),
    File(Range),
    Stored(Box<Stored>),
    /// `None` while another thread has it, and for good if that was not waited for.
    Stream(Option<Box<dyn Stream>>),
}

/// Octets that a backend hands over piece by piece, checked on their way.
pub(crate) trait Stream: Send + fmt::Debug {
    /// Appends the next octets, `octets_max` at most, and waits for the disk only if it may.
    fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        octets_max: usize,
        wait: Wait,
    ) -> Result<Progress, StoreError>;
}

/// Whether a read may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Another thread does this read.
    Yes,
    /// What is not in memory is [`Progress::Cold`].
    No,
}

/// What is left of a file.
#[derive(Clone, Debug)]
struct Range {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

/// A file whose line ends are made CRLF while it is read.
#[derive(Debug)]
struct Stored {
    range: Range,
    machine: ToCrlf,
    /// Octets of the file, reused for each piece.
    piece: Vec<u8>,
    /// How many octets of text are still promised.
    promised: u64,
    finished: bool,
}

/// Cold reads of all bodies: more at once would only make one disk seek more.
static COLD_READS: Pool = Pool::new(16, 4096);

/// The most that is read from a file in one piece.
const PIECE_OCTETS_MAX: usize = 64 << 10;

impl Body {
    /// A body that is in memory.
    pub const fn chunk(form: Form, octets: Bytes) -> Self {
        Self { form, source: Source::Chunk(octets) }
    }

    /// A body that is `octets` of a file, from `offset` on.
    pub const fn range(form: Form, file: Arc<File>, offset: u64, octets: u64) -> Self {
        Self { form, source: Source::File(Range { file, offset, left: octets }) }
    }

    /// A body that is a whole file of `size` octets with line ends of any kind; as text it has
    /// `promised` octets.
    pub(crate) fn stored(file: Arc<File>, size: u64, promised: Octets) -> Self {
        let stored = Stored {
            range: Range { file, offset: 0, left: size },
            machine: ToCrlf::default(),
            piece: Vec::new(),
            promised: promised.get(),
            finished: false,
        };
        Self { form: Form::Text, source: Source::Stored(Box::new(stored)) }
    }

    /// A body that a backend streams.
    pub(crate) fn stream(form: Form, stream: Box<dyn Stream>) -> Self {
        Self { form, source: Source::Stream(Some(stream)) }
    }

    /// The shape in which [`Body::read`] hands the octets over.
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Appends the next octets, about `octets_max` of them at most, and waits for the disk on
    /// another thread if it has to.
    pub async fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        octets_max: usize,
    ) -> Result<Progress, StoreError> {
        match self.try_read(buffer, octets_max)? {
            Progress::Cold => self.read_cold(buffer, octets_max).await,
            progress => Ok(progress),
        }
    }

    /// Appends the next octets if memory or the page cache holds them, without waiting for the
    /// disk and without another thread.
    ///
    /// `octets_max` bounds what is appended; where line ends are converted, two octets more may
    /// come at the end. A buffer with that much capacity is never reallocated.
    pub fn try_read(
        &mut self,
        buffer: &mut Vec<u8>,
        octets_max: usize,
    ) -> Result<Progress, StoreError> {
        match &mut self.source {
            Source::Chunk(octets) => {
                let taken = octets.len().min(octets_max.max(1));
                buffer.extend_from_slice(octets.get(..taken).unwrap_or_default());
                octets.advance(taken);
                Ok(if taken == 0 { Progress::Ended } else { Progress::Octets(taken) })
            }
            Source::File(range) => range.read(buffer, octets_max.max(1), read_cached),
            Source::Stored(stored) => stored.read(buffer, octets_max, read_cached),
            Source::Stream(Some(stream)) => stream.read(buffer, octets_max.max(1), Wait::No),
            Source::Stream(None) => Err(StoreError::Unavailable),
        }
    }

    /// Appends the next octets, waiting for the disk on a thread of the bounded pool. If the
    /// future is dropped, nothing was appended and nothing is skipped: the next read goes on
    /// there, or fails where a backend's stream was lost with the future.
    pub async fn read_cold(
        &mut self,
        buffer: &mut Vec<u8>,
        octets_max: usize,
    ) -> Result<Progress, StoreError> {
        loop {
            let range = match &self.source {
                Source::Chunk(_) => return self.try_read(buffer, octets_max),
                Source::File(range) => range,
                Source::Stored(stored) => &stored.range,
                Source::Stream(_) => return self.stream_cold(buffer, octets_max).await,
            };
            let mut ahead = range.clone();
            let start = range.offset;
            let (piece, outcome) = COLD_READS
                .run(move || {
                    let mut piece = Vec::new();
                    let outcome = ahead.read(&mut piece, PIECE_OCTETS_MAX, read_waiting);
                    (piece, outcome)
                })
                .await?;
            outcome?;
            let progress = match &mut self.source {
                Source::Chunk(_) | Source::Stream(_) => Progress::Ended,
                Source::File(range) => {
                    range.read(buffer, octets_max.max(1), given(start, &piece))?
                }
                Source::Stored(stored) => stored.read(buffer, octets_max, given(start, &piece))?,
            };
            // Cold again: what was fetched was the second half of a line end, and no more.
            if progress != Progress::Cold {
                return Ok(progress);
            }
        }
    }

    async fn stream_cold(
        &mut self,
        buffer: &mut Vec<u8>,
        octets_max: usize,
    ) -> Result<Progress, StoreError> {
        let Source::Stream(place) = &mut self.source else { return Ok(Progress::Ended) };
        let mut stream = place.take().ok_or(StoreError::Unavailable)?;
        let octets_max = octets_max.clamp(1, PIECE_OCTETS_MAX);
        let (stream, piece, outcome) = COLD_READS
            .run(move || {
                let mut piece = Vec::new();
                let outcome = stream.read(&mut piece, octets_max, Wait::Yes);
                (stream, piece, outcome)
            })
            .await?;
        *place = Some(stream);
        buffer.extend_from_slice(&piece);
        outcome
    }
}

impl Range {
    /// Appends the next octets, read with `read`.
    fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        octets_max: usize,
        read: impl Fn(&File, &mut [u8], u64) -> io::Result<usize>,
    ) -> Result<Progress, StoreError> {
        if self.left == 0 {
            return Ok(Progress::Ended);
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let start = buffer.len();
        buffer.resize(start.saturating_add(left.min(octets_max).min(PIECE_OCTETS_MAX)), 0);
        let outcome = read(&self.file, buffer.get_mut(start..).unwrap_or_default(), self.offset);
        buffer.truncate(start.saturating_add(*outcome.as_ref().unwrap_or(&0)));
        match outcome {
            // A file that has become shorter must not make a shorter message (P-057).
            Ok(0) => Err(StoreError::Damaged {
                detail: format!("a message's file ends {} octets early", self.left),
            }),
            Ok(octets) => {
                self.offset = self.offset.saturating_add(octets as u64);
                self.left = self.left.saturating_sub(octets as u64);
                Ok(Progress::Octets(octets))
            }
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => Ok(Progress::Cold),
            Err(fault) => Err(StoreError::disk("read a message", fault)),
        }
    }
}

impl Stored {
    fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        octets_max: usize,
        read: impl Fn(&File, &mut [u8], u64) -> io::Result<usize>,
    ) -> Result<Progress, StoreError> {
        let start = buffer.len();
        // One octet that is a line end may be the second half of a CRLF, and then gives none.
        while buffer.len() == start && !self.finished {
            self.piece.clear();
            // Each octet becomes at most two.
            let octets = (octets_max / 2).max(1);
            match self.range.read(&mut self.piece, octets, &read)? {
                Progress::Octets(_) => self.machine.pass(&self.piece, buffer),
                Progress::Ended => {
                    self.finished = true;
                    self.machine.finish(buffer);
                }
                Progress::Cold => return Ok(Progress::Cold),
            }
        }
        let appended = buffer.len().saturating_sub(start);
        let Some(promised) = self.promised.checked_sub(appended as u64) else {
            buffer.truncate(start);
            return Err(changed());
        };
        self.promised = promised;
        match (self.finished, promised) {
            (true, 1..) => Err(changed()),
            (true, 0) if appended == 0 => Ok(Progress::Ended),
            _ => Ok(Progress::Octets(appended)),
        }
    }
}

fn changed() -> StoreError {
    StoreError::Damaged { detail: "a message's file was changed after it was listed".into() }
}

/// Reads what the page cache holds; `WouldBlock` if that is nothing.
pub(crate) fn read_cached(file: &File, octets: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        let mut slices = [IoSliceMut::new(octets)];
        match preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
            // The file system, or the kernel, knows no such reads.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return read_waiting(file, octets, offset),
            Err(Errno::INTR) => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// Reads, and waits for the disk.
fn read_waiting(file: &File, octets: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(octets, offset) {
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Reads what another thread has read already, from `start` on; `WouldBlock` behind it.
fn given(start: u64, piece: &[u8]) -> impl Fn(&File, &mut [u8], u64) -> io::Result<usize> {
    move |_, octets, offset| {
        let skipped = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let rest = piece.get(skipped..).unwrap_or_default();
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = rest.len().min(octets.len());
        if let (Some(to), Some(from)) = (octets.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file_of(octets: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(octets).unwrap();
        Arc::new(file)
    }

    fn drain(body: &mut Body, octets_max: usize) -> Result<Vec<u8>, StoreError> {
        let mut all = Vec::new();
        loop {
            let before = all.len();
            match body.try_read(&mut all, octets_max)? {
                Progress::Octets(octets) => assert_eq!(all.len() - before, octets),
                Progress::Cold => panic!("what was just written is in the page cache"),
                Progress::Ended => return Ok(all),
            }
        }
    }

    async fn drain_cold(body: &mut Body, octets_max: usize) -> Result<Vec<u8>, StoreError> {
        let mut all = Vec::new();
        while body.read_cold(&mut all, octets_max).await? != Progress::Ended {}
        Ok(all)
    }

    #[tokio::test]
    async fn a_range_is_its_octets_and_no_more() {
        let file = file_of(b"before message behind");
        for octets_max in [0, 1, 3, 100] {
            let mut body = Body::range(Form::Wire, Arc::clone(&file), 7, 7);
            assert_eq!(drain(&mut body, octets_max).unwrap(), b"message");
            let mut body = Body::range(Form::Wire, Arc::clone(&file), 7, 7);
            assert_eq!(drain_cold(&mut body, octets_max).await.unwrap(), b"message");
            let mut body = Body::chunk(Form::Text, Bytes::from_static(b"message"));
            assert_eq!(drain(&mut body, octets_max).unwrap(), b"message");
        }
    }

    // P-057: a file that has become shorter is an error, never a shorter message
    #[tokio::test]
    async fn a_short_file_is_an_error() {
        let file = file_of(b"A: b\n\nbo");
        let mut body = Body::range(Form::Wire, Arc::clone(&file), 0, 9);
        assert!(matches!(drain(&mut body, 4), Err(StoreError::Damaged { .. })));
        let mut body = Body::range(Form::Wire, Arc::clone(&file), 0, 9);
        assert!(matches!(drain_cold(&mut body, 4).await, Err(StoreError::Damaged { .. })));
        let mut body = Body::stored(file, 10, Octets::new(14));
        assert!(matches!(drain(&mut body, 4), Err(StoreError::Damaged { .. })));
    }

    // P-043, P-057: a file that gives other octets than were listed is never sent as whole
    #[test]
    fn a_changed_file_is_an_error() {
        let file = file_of(b"A: b\n\nbody\n");
        let right = 14;
        let mut body = Body::stored(Arc::clone(&file), 11, Octets::new(right));
        assert_eq!(drain(&mut body, 4).unwrap(), b"A: b\r\n\r\nbody\r\n");
        for wrong in [right - 1, right + 1] {
            let mut body = Body::stored(Arc::clone(&file), 11, Octets::new(wrong));
            assert!(matches!(drain(&mut body, 4), Err(StoreError::Damaged { .. })));
        }
    }

    // M17
    #[tokio::test]
    async fn a_read_error_is_an_error() {
        let folder = Arc::new(File::open(std::env::temp_dir()).unwrap());
        let mut body = Body::range(Form::Text, Arc::clone(&folder), 0, 9);
        assert!(matches!(drain(&mut body, 4), Err(StoreError::Disk { .. })));
        let mut body = Body::stored(folder, 9, Octets::new(9));
        assert!(matches!(drain_cold(&mut body, 4).await, Err(StoreError::Disk { .. })));
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_text(
            stored in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(0), any::<u8>()], 0..80),
            octets_max in 0_usize..20,
        ) {
            let mut text = Vec::new();
            let mut machine = ToCrlf::default();
            machine.pass(&stored, &mut text);
            machine.finish(&mut text);
            let promised = Octets::ZERO.plus_len(text.len());
            let (file, size) = (file_of(&stored), stored.len() as u64);
            let mut body = Body::stored(Arc::clone(&file), size, promised);
            prop_assert_eq!(&drain(&mut body, octets_max).unwrap(), &text);
            let mut body = Body::stored(file, size, promised);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let cold = runtime.block_on(drain_cold(&mut body, octets_max)).unwrap();
            prop_assert_eq!(cold, text);
        }
    }
}
