//! What a segment is filled with, and how much of it is still worth its room.

use std::collections::BTreeMap;

/// What a segment is filled with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Octets of messages that were written there, counted for each recipient.
    pub(crate) added: u64,
    /// The same of those that are there still.
    pub(crate) live: u64,
    /// Octets of records that tell what happened.
    pub(crate) journal: u64,
    /// The youngest of what they tell, milliseconds since 1970.
    pub(crate) newest: u64,
}

impl Fill {
    /// About how much of a segment with so many octets would be copied on, in hundredths, if
    /// what happened before this time is kept no more.
    ///
    /// A body counts as often as it has recipients, so the share of live messages is one of what
    /// was added, not of the file.
    pub(crate) fn hundredths(&self, octets: u64, keep_from: u64) -> u64 {
        let journal = self.journal.min(octets);
        let messages = octets.saturating_sub(journal);
        let live = u128::from(messages).saturating_mul(u128::from(self.live.min(self.added)));
        let live = live.checked_div(u128::from(self.added)).unwrap_or_default();
        let kept = if self.newest >= keep_from { journal } else { 0 };
        let worth = live.saturating_add(u128::from(kept)).saturating_mul(100);
        let hundredths = worth.checked_div(u128::from(octets)).unwrap_or_default();
        u64::try_from(hundredths).unwrap_or(100)
    }
}

/// What was written since the index was brought up to date: to which segments, and where there
/// the first record is that concerns a maildrop.
#[derive(Debug, Default)]
pub(crate) struct Written {
    fills: BTreeMap<u32, Fill>,
    first: BTreeMap<(u32, u64), u32>,
}

impl Written {
    /// A message for one recipient.
    pub(crate) fn message(&mut self, segment: u32, octets: u64) {
        let fill = self.fills.entry(segment).or_default();
        fill.added = fill.added.saturating_add(octets);
    }

    /// A record that tells what happened, the last of it at this time.
    pub(crate) fn journal(&mut self, segment: u32, octets: u64, newest: u64) {
        let fill = self.fills.entry(segment).or_default();
        fill.journal = fill.journal.saturating_add(octets);
        fill.newest = fill.newest.max(newest);
    }

    /// The record at this place concerns a maildrop. Answers whether it is the first one.
    pub(crate) fn concerns(&mut self, segment: u32, maildrop: u64, place: u32) -> bool {
        let mut is_first = false;
        let first = self.first.entry((segment, maildrop)).or_insert_with(|| {
            is_first = true;
            place
        });
        *first = place.min(*first);
        is_first
    }

    /// What was written to each segment.
    pub(crate) fn fills(&self) -> impl Iterator<Item = (u32, Fill)> {
        self.fills.iter().map(|(segment, fill)| (*segment, *fill))
    }

    /// Segments and maildrops, and the places of the first records.
    pub(crate) fn first(&self) -> impl Iterator<Item = ((u32, u64), u32)> {
        self.first.iter().map(|(key, place)| (*key, *place))
    }

    /// Of one maildrop: segments, and the places of the first records there.
    pub(crate) fn of(&self, maildrop: u64) -> impl Iterator<Item = (u32, u32)> {
        let ours = self.first.iter().filter(move |((_, whose), _)| *whose == maildrop);
        ours.map(|((segment, _), place)| (*segment, *place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // design §3: segments under a live threshold are copied forward
    #[test]
    fn a_segment_is_worth_what_would_be_copied() {
        let none = Fill::default();
        assert_eq!(none.hundredths(1000, 5), 0, "a header and a seal");
        let live = Fill { added: 3000, live: 3000, ..none };
        assert_eq!(live.hundredths(1000, 5), 100, "three recipients, or small messages");
        assert_eq!(Fill { live: 1000, ..live }.hundredths(1000, 5), 33);
        // rulings 17: events count for as long as they are kept
        let events = Fill { journal: 900, newest: 7, ..none };
        assert_eq!(events.hundredths(1000, 7), 90);
        assert_eq!(events.hundredths(1000, 8), 0);
        let both = Fill { added: 100, live: 50, journal: 500, newest: 7 };
        assert_eq!(both.hundredths(1000, 0), 75);
    }
}
