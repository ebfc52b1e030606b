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
        if self.last[1] == b'\n' && text.starts_with(b".") {
            wire.push(b'.');
        }
        // Only LF followed by a dot needs a look: everything else is copied in one piece.
        let finder = memmem::Finder::new(b"\n.");
        while let Some(found) = finder.find(rest) {
            let (piece, after) =
                rest.split_at_checked(found.saturating_add(1)).unwrap_or((rest, &[]));
            wire.extend_from_slice(piece);
            wire.push(b'.');
            rest = after;
        }
        wire.extend_from_slice(rest);
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
        let finder = memmem::Finder::new(b"\r\n.");
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
                    // Up to the next line that begins with a dot there is nothing to see.
                    let length = finder.find(input).map(|found| found.saturating_add(2));
                    let length = length.unwrap_or(input.len());
                    let (run, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
                    text.extend_from_slice(run);
                    *input = rest;
                    self.state = match run {
                        [.., b'\r', b'\n'] => Unstuffing::LineStart,
                        [.., b'\r'] => Unstuffing::Cr,
                        _ => Unstuffing::Line,
                    };
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
            if self.in_header {
                self.see(rest.get(..end).unwrap_or_default());
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn stuffed(text: &[u8]) -> Vec<u8> {
        stuffed_in_pieces(&[text])
    }

    fn stuffed_in_pieces(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut stuffer, mut wire) = (Stuffer::default(), Vec::new());
        for piece in pieces {
            stuffer.stuff(piece, &mut wire);
        }
        stuffer.finish(&mut wire);
        wire
    }

    /// The text, and what was left of the input; `None` if the message did not end.
    fn unstuffed(pieces: &[&[u8]]) -> Option<(Vec<u8>, Vec<u8>)> {
        let (mut unstuffer, mut text, mut left) = (Unstuffer::default(), Vec::new(), Vec::new());
        for piece in pieces {
            let mut input = *piece;
            unstuffer.unstuff(&mut input, &mut text);
            left.extend_from_slice(input);
        }
        unstuffer.has_ended().then_some((text, left))
    }

    /// A reader as simple as can be: lines split at one sequence, ended by a lone dot, one
    /// leading dot removed. `None` if there is no end, or something behind it.
    fn naive(wire: &[u8], line_end: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut lines = Vec::new();
        let mut rest = wire;
        loop {
            let end = memmem::find(rest, line_end)?;
            let line = &rest[..end];
            rest = &rest[end + line_end.len()..];
            // A lenient reader drops what it takes for the other half of a line end.
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line =
                if line_end == b"\r" { line.strip_prefix(b"\n").unwrap_or(line) } else { line };
            if line == b"." {
                let behind = if line_end == b"\r" { b"\n".as_slice() } else { b"" };
                return (rest == behind).then_some(lines);
            }
            lines.push(line.strip_prefix(b".").unwrap_or(line).to_vec());
        }
    }

    /// What a store holds: lines with neither CR nor LF inside, all ended by CRLF.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![4 => Just(b'.'), 2 => Just(b'a'), 1 => any::<u8>()]
            .prop_filter("within a line", |octet| !b"\r\n".contains(octet));
        vec(vec(octet, 0..6), 0..8).prop_map(|lines| {
            lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()].concat()).collect()
        })
    }

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![
            3 => Just(b'.'), 3 => Just(b'\r'), 3 => Just(b'\n'), 1 => Just(b'a'), 1 => any::<u8>()
        ];
        vec(octet, 0..24)
    }

    // P-012, P-152: line starts are the first octet and what follows a line end
    #[test]
    fn a_dot_at_the_start_of_a_line_gets_another() {
        for (text, wire) in [
            ("", ".\r\n"),
            (".", "..\r\n.\r\n"),
            ("..\r\n", "...\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a.\r\n", "a.\r\n.\r\n"),
            ("a\r\n\r\n.\r\n", "a\r\n\r\n..\r\n.\r\n"),
            // P-151: a last line without its end gets one; half an end is completed
            ("a", "a\r\n.\r\n"),
            ("a\r", "a\r\n.\r\n"),
            // P-152: after LF alone too
            ("a\n.\nb\r\n", "a\n..\nb\r\n.\r\n"),
        ] {
            assert_eq!(stuffed(text.as_bytes()), wire.as_bytes(), "{text:?}");
        }
    }

    // P-199: nothing but CRLF . CRLF ends a message
    #[test]
    fn fifteen_ends_that_are_none() {
        for end in [
            "\n.\n",
            "\n.\r\n",
            "\r.\r",
            "\r\n.\r",
            "\r\n.\n",
            "\r\n\0.\r\n",
            "\r.\r\n",
            "\r\n.\0\r\n",
            "\n\n.\r\n",
            "\r\r.\r\n",
            "\r\n.\r\r\n",
            "\r\n. \r\n",
            "\r\n..\r\n",
            ".\r\n",
            "\n.\r",
        ] {
            let wire = format!("a{end}b\r\n.\r\n");
            let (text, left) = unstuffed(&[wire.as_bytes()]).unwrap();
            assert!(left.is_empty(), "{end:?} ended the message");
            assert!(text.ends_with(b"b\r\n"), "{end:?}");
        }
        // The first line may be the end itself (RFC 5321 §4.1.1.4).
        assert_eq!(unstuffed(&[b".\r\nQUIT\r\n"]), Some((vec![], b"QUIT\r\n".to_vec())));
    }

    #[test]
    fn what_is_passed_over_counts_for_the_end_only() {
        for (wire, ending) in [("a\r\n", ".\r\n"), ("a", "\r\n.\r\n"), ("a\r", "\n.\r\n")] {
            let (mut stuffer, mut output) = (Stuffer::default(), Vec::new());
            stuffer.pass(wire.as_bytes());
            stuffer.finish(&mut output);
            assert_eq!(output, ending.as_bytes(), "{wire:?}");
        }
    }

    // P-049: TOP of every length against a slow reference
    fn top_by_lines(text: &[u8], lines: usize) -> Vec<u8> {
        let all: Vec<&[u8]> = text.split_inclusive(|&octet| octet == b'\n').collect();
        let header = all.iter().position(|line| *line == b"\r\n").map_or(all.len(), |at| at + 1);
        all[..all.len().min(header + lines)].concat()
    }

    #[test]
    fn top_cuts_after_the_blank_line_and_so_many_lines() {
        let text = b"A: b\r\nC: d\r\n\r\none\r\n\r\nthree\r\n";
        for (lines, wanted) in [(0, 14), (1, 19), (2, 21), (3, 28), (4, 28), (u64::MAX, 28)] {
            assert_eq!(TopCut::new(lines).wanted(text), wanted, "{lines}");
        }
        // A message that begins with the blank line has an empty header.
        assert_eq!(TopCut::new(1).wanted(b"\r\none\r\ntwo\r\n"), 7);
    }

    proptest! {
        // unstuff(stuff(x)) = x, whatever the cuts on either side
        #[test]
        fn unstuff_undoes_stuff_at_every_cut(text in text()) {
            let wire = stuffed(&text);
            for cut in 0..=text.len() {
                prop_assert_eq!(&stuffed_in_pieces(&[&text[..cut], &text[cut..]]), &wire);
            }
            for cut in 0..=wire.len() {
                let read = unstuffed(&[&wire[..cut], &wire[cut..]]);
                prop_assert_eq!(read, Some((text.clone(), vec![])));
            }
        }

        // Strict, LF-lenient and CR-lenient readers see the same lines and the same end.
        #[test]
        fn three_naive_readers_agree(text in text()) {
            let wire = stuffed(&text);
            let strict = naive(&wire, b"\r\n");
            prop_assert!(strict.is_some());
            prop_assert_eq!(&naive(&wire, b"\n"), &strict);
            prop_assert_eq!(&naive(&wire, b"\r"), &strict);
        }

        // Whatever a store hands over, no reader that splits at CRLF or LF sees a lone dot
        // before the end.
        #[test]
        fn no_lone_dot_inside(text in hostile()) {
            let wire = stuffed(&text);
            prop_assert!(wire.ends_with(b"\r\n.\r\n") || wire == TERMINATION);
            let inside = &wire[..wire.len() - TERMINATION.len()];
            for line in inside.split(|&octet| octet == b'\n') {
                prop_assert!(line != b"." && line != b".\r");
            }
        }

        // Any octets, any cuts: the same text, the same rest, and text no longer than its wire.
        #[test]
        fn unstuffing_does_not_depend_on_cuts(wire in hostile(), end in any::<bool>()) {
            let wire = if end { [&wire[..], b"\r\n.\r\nREST"].concat() } else { wire };
            let whole = unstuffed(&[&wire]);
            for cut in 0..=wire.len() {
                prop_assert_eq!(&unstuffed(&[&wire[..cut], &wire[cut..]]), &whole);
            }
            let octets: Vec<&[u8]> = wire.chunks(1).collect();
            prop_assert_eq!(unstuffed(&octets), whole);
        }

        #[test]
        fn top_is_the_reference_at_every_cut(text in text(), lines in 0_usize..6) {
            let reference = top_by_lines(&text, lines);
            let wire = &stuffed(&text)[..];
            let wire = &wire[..wire.len() - TERMINATION.len()];
            for (form, octets) in [("text", &text[..]), ("wire", wire)] {
                for cut in 0..=octets.len() {
                    let mut top = TopCut::new(lines as u64);
                    let first = top.wanted(&octets[..cut]);
                    let second = if first < cut { 0 } else { top.wanted(&octets[cut..]) };
                    let kept = [&octets[..first], &octets[cut..cut + second]].concat();
                    let mut sent = kept.clone();
                    sent.extend_from_slice(TERMINATION);
                    let read = if form == "wire" { unstuffed(&[&sent]).unwrap().0 } else { kept };
                    prop_assert_eq!(&read, &reference, "{} cut {}", form, cut);
                }
            }
        }
    }
}
