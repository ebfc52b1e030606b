//! An mbox file in the `mboxrd` form (RFC 4155, appendix A; P-227).

use std::io::{self, Write};

use jiff::Timestamp;

use crate::export::lines::ToLf;
use crate::export::message::Message;

/// Writes messages one after another.
#[derive(Debug)]
pub(crate) struct Mbox<W> {
    to: W,
    message: Option<Writing>,
}

#[derive(Debug, Default)]
struct Writing {
    lines: ToLf,
    quoter: Quoter,
}

impl<W: Write> Mbox<W> {
    /// Writes to this.
    pub(crate) const fn new(to: W) -> Self {
        Self { to, message: None }
    }

    /// Begins a message.
    pub(crate) fn begin(&mut self, message: &Message) -> io::Result<()> {
        self.message = Some(Writing::default());
        self.to.write_all(separator(message).as_bytes())
    }

    /// Takes the next octets of the message, CRLF line ends.
    pub(crate) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let Some(writing) = &mut self.message else { return Ok(()) };
        let mut lines = Vec::with_capacity(text.len());
        writing.lines.convert(text, &mut lines);
        let mut quoted = Vec::with_capacity(lines.len());
        writing.quoter.quote(&lines, &mut quoted);
        self.to.write_all(&quoted)
    }

    /// Ends the message: a line end where the last line has none, and the empty line.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let Some(Writing { lines, mut quoter }) = self.message.take() else { return Ok(()) };
        let (mut rest, mut quoted) = (Vec::new(), Vec::new());
        lines.finish(&mut rest);
        quoter.quote(&rest, &mut quoted);
        quoter.finish(&mut quoted);
        quoted.push(b'\n');
        self.to.write_all(&quoted)
    }

    /// Gives back what was written to.
    pub(crate) fn into_inner(self) -> W {
        self.to
    }
}

/// The `From ` line: sender, and the time in UTC as ctime(3) writes it.
fn separator(message: &Message) -> String {
    let sender = message.sender.as_deref().unwrap_or_default();
    let plain = sender.contains('@') && sender.bytes().all(|octet| octet.is_ascii_graphic());
    let sender = if plain { sender } else { "MAILER-DAEMON" };
    let time = Timestamp::from_second(message.arrived).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("From {sender} {}\n", time.strftime("%a %b %e %H:%M:%S %Y"))
}

/// Puts a `>` before each line that is `From ` after any number of `>`, so that taking one off
/// again gives the line back.
#[derive(Debug)]
struct Quoter {
    /// The beginning of the line as far as it may still become such a line.
    held: Vec<u8>,
    deciding: bool,
    at_line_start: bool,
}

impl Default for Quoter {
    fn default() -> Self {
        Self { held: Vec::new(), deciding: true, at_line_start: true }
    }
}

const FROM: &[u8] = b"From ";

impl Quoter {
    fn quote(&mut self, text: &[u8], to: &mut Vec<u8>) {
        for line in text.split_inclusive(|&octet| octet == b'\n') {
            let mut rest = line;
            while self.deciding {
                let Some((&octet, after)) = rest.split_first() else { break };
                self.held.push(octet);
                rest = after;
                match judge(&self.held) {
                    Verdict::Open => {}
                    verdict => {
                        if verdict == Verdict::Separator {
                            to.push(b'>');
                        }
                        to.append(&mut self.held);
                        self.deciding = false;
                    }
                }
            }
            to.extend_from_slice(rest);
            self.at_line_start = line.ends_with(b"\n");
            self.deciding |= self.at_line_start;
        }
    }

    fn finish(&mut self, to: &mut Vec<u8>) {
        to.append(&mut self.held);
        if !self.at_line_start {
            to.push(b'\n');
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Open,
    Separator,
    Other,
}

fn judge(beginning: &[u8]) -> Verdict {
    let quotes = beginning.iter().take_while(|&&octet| octet == b'>').count();
    let rest = beginning.get(quotes..).unwrap_or_default();
    if rest.starts_with(FROM) {
        Verdict::Separator
    } else if FROM.starts_with(rest) {
        Verdict::Open
    } else {
        Verdict::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[&[u8]]) -> String {
        let mut mbox = Mbox::new(Vec::new());
        let sender = Some("a@example.org".to_owned());
        let message = Message { number: 1, uidl: "u".to_owned(), arrived: 86_400, sender };
        mbox.begin(&message).unwrap();
        for piece in pieces {
            mbox.write(piece).unwrap();
        }
        mbox.end().unwrap();
        String::from_utf8(mbox.into_inner()).unwrap()
    }

    // P-227
    #[test]
    fn lf_utc_ctime_and_an_empty_line_at_the_end() {
        assert_eq!(
            written(&[b"A: b\r\n\r\nFrom x\r\n>From y\r\nFrome\r\n>>Fro"]),
            "From a@example.org Fri Jan  2 00:00:00 1970\n\
             A: b\n\n>From x\n>>From y\nFrome\n>>Fro\n\n"
        );
        assert_eq!(written(&[]), "From a@example.org Fri Jan  2 00:00:00 1970\n\n");
    }

    #[test]
    fn any_split_gives_the_same_file() {
        let text = b"From \r\n>From\r\n>>From a\r\n\r\n>\r\n>Fr";
        let whole = written(&[text]);
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(written(&pieces), whole, "{first} {second}");
            }
        }
    }

    #[test]
    fn a_sender_that_would_break_the_line_is_not_written() {
        for sender in [None, Some(""), Some("\"a b\"@x"), Some("a\nFrom b@x")] {
            let sender = sender.map(str::to_owned);
            let message = Message { number: 1, uidl: "u".to_owned(), arrived: 0, sender };
            assert_eq!(separator(&message), "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
        }
    }
}
