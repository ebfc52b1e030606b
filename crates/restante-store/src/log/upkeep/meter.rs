//! How far long work has come, and whether it goes on.

use crate::error::StoreError;
use crate::upkeep::{Advance, Watch};

/// Counts octets, or whatever is counted, and tells whoever watches.
pub(super) struct Meter<'a> {
    watch: &'a dyn Watch,
    advance: Advance,
    told: u64,
}

/// So many parts of the whole are told.
const PARTS: u64 = 1000;

impl<'a> Meter<'a> {
    /// Nothing is done of so much.
    pub(super) const fn new(watch: &'a dyn Watch, what: &'static str, all: u64) -> Self {
        Self { watch, advance: Advance { what, done: 0, all }, told: 0 }
    }

    /// So much more is done. Fails where it is to end.
    pub(super) fn add(&mut self, more: u64) -> Result<(), StoreError> {
        let Advance { done, all, .. } = self.advance;
        self.advance.done = done.saturating_add(more);
        let part = all.checked_div(PARTS).unwrap_or_default().max(1);
        if done == 0 || self.advance.done >= self.told.saturating_add(part) {
            self.told = self.advance.done;
            if !self.watch.goes_on(&self.advance) {
                return Err(StoreError::Interrupted);
            }
        }
        Ok(())
    }
}
