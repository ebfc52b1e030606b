//! The size and shape of a message on the wire.

use std::fmt;

/// A count of octets as RFC 1939 §11 means it: every line end counts as two (CRLF),
/// byte-stuffing and the termination octet do not count.
///
/// Always 64 bits, on every machine; sums saturate rather than wrap, so that a total can
/// never look small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Octets(u64);

impl Octets {
    /// No octets.
    pub const ZERO: Self = Self(0);

    /// This many octets.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// The count as a plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, held at the largest count there is.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }

    /// The sum with the length of a slice.
    #[must_use]
    pub const fn plus_len(self, length: usize) -> Self {
        // A slice is never longer than a u64 can say on any machine Rust runs on.
        Self(self.0.saturating_add(length as u64))
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::iter::Sum for Octets {
    fn sum<I: Iterator<Item = Self>>(octets: I) -> Self {
        octets.fold(Self::ZERO, Self::plus)
    }
}

/// The shape in which the octets of a message are handed over. Lines end in CRLF in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As DATA and RETR carry it: a leading dot is doubled (RFC 5321 §4.5.2, RFC 1939 §3).
    /// The ending `.` CRLF is not part of it.
    Wire,
    /// As it is meant: no dot is doubled.
    Text,
}
