//! The poison guard: messages at which session after session ends.

use restante_server::net::service::Service;
use tokio::net::TcpStream;

use crate::house::{House, Peer, Plan};
use crate::scripted::{Scene, Scripted};

const DEATHS: &str = "restante_sessions_died_at_messages_total";
const SUSPECTED: &str = "restante_messages_suspected_total";

/// A house whose store keeps no custody, with two messages.
async fn plain() -> House {
    let store = Scripted::with(vec![
        Scene::text("a", b"A: b\r\n\r\n"),
        Scene::text("b", b"A: b\r\n\r\nc\r\n"),
    ]);
    House::with(Plan { store, ..Plan::default() }).await
}

async fn fetch(peer: &mut Peer<TcpStream>, number: u32) {
    peer.expect(&format!("RETR {number}"), "+OK").await;
    peer.rows().await;
}

/// A session that fetches these and then hangs up.
async fn die_after(house: &House, numbers: &[u32]) {
    let mut peer = house.anna().await;
    for number in numbers {
        fetch(&mut peer, *number).await;
    }
    drop(peer);
    house.until_open(0).await;
}

// `product` §6: k times running, 5 by default; for devices it only reports
#[tokio::test]
async fn a_message_that_sessions_die_at_is_reported_and_stays() {
    let house = plain().await;
    for deaths in 1..=4 {
        die_after(&house, &[1, 2]).await;
        assert_eq!(house.number(DEATHS), deaths);
        assert_eq!(house.number(SUSPECTED), 0);
    }
    die_after(&house, &[1, 2]).await;
    assert_eq!(house.number(SUSPECTED), 1);
    house.anna().await.expect("STAT", "+OK 2 ").await;
}

// running: who comes past it, by QUIT or by the next message, ends the row
#[tokio::test]
async fn a_session_that_comes_past_ends_the_row() {
    let house = plain().await;
    for _ in 0..4 {
        die_after(&house, &[1]).await;
    }
    let mut peer = house.anna().await;
    fetch(&mut peer, 1).await;
    peer.expect("QUIT", "+OK").await;
    peer.ends().await;
    house.until_open(0).await;
    for _ in 0..4 {
        die_after(&house, &[1]).await;
    }
    die_after(&house, &[1, 2]).await;
    die_after(&house, &[1]).await;
    assert_eq!(house.number(DEATHS), 10);
    assert_eq!(house.number(SUSPECTED), 0);
}

// what the server ends is nobody's death, and a session that fetched nothing died at nothing
#[tokio::test]
async fn only_a_message_that_was_sent_is_suspected() {
    let house = plain().await;
    die_after(&house, &[]).await;
    drop(house.greeted(Service::Pop3).await);
    house.until_open(0).await;
    let mut peer = house.anna().await;
    fetch(&mut peer, 1).await;
    house.people.disable("anna");
    house.handle.account_changed(1);
    peer.expect("NOOP", "-ERR").await;
    peer.ends().await;
    house.until_open(0).await;
    assert_eq!(house.number(DEATHS), 0);
}

// in the middle of a message is at that message; TOP counts, too
#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_died_there() {
    let text: Vec<u8> =
        b"A: b\r\n\r\n".iter().copied().chain(b"0123456789\r\n".repeat(2 << 20)).collect();
    let store = Scripted::with(vec![Scene::text("a", b"A: b\r\n\r\n"), Scene::text("b", &text)]);
    let house = House::with(Plan { store, ..Plan::default() }).await;
    let mut peer = house.anna().await;
    fetch(&mut peer, 1).await;
    peer.expect("RETR 2", "+OK").await;
    peer.stream.set_zero_linger().unwrap();
    drop(peer);
    house.until_open(0).await;
    assert_eq!(house.number(DEATHS), 1);
    let mut peer = house.anna().await;
    peer.expect("TOP 1 0", "+OK").await;
    peer.rows().await;
    drop(peer);
    house.until_open(0).await;
    assert_eq!(house.number(DEATHS), 2);
}
