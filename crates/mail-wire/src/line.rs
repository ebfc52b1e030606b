//! One bounded CRLF line at a time, from a borrowed buffer.

use memchr::memchr;

/// Finds the lines in octets that arrive in pieces, and keeps no octet itself.
///
/// A line that is not whole yet stays in the caller's input; one that grows beyond its limit
/// is skipped up to its end without being kept.
#[derive(Clone, Debug, Default)]
pub struct LineSplitter {
    scanned: usize,
    skipping: bool,
}

/// A line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'i> {
    /// A whole line.
    Whole {
        /// What stands before the line end.
        content: &'i [u8],
        /// How it ended.
        ending: Ending,
    },
    /// The line was longer than the limit, its end included. Reported once, when its end has
    /// been passed.
    TooLong,
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// CR LF, as the protocols ask.
    CrLf,
    /// LF alone, as a person at a terminal sends it.
    Lf,
}

impl LineSplitter {
    /// Takes the next line off the input, or answers `None` when more octets are needed.
    ///
    /// `octets_max` counts the line end. The input may hold less than a line; it has to be
    /// offered again, with more behind it.
    pub fn next<'i>(&mut self, input: &mut &'i [u8], octets_max: usize) -> Option<Line<'i>> {
        let octets: &'i [u8] = input;
        let unseen = octets.get(self.scanned..).unwrap_or_default();
        let Some(found) = memchr(b'\n', unseen) else {
            if self.skipping || octets.len() >= octets_max {
                // Whatever the line becomes, it is too long already: keep none of it.
                self.skipping = true;
                self.scanned = 0;
                *input = &[];
            } else {
                self.scanned = octets.len();
            }
            return None;
        };
        let end = self.scanned.saturating_add(found);
        self.scanned = 0;
        let (line, rest) = octets.split_at_checked(end.saturating_add(1))?;
        *input = rest;
        if std::mem::take(&mut self.skipping) || line.len() > octets_max {
            return Some(Line::TooLong);
        }
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        Some(match content.strip_suffix(b"\r") {
            Some(content) => Line::Whole { content, ending: Ending::CrLf },
            None => Line::Whole { content, ending: Ending::Lf },
        })
    }

    /// Whether a line that is too long is being skipped: the input does not begin at its start.
    pub const fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Whether a line is being skipped, or has begun: octets were looked at that belong to a
    /// line which is not whole.
    pub const fn is_mid_line(&self) -> bool {
        self.skipping || self.scanned > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// A line as a test can keep it: `None` for one that is too long.
    type Kept = Option<(Vec<u8>, Ending)>;

    /// All lines of octets that arrive in these pieces, and how much had to be held at most.
    fn lines(pieces: &[&[u8]], octets_max: usize) -> (Vec<Kept>, usize) {
        let (mut splitter, mut buffer, mut lines) = (LineSplitter::default(), Vec::new(), vec![]);
        let mut held_max = 0;
        for piece in pieces {
            buffer.extend_from_slice(piece);
            let mut input = &buffer[..];
            while let Some(line) = splitter.next(&mut input, octets_max) {
                lines.push(match line {
                    Line::Whole { content, ending } => Some((content.to_vec(), ending)),
                    Line::TooLong => None,
                });
            }
            buffer = input.to_vec();
            held_max = held_max.max(buffer.len());
        }
        (lines, held_max)
    }

    // P-004, P-005: the limit counts the line end; a longer line is one error
    #[test]
    fn a_line_of_the_limit_passes_and_one_more_octet_does_not() {
        for (length, fits) in [(1, true), (253, true), (254, false), (255, false), (65_536, false)]
        {
            let line = [&vec![b'a'; length][..], b"\r\nNOOP\r\n"].concat();
            let (found, _) = lines(&[&line], 255);
            assert_eq!(found.len(), 2, "{length}");
            assert_eq!(found[0].is_some(), fits, "{length}");
            assert_eq!(found[1], Some((b"NOOP".to_vec(), Ending::CrLf)));
        }
    }

    // P-005: nothing of an endless line is kept
    #[test]
    fn an_endless_line_costs_no_memory() {
        let piece = [b'a'; 1000];
        let (found, held) = lines(&[&piece[..]; 1000], 1024);
        assert!(found.is_empty() && held <= 1024, "held {held}");
    }

    // P-010, L4, L5
    #[test]
    fn lf_ends_a_line_and_cr_alone_does_not() {
        let (found, _) = lines(&[b"a\nb\rc\r\r\n\n\r\n"], 255);
        let kept: Vec<_> = found.into_iter().map(Option::unwrap).collect();
        assert_eq!(
            kept,
            [
                (b"a".to_vec(), Ending::Lf),
                (b"b\rc\r".to_vec(), Ending::CrLf),
                (vec![], Ending::Lf),
                (vec![], Ending::CrLf),
            ]
        );
    }

    proptest! {
        // P-016: octet by octet is the same as all at once
        #[test]
        fn lines_do_not_depend_on_cuts(
            octets in vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a')], 0..60),
            octets_max in 1_usize..12,
        ) {
            let (whole, _) = lines(&[&octets], octets_max);
            for cut in 0..=octets.len() {
                let (cut_in_two, held) = lines(&[&octets[..cut], &octets[cut..]], octets_max);
                prop_assert_eq!(&cut_in_two, &whole);
                prop_assert!(held < octets_max);
            }
            let singly: Vec<&[u8]> = octets.chunks(1).collect();
            prop_assert_eq!(&lines(&singly, octets_max).0, &whole);
            // One answer for each LF.
            prop_assert_eq!(whole.len(), octets.split(|&o| o == b'\n').count() - 1);
        }
    }
}
