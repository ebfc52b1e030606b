//! What was found damaged in a store, for the operator.

use std::fmt;

/// A stretch of a file that is not what was written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file's path within the store.
    pub path: String,
    /// Where the stretch begins, in octets.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, from, to, what } = self;
        write!(f, "{path}, octets {from} to {to}: {what}")
    }
}
