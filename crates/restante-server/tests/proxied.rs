//! Listeners behind a proxy: the PROXY header, and whom everything knows after it.

use restante_server::guard::limits::Limits;
use restante_server::net::service::Service;
use tokio::net::TcpStream;

use crate::house::{ANNAS, House, Peer, Plan, until};
use crate::tls::Client;

const LINE: &[u8] = b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 110\r\n";

fn behind(proxy: &str) -> Plan {
    Plan { proxies: vec![proxy.parse().unwrap()], ..Plan::default() }
}

/// A header of version 2 that names 203.0.113.9, with TLS that ends at the proxy if so wanted.
fn binary(tls: bool) -> Vec<u8> {
    let mut body = vec![203, 0, 113, 9, 192, 0, 2, 1, 0xDC, 4, 0, 110];
    if tls {
        body.extend_from_slice(&[0x20, 0, 5, 1, 0, 0, 0, 0]);
    }
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0".to_vec();
    header.push(u8::try_from(body.len()).unwrap());
    header.extend_from_slice(&body);
    header
}

async fn called(house: &House, service: Service, header: &[u8]) -> Peer<TcpStream> {
    let mut peer = house.connect(service).await;
    peer.send(header).await;
    peer
}

// P-230: no header, a wrong one, a source that is none of the proxies: closed, nothing said
#[tokio::test]
async fn who_brings_no_header_is_told_nothing() {
    let house = House::with(behind("127.0.0.1/32")).await;
    for wrong in [
        &b"USER anna\r\nPASS geheim\r\n"[..],
        b"PROXY TCP4 x y 1 2\r\n",
        b"\x16\x03\x01\0\0\0\0\0\0\0\0\0",
    ] {
        let mut peer = called(&house, Service::Pop3, wrong).await;
        assert_eq!(peer.rest().await, b"");
    }
    assert_eq!(house.number("restante_proxy_headers_refused_total"), 3);
    let elsewhere = House::with(behind("192.0.2.0/24")).await;
    let mut peer = called(&elsewhere, Service::Pop3, LINE).await;
    assert_eq!(peer.rest().await, b"");
    assert!(elsewhere.handle.sessions().is_empty());
}

// P-230: the greeting comes after the header, P-234: what follows it in the same segment is kept
#[tokio::test]
async fn the_greeting_waits_for_the_header_and_commands_do_not_get_lost() {
    let house = House::with(behind("127.0.0.0/8")).await;
    for header in [LINE.to_vec(), binary(false)] {
        let (first, second) = header.split_at(9);
        let mut peer = called(&house, Service::Pop3, first).await;
        until(|| house.handle.sessions().is_empty()).await;
        peer.send(&[second, b"CAPA\r\nQUIT\r\n"].concat()).await;
        assert!(peer.line().await.starts_with("+OK "));
        assert!(peer.line().await.starts_with("+OK "));
        peer.rows().await;
        assert!(peer.line().await.starts_with("+OK "));
    }
}

// P-235: limits, sessions and Received know the caller, not the proxy
#[tokio::test]
async fn everything_knows_the_caller() {
    let limits = Limits {
        connections_max: Some(1_000),
        unauthenticated_per_address_max: 2,
        ..Limits::default()
    };
    let house = House::with(Plan { limits, ..behind("127.0.0.1/32") }).await;
    let mut first = called(&house, Service::Pop3, LINE).await;
    let mut second = called(&house, Service::Pop3, &binary(false)).await;
    assert!(first.line().await.starts_with("+OK ") && second.line().await.starts_with("+OK "));
    let peers: Vec<String> =
        house.handle.sessions().iter().map(|session| session.peer.to_string()).collect();
    assert_eq!(peers, ["203.0.113.9", "203.0.113.9"]);
    let mut third = called(&house, Service::Pop3, LINE).await;
    assert!(third.line().await.starts_with("-ERR [SYS/TEMP] "));
    third.ends().await;
    let other = b"PROXY TCP4 203.0.113.10 192.0.2.1 56324 110\r\n";
    assert!(called(&house, Service::Pop3, other).await.line().await.starts_with("+OK "));
    // The place is free again when its connection has gone.
    drop(first);
    until(|| house.handle.sessions().len() < 2).await;
    assert!(called(&house, Service::Pop3, LINE).await.line().await.starts_with("+OK "));
    let mut mail = called(&house, Service::Smtp, LINE).await;
    assert!(mail.line().await.starts_with("220 "));
    for (line, answer) in [
        ("HELO x", "250"),
        ("MAIL FROM:<a@example.com>", "250"),
        ("RCPT TO:<anna@example.org>", "250"),
        ("DATA", "354"),
        ("A: b\r\n\r\n.", "250"),
    ] {
        mail.expect(line, answer).await;
    }
    let mut anna = called(&house, Service::Pop3, b"PROXY TCP4 127.0.0.1 127.0.0.1 5 110\r\n").await;
    anna.line().await;
    anna.expect("USER anna", "+OK").await;
    anna.expect("PASS geheim", "+OK").await;
    anna.expect("RETR 1", "+OK").await;
    let rows = anna.rows().await.join("\n");
    assert!(rows.contains("203.0.113.9") && !rows.contains("127.0.0.1"), "{rows}");
    assert_eq!(house.held(ANNAS).await, 1);
}

// P-232: LOCAL and UNKNOWN: the proxy itself calls, as its checks of our health do
#[tokio::test]
async fn a_proxys_own_connection_counts_as_its_own() {
    let house = House::with(behind("127.0.0.1/32")).await;
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let mut peer = called(&house, Service::Pop3, header).await;
        assert!(peer.line().await.starts_with("+OK "));
        let peers = house.handle.sessions();
        assert_eq!(peers.last().unwrap().peer.to_string(), "127.0.0.1");
        peer.expect("QUIT", "+OK").await;
        peer.ends().await;
        drop(peer);
        until(|| house.handle.sessions().is_empty()).await;
    }
}

// rulings 1: no password over a network without TLS; P-233: TLS that ends at a proxy on this
// machine is TLS all the way
#[tokio::test]
async fn a_password_needs_tls_as_far_as_the_proxy() {
    let house = House::with(behind("127.0.0.1/32")).await;
    let mut clear = called(&house, Service::Pop3, &binary(false)).await;
    clear.line().await;
    clear.expect("USER anna", "-ERR [AUTH]").await;
    let mut private = called(&house, Service::Pop3, &binary(true)).await;
    private.line().await;
    private.expect("USER anna", "+OK").await;
    private.expect("PASS geheim", "+OK").await;
}

// The header comes in the clear, and TLS after it.
#[tokio::test]
async fn tls_begins_behind_the_header() {
    let house = House::with(behind("127.0.0.1/32")).await;
    let stream = called(&house, Service::Pop3s, LINE).await.stream;
    let mut peer = Client::of(&house).connect(stream).await.unwrap();
    assert!(peer.line().await.starts_with("+OK "));
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
}
