//! Where a message ends, and what may not stand in it.
//!
//! Two parties that disagree about the end of a message let one message carry another in
//! (smuggling). So: nothing but CRLF `.` CRLF ends DATA (RFC 5321 §4.1.1.4), nothing but its
//! count ends a chunk (RFC 3030 §2), and a CR or LF that is no part of a CRLF is reported, or
//! handed on as CRLF, but never taken for an end (P-199).

use memchr::memchr2;

use crate::policy::BareLineEnds;

const CRLF: &[u8] = b"\r\n";

/// The next thing found in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'i> {
    /// Octets of the message, taken off the input, or put in by a repair. Never empty.
    Octets(&'i [u8]),
    /// A bare CR or LF. Reported once; from then on there are only octets and the end.
    BareLineEnd,
    /// Nothing more can be said: offer what is left again, with more behind it.
    More,
    /// The message, or the chunk, is complete.
    End,
}

/// How bare line ends are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bare {
    Report,
    Repair,
    /// Reported already: the octets are thrown away anyway.
    Ignore,
}

impl From<BareLineEnds> for Bare {
    fn from(policy: BareLineEnds) -> Self {
        match policy {
            BareLineEnds::Refuse => Self::Report,
            BareLineEnds::Repair => Self::Repair,
        }
    }
}

/// Reads a message as DATA carries it and hands it on in wire form, each line end a CRLF and
/// each dot at the start of a line doubled, without the `.` CRLF that ends it.
///
/// The pieces are exactly what `mail_wire::dot::Stuffer` makes of the message's text: a single
/// dot that a careless peer put before a line is dropped, as RFC 5321 §4.5.2 has it (P-200).
#[derive(Clone, Debug)]
pub(crate) struct DataReader {
    bare: Bare,
    place: Place,
    octets: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a line: after CRLF, or after the reply to DATA.
    LineStart,
    /// Within a line. `stuffed`: it began with a doubled dot that is still in the input.
    Line { stuffed: bool },
    /// A bare line end was taken off the input, and a CRLF is owed in its place.
    Owed,
    /// After that CRLF: a line starts for those who read the message, none did for the peer.
    Repaired,
    /// CRLF `.` CRLF was seen.
    Ended,
}

const WITHIN: Place = Place::Line { stuffed: false };

impl DataReader {
    pub(crate) fn new(bare: BareLineEnds) -> Self {
        Self { bare: bare.into(), place: Place::LineStart, octets: 0 }
    }

    /// The octets of the message so far, stuffed dots not counted (P-208).
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    pub(crate) fn next<'i>(&mut self, input: &mut &'i [u8]) -> Piece<'i> {
        loop {
            match self.place {
                Place::Ended => return Piece::End,
                Place::LineStart => match line_start(input) {
                    Some((place, skip)) => {
                        self.place = place;
                        *input = input.get(skip..).unwrap_or_default();
                    }
                    None => return Piece::More,
                },
                Place::Owed => {
                    self.place = Place::Repaired;
                    return self.hand_on(CRLF, false);
                }
                Place::Repaired => {
                    self.place = WITHIN;
                    match input.first() {
                        None => {
                            self.place = Place::Repaired;
                            return Piece::More;
                        }
                        // The peer saw no line start here and did not stuff. Without this dot
                        // the message would end here for whoever reads it next.
                        Some(b'.') => return Piece::Octets(b"."),
                        Some(_) => {}
                    }
                }
                Place::Line { stuffed } => return self.line(stuffed, input),
            }
        }
    }

    /// Takes octets up to where something has to be decided.
    fn line<'i>(&mut self, stuffed: bool, input: &mut &'i [u8]) -> Piece<'i> {
        let octets: &'i [u8] = input;
        let mut seen = 0_usize;
        let (length, skip, place) = loop {
            let rest = octets.get(seen..).unwrap_or_default();
            let Some(found) = memchr2(b'\r', b'\n', rest) else {
                break (octets.len(), 0, WITHIN);
            };
            let at = seen.saturating_add(found);
            let rest = octets.get(at..).unwrap_or_default();
            match rest {
                [b'\r'] => break (at, 0, WITHIN),
                [b'\r', b'\n', after @ ..] => {
                    seen = at.saturating_add(CRLF.len());
                    if matches!(after.first(), None | Some(b'.')) {
                        break (seen, 0, Place::LineStart);
                    }
                }
                _ => match self.bare {
                    Bare::Ignore => seen = at.saturating_add(1),
                    Bare::Repair => break (at, 1, Place::Owed),
                    // What stands before it goes first, so that it counts: whether a message is
                    // too large or has a bare line end must not depend on how it is cut.
                    Bare::Report if at > 0 => break (at, 0, WITHIN),
                    Bare::Report => {
                        self.bare = Bare::Ignore;
                        self.place = WITHIN;
                        return Piece::BareLineEnd;
                    }
                },
            }
        };
        let (taken, rest) = octets.split_at_checked(length).unwrap_or((octets, &[]));
        *input = rest.get(skip..).unwrap_or_default();
        self.place = place;
        match (taken.is_empty(), place) {
            (false, _) => self.hand_on(taken, stuffed),
            (true, Place::Owed) => {
                self.place = Place::Repaired;
                self.hand_on(CRLF, false)
            }
            (true, _) => Piece::More,
        }
    }

    fn hand_on<'i>(&mut self, octets: &'i [u8], stuffed: bool) -> Piece<'i> {
        self.octets = count(self.octets, octets).saturating_sub(u64::from(stuffed));
        Piece::Octets(octets)
    }
}

/// What a line's first octets say, and how many of them go; `None`: too few to tell.
fn line_start(input: &[u8]) -> Option<(Place, usize)> {
    match input {
        [] | [b'.'] | [b'.', b'\r'] => None,
        [b'.', b'\r', b'\n', ..] => Some((Place::Ended, 3)),
        [b'.', b'.', ..] => Some((Place::Line { stuffed: true }, 0)),
        // RFC 5321 §4.5.2: one leading dot goes, whatever follows it.
        [b'.', ..] => Some((WITHIN, 1)),
        [..] => Some((WITHIN, 0)),
    }
}

/// Reads a message as BDAT carries it, chunk by chunk, and hands it on as it is: text form.
#[derive(Clone, Debug)]
pub(crate) struct ChunkReader {
    bare: Bare,
    /// A CR was taken off the input, and may be half of a CRLF: chunks end anywhere.
    after_cr: bool,
    octets: u64,
}

impl ChunkReader {
    pub(crate) fn new(bare: BareLineEnds) -> Self {
        Self { bare: bare.into(), after_cr: false, octets: 0 }
    }

    /// The octets of the message so far.
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    /// Takes octets of a chunk of which so many are `left`, and counts those down.
    pub(crate) fn next<'i>(&mut self, left: &mut u64, input: &mut &'i [u8]) -> Piece<'i> {
        let octets: &'i [u8] = input;
        let length = usize::try_from(*left).map_or(octets.len(), |left| left.min(octets.len()));
        let chunk = octets.get(..length).unwrap_or(octets);
        let Some(&first) = chunk.first() else {
            return if *left == 0 { Piece::End } else { Piece::More };
        };
        let (piece, taken) = if self.after_cr {
            self.after_cr = false;
            let taken = usize::from(first == b'\n');
            (if taken == 1 { Piece::Octets(CRLF) } else { self.bare_line_end() }, taken)
        } else {
            self.run(chunk)
        };
        *left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
        *input = octets.get(taken..).unwrap_or_default();
        match piece {
            // Nothing but a CR, which waits for its LF.
            Piece::Octets([]) => self.next(left, input),
            Piece::Octets(octets) => {
                self.octets = count(self.octets, octets);
                piece
            }
            _ => piece,
        }
    }

    /// The last chunk is complete: a CR that still waits for its LF gets none.
    pub(crate) fn finish(&mut self) -> Piece<'static> {
        if !std::mem::take(&mut self.after_cr) {
            return Piece::End;
        }
        let piece = self.bare_line_end();
        if let Piece::Octets(octets) = piece {
            self.octets = count(self.octets, octets);
        }
        piece
    }

    /// The longest good run of a chunk, and how much is taken off for it.
    fn run<'i>(&mut self, chunk: &'i [u8]) -> (Piece<'i>, usize) {
        let mut seen = 0_usize;
        loop {
            let rest = chunk.get(seen..).unwrap_or_default();
            let Some(found) = memchr2(b'\r', b'\n', rest) else {
                return (Piece::Octets(chunk), chunk.len());
            };
            let at = seen.saturating_add(found);
            let before = Piece::Octets(chunk.get(..at).unwrap_or_default());
            match chunk.get(at..).unwrap_or_default() {
                [b'\r', b'\n', ..] => seen = at.saturating_add(CRLF.len()),
                [b'\r'] => {
                    self.after_cr = true;
                    return (before, at.saturating_add(1));
                }
                _ if self.bare == Bare::Ignore => seen = at.saturating_add(1),
                _ if at == 0 => return (self.bare_line_end(), 1),
                _ => return (before, at),
            }
        }
    }

    fn bare_line_end(&mut self) -> Piece<'static> {
        match self.bare {
            Bare::Repair => Piece::Octets(CRLF),
            // Thrown away with the rest; a CR is what it was.
            Bare::Ignore => Piece::Octets(b"\r"),
            Bare::Report => {
                self.bare = Bare::Ignore;
                Piece::BareLineEnd
            }
        }
    }
}

fn count(octets: u64, more: &[u8]) -> u64 {
    octets.saturating_add(u64::try_from(more.len()).unwrap_or(u64::MAX))
}
