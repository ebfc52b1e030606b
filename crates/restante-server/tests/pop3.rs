//! POP3 sessions, from greeting to goodbye.

use restante_server::net::service::Service;

use crate::house::{ANNAS, House};

// The whole way, thinly: in by LMTP, out by POP3
#[tokio::test]
async fn a_message_goes_in_by_lmtp_and_out_by_pop3() {
    let house = House::build().await;
    let mut lmtp = house.greeted(Service::Lmtp).await;
    lmtp.send(b"LHLO relay.example.com\r\n").await;
    while !lmtp.line().await.starts_with("250 ") {}
    lmtp.expect("MAIL FROM:<bob@example.com>", "250").await;
    lmtp.expect("RCPT TO:<anna@example.org>", "250").await;
    lmtp.expect("DATA", "354").await;
    lmtp.expect("Subject: hello\r\n\r\n..stuffed\r\n.", "250").await;
    lmtp.expect("QUIT", "221").await;
    lmtp.ends().await;

    let mut pop3 = house.anna().await;
    let listed = pop3.ask("LIST 1").await;
    let octets: usize = listed.rsplit(' ').next().unwrap().parse().unwrap();
    pop3.expect("RETR 1", &format!("+OK {octets} octets")).await;
    let rows = pop3.rows().await;
    assert_eq!(rows[0], "Return-Path: <bob@example.com>");
    assert_eq!(rows[1], "Delivered-To: anna@example.org");
    assert!(rows[2].starts_with("Received: from relay.example.com ([127.0.0.1])"));
    assert_eq!(&rows[rows.len() - 3..], ["Subject: hello", "", "..stuffed"]);
    let unstuffed: usize =
        rows.iter().map(|row| row.strip_prefix('.').unwrap_or(row).len() + 2).sum();
    assert_eq!(unstuffed, octets);
    pop3.expect("DELE 1", "+OK").await;
    pop3.expect("QUIT", "+OK").await;
    pop3.ends().await;
    assert_eq!(house.held(ANNAS).await, 0);
}
