//! How often sessions died at a message, where the store does not keep it: in memory, for
//! reports alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mail_wire::{MaildropId, MessageId};

/// Messages a generation remembers; one is 24 octets.
const MESSAGES_MAX: usize = 4 * 1024;

/// Deaths by message: two generations, the older of which is forgotten when the younger is
/// full.
#[derive(Debug, Default)]
pub(crate) struct Deaths(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<(MaildropId, MessageId), u32>,
    old: HashMap<(MaildropId, MessageId), u32>,
}

impl Deaths {
    /// One more; answers how many there were running.
    pub(crate) fn died(&self, maildrop: MaildropId, message: MessageId) -> u32 {
        let mut deaths = self.lock();
        let key = (maildrop, message);
        let before = deaths.young.get(&key).or_else(|| deaths.old.get(&key)).copied();
        let count = before.unwrap_or_default().saturating_add(1);
        if deaths.young.len() >= MESSAGES_MAX {
            deaths.old = std::mem::take(&mut deaths.young);
        }
        deaths.young.insert(key, count);
        count
    }

    /// A session came past it.
    pub(crate) fn survived(&self, maildrop: MaildropId, message: MessageId) {
        let mut deaths = self.lock();
        deaths.young.remove(&(maildrop, message));
        deaths.old.remove(&(maildrop, message));
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `product` §6: k times running
    #[test]
    fn a_row_ends_when_a_session_comes_past() {
        let deaths = Deaths::default();
        let (maildrop, message) = (MaildropId::new(7), MessageId::new(1));
        assert_eq!([1, 2, 3].map(|_| deaths.died(maildrop, message)), [1, 2, 3]);
        assert_eq!(deaths.died(maildrop, MessageId::new(2)), 1);
        deaths.survived(maildrop, message);
        assert_eq!(deaths.died(maildrop, message), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let deaths = Deaths::default();
        for id in 0..20_000 {
            deaths.died(MaildropId::new(7), MessageId::new(id));
        }
        let deaths = deaths.lock();
        assert!(deaths.young.len() + deaths.old.len() <= 2 * MESSAGES_MAX);
    }
}
