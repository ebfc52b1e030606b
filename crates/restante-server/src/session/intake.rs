//! The intake filter: the few changes a message sees before it is stored (`rulings` 6).
//!
//! The header is held until it has ended, since what is in it decides where the message goes;
//! the body passes. Works on both forms, keeps no more than a header, and gives the same
//! result however the octets are split.

use std::collections::HashSet;

use lmtp_proto::Failure;
use mail_wire::Form;
use memchr::memchr;

/// The largest header, and the longest line anywhere (`security` §4.1).
pub(crate) const HEADER_OCTETS_MAX: usize = 1 << 20;
/// The longest line, its end included.
pub(crate) const LINE_OCTETS_MAX: usize = 1 << 20;
/// What stands where a NUL was: Outlook hangs on NUL (P-154).
const NUL_STAND_IN: u8 = 0x80;

/// What the filter changed in a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// NULs that became 0x80.
    pub(crate) nuls: u64,
    /// Return-Path fields that were removed (RFC 5321 §4.4, P-157).
    pub(crate) return_paths: u32,
    /// Whether the blank line after the header was missing (P-051).
    pub(crate) blank_line: bool,
    /// Whether an mbox From_ line stood in front (P-158).
    pub(crate) from_line: bool,
}

impl Changes {
    /// In words, one a change.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.nuls > 0 {
            words.push(format!("{} NUL octets replaced", self.nuls));
        }
        if self.return_paths > 0 {
            words.push(format!("{} old Return-Path removed", self.return_paths));
        }
        if self.blank_line {
            words.push("blank line after the header added".to_owned());
        }
        if self.from_line {
            words.push("mbox From_ line removed".to_owned());
        }
        words
    }
}

/// A header on its way in.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// Whole lines that are kept.
    kept: Vec<u8>,
    /// The line under way.
    line: Vec<u8>,
    /// Octets that came, kept or not.
    octets: usize,
    before: Before,
    received: usize,
    /// In lower case.
    delivered_to: HashSet<String>,
    changes: Changes,
}

/// What stands before the line under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Before {
    /// Nothing.
    #[default]
    Start,
    /// A field that is kept.
    Kept,
    /// A field that is removed.
    Removed,
}

impl Header {
    /// Takes octets until the header has ended; `Some` says how many of these it took.
    ///
    /// # Errors
    /// The header or a line of it is too long.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<Option<usize>, Failure> {
        let mut taken = 0_usize;
        while let Some(rest) = octets.get(taken..).filter(|rest| !rest.is_empty()) {
            let end = memchr(b'\n', rest).map_or(rest.len(), |found| found.saturating_add(1));
            let piece = rest.get(..end).unwrap_or_default();
            taken = taken.saturating_add(piece.len());
            self.octets = self.octets.saturating_add(piece.len());
            if self.octets > HEADER_OCTETS_MAX {
                return Err(Failure::Message);
            }
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") && self.end_line() {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// The message ended within its header: the blank line is missing.
    pub(crate) fn finish(&mut self) {
        if !self.line.is_empty() {
            let end: &[u8] = if self.line.ends_with(b"\r") { b"\n" } else { b"\r\n" };
            self.line.extend_from_slice(end);
            if self.end_line() {
                return;
            }
        }
        self.add_blank_line();
    }

    /// The header as it is to be stored; once it has ended, the blank line included.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.kept
    }

    /// How many Received fields it has (RFC 5321 §6.3).
    pub(crate) const fn received(&self) -> usize {
        self.received
    }

    /// Whether it was delivered to this address before.
    pub(crate) fn was_delivered_to(&self, address: &str) -> bool {
        self.delivered_to.contains(&address.to_ascii_lowercase())
    }

    /// How many octets there are of it in text form, if what comes is in this form.
    pub(crate) fn text_octets(&self, form: Form) -> u64 {
        let lines = self.kept.split_inclusive(|octet| *octet == b'\n');
        let stuffed = lines.filter(|line| form == Form::Wire && line.starts_with(b".")).count();
        octets(self.kept.len().saturating_sub(stuffed))
    }

    /// What was changed in it.
    pub(crate) const fn changes(&self) -> Changes {
        self.changes
    }

    /// Judges the line under way, which is whole; answers whether the header has ended.
    fn end_line(&mut self) -> bool {
        let mut line = std::mem::take(&mut self.line);
        self.changes.nuls = self.changes.nuls.saturating_add(replace_nuls(&mut line));
        let content = line.strip_suffix(b"\n").unwrap_or(&line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let ended = if content.is_empty() {
            self.kept.extend_from_slice(&line);
            true
        } else if self.before == Before::Start && is_from_line(content) && !self.changes.from_line {
            self.changes.from_line = true;
            false
        } else if matches!(content, [b' ' | b'\t', ..]) && self.before != Before::Start {
            if self.before == Before::Kept {
                self.kept.extend_from_slice(&line);
            }
            false
        } else if let Some((name, value)) = field(content) {
            self.take_field(name, value, &line);
            false
        } else {
            // A line that can stand in no header: the body has begun without a blank line.
            self.add_blank_line();
            self.kept.extend_from_slice(&line);
            true
        };
        line.clear();
        self.line = line;
        ended
    }

    fn take_field(&mut self, name: &[u8], value: &[u8], line: &[u8]) {
        if name.eq_ignore_ascii_case(b"Return-Path") {
            self.changes.return_paths = self.changes.return_paths.saturating_add(1);
            self.before = Before::Removed;
            return;
        }
        if name.eq_ignore_ascii_case(b"Received") {
            self.received = self.received.saturating_add(1);
        } else if name.eq_ignore_ascii_case(b"Delivered-To") {
            let address = String::from_utf8_lossy(value.trim_ascii());
            self.delivered_to.insert(address.to_ascii_lowercase());
        }
        self.before = Before::Kept;
        self.kept.extend_from_slice(line);
    }

    fn add_blank_line(&mut self) {
        self.changes.blank_line = true;
        self.kept.extend_from_slice(b"\r\n");
    }
}

/// A body on its way in, from the start of a line on.
#[derive(Debug, Default)]
pub(crate) struct BodyFilter {
    line_octets: usize,
    octets: u64,
    /// Lines that begin with a dot.
    dots: u64,
    nuls: u64,
    repaired: Vec<u8>,
}

impl BodyFilter {
    /// The octets as they are to be stored; borrowed where nothing has to be changed.
    ///
    /// # Errors
    /// A line is too long.
    pub(crate) fn pass<'o>(&'o mut self, octets: &'o [u8]) -> Result<&'o [u8], Failure> {
        self.measure(octets)?;
        if memchr(0, octets).is_none() {
            return Ok(octets);
        }
        self.repaired.clear();
        self.repaired.extend_from_slice(octets);
        self.nuls = self.nuls.saturating_add(replace_nuls(&mut self.repaired));
        Ok(&self.repaired)
    }

    /// How many NULs became 0x80.
    pub(crate) const fn nuls(&self) -> u64 {
        self.nuls
    }

    /// How many octets there were of it in text form, if what came was in this form.
    pub(crate) const fn text_octets(&self, form: Form) -> u64 {
        match form {
            Form::Wire => self.octets.saturating_sub(self.dots),
            Form::Text => self.octets,
        }
    }

    fn measure(&mut self, octets: &[u8]) -> Result<(), Failure> {
        self.octets = self.octets.saturating_add(self::octets(octets.len()));
        // A line longer than the limit cannot hide among shorter ones: most slices are
        // shorter than the limit, and only their first and last lines join others.
        let mut rest = octets;
        self.count_dot(rest);
        while let Some(end) = memchr(b'\n', rest) {
            self.line_octets = self.line_octets.saturating_add(end).saturating_add(1);
            if self.line_octets > LINE_OCTETS_MAX {
                return Err(Failure::Message);
            }
            self.line_octets = 0;
            rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
            self.count_dot(rest);
        }
        self.line_octets = self.line_octets.saturating_add(rest.len());
        if self.line_octets > LINE_OCTETS_MAX { Err(Failure::Message) } else { Ok(()) }
    }

    fn count_dot(&mut self, rest: &[u8]) {
        if self.line_octets == 0 && rest.first() == Some(&b'.') {
            self.dots = self.dots.saturating_add(1);
        }
    }
}

fn octets(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn replace_nuls(octets: &mut [u8]) -> u64 {
    let mut replaced = 0_u64;
    let mut rest = octets;
    while let Some(found) = memchr(0, rest) {
        let Some((_, from_nul)) = rest.split_at_mut_checked(found) else { break };
        let Some((nul, behind)) = from_nul.split_first_mut() else { break };
        *nul = NUL_STAND_IN;
        replaced = replaced.saturating_add(1);
        rest = behind;
    }
    replaced
}

/// A field's name and value: RFC 5322 §2.2, with the obsolete white space before the colon.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = line.split_at_checked(memchr(b':', line)?)?;
    let name = name.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(|octet| matches!(octet, 33..=126));
    is_name.then_some((name, value.get(1..).unwrap_or_default()))
}

/// `From anna Sun Mar  1 …`, which no header field can be.
fn is_from_line(line: &[u8]) -> bool {
    line.strip_prefix(b"From ").is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The whole filter over a message that comes in these pieces.
    fn filter(pieces: &[&[u8]]) -> Result<(Vec<u8>, Changes), Failure> {
        let (mut header, mut body) = (Header::default(), BodyFilter::default());
        let (mut stored, mut in_body) = (Vec::new(), false);
        for piece in pieces {
            let mut rest = *piece;
            if !in_body {
                let Some(taken) = header.push(rest)? else { continue };
                in_body = true;
                rest = &rest[taken..];
            }
            stored.extend_from_slice(body.pass(rest)?);
        }
        if !in_body {
            header.finish();
        }
        let mut whole = header.octets().to_vec();
        whole.extend_from_slice(&stored);
        let changes = Changes { nuls: header.changes.nuls + body.nuls, ..header.changes };
        Ok((whole, changes))
    }

    fn text(message: &str) -> (String, Changes) {
        let (stored, changes) = filter(&[message.as_bytes()]).unwrap();
        (String::from_utf8_lossy(&stored).into_owned(), changes)
    }

    // P-150, P-158: never re-folded, re-ordered, re-encoded or trimmed
    #[test]
    fn an_ordinary_message_passes_untouched() {
        let message = "Received: from a\r\n\tby b\r\nSubject:  x \r\n\r\n\r\nbody  \r\n..dot\r\n";
        assert_eq!(text(message), (message.to_owned(), Changes::default()));
    }

    // P-157, P-204
    #[test]
    fn old_return_paths_go_with_their_continuation_lines() {
        let message = "Return-Path: <a@b>\r\nA: 1\r\nreturn-path :\r\n\t<c@d>\r\n (x)\r\nB: 2\r\n\r\n\
                       Return-Path: stays\r\n";
        let (stored, changes) = text(message);
        assert_eq!(stored, "A: 1\r\nB: 2\r\n\r\nReturn-Path: stays\r\n");
        assert_eq!(changes.return_paths, 2);
    }

    // P-051
    #[test]
    fn a_header_without_blank_line_gets_one() {
        for (message, stored) in [
            ("A: b\r\n", "A: b\r\n\r\n"),
            ("A: b", "A: b\r\n\r\n"),
            ("", "\r\n"),
            ("no header at all\r\n", "\r\nno header at all\r\n"),
            ("A: b\r\nno field\r\nC: d\r\n", "A: b\r\n\r\nno field\r\nC: d\r\n"),
            // It would continue the Received line that goes before it.
            (" leading space\r\nA: b\r\n", "\r\n leading space\r\nA: b\r\n"),
            ("Return-Path: <a>\r\n", "\r\n"),
        ] {
            let (got, changes) = text(message);
            assert_eq!((got.as_str(), changes.blank_line), (stored, true), "{message:?}");
        }
        assert_eq!(text("\r\nbody\r\n"), ("\r\nbody\r\n".to_owned(), Changes::default()));
    }

    // P-154
    #[test]
    fn nul_becomes_0x80_and_the_size_stays() {
        let message = b"A: \0\r\n\r\n\0b\0\r\n";
        let (stored, changes) = filter(&[message]).unwrap();
        assert_eq!(stored, b"A: \x80\r\n\r\n\x80b\x80\r\n");
        assert_eq!(changes.nuls, 3);
    }

    // P-158: an mbox From_ line is never served
    #[test]
    fn an_mbox_line_in_front_goes() {
        let (stored, changes) = text("From anna Sun Mar  1 14:02:11 2026\r\nA: b\r\n\r\n");
        assert_eq!((stored.as_str(), changes.from_line), ("A: b\r\n\r\n", true));
        let kept = "From : anna@example.org\r\n\r\n";
        assert_eq!(text(kept), (kept.to_owned(), Changes::default()));
    }

    // P-206, D8
    #[test]
    fn loops_are_seen() {
        let mut header = Header::default();
        let message =
            format!("{}Delivered-To: Anna@Example.org \r\n\r\n", "Received: x\r\n".repeat(101));
        assert!(header.push(message.as_bytes()).unwrap().is_some());
        assert_eq!(header.received(), 101);
        assert!(header.was_delivered_to("anna@example.org"));
        assert!(!header.was_delivered_to("nna@example.org"));
    }

    // `security` §4.1: header 1 MiB, line 1 MiB; D9, D10
    #[test]
    fn endless_headers_and_lines_are_refused_where_they_become_too_long() {
        let line = |octets: usize| {
            let mut line = vec![b'x'; octets - 2];
            line.extend_from_slice(b"\r\n");
            line
        };
        let body =
            |octets| filter(&[b"A: b\r\n\r\n", &line(octets)]).map(|(stored, _)| stored.len());
        assert_eq!(body(LINE_OCTETS_MAX), Ok(LINE_OCTETS_MAX + 8));
        assert_eq!(body(LINE_OCTETS_MAX + 1), Err(Failure::Message));
        let header = b"A: b\r\n".repeat(HEADER_OCTETS_MAX / 6 + 1);
        assert_eq!(filter(&[&header]).unwrap_err(), Failure::Message);
        assert_eq!(filter(&[&line(HEADER_OCTETS_MAX + 1)]).unwrap_err(), Failure::Message);
    }

    proptest! {
        #[test]
        fn any_split_of_the_input_gives_the_same_result(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    "Return-Path: <a>", "Received: x", "Delivered-To: a@b", "\r\n", "\r\n", "\r\n",
                    "\t", " ", ":", "x", "From a", ".", "\0", "\r",
                ]),
                0..40,
            ),
            cuts in proptest::collection::vec(0_usize..200, 0..8),
        ) {
            let message = words.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(message.len())).collect();
            cuts.extend([0, message.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> =
                cuts.windows(2).map(|ends| &message[ends[0]..ends[1]]).collect();
            prop_assert_eq!(filter(&pieces), filter(&[&message]));
        }

        #[test]
        fn what_is_stored_has_a_blank_line_and_no_nul(message in "[\\x00aA: .\\-\r\n\t]{0,60}") {
            // The filter sees no bare CR or LF: the machine before it sees to that.
            let message = message.replace(['\r', '\n'], "\r\n");
            let (stored, _) = filter(&[message.as_bytes()]).unwrap();
            prop_assert!(!stored.contains(&0));
            let stored = format!("\r\n{}", String::from_utf8_lossy(&stored));
            prop_assert!(stored.contains("\r\n\r\n"), "{stored:?}");
        }
    }
}
