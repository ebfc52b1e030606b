//! Chance that a seed decides: the same seed, the same numbers, on every machine.

/// A row of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The row of this seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The row of a seed and of what it is for, so that rows do not depend on each other.
    pub(crate) fn of(seed: u64, purposes: &[u64]) -> Self {
        let mut chance = Self(seed);
        for purpose in purposes {
            chance.0 = chance.next() ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        }
        chance
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one; 0 if there is none.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or_default()
    }

    /// A number from this one on, of so many.
    pub(crate) fn from(&mut self, start: usize, count: usize) -> usize {
        start.saturating_add(self.place(count))
    }

    /// The same as a place in a list.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, hundredths: u64) -> bool {
        self.below(100) < hundredths
    }
}
