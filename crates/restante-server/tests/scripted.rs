//! A store that does as it is told, failures too.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mail_wire::maildrop::ListingBuilder;
use mail_wire::{Form, Listing, MaildropId, MessageId, MessageNumber, Octets, Uidl};
use restante_store::{
    Body, Delivery, Incoming, Maildrop, Pending, Promises, Removed, Store, StoreError, Usage, View,
};
use tokio::sync::watch;

/// One maildrop, and what is wrong with it.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) messages: Vec<Scene>,
    /// What has arrived since.
    later: watch::Sender<Vec<Scene>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) removed: Arc<Mutex<Vec<u32>>>,
}

/// What fails.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) open: Option<Temporary>,
    pub(crate) commit: bool,
    pub(crate) refresh: bool,
    pub(crate) deliver: bool,
    pub(crate) panic_in_read: bool,
}

/// Whether another try may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Temporary(pub(crate) bool);

/// One message.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) uidl: String,
    pub(crate) octets: u64,
    pub(crate) utf8: bool,
    pub(crate) body: Script,
}

/// What becomes of it when it is read.
#[derive(Clone)]
pub(crate) enum Script {
    Text(Bytes),
    /// In wire form already.
    Wire(Bytes),
    /// It cannot be read at all.
    Lost,
    /// So much of it can be read, then the disk fails.
    Broken(Bytes),
}

impl Scene {
    pub(crate) fn text(uidl: &str, text: &[u8]) -> Self {
        let octets = text.len() as u64;
        let body = Script::Text(Bytes::copy_from_slice(text));
        Self { uidl: uidl.to_owned(), octets, utf8: false, body }
    }
}

impl Scripted {
    pub(crate) fn with(messages: Vec<Scene>) -> Arc<Self> {
        Arc::new(Self { messages, ..Self::default() })
    }

    /// One more message, in every snapshot.
    pub(crate) fn arrives(&self, scene: Scene) {
        self.later.send_modify(|later| later.push(scene));
    }
}

fn disk(action: &str) -> StoreError {
    StoreError::Disk { action: action.to_owned(), source: std::io::Error::other("told to fail") }
}

impl Store for Scripted {
    fn promises(&self) -> Promises {
        Promises {
            durable: false,
            atomic_update: true,
            shared_with_others: false,
            // EXPIRE is announced only where something can expire.
            custody: true,
            surrogates: false,
        }
    }

    fn open(&self, _: MaildropId, _: View) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>> {
        Box::pin(async move {
            match self.faults.lock().unwrap().open {
                Some(Temporary(true)) => return Err(disk("open")),
                Some(Temporary(false)) => {
                    return Err(StoreError::Damaged { detail: "told to be".to_owned() });
                }
                None => {}
            }
            let mut later = self.later.subscribe();
            let mut messages = self.messages.clone();
            messages.extend(later.borrow_and_update().iter().cloned());
            let open: Box<dyn Maildrop> = Box::new(Open {
                listing: listing(&messages),
                at_start: self.messages.len(),
                messages,
                later,
                faults: *self.faults.lock().unwrap(),
                removed: Arc::clone(&self.removed),
            });
            Ok(open)
        })
    }

    fn deliver(&self, incoming: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>> {
        let fails = self.faults.lock().unwrap().deliver;
        Box::pin(async move {
            if fails {
                return Err(StoreError::Full { detail: "told to be".to_owned(), quota: false });
            }
            let to: Box<dyn Delivery> = Box::new(Nowhere(incoming.recipients.len()));
            Ok(to)
        })
    }

    fn usage(&self, _: MaildropId) -> Pending<'_, Result<Usage, StoreError>> {
        Box::pin(async { Ok(Usage::default()) })
    }

    fn remove(&self, _: MaildropId) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

fn listing(messages: &[Scene]) -> Arc<Listing> {
    let mut listing = ListingBuilder::default();
    for (id, scene) in (1..).zip(messages) {
        let uidl = Uidl::new(scene.uidl.as_bytes()).unwrap();
        listing.push(MessageId::new(id), Octets::new(scene.octets), &uidl, scene.utf8).unwrap();
    }
    Arc::new(listing.finish())
}

struct Open {
    listing: Arc<Listing>,
    messages: Vec<Scene>,
    later: watch::Receiver<Vec<Scene>>,
    /// How many there are without those.
    at_start: usize,
    faults: Faults,
    removed: Arc<Mutex<Vec<u32>>>,
}

impl Maildrop for Open {
    fn listing(&self) -> &Arc<Listing> {
        &self.listing
    }

    fn refresh(&mut self) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async {
            if self.faults.refresh {
                return Err(disk("list"));
            }
            let listed = self.messages.len();
            let later = self.later.borrow_and_update().clone();
            self.messages.extend(later.into_iter().skip(listed - self.at_start));
            self.listing = listing(&self.messages);
            Ok(self.messages.len() - listed)
        })
    }

    fn arrival(&mut self) -> Pending<'_, ()> {
        let listed = self.messages.len() - self.at_start;
        Box::pin(async move {
            self.later.wait_for(|later| later.len() > listed).await.unwrap();
        })
    }

    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>> {
        let scene = self.messages[number.index()].clone();
        let panics = self.faults.panic_in_read;
        Box::pin(async move {
            assert!(!panics, "told to panic");
            match scene.body {
                Script::Text(text) => Ok(Body::chunk(Form::Text, text)),
                Script::Wire(wire) => Ok(Body::chunk(Form::Wire, wire)),
                Script::Lost => Err(disk("read")),
                Script::Broken(start) => {
                    let mut file: File = tempfile::tempfile().unwrap();
                    file.write_all(&start).unwrap();
                    Ok(Body::range(Form::Text, Arc::new(file), 0, scene.octets))
                }
            }
        })
    }

    fn commit<'a>(
        &'a mut self,
        deletions: &'a [MessageNumber],
    ) -> Pending<'a, Result<Removed, StoreError>> {
        Box::pin(async move {
            if self.faults.commit {
                return Err(disk("remove"));
            }
            self.removed.lock().unwrap().extend(deletions.iter().map(|number| number.get()));
            Ok(Removed { messages: deletions.len(), octets: Octets::ZERO })
        })
    }
}

/// Takes everything, and cannot keep it.
struct Nowhere(usize);

impl Delivery for Nowhere {
    fn write(&mut self, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    fn commit(
        self: Box<Self>,
    ) -> Pending<'static, Vec<Result<restante_store::Stored, StoreError>>> {
        Box::pin(async move { (0..self.0).map(|_| Err(disk("fsync"))).collect() })
    }
}
