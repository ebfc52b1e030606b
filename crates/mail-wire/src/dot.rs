//! Dot-stuffing, unstuffing and the TOP cut, streaming.
//!
//! One transparency rule serves POP3 and SMTP (RFC 1939 §3, RFC 5321 §4.5.2): a line that
//! begins with a dot gets one more, and `.` CRLF at the start of a line ends the message.

use memchr::{memchr, memmem};

/// The line that ends a multi-line response or a message.
pub const TERMINATION: &[u8] = b".\r\n";

/// Text form in, wire form out.
///
/// Only LF begins a new line here; a store holds no bare LF and no bare CR (the intake filter
/// sees to that), and a stuffed dot too many would change the message.
#[derive(Clone, Debug)]
pub struct Stuffer {
    last: [u8; 2],
}

impl Default for Stuffer {
    fn default() -> Self {
        Self { last: *b"\r\n" }
    }
}

impl Stuffer {
    /// Appends the stuffed octets to `wire`.
    pub fn stuff(&mut self, text: &[u8], wire: &mut Vec<u8>) {
        let mut rest = text;
        let mut at_line_start = self.last[1] == b'\n';
        while !rest.is_empty() {
            if at_line_start && rest.first() == Some(&b'.') {
                wire.push(b'.');
            }
            // Only LF followed by a dot needs a look: everything else is copied in one piece.
            let piece = match memmem::find(rest, b"\n.") {
                Some(found) => {
                    rest.split_at_checked(found.saturating_add(1)).unwrap_or((rest, &[]))
                }
                None => (rest, &[][..]),
            };
            wire.extend_from_slice(piece.0);
            rest = piece.1;
            at_line_start = true;
        }
        self.remember(text);
    }

    /// Completes the last line and appends the termination octet: what stands in `wire` then
    /// ends in CRLF `.` CRLF.
    pub fn finish(self, wire: &mut Vec<u8>) {
        match self.last {
            [b'\r', b'\n'] => {}
            [_, b'\r'] => wire.push(b'\n'),
            _ => wire.extend_from_slice(b"\r\n"),
        }
        wire.extend_from_slice(TERMINATION);
    }

    /// Passes over octets that are in wire form already, so that [`Stuffer::finish`] can
    /// complete them.
    pub fn pass(&mut self, wire: &[u8]) {
        self.remember(wire);
    }

    fn remember(&mut self, octets: &[u8]) {
        match *octets {
            [] => {}
            [only] => self.last = [self.last[1], only],
            [.., before, last] => self.last = [before, last],
        }
    }
}

/// Wire form in, text form out, up to the termination octet.
#[derive(Clone, Debug, Default)]
pub struct Unstuffer {
    state: Unstuffing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Unstuffing {
    /// At the start of a line.
    #[default]
    LineStart,
    /// Within a line, nothing special seen.
    Line,
    /// CR seen within a line.
    Cr,
    /// A dot at the start of a line, held back.
    Dot,
    /// A dot and CR at the start of a line, held back.
    DotCr,
    /// CRLF `.` CRLF was seen.
    Ended,
}

impl Unstuffer {
    /// Appends the unstuffed octets to `text` and takes them off the input; answers whether
    /// the message has ended. What follows the end stays in the input.
    ///
    /// Nothing but CRLF `.` CRLF ends a message; the first line may be the `.` CRLF itself.
    pub fn unstuff(&mut self, input: &mut &[u8], text: &mut Vec<u8>) -> bool {
        while self.state != Unstuffing::Ended {
            let Some((&octet, rest)) = input.split_first() else { return false };
            match (self.state, octet) {
                (Unstuffing::LineStart, b'.') => self.state = Unstuffing::Dot,
                (Unstuffing::Dot, b'\r') => self.state = Unstuffing::DotCr,
                (Unstuffing::DotCr, b'\n') => self.state = Unstuffing::Ended,
                (Unstuffing::Dot, _) => {
                    // A stuffed dot: the first of the two goes.
                    self.state = Unstuffing::Line;
                    continue;
                }
                (Unstuffing::DotCr, _) => {
                    text.push(b'\r');
                    self.state = Unstuffing::Cr;
                    continue;
                }
                (Unstuffing::Cr, b'\n') => {
                    text.push(b'\n');
                    self.state = Unstuffing::LineStart;
                }
                (_, b'\r') => {
                    text.push(b'\r');
                    self.state = Unstuffing::Cr;
                }
                _ => {
                    // Up to the next CR there is nothing to see.
                    let length = memchr(b'\r', input).unwrap_or(input.len());
                    let (run, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
                    text.extend_from_slice(run);
                    *input = rest;
                    self.state = Unstuffing::Line;
                    continue;
                }
            }
            *input = rest;
        }
        true
    }

    /// Whether the message has ended.
    pub fn has_ended(&self) -> bool {
        self.state == Unstuffing::Ended
    }
}

/// Finds where TOP cuts: after the header, the blank line, and so many lines of the body
/// (RFC 1939 §7). Works on either form: stuffing changes no line end.
#[derive(Clone, Debug)]
pub struct TopCut {
    lines_left: u64,
    in_header: bool,
    line_is_blank: bool,
    done: bool,
}

impl TopCut {
    /// A cut after this many lines of the body.
    pub const fn new(lines: u64) -> Self {
        Self { lines_left: lines, in_header: true, line_is_blank: true, done: false }
    }

    /// How many of these octets belong to the answer. Fewer than all means: the cut is here.
    pub fn wanted(&mut self, octets: &[u8]) -> usize {
        let mut start = 0_usize;
        while !self.done {
            let rest = octets.get(start..).unwrap_or_default();
            let Some(end) = memchr(b'\n', rest) else {
                self.see(rest);
                return octets.len();
            };
            self.see(rest.get(..end).unwrap_or_default());
            start = start.saturating_add(end).saturating_add(1);
            if !self.in_header {
                self.lines_left = self.lines_left.saturating_sub(1);
            } else if self.line_is_blank {
                self.in_header = false;
            }
            self.line_is_blank = true;
            self.done = !self.in_header && self.lines_left == 0;
        }
        start
    }

    /// Whether nothing more is wanted.
    pub const fn is_done(&self) -> bool {
        self.done
    }

    fn see(&mut self, part_of_line: &[u8]) {
        if part_of_line.iter().any(|&octet| octet != b'\r') {
            self.line_is_blank = false;
        }
    }
}
