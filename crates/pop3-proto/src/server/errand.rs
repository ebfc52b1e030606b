//! What the driver does for a session in TRANSACTION, and what its answers lead to.

use std::time::Instant;

use mail_wire::MessageNumber;

use super::ask::{Answer, Commit, Send};
use super::progress::Counters;
use super::transaction::Transaction;
use crate::reply::Reply;

/// Something that is being done for the session, which takes no command until it is.
#[derive(Debug)]
pub(super) enum Errand {
    /// `Ask::Retrieve` is out.
    Retrieve(Send),
    /// `Next::Send` is out, or queued.
    Send(Send),
    /// `Ask::CommitEarly` is out, for so many messages.
    Commit(u64),
    /// `Ask::Refresh` is out.
    Refresh,
    /// `Ask::Digest` is out, for one message or for the next row of a list.
    Digest {
        /// Which message.
        number: MessageNumber,
        /// Whether it is a row of a list.
        in_list: bool,
    },
    /// `Next::Wait` is out.
    Wait {
        /// When it is over.
        until: Instant,
        /// Whether `Next::Wait` has been said: mail that is there already is not passed over,
        /// whatever else is there.
        looked: bool,
        /// Whether mail has arrived.
        arrived: bool,
    },
}

/// What an answer leads to. TRANSACTION goes on unless another thing is said.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Say this.
    Say(Reply),
    /// Say this, then send this message.
    Send(Reply, Send),
    /// Write this row of digests; before the first one, say that they follow.
    Row {
        /// Which message.
        number: MessageNumber,
        /// Its digest.
        digest: [u8; 32],
        /// Whether it is the first row.
        first: bool,
    },
    /// The list under way cannot be completed.
    Broken,
    /// This was not asked.
    Unfit,
}

impl Errand {
    /// Takes the answer.
    pub(super) fn answered(
        self,
        answer: Answer,
        transaction: &mut Transaction,
        counters: &mut Counters,
    ) -> Outcome {
        match (self, answer) {
            (Self::Retrieve(send), Answer::Found) => {
                Outcome::Send(transaction.found(send.number, send.lines), send)
            }
            // P-057: before any data, so the session goes on.
            (
                Self::Retrieve(Send { number, .. }) | Self::Digest { number, in_list: false },
                Answer::Lost { temporary },
            ) => Outcome::Say(Reply::Lost { number, temporary }),
            (Self::Commit(count), Answer::Committed(Commit::Removed { .. })) => {
                transaction.bury();
                counters.deleted = counters.deleted.saturating_add(count);
                Outcome::Say(Reply::Committed(count))
            }
            // The marks stay: what is gone all the same counts as removed at the next try.
            (Self::Commit(_), Answer::Committed(Commit::Failed)) => Outcome::Say(Reply::NotRemoved),
            (Self::Refresh, Answer::Refreshed(listing)) => {
                // Numbers stay: what gave out fewer of them is not the same maildrop.
                if transaction.relist(listing) {
                    Outcome::Say(transaction.stat())
                } else {
                    Outcome::Unfit
                }
            }
            (Self::Refresh, Answer::NotRefreshed { temporary }) => {
                Outcome::Say(Reply::NotRefreshed { temporary })
            }
            (Self::Digest { number, in_list: false }, Answer::Digested(digest)) => {
                Outcome::Say(Reply::Digest { number, digest })
            }
            (Self::Digest { number, in_list: true }, Answer::Digested(digest)) => {
                let first = transaction.digested(number);
                Outcome::Row { number, digest, first }
            }
            (Self::Digest { number, in_list: true }, Answer::Lost { temporary }) => {
                if transaction.abandon_digests() {
                    // Nothing has been said of the list yet, so it can be refused.
                    Outcome::Say(Reply::Lost { number, temporary })
                } else {
                    Outcome::Broken
                }
            }
            _ => Outcome::Unfit,
        }
    }
}
