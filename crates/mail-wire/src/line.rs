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
