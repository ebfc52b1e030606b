//! A message from a pipe, made into lines that end in CRLF.

use std::io::{self, Read};

/// How much is read at a time.
const READ_OCTETS: usize = 64 * 1024;

/// A whole message in text form: every line ends in CRLF, and there is no other CR or LF.
#[derive(Debug)]
pub(crate) struct Message {
    text: Vec<u8>,
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    /// Reading failed.
    #[error("standard input cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It goes on beyond the limit.
    #[error("the message is larger than {octets_max} octets")]
    TooLarge {
        /// The limit.
        octets_max: u64,
    },
}

impl Message {
    /// Reads to the end. Lines may end in LF, CRLF, both in one message, or CR: a pipe ends at
    /// its end and nowhere else, so nothing can be smuggled by one of these, and a message that
    /// an MTA has taken responsibility for is not refused for them (P-218, P-153).
    ///
    /// A first line that begins with `From ` is an mbox separator, not part of the message; it
    /// goes.
    pub(crate) fn read(mut input: impl Read, octets_max: u64) -> Result<Self, MessageError> {
        let mut lines = Lines::default();
        let mut chunk = vec![0; READ_OCTETS];
        loop {
            let octets = match input.read(&mut chunk) {
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if octets == 0 {
                break;
            }
            lines.take(chunk.get(..octets).unwrap_or_default());
            if u64::try_from(lines.text.len()).is_ok_and(|length| length > octets_max) {
                return Err(MessageError::TooLarge { octets_max });
            }
        }
        let mut text = lines.finish();
        if text.starts_with(b"From ") {
            let end = memchr::memchr(b'\n', &text).map_or(text.len(), |at| at.saturating_add(1));
            text.drain(..end);
        }
        Ok(Self { text })
    }

    /// The octets.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether there are octets beyond ASCII (RFC 6152).
    pub(crate) fn is_eight_bit(&self) -> bool {
        !self.text.is_ascii()
    }
}

/// Makes every line end CRLF, in whatever pieces the octets come.
#[derive(Debug, Default)]
struct Lines {
    text: Vec<u8>,
    after_cr: bool,
}

impl Lines {
    fn take(&mut self, mut octets: &[u8]) {
        while let Some((&first, rest)) = octets.split_first() {
            if std::mem::take(&mut self.after_cr) {
                self.text.extend_from_slice(b"\r\n");
                if first == b'\n' {
                    octets = rest;
                    continue;
                }
            }
            let length = memchr::memchr2(b'\r', b'\n', octets).unwrap_or(octets.len());
            let (line, end) = octets.split_at_checked(length).unwrap_or((octets, &[]));
            self.text.extend_from_slice(line);
            octets = match end.split_first() {
                Some((b'\r', rest)) => {
                    self.after_cr = true;
                    rest
                }
                Some((_, rest)) => {
                    self.text.extend_from_slice(b"\r\n");
                    rest
                }
                None => &[],
            };
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.after_cr || !(self.text.is_empty() || self.text.ends_with(b"\n")) {
            self.text.extend_from_slice(b"\r\n");
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &[u8]) -> Vec<u8> {
        Message::read(input, 1 << 20).unwrap().text
    }

    // P-218, P-151: LF or CRLF, mixed, no final line end
    #[test]
    fn every_line_ends_in_crlf() {
        assert_eq!(text(b"A: b\n\nx\r\ny"), b"A: b\r\n\r\nx\r\ny\r\n");
        assert_eq!(text(b"a\rb\r\n"), b"a\r\nb\r\n");
        assert_eq!(text(b"a\r"), b"a\r\n");
        assert_eq!(text(b"\n.\n"), b"\r\n.\r\n");
        assert_eq!(text(b""), b"");
    }

    #[test]
    fn any_split_of_the_input_gives_the_same_text() {
        let input = b"From x\nA: b\r\n\r\n.\r\r\n\n\rz\n.";
        let whole = text(input);
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let mut lines = Lines::default();
                lines.take(&input[..first]);
                lines.take(&input[first..second]);
                lines.take(&input[second..]);
                let pieces = lines.finish();
                assert!(pieces.ends_with(&whole), "{first} {second}");
                assert_eq!(pieces.len(), whole.len() + b"From x\r\n".len());
            }
        }
    }

    // P-158: the From_ line is never served; only the first line can be one
    #[test]
    fn an_mbox_separator_on_top_goes() {
        assert_eq!(
            text(b"From a@b Thu Jan  1 00:00:00 1970\nA: b\n\nFrom c\n"),
            b"A: b\r\n\r\nFrom c\r\n"
        );
        assert_eq!(text(b"From: a@b\n"), b"From: a@b\r\n");
        assert_eq!(text(b"From "), b"");
    }

    // security D22
    #[test]
    fn input_without_end_is_left_off_at_the_limit() {
        let endless = io::repeat(b'a');
        assert!(matches!(
            Message::read(endless, 100_000),
            Err(MessageError::TooLarge { octets_max: 100_000 })
        ));
    }
}
