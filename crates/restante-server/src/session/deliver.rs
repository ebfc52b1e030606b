//! Deliveries: from an accepted envelope to one durable copy a maildrop.

use std::collections::HashMap;
use std::sync::Arc;

use lmtp_proto::Failure;
use mail_wire::dot::Unstuffer;
use mail_wire::{Form, MaildropId, Quota};
use restante_directory::{Destination, OverQuota};
use restante_store::{
    Delivery, Incoming, Provenance, Recipient, Store, StoreError, Stored, Surrogate,
};

use crate::ledger::events;
use crate::session::headers::Trace;
use crate::session::intake::{BodyFilter, Changes, Header};
use crate::session::room::lacking_among;
use crate::session::surrogate;

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
    /// Whether all recipients share one reply, as in SMTP.
    pub(crate) one_reply: bool,
    /// The connection, for log lines.
    pub(crate) session: u64,
}

/// One recipient, and where its mail goes.
#[derive(Clone, Debug)]
pub(crate) struct Addressee {
    /// The address as Delivered-To says it.
    pub(crate) address: String,
    /// The maildrops behind it, several for an alias; never empty.
    pub(crate) maildrops: Vec<Destination>,
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
    plan: Plan,
}

/// Which copies serve which addressee.
#[derive(Debug, Default)]
struct Plan {
    /// One for each maildrop.
    copies: Vec<Recipient>,
    /// By the places of the copies, where they go.
    destinations: Vec<Destination>,
    /// For each copy, the octets of its own lines, where all of them must have room or none is
    /// kept; else none.
    together: Vec<u64>,
    /// By their place in the letter, the places of their copies; none for those that loop.
    serving: Vec<Vec<usize>>,
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
        let Some(Begun { delivery, plan }) = self.begun.take() else {
            return Outcome::failed(Failure::Temporary, self.letter.addressees.len());
        };
        let form = self.letter.form;
        let body = self.header.text_octets(form).saturating_add(self.body.text_octets(form));
        if let Err(failure) = ask_for_room(&self.letter, self.store.as_ref(), &plan, body).await {
            return Outcome::failed(failure, self.letter.addressees.len());
        }
        let copies = delivery.commit().await;
        let changes = self.header.changes();
        let nuls = changes.nuls.saturating_add(self.body.nuls());
        self.letter.outcome(&copies, &plan, Changes { nuls, ..changes })
    }

    async fn begin(&mut self) -> Result<(), Failure> {
        let letter = &self.letter;
        if self.header.received() > RECEIVED_MAX {
            return Err(Failure::Loop);
        }
        let mut plan = letter.plan(&self.header);
        let recipients = std::mem::take(&mut plan.copies);
        if recipients.is_empty() {
            return Err(Failure::Returned);
        }
        // P-141: undeclared 8-bit octets make no message a UTF-8 message.
        let raw = !self.header.octets().is_ascii()
            || recipients.iter().any(|recipient| !recipient.prefix.is_ascii());
        let provenance =
            Provenance { peer: letter.trace.peer.to_string(), sender: letter.trace.sender.clone() };
        let utf8 = letter.smtputf8 && raw;
        // Made whatever `utf8_legacy` says: that may change while the message lives.
        let keeps = self.store.promises().surrogates;
        let stand_in = (utf8 && keeps).then(|| letter.surrogate(&self.header, &recipients));
        let incoming = Incoming { recipients, form: letter.form, utf8, provenance };
        let delivery = self.store.deliver(incoming).await;
        let mut delivery = delivery.map_err(|error| letter.blame(&error))?;
        if let Some(stand_in) = stand_in {
            delivery.surrogate(stand_in).map_err(|error| letter.blame(&error))?;
        }
        delivery.write(self.header.octets()).map_err(|error| letter.blame(&error))?;
        self.begun = Some(Begun { delivery, plan });
        Ok(())
    }
}

impl Letter {
    /// One copy a maildrop, however often and under whatever addresses the mail transaction
    /// names it: no message is doubled, and a thousand recipients are no thousand copies of a
    /// large message. The copy says the address that was named first.
    fn plan(&self, header: &Header) -> Plan {
        let alone = self.addressees.len() == 1;
        let mut plan = Plan::default();
        let mut places: HashMap<MaildropId, usize> = HashMap::new();
        for addressee in &self.addressees {
            let mut serving = Vec::new();
            if !header.was_delivered_to(&addressee.address) {
                let prefix = self.trace.prefix(&addressee.address, alone);
                // An alias of several was asked for room at RCPT; from then on it is one
                // promise to all of them, as one that failed would double it for the others.
                let is_alias = addressee.maildrops.len() > 1;
                for &destination in &addressee.maildrops {
                    serving.push(*places.entry(destination.maildrop).or_insert_with(|| {
                        let copy = Recipient::new(destination.maildrop, prefix.clone());
                        let address = addressee.address.clone();
                        let quota = if is_alias { Quota::default() } else { destination.quota };
                        plan.copies.push(Recipient { address, quota, ..copy });
                        plan.destinations.push(destination);
                        plan.copies.len().saturating_sub(1)
                    }));
                }
            }
            plan.serving.push(serving);
        }
        if self.one_reply && plan.copies.len() > 1 {
            let own = |copy: &Recipient| u64::try_from(copy.prefix.len()).unwrap_or(u64::MAX);
            plan.together = plan.copies.iter().map(own).collect();
            plan.copies.iter_mut().for_each(|copy| copy.quota = Quota::default());
        }
        plan
    }

    /// What stands in for the header where it must be ASCII (RFC 6858). Of our own lines all stay
    /// that can: they name nobody by an address that cannot be shown.
    fn surrogate(&self, header: &Header, copies: &[Recipient]) -> Surrogate {
        let alone = self.addressees.len() == 1;
        let helo = if self.trace.helo.is_ascii() { self.trace.helo.clone() } else { String::new() };
        let trace = Trace { helo, ..self.trace.clone() };
        let prefix = |copy: &Recipient| {
            let lines = trace.prefix(&copy.address, alone && copy.address.is_ascii());
            surrogate::fields(&lines)
        };
        let mut text = Vec::new();
        match self.form {
            Form::Text => text.extend_from_slice(header.octets()),
            Form::Wire => {
                Unstuffer::default().unstuff(&mut header.octets(), &mut text);
            }
        }
        let prefixes = copies.iter().map(prefix).collect();
        Surrogate { header: surrogate::header(&text), prefixes }
    }

    /// One outcome a recipient, from one a copy. Where an alias leads to several and one of
    /// them fails, the sender is told so and tries again: twice is better than not at all.
    fn outcome(
        &self,
        copies: &[Result<Stored, StoreError>],
        plan: &Plan,
        changes: Changes,
    ) -> Outcome {
        let (mut stored, mut octets) = (0_u64, 0_u64);
        for copy in copies.iter().flatten() {
            stored = stored.saturating_add(1);
            octets = octets.saturating_add(copy.octets.get());
        }
        let mut recipients = Vec::with_capacity(self.addressees.len());
        for (addressee, serving) in self.addressees.iter().zip(&plan.serving) {
            let mut outcome = if serving.is_empty() { Err(Failure::Returned) } else { Ok(()) };
            for &place in serving {
                match copies.get(place) {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        let (id, to) = (&self.trace.id, &addressee.address);
                        events::delivery_failed(self.session, id, to, &error.to_string());
                        let over_quota = plan.destinations.get(place).map(|to| to.over_quota);
                        outcome = Err(failure(error, over_quota.unwrap_or_default()));
                    }
                    // A store that does not answer for a copy has not said that it keeps it.
                    None => outcome = Err(Failure::Temporary),
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
        failure(error, OverQuota::Defer)
    }
}

impl Outcome {
    /// All recipients fail alike.
    pub(crate) fn failed(failure: Failure, recipients: usize) -> Self {
        let recipients = vec![Err(failure); recipients];
        Self { recipients, copies: 0, octets: 0, repaired: false }
    }
}

/// Several maildrops and one reply: nobody gets the message unless all have room, so that it is
/// told truly to all of them, and nobody gets it twice when it is sent again.
async fn ask_for_room(
    letter: &Letter,
    store: &dyn Store,
    plan: &Plan,
    body: u64,
) -> Result<(), Failure> {
    let own = plan.destinations.iter().zip(&plan.together);
    let copies = own.map(|(destination, own)| (*destination, own.saturating_add(body))).collect();
    match lacking_among(store, copies).await {
        Ok(None) => Ok(()),
        Ok(Some(over_quota)) => {
            let why = "a maildrop is full, and all share one reply";
            events::delivery_failed(letter.session, &letter.trace.id, "everyone", why);
            Err(full(over_quota))
        }
        Err(error) => Err(letter.blame(&error)),
    }
}

/// What a store's error is to the sender (P-217: what may pass is 4xx).
const fn failure(error: &StoreError, over_quota: OverQuota) -> Failure {
    match error {
        StoreError::Full { quota: true, .. } => full(over_quota),
        StoreError::Full { quota: false, .. } => Failure::DiskFull,
        StoreError::TooLarge { .. } => Failure::TooLarge,
        _ => Failure::Temporary,
    }
}

const fn full(over_quota: OverQuota) -> Failure {
    match over_quota {
        OverQuota::Defer => Failure::MaildropFull,
        OverQuota::Refuse => Failure::OverQuota,
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
