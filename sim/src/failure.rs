//! A broken promise.

use std::fmt;

/// A promise of the store that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The number of the invariant (design, The store, Invariants); 0, 13 and 14 are the
    /// simulator's own.
    pub(crate) invariant: u8,
    pub(crate) what: String,
}

impl Broken {
    pub(crate) fn new(invariant: u8, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }

    /// The invariant in words.
    pub(crate) const fn words(&self) -> &'static str {
        match self.invariant {
            1 => "an acknowledged message is there, octet by octet, until it is destroyed",
            2 => "what is destroyed never comes back",
            3 => "an UPDATE happens whole or not at all",
            4 => "an id and a unique-id never change and are never used twice",
            5 => "nothing is visible that was not submitted whole",
            6 => "what a session sees never changes",
            8 => "the index is what the segments say",
            9 => "nothing is written to a sealed segment",
            10 => "no entry points nowhere",
            11 => "sums are sums",
            12 => "on a full disk, deletions and logins work",
            13 => "what was laid over a message stays until somebody takes it away",
            14 => "the journal says of each message once that it came, and once that it went",
            _ => "the engine goes on",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I{} ({}): {}", self.invariant, self.words(), self.what)
    }
}
