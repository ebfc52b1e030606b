//! The reference model: a store in memory, simple enough to be obviously right.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mail_wire::{
    Form, Listing, ListingBuilder, MaildropId, MessageId, MessageNumber, Octets, Uidl,
};

use crate::arrivals::Arrivals;
use crate::body::Body;
use crate::error::StoreError;
use crate::pending::Pending;
use crate::store::{Delivery, Incoming, Maildrop, Promises, Removed, Store, Stored, Usage};
use crate::view::View;

/// A store that keeps its messages in memory, as text.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    /// What tells the unique-ids of this store from those of the last one.
    tag: u32,
    maildrops: Mutex<Maildrops>,
    arrivals: Arrivals,
}

#[derive(Default)]
struct Maildrops {
    last_id: u64,
    messages: HashMap<MaildropId, Vec<Arc<Message>>>,
}

struct Message {
    id: MessageId,
    uidl: Uidl,
    text: Bytes,
    utf8: bool,
}

impl Message {
    fn octets(&self) -> Octets {
        Octets::ZERO.plus_len(self.text.len())
    }
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        // The standard library's hasher is seeded at random: all the chance that is needed.
        #[expect(clippy::cast_possible_truncation, reason = "any 32 of its bits will do")]
        let tag = RandomState::new().build_hasher().finish() as u32;
        Self {
            shared: Arc::new(Shared {
                tag,
                maildrops: Mutex::default(),
                arrivals: Arrivals::default(),
            }),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Maildrops) -> T) -> T {
        work(&mut self.maildrops.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a maildrop shows to this view now.
    fn shown(&self, maildrop: MaildropId, _view: &View) -> Vec<Arc<Message>> {
        self.with(|all| all.messages.entry(maildrop).or_default().clone())
    }
}

impl Store for MemoryStore {
    fn promises(&self) -> Promises {
        Promises {
            durable: false,
            atomic_update: true,
            shared_with_others: false,
            custody: false,
            surrogates: false,
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
            Ok(Box::new(OnItsWay { shared, incoming, body: Vec::new() }) as Box<dyn Delivery>)
        })
    }

    fn usage(&self, maildrop: MaildropId) -> Pending<'_, Result<Usage, StoreError>> {
        Box::pin(async move {
            Ok(self.shared.with(|all| {
                let messages = all.messages.get(&maildrop).map(Vec::as_slice).unwrap_or_default();
                let octets: Octets = messages.iter().map(|message| message.octets()).sum();
                let messages = u64::try_from(messages.len()).unwrap_or(u64::MAX);
                Usage { messages, octets: octets.get() }
            }))
        })
    }

    fn remove(&self, maildrop: MaildropId) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.shared.with(|all| all.messages.remove(&maildrop));
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
    messages: Vec<Arc<Message>>,
    listing: Arc<Listing>,
}

impl Snapshot {
    /// Lists these behind what is listed.
    fn append(&mut self, messages: Vec<Arc<Message>>) -> Result<(), StoreError> {
        let mut listing = ListingBuilder::after(Listing::clone(&self.listing));
        for message in &messages {
            listing
                .push(message.id, message.octets(), &message.uidl, message.utf8)
                .map_err(|full| StoreError::Damaged { detail: full.to_string() })?;
        }
        self.listing = Arc::new(listing.finish());
        self.messages.extend(messages);
        Ok(())
    }

    /// What is shown now and not listed here.
    fn unlisted(&self) -> Vec<Arc<Message>> {
        let listed: HashSet<MessageId> = self.messages.iter().map(|message| message.id).collect();
        let mut shown = self.shared.shown(self.maildrop, &self.view);
        shown.retain(|message| !listed.contains(&message.id));
        shown
    }

    fn message(&self, number: MessageNumber) -> Result<&Arc<Message>, StoreError> {
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
            Ok(Body::chunk(Form::Text, message.text.clone()))
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
                marked.insert(message.id, message.octets());
            }
            self.shared.with(|all| {
                if let Some(messages) = all.messages.get_mut(&self.maildrop) {
                    messages.retain(|message| !marked.contains_key(&message.id));
                }
            });
            Ok(Removed { messages: marked.len(), octets: marked.values().copied().sum() })
        })
    }
}

struct OnItsWay {
    shared: Arc<Shared>,
    incoming: Incoming,
    body: Vec<u8>,
}

impl Delivery for OnItsWay {
    fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        self.body.extend_from_slice(octets);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Pending<'static, Vec<Result<Stored, StoreError>>> {
        Box::pin(async move {
            let OnItsWay { shared, incoming, body } = *self;
            let body = text_of(body, incoming.form);
            let utf8 = incoming.utf8;
            let maildrops: Vec<MaildropId> =
                incoming.recipients.iter().map(|recipient| recipient.maildrop).collect();
            let outcomes = shared.with(|all| {
                let recipients = incoming.recipients.into_iter();
                recipients
                    .map(|recipient| {
                        let text: Bytes = [recipient.prefix.as_slice(), &body].concat().into();
                        all.last_id = all.last_id.saturating_add(1);
                        let id = MessageId::new(all.last_id);
                        let uidl = format!("{:08x}.{}", shared.tag, all.last_id);
                        let uidl = Uidl::new(uidl.as_bytes())
                            .map_err(|wrong| StoreError::Damaged { detail: wrong.to_string() })?;
                        let message = Message { id, uidl: uidl.clone(), text, utf8 };
                        let octets = message.octets();
                        let messages = all.messages.entry(recipient.maildrop).or_default();
                        messages.push(Arc::new(message));
                        Ok(Stored { id, uidl, octets })
                    })
                    .collect()
            });
            shared.arrivals.announce(maildrops);
            outcomes
        })
    }
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
