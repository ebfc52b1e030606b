//! What the control socket carries back about the condition of a store.

use serde::{Deserialize, Serialize};

/// How far long work has come: told while it lasts, before the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Advanced {
    /// What is done, for people.
    pub(crate) what: String,
    /// So much is behind.
    pub(crate) done: u64,
    /// Of so much.
    pub(crate) all: u64,
}

impl From<restante_store::Advance> for Advanced {
    fn from(advance: restante_store::Advance) -> Self {
        let restante_store::Advance { what, done, all } = advance;
        Self { what: what.to_owned(), done, all }
    }
}

/// How much of everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stats {
    /// Shard by shard.
    pub(crate) shards: Vec<ShardStats>,
    /// Octets that are free on the disk.
    pub(crate) free: u64,
    /// Stretches that are damaged and not repaired.
    pub(crate) damaged: u64,
    /// Stretches that a repair has dealt with.
    pub(crate) quarantined: u64,
}

/// How much of everything there is in one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardStats {
    /// Files of the log.
    pub(crate) segments: u64,
    /// Their octets.
    pub(crate) octets: u64,
    /// How many of these are messages that are there.
    pub(crate) live: u64,
    /// Maildrops that hold something.
    pub(crate) maildrops: u64,
    /// Messages.
    pub(crate) messages: u64,
    /// Long messages that have files of their own.
    pub(crate) long_bodies: u64,
    /// Whether the room for deletions on a full disk is held.
    pub(crate) reserve_held: bool,
}

impl From<restante_store::Stats> for Stats {
    fn from(stats: restante_store::Stats) -> Self {
        let shards = stats.shards.iter().map(|one| ShardStats {
            segments: one.segments,
            octets: one.octets,
            live: one.live,
            maildrops: one.maildrops,
            messages: one.messages,
            long_bodies: one.long_bodies,
            reserve_held: one.is_reserve_held,
        });
        Self {
            shards: shards.collect(),
            free: stats.free,
            damaged: stats.damaged,
            quarantined: stats.quarantined,
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The maildrop's number, where it is known.
    pub(crate) maildrop: Option<u64>,
    /// The message's unique-id, where it is known.
    pub(crate) uidl: Option<String>,
    /// What.
    pub(crate) what: String,
}

impl From<restante_store::Finding> for Finding {
    fn from(finding: restante_store::Finding) -> Self {
        let restante_store::Finding { maildrop, uidl, what } = finding;
        Self { maildrop: maildrop.map(mail_wire::MaildropId::get), uidl, what }
    }
}

/// What looking at a whole store has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// Records that were read.
    pub(crate) records: u64,
    /// Messages that are there.
    pub(crate) messages: u64,
    /// Octets that were read.
    pub(crate) octets: u64,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
}

impl From<restante_store::Verdict> for Verdict {
    fn from(verdict: restante_store::Verdict) -> Self {
        let restante_store::Verdict { records, messages, octets, findings } = verdict;
        let findings = findings.into_iter().map(Finding::from).collect();
        Self { records, messages, octets, findings }
    }
}

/// What looking at one maildrop has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MaildropVerdict {
    /// Messages that were read.
    pub(crate) messages: u64,
    /// Their octets.
    pub(crate) octets: u64,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
}

/// What giving room back did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Freed {
    /// Segments that were given up.
    pub(crate) segments: u64,
    /// Octets that they had.
    #[expect(clippy::struct_field_names, reason = "answers call it so")]
    pub(crate) freed: u64,
    /// Octets that were written for it.
    pub(crate) copied: u64,
}

impl From<restante_store::Freed> for Freed {
    fn from(freed: restante_store::Freed) -> Self {
        let restante_store::Freed { segments, freed, copied } = freed;
        Self { segments, freed, copied }
    }
}

/// What a backup did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackedUp {
    /// Files that it consists of.
    pub(crate) files: u64,
    /// Their octets.
    pub(crate) octets: u64,
    /// Octets that had to be copied.
    pub(crate) copied: u64,
    /// Files that were of no more use.
    pub(crate) removed: u64,
}

impl From<restante_store::BackedUp> for BackedUp {
    fn from(done: restante_store::BackedUp) -> Self {
        let restante_store::BackedUp { files, octets, copied, removed } = done;
        Self { files, octets, copied, removed }
    }
}

/// How many messages are gone that were held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Purged {
    /// Messages.
    pub(crate) messages: u64,
}
