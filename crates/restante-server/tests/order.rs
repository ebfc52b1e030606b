//! What goes out before what is carried out: told with stores and directories that wait.

use std::sync::Arc;

use mail_wire::{Credentials, Listing, MaildropId, MessageNumber};
use restante_directory::{
    Account, Destination, Directory, Kept, Origin, Pending as Answer, ResolveError, Spread,
    Unavailable, VerifyError,
};
use restante_server::net::service::Service;
use restante_server::session::settings::IntakeSettings;
use restante_store::memory::MemoryStore;
use restante_store::{
    Body, Delivery, Incoming, Maildrop, Pending, Promises, Removed, Store, StoreError, Stored,
    Usage, View,
};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::house::{ANNAS, House, Peer, People, Plan};

/// A door that is shut until the test opens it.
struct Door {
    waiting: Semaphore,
    open: Semaphore,
}

impl Default for Door {
    fn default() -> Self {
        Self { waiting: Semaphore::new(0), open: Semaphore::new(0) }
    }
}

impl Door {
    async fn pass(&self) {
        self.waiting.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    /// Waits until somebody stands before it.
    async fn is_reached(&self) {
        self.waiting.acquire().await.unwrap().forget();
    }

    fn open(&self) {
        self.open.add_permits(1);
    }
}

/// A store in memory that waits before it keeps a message, and before it reads one.
#[derive(Default)]
struct Waiting {
    store: MemoryStore,
    commit: Arc<Door>,
    read: Arc<Door>,
}

impl Store for Waiting {
    fn promises(&self) -> Promises {
        self.store.promises()
    }

    fn open(
        &self,
        maildrop: MaildropId,
        view: View,
    ) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>> {
        Box::pin(async move {
            let (inner, read) = (self.store.open(maildrop, view).await?, Arc::clone(&self.read));
            Ok(Box::new(Open { inner, read }) as Box<dyn Maildrop>)
        })
    }

    fn deliver(&self, incoming: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>> {
        Box::pin(async move {
            let (inner, door) = (self.store.deliver(incoming).await?, Arc::clone(&self.commit));
            Ok(Box::new(OnItsWay { inner, door }) as Box<dyn Delivery>)
        })
    }

    fn usage(&self, maildrop: MaildropId) -> Pending<'_, Result<Usage, StoreError>> {
        self.store.usage(maildrop)
    }

    fn remove(&self, maildrop: MaildropId) -> Pending<'_, Result<(), StoreError>> {
        self.store.remove(maildrop)
    }
}

struct Open {
    inner: Box<dyn Maildrop>,
    read: Arc<Door>,
}

impl Maildrop for Open {
    fn listing(&self) -> &Arc<Listing> {
        self.inner.listing()
    }

    fn refresh(&mut self) -> Pending<'_, Result<usize, StoreError>> {
        self.inner.refresh()
    }

    fn arrival(&mut self) -> Pending<'_, ()> {
        self.inner.arrival()
    }

    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>> {
        let (door, found) = (Arc::clone(&self.read), self.inner.read(number));
        Box::pin(async move {
            door.pass().await;
            found.await
        })
    }

    fn commit<'a>(
        &'a mut self,
        deletions: &'a [MessageNumber],
    ) -> Pending<'a, Result<Removed, StoreError>> {
        self.inner.commit(deletions)
    }
}

struct OnItsWay {
    inner: Box<dyn Delivery>,
    door: Arc<Door>,
}

impl Delivery for OnItsWay {
    fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        self.inner.write(octets)
    }

    fn commit(self: Box<Self>) -> Pending<'static, Vec<Result<Stored, StoreError>>> {
        Box::pin(async move {
            self.door.pass().await;
            self.inner.commit().await
        })
    }
}

/// Knows everyone that [`People`] knows, and waits before it says where Bert's mail goes.
#[derive(Default)]
struct SlowForBert {
    people: People,
    door: Door,
}

impl Directory for SlowForBert {
    fn verify(
        &self,
        credentials: Credentials,
        origin: Origin,
    ) -> Answer<'_, Result<Account, VerifyError>> {
        self.people.verify(credentials, origin)
    }

    fn resolve(
        &self,
        local_part: String,
        domain: Option<String>,
    ) -> Answer<'_, Result<Vec<Destination>, ResolveError>> {
        Box::pin(async move {
            if local_part == "bert" {
                self.door.pass().await;
            }
            self.people.resolve(local_part, domain).await
        })
    }

    fn kept(&self, after: Option<MaildropId>) -> Answer<'_, Result<Vec<Kept>, Unavailable>> {
        self.people.kept(after)
    }

    fn spread(&self) -> Answer<'_, Result<Spread, Unavailable>> {
        self.people.spread()
    }

    fn still_valid(&self, account: &Account) -> bool {
        self.people.still_valid(account)
    }
}

async fn lmtp(house: &House) -> Peer<TcpStream> {
    let mut peer = house.greeted(Service::Lmtp).await;
    peer.send(b"LHLO relay.example.com\r\n").await;
    while !peer.line().await.starts_with("250 ") {}
    peer
}

// P-196: what was answered is out before the store is waited for
#[tokio::test]
async fn replies_are_out_before_a_message_is_made_durable() {
    let store = Arc::new(Waiting::default());
    let house = House::with(Plan { store: store.clone(), ..Plan::default() }).await;
    let mut peer = lmtp(&house).await;
    peer.send(
        b"MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nBDAT 6\r\nA: b\r\nBDAT 2 LAST\r\n\r\n",
    )
    .await;
    store.commit.is_reached().await;
    for _ in 0..3 {
        assert!(peer.line().await.starts_with("250 2."));
    }
    store.commit.open();
    assert_eq!(peer.line().await, "250 2.0.0 delivered");
}

// P-196: a message's replies do not wait for what is pipelined behind it
#[tokio::test]
async fn a_messages_replies_do_not_wait_for_the_next_message() {
    let directory = Arc::new(SlowForBert::default());
    let plan = Plan { directory: Some(directory.clone()), ..Plan::default() };
    let house = House::with(plan).await;
    let mut peer = lmtp(&house).await;
    peer.send(
        b"MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nBDAT 8 LAST\r\nA: b\r\n\r\n\
          MAIL FROM:<>\r\nRCPT TO:<bert@example.org>\r\n",
    )
    .await;
    directory.door.is_reached().await;
    for end in ["sender ok", "recipient ok", "delivered"] {
        assert!(peer.line().await.ends_with(end), "{end}");
    }
    directory.door.open();
    assert!(peer.line().await.ends_with("sender ok"));
    assert!(peer.line().await.ends_with("recipient ok"));
}

// P-193, P-217: earlier mail transactions take no recipient from the one under way
#[tokio::test]
async fn recipients_of_transactions_that_came_to_nothing_cost_the_next_one_nothing() {
    let intake = IntakeSettings { recipients_max: 2, ..IntakeSettings::default() };
    let house = House::with(Plan { intake, ..Plan::default() }).await;
    let mut peer = lmtp(&house).await;
    for pair in [["anna", "Anna"], ["ANNA", "aNNA"], ["bert", "both"]] {
        peer.expect("RSET", "250").await;
        peer.expect("MAIL FROM:<>", "250").await;
        for name in pair {
            peer.expect(&format!("RCPT TO:<{name}@example.org>"), "250").await;
        }
    }
    peer.expect("DATA", "354").await;
    peer.expect("A: b\r\n\r\n.", "250").await;
    assert!(peer.line().await.starts_with("250"));
}

// P-064 asks that QUIT counts though nobody hears its answer; but a message that never left
// here is not removed on its strength (the first promise)
#[tokio::test]
async fn what_could_not_be_sent_is_not_removed() {
    let store = Arc::new(Waiting::default());
    let house = House::with(Plan { store: store.clone(), ..Plan::default() }).await;
    store.commit.open();
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    let mut peer = house.anna().await;
    peer.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n").await;
    store.read.is_reached().await;
    peer.stream.set_zero_linger().unwrap();
    drop(peer);
    store.read.open();
    house.until_open(0).await;
    assert_eq!(house.held(ANNAS).await, 1);
}
