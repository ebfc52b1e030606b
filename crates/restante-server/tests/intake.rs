//! Mail on its way in: LMTP and SMTP.

use std::sync::Arc;

use restante_server::net::service::Service;
use restante_server::session::settings::{BareLineEnds, IntakeSettings};
use restante_store::View;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use crate::house::{ANNAS, BERTS, House, Peer, Plan};
use crate::scripted::Scripted;

async fn hello<S: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<S>, verb: &str) {
    peer.send(format!("{verb} relay.example.com\r\n").as_bytes()).await;
    while !peer.line().await.starts_with("250 ") {}
}

/// Sends a message by LMTP, and answers what was said to each recipient.
async fn deliver(house: &House, recipients: &[&str], message: &[u8]) -> Vec<String> {
    let mut peer = house.greeted(Service::Lmtp).await;
    hello(&mut peer, "LHLO").await;
    peer.expect("MAIL FROM:<bob@example.com>", "250").await;
    for recipient in recipients {
        peer.expect(&format!("RCPT TO:<{recipient}>"), "250").await;
    }
    peer.expect("DATA", "354").await;
    peer.send(message).await;
    peer.send(b"\r\n.\r\n").await;
    let mut replies = Vec::new();
    for _ in recipients {
        replies.push(peer.line().await);
    }
    peer.expect("QUIT", "221").await;
    peer.ends().await;
    replies
}

/// What Anna is sent when she asks for her only message.
async fn annas_message(house: &House) -> Vec<String> {
    let mut anna = house.anna().await;
    anna.expect("RETR 1", "+OK").await;
    anna.rows().await
}

// P-193, P-203: one reply a recipient, duplicates too, and one copy a maildrop; no `for` with
// several
#[tokio::test]
async fn each_recipient_has_a_reply_and_each_maildrop_a_copy() {
    let house = House::build().await;
    let to = ["anna@example.org", "bert@example.org", "anna@example.org"];
    let replies = deliver(&house, &to, b"A: b\r\n").await;
    assert!(replies.iter().all(|reply| reply.starts_with("250 2.")), "{replies:?}");
    assert_eq!((house.held(ANNAS).await, house.held(BERTS).await), (1, 1));
    assert!(!annas_message(&house).await.iter().any(|row| row.contains("for <")));
    assert_eq!(house.number("restante_messages_accepted_total{service=\"lmtp\"}"), 2);
}

// No message is doubled: an alias beside one whom it leads to
#[tokio::test]
async fn an_alias_beside_its_target_gives_one_copy() {
    let house = House::build().await;
    let replies = deliver(&house, &["bert@example.org", "both@example.org"], b"A: b\r\n").await;
    assert!(replies.iter().all(|reply| reply.starts_with("250 2.")), "{replies:?}");
    assert_eq!((house.held(ANNAS).await, house.held(BERTS).await), (1, 1));
}

// An alias that leads to two accounts: one reply, two copies
#[tokio::test]
async fn an_alias_leads_to_several_maildrops() {
    let house = House::build().await;
    assert_eq!(deliver(&house, &["both@example.org"], b"A: b\r\n").await.len(), 1);
    assert_eq!((house.held(ANNAS).await, house.held(BERTS).await), (1, 1));
}

// P-192, P-214, D2, D3, P-198
#[tokio::test]
async fn recipients_are_judged_at_rcpt() {
    let house = House::build().await;
    let mut peer = house.greeted(Service::Smtp).await;
    hello(&mut peer, "EHLO").await;
    peer.expect("MAIL FROM:<>", "250").await;
    peer.expect("RCPT TO:<nobody@example.org>", "550 5.1.1").await;
    peer.expect("RCPT TO:<anna@elsewhere.example>", "550 5.7.1").await;
    peer.expect("DATA", "503").await;
    house.people.disable("anna");
    peer.expect("RCPT TO:<anna@example.org>", "450 4.2.1").await;
    house.people.break_down(true);
    peer.expect("RCPT TO:<bert@example.org>", "451 4.3.0").await;
    house.people.break_down(false);
    peer.expect("RCPT TO:<bert@example.org>", "250").await;
    assert_eq!(house.number("restante_recipients_refused_total{service=\"smtp\"}"), 4);
}

// RFC 5321 §4.1.1.4: one reply for the message, whatever the number of recipients
#[tokio::test]
async fn smtp_has_one_reply_a_message() {
    let house = House::build().await;
    let mut peer = house.greeted(Service::Smtp).await;
    hello(&mut peer, "EHLO").await;
    peer.send(
        b"MAIL FROM:<bob@example.com>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<Postmaster>\r\n\
          RCPT TO:<bert@example.org>\r\nDATA\r\n",
    )
    .await;
    for code in ["250", "250", "250", "250", "354"] {
        assert!(peer.line().await.starts_with(code));
    }
    peer.expect("A: b\r\n\r\n.", "250").await;
    peer.expect("NOOP", "250").await;
    assert_eq!((house.held(ANNAS).await, house.held(BERTS).await), (1, 1));
    assert!(annas_message(&house).await.iter().any(|row| row.contains(" with ESMTP id ")));
}

// P-157, P-204, P-154, P-051: the few changes there are
#[tokio::test]
async fn the_filter_makes_its_changes() {
    let house = House::build().await;
    let message = b"Return-Path: <old@example.com>\r\nSubject: x\r\nReceived: from y\r\nZ: \0";
    deliver(&house, &["anna@example.org"], message).await;
    let mut anna = house.anna().await;
    let octets: usize = anna.ask("LIST 1").await.rsplit(' ').next().unwrap().parse().unwrap();
    anna.send(b"RETR 1\r\nQUIT\r\n").await;
    let raw = anna.rest().await;
    let start = raw.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
    let message = &raw[start..start + octets];
    assert!(message.starts_with(
        b"Return-Path: <bob@example.com>\r\nDelivered-To: anna@example.org\r\nReceived: "
    ));
    assert!(message.ends_with(b"Subject: x\r\nReceived: from y\r\nZ: \x80\r\n\r\n"));
    assert!(raw[start + octets..].starts_with(b".\r\n"), "LIST says what RETR sends");
    assert_eq!(house.number("restante_messages_repaired_total"), 1);
}

// P-206, D7: more than 100 Received lines; D8: Delivered-To with the same address
#[tokio::test]
async fn loops_are_refused() {
    let house = House::build().await;
    let hops = "Received: from a\r\n".repeat(101);
    let replies = deliver(&house, &["anna@example.org"], hops.as_bytes()).await;
    assert!(replies[0].starts_with("554 5.4.6 too many Received lines"), "{replies:?}");
    let again = b"Delivered-To: anna@example.org\r\n";
    let replies = deliver(&house, &["anna@example.org", "bert@example.org"], again).await;
    assert!(replies[0].starts_with("554 5.4.6 Delivered-To names this"), "{replies:?}");
    assert!(replies[1].starts_with("250"), "the loop is Anna's alone: {replies:?}");
    assert_eq!((house.held(ANNAS).await, house.held(BERTS).await), (0, 1));
}

// D9, D10: refused after the true end, in step, nothing kept
#[tokio::test]
async fn an_endless_line_or_header_is_refused_in_step() {
    let house = House::build().await;
    let line = [b"A: b\r\n\r\n".to_vec(), vec![b'x'; (1 << 20) + 1]].concat();
    let header = b"A: b\r\n".repeat((1 << 20) / 6 + 1);
    for message in [line, header] {
        let replies = deliver(&house, &["anna@example.org"], &message).await;
        assert!(replies[0].starts_with("550 5.6.0"), "{replies:?}");
    }
    assert_eq!(house.held(ANNAS).await, 0);
}

// P-208, D5: more octets than are taken
#[tokio::test]
async fn a_message_over_the_limit_is_refused_in_step() {
    let intake = IntakeSettings { message_octets_max: 1000, ..IntakeSettings::default() };
    let house = House::with(Plan { intake, ..Plan::default() }).await;
    let replies = deliver(&house, &["anna@example.org"], &[b'x'; 2000]).await;
    assert!(replies[0].starts_with("552 5.3.4"), "{replies:?}");
    assert_eq!(house.held(ANNAS).await, 0);
}

// P-217: no room: 452; not durable: 451
#[tokio::test]
async fn a_store_that_fails_is_told_as_temporary() {
    let store = Arc::new(Scripted::default());
    let house = House::with(Plan { store: store.clone(), ..Plan::default() }).await;
    let replies = deliver(&house, &["anna@example.org", "bert@example.org"], b"A: b\r\n").await;
    assert!(replies.iter().all(|reply| reply.starts_with("451 4.3.0")), "{replies:?}");
    store.faults.lock().unwrap().deliver = true;
    let replies = deliver(&house, &["anna@example.org"], b"A: b\r\n").await;
    assert!(replies[0].starts_with("452 4.3.1"), "{replies:?}");
    assert_eq!(house.number("restante_deliveries_failed_total{service=\"lmtp\"}"), 3);
}

// D13: disconnected before, in and at the end of DATA: nothing is kept
#[tokio::test]
async fn a_message_without_its_end_is_nowhere() {
    let house = House::build().await;
    for message in
        ["", "A: b\r\n", "A: b\r\n\r\nbody\r\n", "A: b\r\n\r\nbody\r\n.", "A: b\r\n\r\nbody\r\n.\r"]
    {
        let mut peer = house.greeted(Service::Lmtp).await;
        hello(&mut peer, "LHLO").await;
        peer.expect("MAIL FROM:<>", "250").await;
        peer.expect("RCPT TO:<anna@example.org>", "250").await;
        peer.expect("DATA", "354").await;
        peer.send(message.as_bytes()).await;
        drop(peer);
        house.until_open(0).await;
        assert_eq!(house.held(ANNAS).await, 0, "{message:?}");
    }
}

// D14: disconnected after the final dot, before the answer: stored once at most
#[tokio::test]
async fn a_message_whose_answer_nobody_hears_is_stored_once() {
    let house = House::build().await;
    let mut peer = house.greeted(Service::Lmtp).await;
    hello(&mut peer, "LHLO").await;
    peer.send(b"MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n").await;
    for _ in 0..3 {
        peer.line().await;
    }
    peer.send(b"A: b\r\n\r\n.\r\n").await;
    drop(peer);
    house.until_open(0).await;
    assert_eq!(house.held(ANNAS).await, 1);
}

// P-199: nothing but CRLF . CRLF ends a message; a setting repairs instead of refusing
#[tokio::test]
async fn bare_line_ends_are_refused_or_repaired_and_never_split_a_message() {
    let smuggled = b"A: b\r\n\r\nx\n.\nMAIL FROM:<evil@example.com>\r\nlast";
    let house = House::build().await;
    let replies = deliver(&house, &["anna@example.org"], smuggled).await;
    assert!(replies[0].starts_with("550 5.6.11"), "{replies:?}");
    assert_eq!(house.held(ANNAS).await, 0);
    let intake =
        IntakeSettings { bare_line_ends: BareLineEnds::Repair, ..IntakeSettings::default() };
    let house = House::with(Plan { intake, ..Plan::default() }).await;
    deliver(&house, &["anna@example.org"], smuggled).await;
    assert_eq!(house.held(ANNAS).await, 1);
    let rows = annas_message(&house).await;
    assert_eq!(&rows[rows.len() - 4..], ["x", "..", "MAIL FROM:<evil@example.com>", "last"]);
}

// P-209: BDAT gives text form; both forms come out alike
#[tokio::test]
async fn bdat_and_data_store_the_same() {
    let house = House::build().await;
    deliver(&house, &["anna@example.org"], b"A: b\r\n\r\n..\r\nend").await;
    let by_data = annas_message(&house).await;
    let mut peer = house.greeted(Service::Lmtp).await;
    hello(&mut peer, "LHLO").await;
    peer.expect("MAIL FROM:<bob@example.com>", "250").await;
    peer.expect("RCPT TO:<bert@example.org>", "250").await;
    peer.send(b"BDAT 5\r\nA: b\rBDAT 11 LAST\r\n\n\r\n.\r\nend\r\n").await;
    assert!(peer.line().await.starts_with("250"));
    assert!(peer.line().await.starts_with("250"));
    let mut bert = house.greeted(Service::Pop3).await;
    bert.expect("USER bert", "+OK").await;
    bert.expect("PASS geheim", "+OK").await;
    bert.expect("RETR 1", "+OK").await;
    let by_bdat = bert.rows().await;
    assert_eq!(by_bdat[by_bdat.len() - 4..], by_data[by_data.len() - 4..]);
    assert_eq!(&by_data[by_data.len() - 2..], ["..", "end"]);
}

// Over a Unix socket: no STARTTLS, and Received says what it can
#[tokio::test]
async fn lmtp_over_a_unix_socket() {
    let house = House::build().await;
    let stream = UnixStream::connect(house.folder.path().join("lmtp.sock")).await.unwrap();
    let mut peer = Peer::new(stream);
    assert!(peer.line().await.starts_with("220"));
    peer.expect("STARTTLS", "5").await;
    hello(&mut peer, "LHLO").await;
    peer.send(b"MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n").await;
    for _ in 0..3 {
        peer.line().await;
    }
    peer.expect("A: b\r\n\r\n.", "250").await;
    let rows = annas_message(&house).await;
    assert_eq!(rows[0], "Return-Path: <>");
    assert_eq!(rows[2], "Received: from relay.example.com");
}

// P-202: an idle SMTP session is told, and its half message is nowhere
#[tokio::test]
async fn an_idle_smtp_session_is_told() {
    let idle = std::time::Duration::from_millis(300);
    let intake = IntakeSettings { idle, ..IntakeSettings::default() };
    let house = House::with(Plan { intake, ..Plan::default() }).await;
    let mut peer = house.greeted(Service::Smtp).await;
    assert!(peer.line().await.starts_with("421 4.4.2"));
    peer.ends().await;
}

// P-235's neighbour: SMTPUTF8 marks a message only if its header needs it (P-141, P-085)
#[tokio::test]
async fn only_raw_utf8_in_a_declared_header_makes_a_utf8_message() {
    for (message, is_utf8) in
        [("Subject: gr\u{fc}n\r\n", true), ("Subject: x\r\n\r\n\u{fc}\r\n", false)]
    {
        let house = House::build().await;
        let mut peer = house.greeted(Service::Lmtp).await;
        hello(&mut peer, "LHLO").await;
        peer.expect("MAIL FROM:<> SMTPUTF8", "250").await;
        peer.expect("RCPT TO:<anna@example.org>", "250").await;
        peer.expect("DATA", "354").await;
        peer.expect(&format!("{message}\r\n."), "250").await;
        let maildrop = house.store.open(ANNAS, View::default()).await.unwrap();
        let listed: Vec<bool> = maildrop.listing().iter().map(|entry| entry.utf8).collect();
        assert_eq!(listed, [is_utf8], "{message}");
    }
}
