//! The deletion marks of a session.

use mail_wire::{Entry, Listing, MessageNumber, Octets};

/// Which messages are marked: one bit each, nothing before the first DELE.
#[derive(Debug, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
    count: usize,
    octets: u64,
}

impl Marks {
    /// Marks a message that is not marked yet.
    pub(super) fn set(&mut self, entry: &Entry<'_>) {
        let (word, bit) = place(entry.number);
        if self.words.len() <= word {
            self.words.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
            self.count = self.count.saturating_add(1);
            self.octets = self.octets.saturating_add(entry.octets.get());
        }
    }

    /// Whether it is marked.
    pub(super) fn has(&self, number: MessageNumber) -> bool {
        let (word, bit) = place(number);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// What is left of a listing: how many messages, how many octets.
    pub(super) fn left(&self, listing: &Listing) -> (usize, Octets) {
        let messages = listing.len().saturating_sub(self.count);
        (messages, Octets::new(listing.total().get().saturating_sub(self.octets)))
    }

    /// All that are marked, in ascending order.
    pub(super) fn numbers(&self) -> Vec<MessageNumber> {
        let all = 0..self.words.len().saturating_mul(64);
        all.filter_map(MessageNumber::from_index).filter(|&number| self.has(number)).collect()
    }
}

fn place(number: MessageNumber) -> (usize, u64) {
    let index = number.index();
    (index >> 6, 1 << (index & 63))
}
