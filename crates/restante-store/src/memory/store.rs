//! `MemoryStore`: messages as text, behind one lock.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use mail_wire::{Form, Listing, ListingBuilder, MaildropId, MessageId, MessageNumber, Octets};
use sha2::{Digest, Sha256};

use crate::arrivals::Arrivals;
use crate::body::Body;
use crate::custody::{Custody, Happened};
use crate::error::StoreError;
use crate::memory::maildrops::{Actor, Maildrops, Message};
use crate::pending::Pending;
use crate::store::{
    Delivery, Incoming, Maildrop, Origin, Promises, Recipient, Removed, Store, Stored, Surrogate,
    Usage,
};
use crate::view::View;

/// A store that keeps its messages in memory, as text.
#[derive(Clone)]
pub struct MemoryStore {
    pub(crate) shared: Arc<Shared>,
}

/// What its parts share.
pub(crate) struct Shared {
    maildrops: Mutex<Maildrops>,
    pub(crate) arrivals: Arrivals,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        // The standard library's hasher is seeded at random: all the chance that is needed.
        #[expect(clippy::cast_possible_truncation, reason = "any 32 of its bits will do")]
        let tag = RandomState::new().build_hasher().finish() as u32;
        let maildrops = Mutex::new(Maildrops::new(tag));
        Self { shared: Arc::new(Shared { maildrops, arrivals: Arrivals::default() }) }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    /// Does this while nobody else looks.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Maildrops) -> T) -> T {
        work(&mut self.maildrops.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a maildrop shows to this view now.
    fn shown(&self, maildrop: MaildropId, view: &View) -> Vec<Message> {
        self.with(|all| all.shown(maildrop, view))
    }
}

impl Store for MemoryStore {
    fn promises(&self) -> Promises {
        Promises {
            durable: false,
            atomic_update: true,
            shared_with_others: false,
            custody: true,
            surrogates: true,
        }
    }

    fn open(
        &self,
        maildrop: MaildropId,
        view: View,
    ) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>> {
        Box::pin(async move {
            let shared = Arc::clone(&self.shared);
            // Before the listing: rather looked at once too often.
            let seen = shared.arrivals.count(maildrop);
            let mut snapshot = Snapshot {
                shared,
                maildrop,
                view,
                seen,
                messages: Vec::new(),
                listing: Arc::default(),
            };
            snapshot.append(self.shared.shown(maildrop, &snapshot.view))?;
            Ok(Box::new(snapshot) as Box<dyn Maildrop>)
        })
    }

    fn deliver(&self, incoming: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let (surrogate, accepted) = (None, None);
            let delivery = OnItsWay { shared, incoming, body: Vec::new(), surrogate, accepted };
            Ok(Box::new(delivery) as Box<dyn Delivery>)
        })
    }

    fn usage(&self, maildrop: MaildropId) -> Pending<'_, Result<Usage, StoreError>> {
        Box::pin(async move { Ok(self.shared.with(|all| all.usage(maildrop))) })
    }

    fn maildrops(&self) -> Pending<'_, Result<Vec<MaildropId>, StoreError>> {
        Box::pin(async move { Ok(self.shared.with(|all| all.maildrops())) })
    }

    fn custody(&self) -> Option<&dyn Custody> {
        Some(self)
    }

    fn remove(&self, maildrop: MaildropId) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.shared.with(|all| all.remove(maildrop));
            Ok(())
        })
    }
}

struct Snapshot {
    shared: Arc<Shared>,
    maildrop: MaildropId,
    view: View,
    /// What stood on the count of arrivals when it was last listed.
    seen: u64,
    messages: Vec<Message>,
    listing: Arc<Listing>,
}

impl Snapshot {
    /// Lists these behind what is listed.
    fn append(&mut self, messages: Vec<Message>) -> Result<(), StoreError> {
        let mut listing = ListingBuilder::after(Listing::clone(&self.listing));
        for message in &messages {
            let (text, utf8) = message.in_view(&self.view);
            let octets = Octets::ZERO.plus_len(text.len());
            listing
                .push(message.id, octets, &message.uidl, utf8)
                .map_err(|full| StoreError::Damaged { detail: full.to_string() })?;
        }
        self.listing = Arc::new(listing.finish());
        self.messages.extend(messages);
        Ok(())
    }

    /// What is shown now and not listed here.
    fn unlisted(&self) -> Vec<Message> {
        let listed: HashSet<MessageId> = self.messages.iter().map(|message| message.id).collect();
        let mut shown = self.shared.shown(self.maildrop, &self.view);
        shown.retain(|message| !listed.contains(&message.id));
        shown
    }

    fn message(&self, number: MessageNumber) -> Result<&Message, StoreError> {
        self.messages
            .get(number.index())
            .ok_or_else(|| StoreError::Absent { detail: format!("message number {number}") })
    }
}

impl Maildrop for Snapshot {
    fn listing(&self) -> &Arc<Listing> {
        &self.listing
    }

    fn refresh(&mut self) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            self.seen = self.shared.arrivals.count(self.maildrop);
            let new = self.unlisted();
            let added = new.len();
            self.append(new)?;
            Ok(added)
        })
    }

    fn arrival(&mut self) -> Pending<'_, ()> {
        Box::pin(async move {
            loop {
                let count = self.shared.arrivals.after(self.maildrop, self.seen).await;
                if !self.unlisted().is_empty() {
                    return;
                }
                self.seen = count;
            }
        })
    }

    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>> {
        Box::pin(async move {
            let message = self.message(number)?;
            Ok(Body::chunk(Form::Text, message.in_view(&self.view).0.clone()))
        })
    }

    fn origin(&self, number: MessageNumber) -> Pending<'_, Result<Origin, StoreError>> {
        Box::pin(async move {
            let id = self.message(number)?.id;
            Ok(self.shared.with(|all| all.origin(self.maildrop, id)))
        })
    }

    fn commit<'a>(
        &'a mut self,
        deletions: &'a [MessageNumber],
    ) -> Pending<'a, Result<Removed, StoreError>> {
        Box::pin(async move {
            let mut marked = HashMap::new();
            for number in deletions {
                let message = self.message(*number)?;
                let (text, _) = message.in_view(&self.view);
                marked.insert(message.id, Octets::ZERO.plus_len(text.len()));
            }
            let mut ids: Vec<MessageId> = marked.keys().copied().collect();
            ids.sort_unstable();
            self.shared.with(|all| all.delete(self.maildrop, &ids, &self.view));
            Ok(Removed { messages: marked.len(), octets: marked.values().copied().sum() })
        })
    }
}

struct OnItsWay {
    shared: Arc<Shared>,
    incoming: Incoming,
    body: Vec<u8>,
    surrogate: Option<Surrogate>,
    accepted: Option<SystemTime>,
}

impl Delivery for OnItsWay {
    fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        self.body.extend_from_slice(octets);
        Ok(())
    }

    fn surrogate(&mut self, surrogate: Surrogate) -> Result<(), StoreError> {
        self.surrogate = Some(surrogate);
        Ok(())
    }

    fn accepted(&mut self, at: SystemTime) {
        self.accepted = Some(at);
    }

    fn commit(self: Box<Self>) -> Pending<'static, Vec<Result<Stored, StoreError>>> {
        Box::pin(async move {
            let OnItsWay { shared, incoming, body, surrogate, accepted } = *self;
            let body = text_of(body, incoming.form);
            let maildrops: Vec<MaildropId> =
                incoming.recipients.iter().map(|recipient| recipient.maildrop).collect();
            let outcomes = shared.with(|all| {
                let surrogate = surrogate.as_ref().filter(|_| incoming.utf8);
                let put = |(place, recipient): (usize, &Recipient)| {
                    let stand_in = surrogate
                        .map(|surrogate| stand_in(surrogate, place, &recipient.prefix, &body));
                    put(all, &incoming, recipient, &body, (stand_in, accepted))
                };
                incoming.recipients.iter().enumerate().map(put).collect()
            });
            shared.arrivals.announce(maildrops);
            outcomes
        })
    }
}

/// One recipient's copy, if there is room for it.
fn put(
    all: &mut Maildrops,
    incoming: &Incoming,
    recipient: &Recipient,
    body: &[u8],
    (surrogate, accepted): (Option<Bytes>, Option<SystemTime>),
) -> Result<Stored, StoreError> {
    let Recipient { maildrop, prefix, address, uidl, quota } = recipient;
    let text: Bytes = [prefix.as_slice(), body].concat().into();
    let Usage { messages, octets } = all.usage(*maildrop);
    if !quota.has_room(messages, octets, text.len() as u64) {
        let detail = format!("maildrop {maildrop}: its quota");
        return Err(StoreError::Full { detail, quota: true });
    }
    let message = all.add(*maildrop, text, incoming.utf8, uidl.as_ref(), surrogate, accepted)?;
    let octets = message.octets();
    let accepted = Happened::Accepted {
        sender: incoming.provenance.sender.clone(),
        recipient: address.clone(),
        octets: octets.get(),
        digest: Some(Sha256::digest(body).into()),
        message_id: message_id(body),
    };
    let peer = Some(incoming.provenance.peer.clone()).filter(|peer| !peer.is_empty());
    all.note(*maildrop, Some(message.id), &Actor { credential: None, peer }, accepted);
    Ok(Stored { id: message.id, uidl: message.uidl, octets })
}

/// The first Message-ID of the header, if that is a line of text.
fn message_id(body: &[u8]) -> Option<String> {
    let header = body.split(|octet| *octet == b'\n').take_while(|line| *line != b"\r");
    let lines = header.filter_map(|line| str::from_utf8(line).ok());
    lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("message-id").then(|| value.trim().to_owned())
    })
}

/// A message with the stand-ins in the places of its prefix and header.
fn stand_in(surrogate: &Surrogate, place: usize, prefix: &[u8], body: &[u8]) -> Bytes {
    let prefix = surrogate.prefixes.get(place).map_or(prefix, Vec::as_slice);
    let end = match memchr::memmem::find(body, b"\r\n\r\n") {
        Some(at) if !body.starts_with(b"\r\n") => at.saturating_add(4),
        None if !body.starts_with(b"\r\n") => body.len(),
        _ => 2,
    };
    [prefix, &surrogate.header, body.get(end..).unwrap_or_default()].concat().into()
}

/// The body as text, its last line complete.
fn text_of(mut body: Vec<u8>, form: Form) -> Vec<u8> {
    if !body.is_empty() && !body.ends_with(b"\r\n") {
        body.extend_from_slice(b"\r\n");
    }
    if form == Form::Text {
        return body;
    }
    let mut text = Vec::with_capacity(body.len());
    let mut at_line_start = true;
    for octet in body {
        // RFC 5321 §4.5.2: of the dots at a line start the first was added for the way.
        if octet != b'.' || !at_line_start {
            text.push(octet);
        }
        at_line_start = octet == b'\n';
    }
    text
}
