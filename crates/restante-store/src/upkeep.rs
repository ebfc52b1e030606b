//! What keeps a store in order, and is for its operator.
//!
//! All of it may wait for the disk, and some of it takes long: none of it is for a thread that
//! answers clients.

use std::path::Path;

use mail_wire::MaildropId;

use crate::damage::Damage;
use crate::error::StoreError;

/// What an operator can ask of a store that is open, and in use.
pub trait Upkeep: Send + Sync {
    /// What was found damaged, now or earlier, and has not been repaired since. Maildrops that
    /// may lack messages by it, or show some that were removed, cannot be opened
    /// ([`StoreError::Doubtful`], P-056).
    fn damage(&self) -> Vec<Damage>;

    /// Takes no more work, and waits until all that was begun is done and the files are in good
    /// order, so that the next start has nothing to find out.
    fn close(&self);

    /// How much there is of everything.
    fn stats(&self) -> Result<Stats, StoreError>;

    /// Reads all that is there, octet by octet, and holds what is derived against it. Changes
    /// nothing; what comes in meanwhile is not looked at.
    fn verify(&self, watch: &dyn Watch) -> Result<Verdict, StoreError>;

    /// Gives room back that removed messages had, where that is worth it: everywhere, or where
    /// one maildrop is.
    fn compact(&self, maildrop: Option<MaildropId>, watch: &dyn Watch)
    -> Result<Freed, StoreError>;

    /// Brings a backup in this folder up to date: what is missing there is copied, what is of no
    /// more use is removed. It is of one moment. Where it is interrupted, the last backup there
    /// is still whole, and the next one goes on.
    fn backup(&self, to: &Path, watch: &dyn Watch) -> Result<BackedUp, StoreError>;
}

/// Follows long work, and may end it.
pub trait Watch: Send + Sync {
    /// How far it has come. On `false` it ends, without harm, by [`StoreError::Interrupted`].
    fn goes_on(&self, advance: &Advance) -> bool;
}

/// How far long work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// What is done, for people.
    pub what: &'static str,
    /// So many octets are behind.
    pub done: u64,
    /// Of so many.
    pub all: u64,
}

/// How much of everything there is in one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardStats {
    /// Files of the log.
    pub segments: u64,
    /// Their octets.
    pub octets: u64,
    /// How many of these are messages that are there.
    pub live: u64,
    /// Maildrops that hold something.
    pub maildrops: u64,
    /// Messages.
    pub messages: u64,
    /// Long messages that have files of their own.
    pub long_bodies: u64,
    /// Whether the room for deletions on a full disk is held.
    pub is_reserve_held: bool,
}

/// How much of everything there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Shard by shard.
    pub shards: Vec<ShardStats>,
    /// Octets that are free on the disk.
    pub free: u64,
    /// Stretches that are damaged and not repaired.
    pub damaged: u64,
    /// Stretches that a repair has dealt with, of which copies are kept.
    pub quarantined: u64,
}

/// What looking at all of it has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records that were read.
    pub records: u64,
    /// Messages that are there.
    pub messages: u64,
    /// Octets that were read.
    pub octets: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose, where that is known.
    pub maildrop: Option<MaildropId>,
    /// Which message, by its unique-id, where that is known.
    pub uidl: Option<String>,
    /// What is wrong, and where.
    pub what: String,
}

/// What giving room back did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Segments that were given up.
    pub segments: u64,
    /// Octets that they had.
    pub freed: u64,
    /// Octets that were written for it.
    pub copied: u64,
}

/// What a backup did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Files that it consists of.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
    /// Octets that had to be copied for it.
    pub copied: u64,
    /// Files that were of no more use, and were removed.
    pub removed: u64,
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Messages that cannot be read whole. What is left of them is in quarantine.
    pub lost: Vec<Finding>,
    /// Stretches that are damaged, of which nobody knows what was in them.
    pub stretches: Vec<Damage>,
    /// Messages that were not listed before, and are now.
    pub given_back: u64,
    /// Messages that are there.
    pub messages: u64,
}

/// What a recovery from a backup did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// When the backup was taken: seconds since 1970.
    pub taken: u64,
    /// Its files.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
    /// Messages that are there.
    pub messages: u64,
    /// How the unique-ids of messages begin that come in from now on.
    pub tag: String,
    /// How those of messages in the backup begin, which keep theirs.
    pub earlier: String,
}
