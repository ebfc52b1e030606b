//! What was found damaged at a start, for the operator.

/// A stretch of a segment that is not what was written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment's path within the store.
    pub path: String,
    /// Where the stretch begins, in octets.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// What is wrong.
    pub what: &'static str,
}
