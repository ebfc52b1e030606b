//! What a compaction did.

/// What a compaction did, in octets of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// How many segments were given up.
    pub segments: u64,
    /// How much they had.
    pub freed: u64,
    /// How much of it was copied on.
    pub copied: u64,
}

impl Compacted {
    /// Both together.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            segments: self.segments.saturating_add(more.segments),
            freed: self.freed.saturating_add(more.freed),
            copied: self.copied.saturating_add(more.copied),
        }
    }
}
