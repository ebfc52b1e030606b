//! What of a change outlives a power cut: everything, nothing, or what chance wants.

use crate::chance::Chance;
use crate::script::Script;

/// How a crash chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The process ends; the machine, with all that it was told, does not.
    Kill,
    /// The power fails, and only what was synced is there.
    Synced,
    /// The power fails, and by chance all is there.
    All,
    /// The power fails: each file and folder chooses for itself, by this seed.
    Random(u64),
    /// As `Kill`, and then one bit of data at rest is another, by this seed.
    Flip(u64),
}

/// How one file or folder chooses.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Nothing that was not synced.
    Nothing,
    /// All of it.
    Everything,
    /// Each change by itself, so many times in a hundred.
    Some(Chance, u64),
    /// Each change as it is told.
    Told(Script),
}

impl Part {
    /// Chosen by chance.
    pub(crate) fn drawn(chance: &mut Chance) -> Self {
        match chance.below(6) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 => Self::Some(Chance::new(chance.next()), 15),
            3 => Self::Some(Chance::new(chance.next()), 85),
            _ => Self::Some(Chance::new(chance.next()), 50),
        }
    }

    /// Whether the next change is there.
    pub(crate) fn keeps(&mut self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Some(chance, hundredths) => chance.percent(*hundredths),
            Self::Told(script) => script.answer(2) == 1,
        }
    }

    /// Of so many changes, one behind the other, how many are there.
    pub(crate) fn first_of(&mut self, count: u64) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Everything => count,
            Self::Some(chance, hundredths) => {
                let mut kept = 0;
                while kept < count && chance.percent(*hundredths) {
                    kept = kept.saturating_add(1);
                }
                kept
            }
            Self::Told(_) if count == 0 => 0,
            Self::Told(script) => script.answer(count.saturating_add(1)),
        }
    }
}
