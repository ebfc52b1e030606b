//! `Store`, `Maildrop`, `Delivery`: the traits and their promises.
//!
//! A maildrop is a two-phase set of never-reused ids: a message is absent, then present, then
//! destroyed, once, and never comes back. Every backend keeps what is written here, or says in
//! [`Promises`] that it does not; `conformance` asks for exactly that.

use std::sync::Arc;
use std::time::SystemTime;

use mail_wire::{Form, Listing, MaildropId, MessageId, MessageNumber, Octets, Quota, Uidl};

use crate::body::Body;
use crate::custody::Custody;
use crate::error::StoreError;
use crate::pending::Pending;
use crate::upkeep::Upkeep;
use crate::view::View;

/// What a backend promises beyond the contract (`rulings` 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// What is acknowledged survives a crash of process and machine.
    pub durable: bool,
    /// A commit removes all of its messages or none, also across a crash.
    pub atomic_update: bool,
    /// Other programs may add, rename and remove messages beside us. A quota then holds for what
    /// is delivered through us, as far as we see what is there.
    pub shared_with_others: bool,
    /// A message can be hidden, held, set aside and restored, and what happened to it is kept:
    /// [`Store::custody`] is there.
    pub custody: bool,
    /// A stand-in for a header with raw UTF-8 is kept beside it.
    pub surrogates: bool,
}

/// Where messages are kept.
pub trait Store: Send + Sync + 'static {
    /// What this backend promises.
    fn promises(&self) -> Promises;

    /// A snapshot of a maildrop. One that was never written to is empty, and is made.
    ///
    /// Several may be open at once, each over its own snapshot; who may hold one is decided by
    /// the server's presence, not here. A maildrop that cannot be read in full is an error,
    /// never a shorter listing (P-056). What is held, set aside, or hidden from the view's
    /// credential is not listed.
    fn open(
        &self,
        maildrop: MaildropId,
        view: View,
    ) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>>;

    /// Begins a delivery of one message to these recipients, in this order; the same maildrop
    /// may stand there twice and then gets the message twice.
    fn deliver(&self, incoming: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>>;

    /// Removes a maildrop and all its messages, for good. One that does not exist is fine.
    fn remove(&self, maildrop: MaildropId) -> Pending<'_, Result<(), StoreError>>;

    /// How much a maildrop holds for its quota: without what is held or set aside. Cheap enough
    /// to be asked at each RCPT.
    fn usage(&self, maildrop: MaildropId) -> Pending<'_, Result<Usage, StoreError>>;

    /// The maildrops that hold something, in the order of their numbers; some that hold nothing
    /// may be among them.
    ///
    /// # Errors
    /// [`StoreError::Refused`] by a store that cannot name them.
    fn maildrops(&self) -> Pending<'_, Result<Vec<MaildropId>, StoreError>> {
        let detail = "this store cannot say which maildrops there are".to_owned();
        Box::pin(async move { Err(StoreError::Refused { detail }) })
    }

    /// What it remembers of messages beyond that they are there; `None`: nothing.
    fn custody(&self) -> Option<&dyn Custody> {
        None
    }

    /// What keeps it in order; `None`: there is nothing to be done.
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        None
    }
}

/// How much a maildrop holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Messages.
    pub messages: u64,
    /// Their octets, as LIST counts them.
    pub octets: u64,
}

impl Usage {
    /// The same with one more message of so many octets.
    #[must_use]
    pub const fn plus(self, octets: u64) -> Self {
        Self {
            messages: self.messages.saturating_add(1),
            octets: self.octets.saturating_add(octets),
        }
    }
}

/// What a delivery begins with.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Where it goes; never empty.
    pub recipients: Vec<Recipient>,
    /// The shape of what [`Delivery::write`] will be given.
    pub form: Form,
    /// Whether the header may hold raw UTF-8 (RFC 6531): [`mail_wire::Entry::utf8`] says so
    /// for as long as the message lives.
    pub utf8: bool,
    /// From where it came, for the journal.
    pub provenance: Provenance,
}

/// From where a message came, as the journal keeps it (`product` §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The peer that handed it over: an address, or a word such as `deliver`.
    pub peer: String,
    /// The reverse-path; empty for a report.
    pub sender: String,
}

/// What a store knows of how a message came to be in a maildrop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// When it was accepted, where that is known.
    pub accepted: Option<SystemTime>,
    /// From where.
    pub provenance: Provenance,
    /// The address it was sent to; empty if that is not known.
    pub address: String,
}

/// One recipient of a delivery.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Whose.
    pub maildrop: MaildropId,
    /// Header lines that stand before the body for this recipient alone: CRLF line ends, and
    /// no line begins with a dot, so that both forms of it are the same.
    pub prefix: Vec<u8>,
    /// The address it was sent to, for the journal.
    pub address: String,
    /// The unique-id it brings along, kept octet by octet; `None`: it is given one. One that the
    /// maildrop has already is replaced by a new one.
    pub uidl: Option<Uidl>,
    /// What the maildrop may hold: more is refused by [`StoreError::Full`] when the message is
    /// committed.
    pub quota: Quota,
}

impl Recipient {
    /// One with nothing but a maildrop and header lines: a new unique-id, no quota.
    #[must_use]
    pub fn new(maildrop: MaildropId, prefix: Vec<u8>) -> Self {
        let quota = Quota::default();
        Self { maildrop, prefix, address: String::new(), uidl: None, quota }
    }
}

/// An ASCII-only stand-in for the header of a message whose header holds raw UTF-8 (RFC 6858),
/// made once, at delivery (`rulings` 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surrogate {
    /// The header in the place of the message's own, with the blank line, in text form. The body
    /// behind it is the message's.
    pub header: Vec<u8>,
    /// In the place of each recipient's prefix, in their order.
    pub prefixes: Vec<Vec<u8>>,
}

/// A snapshot of one maildrop, for one session. Dropping it changes nothing.
pub trait Maildrop: Send {
    /// What it held when it was opened, in delivery order.
    fn listing(&self) -> &Arc<Listing>;

    /// Lists what has arrived since, behind what is listed: numbers stay (`rulings` 20,
    /// XREFRESH). Answers how many were added.
    fn refresh(&mut self) -> Pending<'_, Result<usize, StoreError>>;

    /// Waits until something may have arrived since it was listed; at once, if it has already.
    /// May be dropped at any time.
    fn arrival(&mut self) -> Pending<'_, ()>;

    /// The message, which stays readable for as long as this snapshot lives wherever that is
    /// possible. The octets, unstuffed, are as many as the listing says.
    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>>;

    /// How a message came to be here, as far as that is known.
    fn origin(&self, _number: MessageNumber) -> Pending<'_, Result<Origin, StoreError>> {
        Box::pin(async { Ok(Origin::default()) })
    }

    /// Does durably what the view says of a deletion (it destroys, holds, hides or ignores)
    /// before it answers. One that is gone already counts as removed. On an error the messages
    /// that could not be removed are still there. May be called again: numbers stay.
    fn commit<'a>(
        &'a mut self,
        deletions: &'a [MessageNumber],
    ) -> Pending<'a, Result<Removed, StoreError>>;
}

/// What a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// How many messages this commit took out, or found gone.
    pub messages: usize,
    /// Their octets.
    pub octets: Octets,
}

/// A message on its way in. Dropping it leaves nothing.
pub trait Delivery: Send {
    /// Takes the next octets of the body, in the form said at the beginning. After an error the
    /// delivery can only be dropped.
    fn write(&mut self, octets: &[u8]) -> Result<(), StoreError>;

    /// Takes the stand-in for a header with raw UTF-8, once, before the commit. A store that
    /// does not promise [`Promises::surrogates`] keeps none.
    fn surrogate(&mut self, _surrogate: Surrogate) -> Result<(), StoreError> {
        Ok(())
    }

    /// The message was accepted earlier, elsewhere: its time counts from then. A store that keeps
    /// no such time passes over it.
    fn accepted(&mut self, _at: SystemTime) {}

    /// Makes the message durable, then visible, and answers with one outcome a recipient, in
    /// their order. A body that does not end in CRLF is completed with one.
    fn commit(self: Box<Self>) -> Pending<'static, Vec<Result<Stored, StoreError>>>;
}

/// One recipient's copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its handle.
    pub id: MessageId,
    /// Its unique-id, for good.
    pub uidl: Uidl,
    /// Its size as LIST will say it, prefix included.
    pub octets: Octets,
}
