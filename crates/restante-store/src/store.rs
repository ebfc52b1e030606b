//! `Store`, `Maildrop`, `Delivery`: the traits and their promises.
//!
//! A maildrop is a two-phase set of never-reused ids: a message is absent, then present, then
//! destroyed, once, and never comes back. Every backend keeps what is written here, or says in
//! [`Promises`] that it does not; `conformance` asks for exactly that.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use mail_wire::{Form, Listing, MaildropId, MessageId, MessageNumber, Octets, Uidl};

use crate::body::Body;
use crate::error::StoreError;

/// Work that is under way. Dropping it may leave the work to finish on its own: nothing half
/// done is ever visible.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a backend promises beyond the contract (`rulings` 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// What is acknowledged survives a crash of process and machine.
    pub durable: bool,
    /// A commit removes all of its messages or none, also across a crash.
    pub atomic_update: bool,
    /// Other programs may add, rename and remove messages beside us.
    pub shared_with_others: bool,
}

/// Where messages are kept.
pub trait Store: Send + Sync + 'static {
    /// What this backend promises.
    fn promises(&self) -> Promises;

    /// A snapshot of a maildrop. One that was never written to is empty, and is made.
    ///
    /// Several may be open at once, each over its own snapshot; who may hold one is decided by
    /// the server's presence, not here. A maildrop that cannot be read in full is an error,
    /// never a shorter listing (P-056).
    fn open(&self, maildrop: MaildropId) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>>;

    /// Begins a delivery of one message to these recipients, in this order; the same maildrop
    /// may stand there twice and then gets the message twice.
    fn deliver(&self, incoming: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>>;

    /// Removes a maildrop and all its messages, for good. One that does not exist is fine.
    fn remove(&self, maildrop: MaildropId) -> Pending<'_, Result<(), StoreError>>;
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
}

/// One recipient of a delivery.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Whose.
    pub maildrop: MaildropId,
    /// Header lines that stand before the body for this recipient alone: CRLF line ends, and
    /// no line begins with a dot, so that both forms of it are the same.
    pub prefix: Vec<u8>,
}

/// A snapshot of one maildrop, for one session. Dropping it changes nothing.
pub trait Maildrop: Send {
    /// What it held when it was opened, in delivery order.
    fn listing(&self) -> &Arc<Listing>;

    /// The message, which stays readable for as long as this snapshot lives wherever that is
    /// possible. The octets, unstuffed, are as many as the listing says.
    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>>;

    /// Removes these messages durably before it answers. One that is gone already counts as
    /// removed. On an error the messages that could not be removed are still there.
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
