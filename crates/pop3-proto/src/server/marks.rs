//! Sets of messages: the deletion marks of a session, and what it has removed already.

use mail_wire::{Entry, MessageNumber};

/// Which messages are in the set: one bit each, nothing before the first one.
#[derive(Debug, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
    count: usize,
    octets: u64,
}

impl Marks {
    /// Takes in a message that is not in it yet.
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

    /// Whether it is in it.
    pub(super) fn has(&self, number: MessageNumber) -> bool {
        let (word, bit) = place(number);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// How many octets they have together.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// All of them, in ascending order.
    pub(super) fn numbers(&self) -> Vec<MessageNumber> {
        let all = 0..self.words.len().saturating_mul(64);
        all.filter_map(MessageNumber::from_index).filter(|&number| self.has(number)).collect()
    }
}

fn place(number: MessageNumber) -> (usize, u64) {
    let index = number.index();
    (index >> 6, 1 << (index & 63))
}
