//! In which maildrops a first retrieval is to be written down.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The maildrops with open sessions that want it, and how many each has.
#[derive(Debug, Default)]
pub(crate) struct Noting(Mutex<BTreeMap<u64, usize>>);

impl Noting {
    /// A session that wants it has begun.
    pub(crate) fn begin(&self, maildrop: u64) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = sessions.entry(maildrop).or_default();
        *sessions = sessions.saturating_add(1);
    }

    /// One has ended.
    pub(crate) fn end(&self, maildrop: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sessions) = all.get_mut(&maildrop) {
            *sessions = sessions.saturating_sub(1);
            if *sessions == 0 {
                all.remove(&maildrop);
            }
        }
    }

    /// Whether there is one.
    pub(crate) fn is_wanted(&self, maildrop: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&maildrop)
    }
}
