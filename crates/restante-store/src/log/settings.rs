//! What can be set about a log store.

use std::time::Duration;

/// What can be set about a log store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many shards a new store gets, 1 to 256, each with a writer of its own. A store that
    /// exists keeps the number it was made with.
    pub shards: u16,
    /// How large a segment becomes before the next is begun, in octets.
    pub segment_octets: u64,
    /// How much room is allocated ahead of the records, in octets.
    pub ahead_octets: u64,
    /// A body that is longer than this, in octets, gets a file of its own.
    pub big_octets_min: usize,
    /// How much may wait for a writer, in octets, before more is refused.
    pub queue_octets_max: usize,
    /// How much is logged, in octets, before the index is brought up to date; all of that is
    /// read again after a crash.
    pub checkpoint_octets: u64,
    /// The same in messages added and removed: these are in memory until then.
    pub checkpoint_messages: usize,
    /// Room that a shard keeps for deletions on a full disk, in octets.
    pub reserve_octets: u64,
    /// How long what happened is kept, also of messages that are gone.
    pub journal_keep: Duration,
    /// Whether room is given back without being asked for.
    pub compacts_by_itself: bool,
    /// Whether what was held is destroyed, without being asked for, when its time is over.
    pub expires_by_itself: bool,
    /// How much is copied at once of a segment that is given up, in octets, about, while nobody
    /// waits for anything else; a quarter of it while somebody does.
    pub step_octets: u64,
    /// How much of a shard's index is kept in memory, in octets.
    pub index_cache_octets: usize,
    /// How much memory a shard has for what was listed lately, in octets: a maildrop that did
    /// not change is not listed again.
    pub listings_octets: usize,
    /// Whether maildrops are shown that may lack messages, because something in their shard is
    /// damaged. For whoever wants to save what there is; never for clients (P-056).
    pub shows_doubtful: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shards: 2,
            segment_octets: 128 << 20,
            ahead_octets: 16 << 20,
            big_octets_min: 1 << 20,
            queue_octets_max: 256 << 20,
            checkpoint_octets: 64 << 20,
            checkpoint_messages: 16_384,
            reserve_octets: 4 << 20,
            journal_keep: Duration::from_hours(400 * 24),
            compacts_by_itself: true,
            expires_by_itself: true,
            step_octets: 4 << 20,
            index_cache_octets: 64 << 20,
            listings_octets: 32 << 20,
            shows_doubtful: false,
        }
    }
}
