//! What hostile peers send, by the numbers of `security` §5: what is said, and that the session
//! stays in step. Most of the list is held nearer to the code that it attacks; here is what has
//! to hold on the wire.

use restante_server::net::service::Service;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::house::{ANNAS, House, Peer};

/// Number, octets before the CRLF, and how the one line begins that answers before login and
/// after it.
type Row = (&'static str, &'static [u8], &'static str, &'static str);

const LINES: &[Row] = &[
    ("L5", b"NOOP\r", "-ERR", "-ERR"),
    ("L6", b"", "-ERR", "-ERR"),
    ("L7", b"   ", "-ERR", "-ERR"),
    ("L8", b" NOOP", "-ERR", "-ERR"),
    ("L9", b"NOOP  ", "-ERR", "+OK"),
    ("L10", b"LIST  1", "-ERR", "+OK 1 8"),
    ("L11", b"LIST\t1", "-ERR", "-ERR"),
    ("L12", b"nOOp", "-ERR", "+OK"),
    ("L13", b"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMN", "-ERR", "-ERR"),
    ("L14", b"\x80\xFF\xFE", "-ERR", "-ERR"),
    ("L15", b"LIST \xC0\xAF", "-ERR", "-ERR"),
    ("L16", b"LIST 1\xE2\x80\xA8\xC2\x85NOOP", "-ERR", "-ERR"),
    ("L17", b"%s%n%x", "-ERR", "-ERR"),
    ("L18", b"LIST -1", "-ERR", "-ERR"),
    ("L18", b"LIST 4294967297", "-ERR", "-ERR"),
    ("L19", b"LIST 1 2", "-ERR", "-ERR"),
    ("L20", b"RETR", "-ERR", "-ERR"),
    ("L21", b"TOP 1", "-ERR", "-ERR"),
    ("L21", b"TOP 1 2 3", "-ERR", "-ERR"),
    ("L22", b"DELE 1:5", "-ERR", "-ERR"),
    ("L22", b"DELE *", "-ERR", "-ERR"),
    ("L23", b"UIDL 1 1", "-ERR", "-ERR"),
    ("L24", b"QUIT x", "-ERR", "-ERR"),
    ("L26", b"XTND XMIT", "-ERR", "-ERR"),
    ("L26", b"LOGIN anna geheim", "-ERR", "-ERR"),
    ("L27", b"\xFF\xF4\xFF\xFD\x06", "-ERR", "-ERR"),
    ("S2", b"USER bert", "+OK", "-ERR"),
    ("S3", b"PASS geheim", "-ERR", "-ERR"),
    ("S7", b"STLS x", "-ERR", "-ERR"),
    ("A4", b"USER ", "-ERR", "-ERR"),
    ("A11", b"AUTH PLAIN YW5uYQBnZWhlaW0=", "-ERR", "-ERR"),
    ("A12", b"AUTH PLAIN =", "-ERR", "-ERR"),
    ("A14", b"AUTH CRAM-MD5", "-ERR", "-ERR"),
    ("A14", b"AUTH EXTERNAL =", "-ERR", "-ERR"),
    ("A15", b"AUTH PLAIN\0", "-ERR", "-ERR"),
    ("A21", b"APOP anna c4c9334bac560ecc979e58001b3e22fb", "-ERR", "-ERR"),
    ("A31", b"XCLIENT ADDR=192.0.2.7", "-ERR", "-ERR"),
    ("A31", b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2", "-ERR", "-ERR"),
];

#[tokio::test]
async fn a_hostile_line_has_one_answer_and_the_next_command_its_own() {
    let house = House::build().await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    for logged_in in [false, true] {
        for (number, line, before, after) in LINES {
            let mut peer =
                if logged_in { house.anna().await } else { house.greeted(Service::Pop3).await };
            peer.send(&[line, &b"\r\nLANG\r\nQUIT\r\n"[..]].concat()).await;
            let answer = peer.line().await;
            let expected = if logged_in { after } else { before };
            assert!(answer.starts_with(expected), "{number}, {logged_in}: {answer}");
            assert_eq!(peer.line().await, "+OK languages follow", "{number}");
            peer.rows().await;
            assert!(peer.line().await.starts_with("+OK"), "{number}: QUIT");
            peer.ends().await;
        }
    }
    assert_eq!(house.held(ANNAS).await, 1, "L22: nothing is deleted");
    assert_eq!(house.number("restante_sessions_panicked_total"), 0);
}

/// Number, a command in a mail transaction for Anna, and how its one reply begins.
const MAIL: &[(&str, &str, &str)] = &[
    ("D1", "MAIL FROM:<>", "503 "),
    ("D2", "RCPT TO:<nobody@example.org>", "550 5.1.1 "),
    ("D4", "MAIL FROM:<> SIZE=99999999999", "503 "),
    ("D15", "NOOP", "250 "),
    ("D16", "EHLO x.example", "500 "),
    ("D20", "RCPT TO:<-x@example.org>", "550 5.1.1 "),
    ("D20", "RCPT TO:<\";id\"@example.org>", "550 5.1.1 "),
    ("§2.4", "RCPT TO:<\"\"@example.org>", "550 5.1.1 "),
    ("§2.4", "RCPT TO:<../../x@example.org>", "501 5.1.3 "),
    ("§2.1", "RCPT TO:<a\rb@example.org>", "500 5.5.2 "),
    ("§2.1", "RCPT TO:<\0@example.org>", "500 5.5.2 "),
];

#[tokio::test]
async fn a_hostile_mail_command_has_one_reply_and_the_message_arrives() {
    let house = House::build().await;
    for (number, command, begins) in MAIL {
        let mut peer = house.greeted(Service::Lmtp).await;
        peer.send(b"LHLO x.example\r\n").await;
        while !peer.line().await.starts_with("250 ") {}
        peer.expect("MAIL FROM:<>", "250").await;
        peer.expect("RCPT TO:<anna@example.org>", "250").await;
        let reply = peer.ask(command).await;
        assert!(reply.starts_with(begins), "{number}: {reply}");
        // D11, D12: an empty message, which a lone dot ends
        peer.expect("DATA", "354").await;
        peer.expect(".", "250").await;
        peer.expect("QUIT", "221").await;
        peer.ends().await;
    }
    assert_eq!(house.held(ANNAS).await, MAIL.len());
    assert_eq!(house.number("restante_sessions_panicked_total"), 0);
}

/// Number, and a message as it is sent in DATA.
const MESSAGES: &[(&str, &[u8])] = &[
    ("M1", b"A: b\r\n\r\n..\r\n...\r\n..x\r\n"),
    ("M5", b"A: \0\r\n\r\n\0\0\r\n"),
    ("M6", b"A: b\r\n"),
    ("D10", b"no colon\r\n"),
    ("D10", b" leading space\r\nA: b\r\n\r\n"),
    ("D11", b""),
    ("D12", b"..\r\n"),
    ("§2.1", b"\r\n\r\n..\r\n\r\n"),
];

// M7: the size that LIST gives is what RETR sends
#[tokio::test]
async fn a_hostile_message_is_as_long_as_it_is_said_to_be() {
    for (number, message) in MESSAGES {
        let house = House::build().await;
        let mut peer = house.greeted(Service::Lmtp).await;
        peer.send(b"LHLO x.example\r\n").await;
        while !peer.line().await.starts_with("250 ") {}
        peer.expect("MAIL FROM:<>", "250").await;
        peer.expect("RCPT TO:<anna@example.org>", "250").await;
        peer.expect("DATA", "354").await;
        peer.send(&[message, &b".\r\n"[..]].concat()).await;
        assert!(peer.line().await.starts_with("250"), "{number}");
        let mut anna = house.anna().await;
        let listed = anna.ask("LIST 1").await;
        anna.expect("RETR 1", "+OK").await;
        let mut octets = 0;
        loop {
            let row = anna.line_or_end().await.unwrap();
            if row == b"." {
                break;
            }
            assert!(!row.contains(&0) && !row.contains(&b'\r'), "{number}");
            octets += row.strip_prefix(b".").unwrap_or(&row).len() + 2;
        }
        assert_eq!(listed, format!("+OK 1 {octets}"), "{number}");
    }
}

// A17, D13, R10, T16: closed or reset at whatever point: nothing stays, nobody is disturbed
#[tokio::test]
async fn connections_that_break_off_leave_nothing_behind() {
    let house = House::build().await;
    let begun: &[(Service, &[u8])] = &[
        (Service::Pop3, b""),
        (Service::Pop3, b"AUTH PLAIN\r\n"),
        (Service::Pop3, b"USER anna\r\nPASS geheim\r\nLI"),
        (Service::Pop3, b"STLS\r\n"),
        (Service::Pop3s, b""),
        (Service::Pop3s, b"\x16\x03\x01\x02\x00\x01"),
        (Service::Lmtp, b"LHLO x.example\r\nMAIL FROM:<>\r\n"),
        (Service::Smtp, b"EHLO x.exa"),
    ];
    for (index, (service, octets)) in begun.iter().cycle().take(160).enumerate() {
        let mut peer = house.connect(*service).await;
        peer.send(octets).await;
        end(peer, index % 3 == 0).await;
    }
    // Accepted after all the others of its port, and alone once they have ended.
    let mut last = house.greeted(Service::Pop3).await;
    house.until_open(1).await;
    last.expect("USER anna", "+OK").await;
    last.expect("PASS geheim", "+OK").await;
    last.expect("STAT", "+OK 0 0").await;
    assert_eq!(house.number("restante_sessions_panicked_total"), 0);
}

async fn end(mut peer: Peer<TcpStream>, reset: bool) {
    if reset {
        peer.stream.set_zero_linger().unwrap();
    } else {
        peer.stream.shutdown().await.unwrap();
    }
}
