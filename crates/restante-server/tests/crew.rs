//! A maildrop that several credentials share, and how the time between their sessions passes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail_wire::{Credentials, Keeping, MaildropId, Views};
use restante_directory::{
    Account, Destination, Directory, Kept, Kind, Origin, Pending, ResolveError, Spread,
    Unavailable, VerifyError,
};
use restante_server::net::service::Service;
use tokio::net::TcpStream;

use crate::house::{ANNAS, House, Peer, Plan};

/// Anna's app passwords: what is typed, its number, what uses it.
const PASSWORDS: [(&str, i64, Kind); 5] = [
    ("main", 0, Kind::Device),
    ("laptop", 1, Kind::Device),
    ("phone", 2, Kind::Device),
    ("robot-1", 11, Kind::Worker),
    ("robot-2", 12, Kind::Worker),
];
/// Of those the active devices: nobody has used the main password for a while.
const ACTIVE: [i64; 2] = [1, 2];

/// Anna alone.
pub(crate) struct Crew {
    keeping: Mutex<Keeping>,
    batch: u32,
}

impl Crew {
    /// Hers, kept like this; a worker is given so many messages.
    pub(crate) fn new(keeping: Keeping, batch: u32) -> Arc<Self> {
        Arc::new(Self { keeping: Mutex::new(keeping), batch })
    }

    /// A house for them.
    pub(crate) async fn house(self: &Arc<Self>) -> House {
        self.house_with(Plan::default()).await
    }

    pub(crate) async fn house_with(self: &Arc<Self>, plan: Plan) -> House {
        House::with(Plan { directory: Some(Arc::clone(self) as _), ..plan }).await
    }

    fn account(&self, credential: i64, kind: Kind) -> Account {
        let keeping = *self.keeping.lock().unwrap();
        let mut active = ACTIVE.to_vec();
        active.retain(|other| *other != credential && keeping.views == Views::PerCredential);
        let batch = self.batch;
        Account { credential, kind, keeping, active, batch, ..Account::new(1, "anna", ANNAS) }
    }
}

impl Directory for Crew {
    fn verify(
        &self,
        credentials: Credentials,
        _: Origin,
    ) -> Pending<'_, Result<Account, VerifyError>> {
        let Credentials::Password { password, .. } = credentials else { panic!("a password") };
        let found = PASSWORDS.iter().find(|(typed, ..)| typed.as_bytes() == password.expose());
        let account = found
            .map(|(_, credential, kind)| self.account(*credential, *kind))
            .ok_or(VerifyError::Credentials { reason: "wrong password" });
        Box::pin(std::future::ready(account))
    }

    fn resolve(
        &self,
        _: String,
        _: Option<String>,
    ) -> Pending<'_, Result<Vec<Destination>, ResolveError>> {
        Box::pin(std::future::ready(Ok(vec![Destination::unlimited(ANNAS)])))
    }

    fn kept(&self, after: Option<MaildropId>) -> Pending<'_, Result<Vec<Kept>, Unavailable>> {
        let keeping = *self.keeping.lock().unwrap();
        let kept = after.is_none().then_some(Kept { maildrop: ANNAS, keeping });
        Box::pin(std::future::ready(Ok(kept.into_iter().collect())))
    }

    fn spread(&self) -> Pending<'_, Result<Spread, Unavailable>> {
        Box::pin(std::future::ready(Ok(Spread::default())))
    }

    fn still_valid(&self, _: &Account) -> bool {
        true
    }
}

/// Somebody who has logged in with this password.
pub(crate) async fn login(house: &House, password: &str) -> Peer<TcpStream> {
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect("USER anna", "+OK").await;
    peer.expect(&format!("PASS {password}"), "+OK").await;
    peer
}

/// The unique-ids that a session lists.
pub(crate) async fn uidls(peer: &mut Peer<TcpStream>) -> Vec<String> {
    peer.expect("UIDL", "+OK").await;
    let rows = peer.rows().await;
    rows.iter().map(|row| row.split_once(' ').unwrap().1.to_owned()).collect()
}

/// Reads one message.
pub(crate) async fn fetch(peer: &mut Peer<TcpStream>, number: usize) -> Vec<String> {
    peer.expect(&format!("RETR {number}"), "+OK").await;
    peer.rows().await
}

/// Ends a session by the book, and waits until the server is done with it.
pub(crate) async fn quit(house: &House, mut peer: Peer<TcpStream>) {
    peer.expect("QUIT", "+OK").await;
    peer.ends().await;
    let open = house.handle.sessions().len();
    drop(peer);
    house.until_open(open.saturating_sub(1)).await;
}

/// Breaks a session off, and waits until the server is done with it.
pub(crate) async fn break_off(house: &House, peer: Peer<TcpStream>) {
    let open = house.handle.sessions().len();
    peer.stream.set_zero_linger().unwrap();
    drop(peer);
    house.until_open(open.saturating_sub(1)).await;
}

/// Lets so much time pass, all at once.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
