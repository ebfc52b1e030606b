//! Messages with raw UTF-8 in their header, and what stands in for it (RFC 6856, RFC 6858,
//! `rulings` 7).

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mail_wire::dot::Unstuffer;
use mail_wire::{
    Form, Listing, ListingBuilder, MaildropId, MessageId, MessageNumber, Octets, Uidl,
};
use pop3_proto::server::policy::Utf8Legacy;
use restante_server::net::service::Service;
use restante_server::session::settings::Pop3Settings;
use restante_store::{
    Body, Delivery, Incoming, Maildrop, Pending, Promises, Removed, Store, StoreError, Stored,
    Surrogate, Usage, View,
};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;

use crate::house::{House, Peer, Plan};

/// Keeps messages and their stand-ins, as `Store` says; one maildrop for all.
#[derive(Clone, Default)]
struct Keeper(Arc<Mutex<Vec<Kept>>>);

#[derive(Clone, Default)]
struct Kept {
    text: Bytes,
    utf8: bool,
    stand_in: Option<Bytes>,
}

impl Store for Keeper {
    fn promises(&self) -> Promises {
        Promises {
            durable: false,
            atomic_update: true,
            shared_with_others: false,
            custody: false,
            surrogates: true,
        }
    }

    fn open(
        &self,
        _: MaildropId,
        view: View,
    ) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>> {
        let mut listing = ListingBuilder::default();
        let mut texts = Vec::new();
        for (id, kept) in (1..).zip(self.0.lock().unwrap().iter()) {
            let shown = kept.stand_in.as_ref().filter(|_| !view.utf8);
            let utf8 = kept.utf8 && shown.is_none();
            let text = shown.unwrap_or(&kept.text).clone();
            let uidl = Uidl::new(format!("u{id}").as_bytes()).unwrap();
            listing.push(MessageId::new(id), Octets::new(text.len() as u64), &uidl, utf8).unwrap();
            texts.push(text);
        }
        let listing = Arc::new(listing.finish());
        Box::pin(async { Ok(Box::new(Open { listing, texts }) as Box<dyn Maildrop>) })
    }

    fn deliver(&self, incoming: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>> {
        let incoming = Coming { store: self.clone(), incoming, body: vec![], stand_in: None };
        Box::pin(async { Ok(Box::new(incoming) as Box<dyn Delivery>) })
    }

    fn usage(&self, _: MaildropId) -> Pending<'_, Result<Usage, StoreError>> {
        Box::pin(async { Ok(Usage::default()) })
    }

    fn remove(&self, _: MaildropId) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

struct Open {
    listing: Arc<Listing>,
    texts: Vec<Bytes>,
}

impl Maildrop for Open {
    fn listing(&self) -> &Arc<Listing> {
        &self.listing
    }

    fn refresh(&mut self) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async { Ok(0) })
    }

    fn arrival(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>> {
        let text = self.texts[number.index()].clone();
        Box::pin(async { Ok(Body::chunk(Form::Text, text)) })
    }

    fn commit<'a>(
        &'a mut self,
        deletions: &'a [MessageNumber],
    ) -> Pending<'a, Result<Removed, StoreError>> {
        Box::pin(async { Ok(Removed { messages: deletions.len(), octets: Octets::ZERO }) })
    }
}

struct Coming {
    store: Keeper,
    incoming: Incoming,
    body: Vec<u8>,
    stand_in: Option<Surrogate>,
}

impl Delivery for Coming {
    fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        self.body.extend_from_slice(octets);
        Ok(())
    }

    fn surrogate(&mut self, surrogate: Surrogate) -> Result<(), StoreError> {
        assert!(self.stand_in.replace(surrogate).is_none(), "once");
        Ok(())
    }

    fn commit(self: Box<Self>) -> Pending<'static, Vec<Result<Stored, StoreError>>> {
        let Self { store, incoming, body, stand_in } = *self;
        let mut text = body.clone();
        if incoming.form == Form::Wire {
            text.clear();
            Unstuffer::default().unstuff(&mut &body[..], &mut text);
        }
        let body_at = text.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let outcomes = incoming.recipients.iter().enumerate().map(|(at, recipient)| {
            let stand_in = stand_in.as_ref().map(|stand_in| {
                assert_eq!(stand_in.prefixes.len(), incoming.recipients.len());
                [&stand_in.prefixes[at], &stand_in.header, &text[body_at..]].concat().into()
            });
            let text = Bytes::from([&recipient.prefix[..], &text].concat());
            let octets = Octets::new(text.len() as u64);
            store.0.lock().unwrap().push(Kept { text, utf8: incoming.utf8, stand_in });
            Ok(Stored { id: MessageId::new(1), uidl: Uidl::new(b"u").unwrap(), octets })
        });
        let outcomes = outcomes.collect();
        Box::pin(async { outcomes })
    }
}

async fn house(utf8_legacy: Utf8Legacy) -> (House, Keeper) {
    let keeper = Keeper::default();
    let pop3 = Pop3Settings { utf8_legacy, ..Pop3Settings::default() };
    let store = Arc::new(keeper.clone());
    (House::with(Plan { store, pop3, ..Plan::default() }).await, keeper)
}

const HEADER: &str = "From: Jörg <jörg@exämple.com>\r\nTo: anna@example.org\r\nSubject: Grüße\r\n\
                      Message-ID: <1@example.com>\r\nX-Note: ü\r\n";
const BODY: &str = ".dot\r\nGrüße, 8 bit\r\n";

async fn deliver(house: &House, said: &str, parameters: &str, header: &str) {
    let mut peer = house.greeted(Service::Lmtp).await;
    peer.send(format!("LHLO {said}\r\n").as_bytes()).await;
    while !peer.line().await.starts_with("250 ") {}
    peer.expect(&format!("MAIL FROM:<jörg@exämple.com>{parameters}"), "250").await;
    peer.expect("RCPT TO:<anna@example.org>", "250").await;
    peer.expect("DATA", "354").await;
    peer.expect(&format!("{header}\r\n.{BODY}."), "250").await;
}

async fn logged_in(house: &House, utf8: bool) -> Peer<TcpStream> {
    let mut peer = house.greeted(Service::Pop3).await;
    if utf8 {
        peer.expect("UTF8", "+OK").await;
    }
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
    peer
}

/// The message, unstuffed; its size is what LIST says of it, and its digest is its own.
async fn retrieved(peer: &mut Peer<TcpStream>) -> String {
    let listed = peer.ask("LIST 1").await;
    peer.expect("RETR 1", "+OK").await;
    let rows = peer.rows().await;
    let text: String =
        rows.iter().map(|row| row.strip_prefix('.').unwrap_or(row).to_owned() + "\r\n").collect();
    assert_eq!(listed, format!("+OK 1 {}", text.len()));
    assert_eq!(peer.ask("XDIGEST 1").await, format!("+OK 1 {:x}", Sha256::digest(&text)));
    text
}

// P-140, P-142, P-143, P-144: without UTF8 the stand-in, with it the message; one unique-id
#[tokio::test]
async fn each_client_is_shown_what_it_can_read() {
    let (house, _) = house(Utf8Legacy::Downgrade).await;
    deliver(&house, "relay.example.com", " SMTPUTF8", HEADER).await;
    let mut legacy = logged_in(&house, false).await;
    let text = retrieved(&mut legacy).await;
    let (header, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(header.is_ascii(), "{header}");
    assert_eq!(body, BODY, "P-141: an 8-bit body goes out as it is");
    for line in [
        "Return-Path: <invalid@internationalized-address.invalid>",
        "Delivered-To: anna@example.org",
        "Received: from relay.example.com ([127.0.0.1])",
        "\tfor <anna@example.org>;",
        " <invalid@internationalized-address.invalid>",
        "To: anna@example.org",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        "Message-ID: <1@example.com>",
    ] {
        assert!(header.split("\r\n").any(|row| row == line), "{line} in {header}");
    }
    assert!(!header.contains("X-Note"), "{header}");
    let uidl = legacy.ask("UIDL 1").await;
    // RFC 6858 §4: TOP counts the lines of the stand-in
    legacy.expect("TOP 1 1", "+OK").await;
    assert_eq!(legacy.rows().await.concat(), (header.to_owned() + "..dot").replace("\r\n", ""));
    // What is said after login changes nothing that was listed (P-043).
    legacy.expect("UTF8", "+OK").await;
    assert_eq!(retrieved(&mut legacy).await, text);
    legacy.expect("QUIT", "+OK").await;

    let mut modern = logged_in(&house, true).await;
    let raw = retrieved(&mut modern).await;
    assert!(raw.ends_with(&format!("{HEADER}\r\n{BODY}")), "{raw}");
    assert!(raw.starts_with("Return-Path: <jörg@exämple.com>\r\n"), "{raw}");
    assert_eq!(modern.ask("UIDL 1").await, uidl);
}

// `utf8_legacy`: the other two ways stay what they were, though a stand-in is kept
#[tokio::test]
async fn a_site_may_refuse_or_show_it_raw() {
    for (legacy, answer) in [(Utf8Legacy::Refuse, "-ERR [UTF8] "), (Utf8Legacy::Raw, "+OK ")] {
        let (house, keeper) = house(legacy).await;
        deliver(&house, "relay.example.com", " SMTPUTF8", HEADER).await;
        assert!(keeper.0.lock().unwrap()[0].stand_in.is_some());
        let mut peer = logged_in(&house, false).await;
        assert!(peer.ask("RETR 1").await.starts_with(answer));
    }
}

// P-141: what holds no raw UTF-8, or did not say so, needs no stand-in
#[tokio::test]
async fn only_declared_utf8_has_a_stand_in() {
    let (house, keeper) = house(Utf8Legacy::Downgrade).await;
    let mut peer = house.greeted(Service::Lmtp).await;
    peer.send(b"LHLO relay.example.com\r\n").await;
    while !peer.line().await.starts_with("250 ") {}
    for (parameters, header) in [("", HEADER), (" SMTPUTF8", "Subject: plain\r\n")] {
        peer.expect(&format!("MAIL FROM:<bob@example.com>{parameters}"), "250").await;
        peer.expect("RCPT TO:<anna@example.org>", "250").await;
        peer.expect("DATA", "354").await;
        peer.expect(&format!("{header}\r\nbody\r\n."), "250").await;
    }
    assert!(keeper.0.lock().unwrap().iter().all(|kept| kept.stand_in.is_none() && !kept.utf8));
}

// P-203: our own lines stay where they can; the peer's name is left out where it cannot be shown
#[tokio::test]
async fn our_own_lines_are_ascii_in_a_stand_in() {
    let (house, keeper) = house(Utf8Legacy::Downgrade).await;
    deliver(&house, "relay.example.com", " SMTPUTF8", "Subject: plain\r\n").await;
    let kept = keeper.0.lock().unwrap()[0].clone();
    let stand_in = String::from_utf8(kept.stand_in.unwrap().to_vec()).unwrap();
    let (header, _) = stand_in.split_once("\r\n\r\n").unwrap();
    assert!(kept.utf8 && header.is_ascii());
    assert_eq!(header.matches("Received: ").count(), 1, "{header}");
}
