//! What a store remembers of a message beyond that it is there: withheld from whom, and what
//! happened to it.

use std::time::SystemTime;

use mail_wire::{MaildropId, MessageId, Octets, Retention, Uidl};

use crate::error::StoreError;
use crate::pending::Pending;

/// What a store remembers of messages, and acts upon (`product` §§2, 5, 6).
///
/// None of it touches which messages are there: it is laid over that.
pub trait Custody: Send + Sync {
    /// The messages of a maildrop that are there and not listed for everyone, in the order of
    /// delivery.
    fn withheld(
        &self,
        maildrop: MaildropId,
    ) -> Pending<'_, Result<Vec<WithheldMessage>, StoreError>>;

    /// What is laid over the messages of a maildrop, of each over which anything is, in the
    /// order of delivery.
    fn laid(&self, maildrop: MaildropId)
    -> Pending<'_, Result<Vec<(MessageId, Laid)>, StoreError>>;

    /// Lays this over messages over which nothing is yet, durably: for whoever copies a maildrop.
    /// Those that are gone are passed over.
    fn lay(
        &self,
        maildrop: MaildropId,
        laid: Vec<(MessageId, Laid)>,
    ) -> Pending<'_, Result<(), StoreError>>;

    /// Offers messages again, durably: what was held, set aside, or hidden from whomever is
    /// listed again for all. Answers with the unique-ids that they have now, in their order.
    ///
    /// # Errors
    /// [`StoreError::Absent`] if one of them was destroyed; the others are restored by then.
    fn restore(
        &self,
        maildrop: MaildropId,
        messages: Vec<MessageId>,
        offer: Offer,
    ) -> Pending<'_, Result<Vec<Uidl>, StoreError>>;

    /// Destroys messages that are held, now, durably; others are left alone. Answers how many.
    fn release(
        &self,
        maildrop: MaildropId,
        messages: Vec<MessageId>,
    ) -> Pending<'_, Result<usize, StoreError>>;

    /// Takes a message out of every listing until it is restored, durably; the reason is for
    /// people.
    fn set_aside(
        &self,
        maildrop: MaildropId,
        message: MessageId,
        reason: Aside,
    ) -> Pending<'_, Result<(), StoreError>>;

    /// Counts that a session died at this message, durably, and answers how often that has
    /// happened running. [`Custody::survived`] ends the row.
    fn died(
        &self,
        maildrop: MaildropId,
        message: MessageId,
    ) -> Pending<'_, Result<u32, StoreError>>;

    /// A session came past this message alive. Writes only if deaths were counted.
    fn survived(
        &self,
        maildrop: MaildropId,
        message: MessageId,
    ) -> Pending<'_, Result<(), StoreError>>;

    /// Writes down what happened. Soon, and never at the cost of anybody who waits: the last
    /// second may be lost in a crash.
    fn note(&self, maildrop: MaildropId, note: Note);

    /// Destroys, durably, what has been kept for as long as this says, and what was held for
    /// its time. Answers how many messages went.
    fn expire(
        &self,
        maildrop: MaildropId,
        retention: Option<Retention>,
    ) -> Pending<'_, Result<usize, StoreError>>;

    /// What happened in a maildrop, in its order; of one message, if it is asked for.
    fn journal(
        &self,
        maildrop: MaildropId,
        since: Option<SystemTime>,
    ) -> Pending<'_, Result<Vec<JournalEntry>, StoreError>>;
}

/// Under which unique-id a restored message is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Its own: clients that remember it will not fetch it again.
    AsItWas,
    /// A new one, at the end of the listing: every client fetches it.
    AsNew,
}

/// Why a message was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// Sessions died at it, one after another.
    Deaths,
    /// Workers took it again and again and never finished it.
    NeverFinished,
    /// Somebody said so.
    Asked,
}

/// What is laid over a message that is there. Times are kept to the millisecond.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Laid {
    /// Held until then, after which it is destroyed.
    pub held_until: Option<SystemTime>,
    /// Set aside, and why.
    pub set_aside: Option<Aside>,
    /// The credentials that it is hidden from, in order.
    pub hidden_from: Vec<u64>,
    /// How many sessions died at it running.
    pub deaths: u32,
    /// When it was first retrieved to its end.
    pub retrieved: Option<SystemTime>,
}

impl Laid {
    /// Whether nobody is listed the message.
    #[must_use]
    pub const fn is_withheld(&self) -> bool {
        self.held_until.is_some() || self.set_aside.is_some()
    }
}

/// A message that is there and not listed for everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithheldMessage {
    /// Its handle.
    pub id: MessageId,
    /// Its unique-id.
    pub uidl: Uidl,
    /// Its size.
    pub octets: Octets,
    /// Held until then, after which it is destroyed.
    pub held_until: Option<SystemTime>,
    /// Set aside, and why.
    pub set_aside: Option<Aside>,
    /// The credentials that it is hidden from.
    pub hidden_from: Vec<u64>,
    /// How many sessions died at it running.
    pub deaths: u32,
}

/// Something that a session did, for the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which message; `None`: the maildrop as a whole.
    pub message: Option<MessageId>,
    /// Whose credential.
    pub credential: u64,
    /// From where.
    pub peer: Option<String>,
    /// What.
    pub what: Noted,
}

/// What a session did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It was shown so many messages.
    Listed {
        /// How many.
        messages: u64,
    },
    /// It was sent this message.
    Retrieved {
        /// So many octets of it.
        octets: u64,
        /// To the end.
        complete: bool,
    },
    /// The message was given to a worker.
    Leased,
}

/// One line of a maildrop's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// When.
    pub at: SystemTime,
    /// Which message; `None`: the maildrop as a whole.
    pub message: Option<MessageId>,
    /// The message's unique-id, where it is known.
    pub uidl: Option<Uidl>,
    /// Whose credential did it; `None`: no session.
    pub credential: Option<u64>,
    /// From where.
    pub peer: Option<String>,
    /// What happened.
    pub what: Happened,
}

/// What happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It was taken in, durably.
    Accepted {
        /// The reverse-path; empty for a report.
        sender: String,
        /// The address it was sent to.
        recipient: String,
        /// Its size.
        octets: u64,
        /// SHA-256 of the message as RETR sends it, but for the header lines put before it.
        digest: Option<[u8; 32]>,
        /// Its Message-ID, as far as it is kept.
        message_id: Option<String>,
    },
    /// A session did something.
    Noted(Noted),
    /// It was hidden from the credential.
    Hidden,
    /// It was taken out of every listing, until then.
    Held {
        /// When it will be destroyed.
        until: SystemTime,
    },
    /// It was taken out of every listing.
    SetAside {
        /// Why.
        reason: Aside,
    },
    /// A session died at it, for so many times running.
    Died {
        /// How many.
        deaths: u32,
    },
    /// It is offered again.
    Restored,
    /// It is gone, for good.
    Destroyed {
        /// Why.
        cause: Cause,
    },
}

/// Why a message was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A session deleted it and ended with QUIT, or committed.
    Deleted,
    /// Its time was over.
    Expired,
    /// An operator said so.
    Removed,
    /// It is offered under a new unique-id.
    Renewed,
    /// Written before causes were kept.
    Unknown,
}
