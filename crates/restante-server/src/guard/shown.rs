//! What each credential was shown last, so that a poll that shows nothing new is not written
//! down: robots poll every half minute, for years.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use mail_wire::{MaildropId, MessageId};

/// How many credentials are remembered, about; one is 8 octets, and none before it is used.
const PLACES: usize = 1 << 20;

/// The newest message that each credential was shown, as a digest in a place that the
/// credential's own digest says. Who pushes another out of its place costs that one a note.
pub(crate) struct Shown {
    places: Mutex<Vec<u64>>,
    hasher: RandomState,
}

impl Default for Shown {
    fn default() -> Self {
        // Zeros come from the system as they are touched.
        Self { places: Mutex::new(vec![0; PLACES]), hasher: RandomState::new() }
    }
}

impl Shown {
    /// Whether this is something else than this credential was shown the last time.
    pub(crate) fn is_new(&self, maildrop: MaildropId, credential: u64, newest: MessageId) -> bool {
        let at = self.hasher.hash_one((maildrop, credential));
        let digest = self.hasher.hash_one((maildrop, credential, newest)) | 1;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(at).unwrap_or_default() % PLACES;
        places.get_mut(place).is_some_and(|shown| std::mem::replace(shown, digest) != digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `product` §2: listed, by which credential; a poll that shows nothing new is no news
    #[test]
    fn only_what_is_new_to_a_credential_is_new() {
        let shown = Shown::default();
        let (ours, theirs) = (MaildropId::new(7), MaildropId::new(8));
        assert!(shown.is_new(ours, 0, MessageId::new(1)));
        assert!(!shown.is_new(ours, 0, MessageId::new(1)));
        assert!(shown.is_new(ours, 1, MessageId::new(1)), "another credential");
        assert!(shown.is_new(theirs, 0, MessageId::new(1)), "another maildrop");
        assert!(shown.is_new(ours, 0, MessageId::new(2)), "another message");
    }
}
