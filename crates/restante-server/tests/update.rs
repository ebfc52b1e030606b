//! UPDATE: what is removed, when, and what never is.

use std::time::Duration;

use restante_server::guard::limits::Limits;
use restante_server::net::service::Service;
use restante_store::View;
use tokio::net::TcpStream;

use crate::house::{ANNAS, House, Peer, Plan, until};
use crate::scripted::{Scene, Scripted};

async fn with_three() -> House {
    let house = House::build().await;
    for number in 1..=3 {
        house.put(ANNAS, format!("Subject: {number}\r\n\r\n").as_bytes()).await;
    }
    house
}

/// Makes the close of this connection a reset.
fn reset(peer: Peer<TcpStream>) {
    peer.stream.set_zero_linger().unwrap();
    drop(peer);
}

// P-060, S12: a drop or a reset after DELE removes nothing; P-024: the lock is free
#[tokio::test]
async fn without_quit_nothing_is_removed() {
    let house = with_three().await;
    for is_reset in [false, true] {
        let mut peer = house.anna().await;
        peer.expect("DELE 1", "+OK").await;
        if is_reset {
            reset(peer);
        } else {
            drop(peer);
        }
        house.until_open(0).await;
    }
    let mut peer = house.anna().await;
    peer.expect("STAT", "+OK 3 ").await;
}

// P-060: nor in the middle of a message
#[tokio::test]
async fn cut_in_the_middle_of_retr_nothing_is_removed() {
    let house = with_three().await;
    house
        .put(
            ANNAS,
            &b"A: b\r\n\r\n"
                .iter()
                .copied()
                .chain(b"0123456789\r\n".repeat(2 << 20))
                .collect::<Vec<_>>(),
        )
        .await;
    let mut peer = house.anna().await;
    peer.send(b"DELE 1\r\nRETR 4\r\nQUIT\r\n").await;
    peer.line().await;
    peer.line().await;
    reset(peer);
    house.until_open(0).await;
    assert_eq!(house.held(ANNAS).await, 4);
}

// P-061: the marked ones go, the others keep their unique-ids
#[tokio::test]
async fn quit_removes_what_is_marked_and_nothing_else() {
    let house = with_three().await;
    let mut peer = house.anna().await;
    peer.expect("UIDL", "+OK").await;
    let before = peer.rows().await;
    peer.expect("DELE 2", "+OK").await;
    peer.expect("QUIT", "+OK").await;
    peer.ends().await;
    let mut peer = house.anna().await;
    peer.expect("UIDL", "+OK").await;
    let uidls = |rows: &[String]| -> Vec<String> {
        rows.iter().map(|row| row.split_once(' ').unwrap().1.to_owned()).collect()
    };
    let (before, after) = (uidls(&before), uidls(&peer.rows().await));
    assert_eq!(after, [before[0].clone(), before[2].clone()]);
    assert_eq!(house.number("restante_messages_removed_total"), 1);
}

// P-062, S15: -ERR [SYS/TEMP], the connection closes, the lock is free
#[tokio::test]
async fn a_failed_update_is_told() {
    let store = Scripted::with(vec![Scene::text("a", b"A: b\r\n\r\n")]);
    store.faults.lock().unwrap().commit = true;
    let house = House::with(Plan { store: store.clone(), ..Plan::default() }).await;
    let mut peer = house.anna().await;
    peer.expect("DELE 1", "+OK").await;
    peer.expect("QUIT", "-ERR [SYS/TEMP] ").await;
    peer.ends().await;
    assert_eq!(house.number("restante_updates_failed_total"), 1);
    house.anna().await.expect("STAT", "+OK 1 ").await;
}

// P-064: removed even if nobody is there any more to hear it
#[tokio::test]
async fn quit_counts_even_if_the_client_is_gone_before_the_answer() {
    for is_reset in [false, true] {
        let house = with_three().await;
        let mut peer = house.anna().await;
        peer.send(b"DELE 1\r\nQUIT\r\n").await;
        if is_reset {
            // A reset throws away what the server has not read: only what it has read counts.
            until(|| house.number("restante_messages_removed_total") == 1).await;
            reset(peer);
        } else {
            drop(peer);
        }
        house.until_open(0).await;
        assert_eq!(house.held(ANNAS).await, 2);
    }
}

// P-024, P-063: who has read +OK may log in again at once
#[tokio::test]
async fn the_lock_is_free_when_quit_is_answered() {
    let house = with_three().await;
    for _ in 0..20 {
        let mut peer = house.anna().await;
        peer.expect("QUIT", "+OK").await;
    }
}

// P-025, P-047: mail that arrives stays out of an open session, after RSET too
#[tokio::test]
async fn what_arrives_during_a_session_is_seen_by_the_next() {
    let house = with_three().await;
    let mut peer = house.anna().await;
    let stat = peer.ask("STAT").await;
    peer.expect("DELE 1", "+OK").await;
    house.put(ANNAS, b"Subject: new\r\n\r\n").await;
    peer.expect("RSET", "+OK").await;
    assert_eq!(peer.ask("STAT").await, stat);
    peer.expect("QUIT", "+OK").await;
    house.anna().await.expect("STAT", "+OK 4 ").await;
}

// C9, P-060: the server stops: idle sessions end at once, nothing is removed
#[tokio::test]
async fn a_drain_ends_idle_sessions_and_removes_nothing() {
    let house = with_three().await;
    let mut peer = house.anna().await;
    peer.expect("DELE 1", "+OK").await;
    let mut stranger = house.greeted(Service::Pop3).await;
    let mut lmtp = house.greeted(Service::Lmtp).await;
    let address = house.port(Service::Pop3);
    let store = house.store.clone();
    house.handle.drain();
    assert!(peer.line().await.starts_with("-ERR [SYS/TEMP] "));
    peer.ends().await;
    assert!(stranger.line().await.starts_with("-ERR [SYS/TEMP] "));
    assert!(lmtp.line().await.starts_with("421 4.3.2 "));
    house.stopped().await;
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(store.open(ANNAS, View::default()).await.unwrap().listing().len(), 3);
}

// C9: a message under way is brought to its end
#[tokio::test]
async fn a_drain_lets_a_retr_end() {
    let house = House::build().await;
    let text = b"A: b\r\n\r\n"
        .iter()
        .copied()
        .chain(b"0123456789\r\n".repeat(1 << 20))
        .collect::<Vec<_>>();
    house.put(ANNAS, &text).await;
    let mut peer = house.anna().await;
    peer.send(b"RETR 1\r\nDELE 1\r\n").await;
    assert_eq!(peer.line().await, format!("+OK {} octets", text.len()));
    house.handle.drain();
    assert_eq!(peer.rows().await.len(), (1 << 20) + 2);
    assert!(peer.line().await.starts_with("-ERR [SYS/TEMP] "));
    peer.ends().await;
    house.stopped().await;
}

// C9: but not for longer than the operator waits
#[tokio::test]
async fn a_drain_ends_for_good_when_its_time_is_over() {
    let house = House::with(Plan { drain: Duration::from_millis(200), ..Plan::default() }).await;
    let text = b"A: b\r\n\r\n"
        .iter()
        .copied()
        .chain(b"0123456789\r\n".repeat(1 << 20))
        .collect::<Vec<_>>();
    house.put(ANNAS, &text).await;
    let mut peer = house.anna().await;
    peer.send(b"RETR 1\r\n").await;
    peer.line().await;
    house.handle.drain();
    house.stopped().await;
    let rest = peer.rest().await;
    assert!(!rest.ends_with(b"\r\n.\r\n"));
}

// R4, P-020: a peer that reads nothing is cut after the write limit, without UPDATE
#[tokio::test]
async fn a_peer_that_stops_reading_is_cut() {
    let limits = Limits { write: Duration::from_millis(200), ..Limits::default() };
    let house = House::with(Plan { limits, ..Plan::default() }).await;
    let text = b"A: b\r\n\r\n"
        .iter()
        .copied()
        .chain(b"0123456789\r\n".repeat(1 << 20))
        .collect::<Vec<_>>();
    house.put(ANNAS, &text).await;
    let mut peer = house.anna().await;
    peer.send(b"DELE 1\r\nRSET\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n").await;
    house.until_open(0).await;
    assert_eq!(house.number("restante_sessions_write_timed_out_total{service=\"pop3\"}"), 1);
    assert_eq!(house.held(ANNAS).await, 1);
    assert!(!peer.rest().await.ends_with(b".\r\n"));
}
