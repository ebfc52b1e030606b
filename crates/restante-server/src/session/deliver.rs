//! Deliveries: from an accepted envelope to one durable copy a maildrop.

use std::sync::Arc;

use lmtp_proto::Failure;
use mail_wire::{Form, MaildropId};
use restante_store::{Delivery, Incoming, Recipient, Store, StoreError, Stored};

use crate::ledger::events;
use crate::session::headers::Trace;
use crate::session::intake::{BodyFilter, Changes, Header};

/// More Received fields than this are a loop (RFC 5321 §6.3, P-206).
const RECEIVED_MAX: usize = 100;

/// A message on its way in: whose, and how it came.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) trace: Trace,
    pub(crate) addressees: Vec<Addressee>,
    pub(crate) form: Form,
    /// Whether SMTPUTF8 was said (RFC 6531).
    pub(crate) smtputf8: bool,
    /// The connection, for log lines.
    pub(crate) session: u64,
}

/// One recipient, and where its mail goes.
#[derive(Clone, Debug)]
pub(crate) struct Addressee {
    /// The address as Delivered-To says it.
    pub(crate) address: String,
    /// The maildrops behind it, several for an alias; never empty.
    pub(crate) maildrops: Vec<MaildropId>,
}

/// A delivery under way. Dropping it leaves nothing.
pub(crate) struct Inbound {
    letter: Letter,
    store: Arc<dyn Store>,
    header: Header,
    body: BodyFilter,
    begun: Option<Begun>,
}

struct Begun {
    delivery: Box<dyn Delivery>,
    /// Which addressees are served, by their place in the letter; the others loop.
    served: Vec<bool>,
}

/// How a delivery ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// One a recipient, in their order.
    pub(crate) recipients: Vec<Result<(), Failure>>,
    /// Copies that were stored.
    pub(crate) copies: u64,
    /// Their octets.
    pub(crate) octets: u64,
    /// Whether the message was changed.
    pub(crate) repaired: bool,
}

impl Inbound {
    pub(crate) fn new(letter: Letter, store: Arc<dyn Store>) -> Self {
        Self { letter, store, header: Header::default(), body: BodyFilter::default(), begun: None }
    }

    /// The message's name in the log.
    pub(crate) fn id(&self) -> &str {
        &self.letter.trace.id
    }

    /// How many recipients it has.
    pub(crate) fn recipients(&self) -> u64 {
        u64::try_from(self.letter.addressees.len()).unwrap_or(u64::MAX)
    }

    /// Takes the next octets of the message.
    ///
    /// The store hears of the message when its header has ended: only then is it known to whom
    /// it goes and whether it holds raw UTF-8.
    ///
    /// # Errors
    /// Why the whole message fails; the delivery can then only be dropped.
    pub(crate) async fn take(&mut self, octets: &[u8]) -> Result<(), Failure> {
        let mut rest = octets;
        if self.begun.is_none() {
            let Some(taken) = self.header.push(octets)? else { return Ok(()) };
            rest = octets.get(taken..).unwrap_or_default();
            self.begin().await?;
        }
        let passed = self.body.pass(rest)?;
        let Some(begun) = &mut self.begun else { return Err(Failure::Temporary) };
        if !passed.is_empty() {
            begun.delivery.write(passed).map_err(|error| self.letter.blame(&error))?;
        }
        Ok(())
    }

    /// Makes it durable.
    pub(crate) async fn commit(mut self) -> Outcome {
        if self.begun.is_none() {
            self.header.finish();
            if let Err(failure) = self.begin().await {
                return Outcome::failed(failure, self.letter.addressees.len());
            }
        }
        let Some(Begun { delivery, served }) = self.begun.take() else {
            return Outcome::failed(Failure::Temporary, self.letter.addressees.len());
        };
        let copies = delivery.commit().await;
        let changes = self.header.changes();
        let nuls = changes.nuls.saturating_add(self.body.nuls());
        self.letter.outcome(copies, &served, Changes { nuls, ..changes })
    }

    async fn begin(&mut self) -> Result<(), Failure> {
        let letter = &self.letter;
        if self.header.received() > RECEIVED_MAX {
            return Err(Failure::Loop);
        }
        let served: Vec<bool> = letter
            .addressees
            .iter()
            .map(|addressee| !self.header.was_delivered_to(&addressee.address))
            .collect();
        let recipients = letter.recipients(&served);
        if recipients.is_empty() {
            return Err(Failure::Returned);
        }
        // P-141: undeclared 8-bit octets make no message a UTF-8 message.
        let raw = !self.header.octets().is_ascii()
            || recipients.iter().any(|recipient| !recipient.prefix.is_ascii());
        let incoming = Incoming { recipients, form: letter.form, utf8: letter.smtputf8 && raw };
        let delivery = self.store.deliver(incoming).await;
        let mut delivery = delivery.map_err(|error| letter.blame(&error))?;
        delivery.write(self.header.octets()).map_err(|error| letter.blame(&error))?;
        self.begun = Some(Begun { delivery, served });
        Ok(())
    }
}

impl Letter {
    fn recipients(&self, served: &[bool]) -> Vec<Recipient> {
        let alone = self.addressees.len() == 1;
        let served = self.addressees.iter().zip(served).filter(|(_, served)| **served);
        served
            .flat_map(|(addressee, _)| {
                let prefix = self.trace.prefix(&addressee.address, alone);
                let to = move |&maildrop| Recipient { maildrop, prefix: prefix.clone() };
                addressee.maildrops.iter().map(to)
            })
            .collect()
    }

    /// One outcome a recipient, from one a maildrop. Where an alias leads to several and one
    /// of them fails, the sender is told so and tries again: twice is better than not at all.
    fn outcome(
        &self,
        copies: Vec<Result<Stored, StoreError>>,
        served: &[bool],
        changes: Changes,
    ) -> Outcome {
        let mut copies = copies.into_iter();
        let (mut stored, mut octets) = (0_u64, 0_u64);
        let mut recipients = Vec::with_capacity(self.addressees.len());
        for (addressee, served) in self.addressees.iter().zip(served) {
            let mut outcome = if *served { Ok(()) } else { Err(Failure::Returned) };
            for copy in copies.by_ref().take(if *served { addressee.maildrops.len() } else { 0 }) {
                match copy {
                    Ok(copy) => {
                        stored = stored.saturating_add(1);
                        octets = octets.saturating_add(copy.octets.get());
                    }
                    Err(error) => {
                        let (id, to) = (&self.trace.id, &addressee.address);
                        events::delivery_failed(self.session, id, to, &error.to_string());
                        outcome = Err(failure(&error));
                    }
                }
            }
            recipients.push(outcome);
        }
        let repaired = changes != Changes::default();
        if stored > 0 {
            let (id, sender, peer) = (&self.trace.id, &self.trace.sender, self.trace.peer);
            events::message_accepted(self.session, peer, id, sender, octets, recipients.len());
            if repaired {
                events::message_repaired(self.session, id, &events::listed(changes.words()));
            }
        }
        Outcome { recipients, copies: stored, octets, repaired }
    }

    /// Notes what the store said, and answers what to tell the peer.
    fn blame(&self, error: &StoreError) -> Failure {
        events::delivery_failed(self.session, &self.trace.id, "everyone", &error.to_string());
        failure(error)
    }
}

impl Outcome {
    /// All recipients fail alike.
    pub(crate) fn failed(failure: Failure, recipients: usize) -> Self {
        let recipients = vec![Err(failure); recipients];
        Self { recipients, copies: 0, octets: 0, repaired: false }
    }
}

/// What a store's error is to the sender (P-217: what may pass is 4xx).
pub(crate) const fn failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Full { quota: true, .. } => Failure::MaildropFull,
        StoreError::Full { quota: false, .. } => Failure::DiskFull,
        StoreError::TooLarge { .. } => Failure::TooLarge,
        _ => Failure::Temporary,
    }
}

/// A name for a message, for Received and the log.
pub(crate) fn message_id() -> String {
    let mut octets = [0_u8; 8];
    // Without randomness the clock has to do: the name is for people who look for a message.
    if getrandom::fill(&mut octets).is_err() {
        octets = jiff::Timestamp::now().as_microsecond().to_be_bytes();
    }
    format!("{:016x}", u64::from_be_bytes(octets))
}
