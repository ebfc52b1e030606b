//! All that a disk was asked and what it answered, as one number, so that two lives can be
//! compared; and call by call, for people.

use std::fmt::Display;

use crate::digest::Digest;

/// What happened, if somebody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    digest: Digest,
    count: u64,
    /// Whether each call is printed.
    is_told: bool,
}

impl History {
    /// A history, which is printed as it happens or not.
    pub(crate) fn new(is_told: bool) -> Self {
        Self { is_told, ..Self::default() }
    }

    /// This happened, to this, with these numbers and these octets.
    pub(crate) fn add(&mut self, what: &str, of: &dyn Display, numbers: [u64; 2], octets: &[u8]) {
        let of = of.to_string();
        self.digest.octets(what.as_bytes());
        self.digest.octets(of.as_bytes());
        for number in numbers {
            self.digest.number(number);
        }
        self.digest.octets(octets);
        self.count = self.count.saturating_add(1);
        if self.is_told {
            let [one, other] = numbers;
            eprintln!("{} {what} {of} {one} {other}: {:016x}", self.count, self.digest.end());
        }
    }

    /// The number of all that happened.
    pub(crate) fn end(&self) -> u64 {
        self.digest.end()
    }
}
