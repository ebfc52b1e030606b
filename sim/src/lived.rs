//! How thoroughly a life is examined, what it was, and how it ended.

use crate::failure::Broken;

/// How thoroughly a life is examined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Of so many moments one is examined; 0: none.
    pub(crate) every: u64,
    /// By how many random choices.
    pub(crate) random: u64,
}

/// What a life was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lived {
    /// Calls that changed something.
    pub(crate) moments: u64,
    /// Stores that were opened after a crash and judged.
    pub(crate) points: u64,
}

impl Lived {
    /// Both together.
    pub(crate) const fn plus(self, more: Self) -> Self {
        Self {
            moments: self.moments.saturating_add(more.moments),
            points: self.points.saturating_add(more.points),
        }
    }
}

/// A life that ended badly.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) broken: Broken,
    /// In which of the acts.
    pub(crate) act: usize,
    /// What was being done when the disk was left, if it was.
    pub(crate) call: String,
    pub(crate) lived: Lived,
}
