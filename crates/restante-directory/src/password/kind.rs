//! What a hash costs, told so that two that cost the same are equal.

use std::fmt;

/// A family of hashes and its parameters: two hashes of one kind take the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HashKind {
    /// As the scheme is called.
    pub(crate) family: &'static str,
    /// Its parameters that cost time; zeroes where it has none.
    pub(crate) cost: [u64; 3],
}

impl HashKind {
    /// A kind of one parameter.
    pub(crate) const fn of(family: &'static str, cost: u64) -> Self {
        Self { family, cost: [cost, 0, 0] }
    }
}

impl fmt::Display for HashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.family)?;
        for cost in self.cost.iter().filter(|cost| **cost > 0) {
            write!(f, " {cost}")?;
        }
        Ok(())
    }
}
