//! What is done in a life: each act with all that it needs, so that those that are left do the same
//! when others are taken out.

use crate::faults::Fault;
use crate::laid::{Effect, How};
use crate::message::Kind;

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A message for these maildrops is given to the store.
    Deliver { to: Vec<u64>, kind: Kind, wire: bool },
    /// A session begins.
    Open { maildrop: u64 },
    /// A session of a device begins, whose deletions do this.
    OpenAs { maildrop: u64, device: u64, how: How },
    /// This is asked for of the messages of a maildrop whose bits are set.
    Custody { maildrop: u64, effect: Effect, which: u64 },
    /// Something is noted in the journal of a maildrop.
    Note { maildrop: u64 },
    /// Of the open sessions, this one ends.
    Close { session: usize },
    /// A session reads a message, or some octets of one.
    Read { session: usize, message: usize, octets: usize },
    /// A session lists what has come since.
    Refresh { session: usize },
    /// A session deletes the messages whose bits are set, and ends or goes on.
    Commit { session: usize, which: u64 },
    /// A maildrop is removed, with all that is in it.
    Remove { maildrop: u64 },
    /// Room is to be given back.
    Compact,
    /// A writer takes so many jobs.
    Step { shard: usize, jobs: usize },
    /// All that waits is done.
    Settle,
    /// A writer brings the index up to date.
    Checkpoint { shard: usize },
    /// The store ends in good order and is opened again, perhaps without its index.
    Restart { lose_index: bool },
    /// The process, or the power, ends somewhere in the act before, and the store is opened
    /// again, while calls may fail.
    Crash { lose_index: bool, fault: Option<Fault> },
    /// The clock is set, by so many milliseconds.
    Clock { forward: bool, by: u64 },
    /// Calls fail.
    Fault(Fault),
    /// The disk is full from now on, or no more.
    Full(bool),
}

/// How many maildrops there are.
pub(crate) const MAILDROPS: u64 = 3;
