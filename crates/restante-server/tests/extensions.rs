//! XCOMMIT, XREFRESH, XDIGEST and XWAIT over sockets (`rulings` 20, `product` §7).

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use pop3_proto::extension::Extensions;
use restante_server::guard::presence::Sessions;
use restante_server::net::service::Service;
use restante_server::session::settings::Pop3Settings;

use crate::house::{ANNAS, House, Peer, Plan, until};
use crate::scripted::{Scene, Script, Scripted};

async fn with_three() -> House {
    let house = House::build().await;
    for number in 1..=3 {
        house.put(ANNAS, format!("Subject: {number}\r\n\r\n.dot\r\n").as_bytes()).await;
    }
    house
}

async fn deliver(house: &House, text: &str) {
    let mut peer = house.greeted(Service::Lmtp).await;
    peer.send(b"LHLO relay.example.com\r\n").await;
    while !peer.line().await.starts_with("250 ") {}
    peer.expect("MAIL FROM:<bob@example.com>", "250").await;
    peer.expect("RCPT TO:<anna@example.org>", "250").await;
    peer.expect("DATA", "354").await;
    peer.expect(&format!("{text}\r\n."), "250").await;
}

/// What RETR sends, unstuffed, without the dot.
async fn retrieved(peer: &mut Peer<TcpStream>, number: usize) -> Vec<u8> {
    peer.expect(&format!("RETR {number}"), "+OK").await;
    let rows = peer.rows().await;
    rows.iter()
        .flat_map(|row| {
            let row = row.strip_prefix('.').unwrap_or(row);
            format!("{row}\r\n").into_bytes()
        })
        .collect()
}

fn hex(octets: &[u8]) -> String {
    format!("{:x}", Sha256::digest(octets))
}

// `rulings` 20, P-063: durable when it is answered: another login sees it gone while this one
// goes on
#[tokio::test]
async fn what_xcommit_removed_is_gone_for_another_login() {
    let plan = Plan { sessions: Sessions::Snapshot, ..Plan::default() };
    let house = House::with(plan).await;
    for number in 1..=3 {
        house.put(ANNAS, format!("Subject: {number}\r\n\r\n").as_bytes()).await;
    }
    let mut peer = house.anna().await;
    peer.expect("DELE 2", "+OK").await;
    assert_eq!(peer.ask("XCOMMIT").await, "+OK 1 removed");
    house.anna().await.expect("STAT", "+OK 2 ").await;
    assert_eq!(house.number("restante_messages_removed_total"), 1);
    peer.expect("RETR 2", "-ERR message 2 is gone").await;
    peer.expect("LIST", "+OK 2 messages").await;
    assert_eq!(peer.rows().await.len(), 2);
    // A drop after it brings nothing back, and removes nothing that was marked since (P-060).
    peer.expect("DELE 1", "+OK").await;
    drop(peer);
    house.until_open(1).await;
    assert_eq!(house.held(ANNAS).await, 2);
}

// `rulings` 20: QUIT removes what was marked since; the count of what is left is right
#[tokio::test]
async fn quit_after_xcommit_removes_the_rest() {
    let house = with_three().await;
    let mut peer = house.anna().await;
    peer.send(b"DELE 1\r\nXCOMMIT\r\nDELE 3\r\nQUIT\r\n").await;
    for answer in [
        "+OK message 1 deleted",
        "+OK 1 removed",
        "+OK message 3 deleted",
        "+OK signing off (1 message left)",
    ] {
        assert_eq!(peer.line().await, answer);
    }
    peer.ends().await;
    assert_eq!(house.held(ANNAS).await, 1);
    assert_eq!(house.number("restante_messages_removed_total"), 2);
}

// P-062: nothing is lost, the session goes on with its marks
#[tokio::test]
async fn a_failed_xcommit_is_told_and_can_be_tried_again() {
    let store = Scripted::with(vec![Scene::text("a", b"A: b\r\n\r\n")]);
    store.faults.lock().unwrap().commit = true;
    let house = House::with(Plan { store: store.clone(), ..Plan::default() }).await;
    let mut peer = house.anna().await;
    peer.expect("DELE 1", "+OK").await;
    peer.expect("XCOMMIT", "-ERR [SYS/TEMP] ").await;
    peer.expect("STAT", "+OK 0 0").await;
    peer.expect("RSET", "+OK 1 message").await;
    peer.expect("RETR 1", "+OK").await;
    peer.rows().await;
    assert_eq!(house.number("restante_updates_failed_total"), 1);
    peer.expect("QUIT", "+OK").await;
    assert!(store.removed.lock().unwrap().is_empty());
}

// `rulings` 20, P-025: what arrived is listed when it is asked for, at the end, numbers stay
#[tokio::test]
async fn xrefresh_lists_what_was_delivered_meanwhile() {
    let house = with_three().await;
    let mut peer = house.anna().await;
    peer.expect("UIDL", "+OK").await;
    let before = peer.rows().await;
    let stat = peer.ask("STAT").await;
    peer.expect("DELE 1", "+OK").await;
    deliver(&house, "Subject: new\r\n\r\nnew").await;
    peer.expect("STAT", "+OK 2 ").await;
    peer.expect("XREFRESH", "+OK 3 ").await;
    peer.expect("RSET", "+OK 4 messages").await;
    peer.expect("UIDL", "+OK").await;
    let after = peer.rows().await;
    assert_eq!(after[..3], before);
    assert!(after[3].starts_with("4 "));
    let text = String::from_utf8(retrieved(&mut peer, 4).await).unwrap();
    assert!(text.ends_with("\r\nSubject: new\r\n\r\nnew\r\n"), "{text}");
    let octets: u64 = peer.ask("LIST 4").await.split(' ').next_back().unwrap().parse().unwrap();
    assert_eq!(octets, text.len() as u64);
    assert!(stat.starts_with("+OK 3 "));
}

// P-056, P-082
#[tokio::test]
async fn a_failed_xrefresh_changes_nothing() {
    let store = Scripted::with(vec![Scene::text("a", b"A: b\r\n\r\n")]);
    store.faults.lock().unwrap().refresh = true;
    let house = House::with(Plan { store: store.clone(), ..Plan::default() }).await;
    let mut peer = house.anna().await;
    store.arrives(Scene::text("b", b"A: b\r\n\r\n"));
    peer.expect("XREFRESH", "-ERR [SYS/TEMP] service unavailable").await;
    assert_eq!(peer.ask("STAT").await, "+OK 1 8");
}

// `rulings` 20, `product` §7: the digest is that of what RETR sends
#[tokio::test]
async fn a_digest_is_that_of_what_retr_sends() {
    let scene = |uidl: &str, body, octets| Scene { octets, body, ..Scene::text(uidl, b"") };
    let store = Scripted::with(vec![
        Scene::text("text", b"A: b\r\n\r\n.\r\n..dots\r\n"),
        scene("wire", Script::Wire((&b"A: b\r\n\r\n..\r\n"[..]).into()), 11),
        // RETR completes its last line.
        scene("incomplete", Script::Text((&b"A: b\r\n\r\nx"[..]).into()), 11),
        Scene::text("large", &b"0123456789\r\n".repeat(50_000)),
    ]);
    let house = House::with(Plan { store, ..Plan::default() }).await;
    let mut peer = house.anna().await;
    let mut expected = Vec::new();
    for number in 1..=4 {
        let digest = hex(&retrieved(&mut peer, number).await);
        assert_eq!(peer.ask(&format!("XDIGEST {number}")).await, format!("+OK {number} {digest}"));
        expected.push(format!("{number} {digest}"));
    }
    peer.expect("DELE 3", "+OK").await;
    expected.remove(2);
    peer.expect("XDIGEST", "+OK").await;
    assert_eq!(peer.rows().await, expected);
    assert_eq!(house.number("restante_messages_digested_total"), 7);
}

// `product` §9, P-057: never a false digest, never a list that only looks whole
#[tokio::test]
async fn what_cannot_be_read_to_its_end_has_no_digest() {
    let whole = Scene::text("a", b"A: b\r\n\r\n");
    let broken = Scene { body: Script::Broken((&b"A: b\r\n"[..]).into()), ..whole.clone() };
    let other = Scene { octets: 9, ..whole.clone() };
    for wrong in [broken, other] {
        let store = Scripted::with(vec![whole.clone(), wrong]);
        let house = House::with(Plan { store, ..Plan::default() }).await;
        let mut peer = house.anna().await;
        peer.expect("XDIGEST 2", "-ERR [SYS/").await;
        peer.send(b"XDIGEST\r\n").await;
        let rest = String::from_utf8(peer.rest().await).unwrap();
        assert!(!rest.contains("\r\n2 ") && !rest.contains("\r\n.\r\n"), "{rest}");
        house.until_open(0).await;
        assert_eq!(house.held(ANNAS).await, 2);
    }
}

// `rulings` 20: a delivery wakes who waits; `product` §7: the poller's long poll
#[tokio::test]
async fn a_delivery_wakes_xwait() {
    let house = with_three().await;
    let mut peer = house.anna().await;
    peer.send(b"XWAIT 1740\r\n").await;
    until(|| house.handle.sessions().iter().any(|one| one.doing == "waiting for new mail")).await;
    deliver(&house, "Subject: new\r\n\r\nnew").await;
    assert_eq!(peer.line().await, "+OK new");
    peer.expect("XREFRESH", "+OK 4 ").await;
    // What has been listed is not new any more: the clock ends this one.
    assert_eq!(peer.ask("XWAIT 1").await, "+OK none");
    // P-023, rulings 3: what arrived before the wait is seen at once, even with more behind it
    deliver(&house, "Subject: new\r\n\r\nnew").await;
    peer.send(b"XWAIT 1740\r\nSTAT\r\n").await;
    assert_eq!(peer.line().await, "+OK new");
    assert!(peer.line().await.starts_with("+OK 4 "));
    // Any input ends it, and is answered then.
    peer.expect("XREFRESH", "+OK 5 ").await;
    peer.send(b"XWAIT 1740\r\n").await;
    until(|| house.handle.sessions().iter().any(|one| one.doing == "waiting for new mail")).await;
    peer.send(b"STAT\r\n").await;
    assert_eq!(peer.line().await, "+OK none");
    assert!(peer.line().await.starts_with("+OK 5 "));
}

async fn waiting(house: &House) -> Peer<TcpStream> {
    let mut peer = house.anna().await;
    peer.expect("DELE 1", "+OK").await;
    peer.send(b"XWAIT 1740\r\n").await;
    until(|| house.handle.sessions().iter().any(|one| one.doing == "waiting for new mail")).await;
    peer
}

// S17, S19: the wait ends with the account's stay, at once and with a line
#[tokio::test]
async fn a_changed_account_ends_xwait() {
    let house = with_three().await;
    let mut peer = waiting(&house).await;
    // A change of somebody else's account wakes nobody for good.
    house.handle.account_changed(2);
    house.people.change_password("anna");
    house.handle.account_changed(1);
    assert!(peer.line().await.starts_with("-ERR the account was changed"));
    peer.ends().await;
    assert_eq!(house.held(ANNAS).await, 3);
}

// C9, P-060: so does the server's stop
#[tokio::test]
async fn a_drain_ends_xwait() {
    let house = with_three().await;
    let mut peer = waiting(&house).await;
    house.handle.drain();
    assert!(
        peer.line().await.starts_with("-ERR [SYS/TEMP] service unavailable: the server is stop")
    );
    peer.ends().await;
    assert_eq!(house.held(ANNAS).await, 3);
    house.stopped().await;
}

// P-024: a client that goes while it waits leaves the maildrop free, and nothing removed
#[tokio::test]
async fn who_goes_while_waiting_leaves_the_maildrop_free() {
    let house = with_three().await;
    let mut peer = waiting(&house).await;
    peer.stream.shutdown().await.unwrap();
    peer.ends().await;
    house.until_open(0).await;
    house.anna().await.expect("STAT", "+OK 3 ").await;
}

// P-022: what waits holds its maildrop as any session does
#[tokio::test]
async fn a_waiting_session_holds_its_maildrop() {
    let house = with_three().await;
    let _peer = waiting(&house).await;
    let mut second = house.greeted(Service::Pop3).await;
    second.expect("USER anna", "+OK").await;
    second.expect("PASS geheim", "-ERR [IN-USE]").await;
}

// `product` §7: announced only when on
#[tokio::test]
async fn what_is_off_is_unknown() {
    let pop3 = Pop3Settings { extensions: Extensions::default(), ..Pop3Settings::default() };
    let house = House::with(Plan { pop3, ..Plan::default() }).await;
    let mut peer = house.anna().await;
    peer.expect("CAPA", "+OK").await;
    assert!(peer.rows().await.iter().all(|row| !row.starts_with('X')));
    for line in ["XCOMMIT", "XREFRESH", "XDIGEST", "XWAIT 5"] {
        assert_eq!(peer.ask(line).await, "-ERR unknown command");
    }
}
