//! From what a file holds to what RETR sends: every line end becomes CRLF, octet by octet or
//! only counted.
//!
//! What is on the disk was written by anybody: LF, CRLF, both, neither at the end. One machine
//! makes text of it, and the same machine counts, so that a size never differs from the octets.

use memchr::memchr3;

/// Turns stored octets into text with CRLF line ends, in pieces of any size.
///
/// - LF becomes CRLF, CRLF stays, a last line without an end gets one (P-151).
/// - A bare CR becomes CRLF: nothing that follows it can pass for a line of its own in the
///   client and not here (P-153).
/// - NUL becomes 0x80 (P-154).
/// - A message without a blank line gets one at its end, so that TOP has one to send (P-051);
///   an empty message is that blank line.
#[derive(Clone, Debug)]
pub(crate) struct ToCrlf {
    at_line_start: bool,
    after_cr: bool,
    in_header: bool,
}

impl Default for ToCrlf {
    fn default() -> Self {
        Self { at_line_start: true, after_cr: false, in_header: true }
    }
}

impl ToCrlf {
    /// The next stored octets.
    pub(crate) fn pass(&mut self, stored: &[u8], text: &mut impl Text) {
        let mut rest = stored;
        if self.after_cr
            && let Some((&first, behind)) = rest.split_first()
        {
            // The CR has brought its LF already.
            self.after_cr = false;
            if first == b'\n' {
                rest = behind;
            }
        }
        while !rest.is_empty() {
            let Some(found) = memchr3(b'\n', b'\r', 0, rest) else {
                self.at_line_start = false;
                return text.add(rest);
            };
            let (run, from_found) = rest.split_at_checked(found).unwrap_or((rest, &[]));
            if !run.is_empty() {
                self.at_line_start = false;
                text.add(run);
            }
            rest = match from_found {
                [b'\r', b'\n', behind @ ..] | [b'\n', behind @ ..] => {
                    self.end_line(text);
                    behind
                }
                [b'\r', behind @ ..] => {
                    self.end_line(text);
                    self.after_cr = behind.is_empty();
                    behind
                }
                [_, behind @ ..] => {
                    self.at_line_start = false;
                    text.add(&[0x80]);
                    behind
                }
                [] => &[],
            };
        }
    }

    /// Nothing more comes: what is missing at the end is added.
    pub(crate) fn finish(&mut self, text: &mut impl Text) {
        if !self.at_line_start {
            self.end_line(text);
        }
        if self.in_header {
            self.end_line(text);
        }
    }

    /// Where the machine stands after these octets and then those that `body` has passed, which
    /// must begin at the start of a line.
    pub(crate) fn followed_by(self, body: &Self) -> Self {
        Self { in_header: self.in_header && body.in_header, ..body.clone() }
    }

    fn end_line(&mut self, text: &mut impl Text) {
        if self.at_line_start {
            self.in_header = false;
        }
        self.at_line_start = true;
        text.add(b"\r\n");
    }
}

/// Takes text: keeps it, or counts it.
pub(crate) trait Text {
    /// The next octets.
    fn add(&mut self, octets: &[u8]);
}

impl Text for Vec<u8> {
    fn add(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }
}

/// How many octets there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl Text for Count {
    fn add(&mut self, octets: &[u8]) {
        self.0 = self.0.saturating_add(octets.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(stored: &[u8]) -> Vec<u8> {
        let (mut machine, mut text) = (ToCrlf::default(), Vec::new());
        machine.pass(stored, &mut text);
        machine.finish(&mut text);
        text
    }

    #[track_caller]
    fn check(stored: &[u8], text: &[u8]) {
        assert_eq!(
            text_of(stored).escape_ascii().to_string(),
            text.escape_ascii().to_string(),
            "from {}",
            stored.escape_ascii()
        );
    }

    // P-151
    #[test]
    fn every_line_end_becomes_crlf_and_the_last_line_gets_one() {
        check(b"A: b\n\nx\ny\n", b"A: b\r\n\r\nx\r\ny\r\n");
        check(b"A: b\r\n\r\nx\r\ny\r\n", b"A: b\r\n\r\nx\r\ny\r\n");
        check(b"A: b\r\n\nx\ny\r\n", b"A: b\r\n\r\nx\r\ny\r\n");
        check(b"A: b\n\nlast", b"A: b\r\n\r\nlast\r\n");
    }

    // P-153: the dot after a bare CR stands at a line start, where it is stuffed
    #[test]
    fn a_bare_cr_becomes_crlf() {
        check(b"A: b\n\na\r.\r\nQUIT\n", b"A: b\r\n\r\na\r\n.\r\nQUIT\r\n");
        check(b"A: b\n\na\r\r\nb\n", b"A: b\r\n\r\na\r\n\r\nb\r\n");
        check(b"A: b\n\nend\r", b"A: b\r\n\r\nend\r\n");
    }

    // P-154
    #[test]
    fn nul_becomes_0x80() {
        check(b"A: b\n\n\0a\0\n", b"A: b\r\n\r\n\x80a\x80\r\n");
    }

    // P-051
    #[test]
    fn a_message_without_blank_line_gets_one() {
        check(b"A: b\r\n", b"A: b\r\n\r\n");
        check(b"A: b", b"A: b\r\n\r\n");
        check(b"", b"\r\n");
        check(b"\nbody\n", b"\r\nbody\r\n");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_text_and_the_same_count(
            stored in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(0), Just(b'.'), any::<u8>()], 0..60),
            cuts in proptest::collection::vec(0_usize..60, 0..6),
        ) {
            let whole = text_of(&stored);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stored.len())).collect();
            cuts.sort_unstable();
            let (mut machine, mut text) = (ToCrlf::default(), Vec::new());
            let (mut counter, mut count) = (ToCrlf::default(), Count::default());
            let mut start = 0;
            for end in cuts.into_iter().chain([stored.len()]) {
                machine.pass(&stored[start..end], &mut text);
                counter.pass(&stored[start..end], &mut count);
                start = end;
            }
            machine.finish(&mut text);
            counter.finish(&mut count);
            prop_assert_eq!(count, Count(whole.len() as u64));
            prop_assert_eq!(text, whole);
        }

        // What is served holds no NUL and no line end but CRLF, ends in one, and has a blank
        // line; what is served again is the same.
        #[test]
        fn the_text_is_clean(
            stored in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(0), any::<u8>()], 0..60),
        ) {
            let text = text_of(&stored);
            prop_assert!(text.ends_with(b"\r\n") && !text.contains(&0));
            for (place, octet) in text.iter().enumerate() {
                if *octet == b'\r' {
                    prop_assert_eq!(text.get(place + 1), Some(&b'\n'));
                }
                if *octet == b'\n' {
                    prop_assert_eq!(text[place - 1], b'\r');
                }
            }
            prop_assert!(text.starts_with(b"\r\n") || text.windows(4).any(|w| w == b"\r\n\r\n"));
            prop_assert_eq!(text_of(&text), text);
        }
    }
}
