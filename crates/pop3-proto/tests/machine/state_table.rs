//! The state table of the requirements (§18), cell by cell.

use crate::world::{Peer, fixture};
use pop3_proto::server::Stage;

const TWO: [&str; 2] = ["Subject: a\r\n\r\none\r\n", "Subject: b\r\n\r\ntwo\r\nmore\r\n"];

/// The columns.
#[derive(Clone, Copy, Debug, PartialEq)]
enum In {
    /// AUTHORIZATION without a pending USER.
    A,
    /// After a successful USER.
    U,
    /// TRANSACTION.
    T,
}

fn standing(state: In) -> Peer {
    let mut fixture = fixture(&TWO);
    (fixture.stls, fixture.apop) = (true, Some("<1.2@mail.example.org>".to_owned()));
    fixture.extensions = true;
    let mut peer = Peer::new(fixture);
    match state {
        In::A => {}
        In::U => assert!(peer.says("USER ann").starts_with("+OK")),
        In::T => peer.log_in(),
    }
    peer
}

/// The line, and the status in A, U and T: `+` or `-`; a third sign: `m` for multi-line, `c`
/// for close.
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("USER ann", "+", "+", "-"),
    ("PASS right", "-", "+", "-"),
    ("PASS wrong", "-", "-", "-"),
    ("APOP ann 00000000000000000000000000000000", "-", "-", "-"),
    ("AUTH PLAIN AGFubgByaWdodA==", "+", "+", "-"),
    ("AUTH PLAIN AGFubgB3cm9uZw==", "-", "-", "-"),
    ("AUTH NOSUCH", "-", "-", "-"),
    ("AUTH", "+m", "+m", "-"),
    ("STLS", "+", "+", "-"),
    ("CAPA", "+m", "+m", "+m"),
    ("UTF8", "+", "+", "+"),
    ("LANG", "+m", "+m", "+m"),
    ("LANG de", "+", "+", "+"),
    ("LANG xx", "-", "-", "-"),
    ("QUIT", "+c", "+c", "+c"),
    ("NOOP", "-", "-", "+"),
    ("STAT", "-", "-", "+"),
    ("LIST", "-", "-", "+m"),
    ("LIST 1", "-", "-", "+"),
    ("RETR 1", "-", "-", "+m"),
    ("TOP 1 0", "-", "-", "+m"),
    ("UIDL", "-", "-", "+m"),
    ("UIDL 1", "-", "-", "+"),
    ("DELE 1", "-", "-", "+"),
    ("RSET", "-", "-", "+"),
    ("LAST", "-", "-", "-"),
    ("XTND", "-", "-", "-"),
    // `rulings` 20: all in TRANSACTION
    ("XCOMMIT", "-", "-", "+"),
    ("XCOMMIT 1", "-", "-", "-"),
    ("XREFRESH", "-", "-", "+"),
    ("XREFRESH 1", "-", "-", "-"),
    ("XDIGEST", "-", "-", "+m"),
    ("XDIGEST 1", "-", "-", "+"),
    ("XDIGEST 3", "-", "-", "-"),
    ("XWAIT", "-", "-", "-"),
    ("XWAIT 0", "-", "-", "-"),
    ("XWAIT 1741", "-", "-", "-"),
    ("", "-", "-", "-"),
];

// P-009, P-048, P-070, P-090, P-120, S1, S2, S7: every command in every state
#[test]
fn every_command_in_every_state() {
    for &(line, in_a, in_u, in_t) in TABLE {
        for (state, expected) in [(In::A, in_a), (In::U, in_u), (In::T, in_t)] {
            let mut peer = standing(state);
            let said = peer.says(line);
            let place = format!("{line:?} in {state:?}: {said:?}");
            let status = if expected.starts_with('+') { "+OK " } else { "-ERR " };
            assert!(said.starts_with(status), "{place}");
            // P-013: an -ERR is never followed by data.
            let rows = said.matches("\r\n").count();
            assert_eq!(rows > 1, expected.ends_with('m'), "{place}");
            assert_eq!(said.ends_with("\r\n.\r\n"), expected.ends_with('m'), "{place}");
            assert_eq!(peer.closed.is_some(), expected.ends_with('c'), "{place}");
            assert_eq!(peer.removed, None, "{place}");
        }
    }
}

// The table's arrows: where a command leads
#[test]
fn where_each_command_leads() {
    for (state, line, stage) in [
        (In::A, "USER ann", Stage::Authorization),
        (In::U, "PASS right", Stage::Transaction),
        (In::U, "PASS wrong", Stage::Authorization),
        (In::A, "AUTH PLAIN AGFubgByaWdodA==", Stage::Transaction),
        (In::A, "AUTH PLAIN", Stage::Authorization),
        (In::U, "STLS", Stage::Authorization),
        (In::A, "QUIT", Stage::Ended),
        (In::T, "QUIT", Stage::Ended),
        (In::T, "NOOP", Stage::Transaction),
        (In::T, "USER ann", Stage::Transaction),
    ] {
        let mut peer = standing(state);
        peer.says(line);
        assert_eq!(peer.session.stage(), stage, "{line} in {state:?}");
    }
}

// P-031, S3 to S6: only CAPA may stand between USER and PASS
#[test]
fn what_forgets_user() {
    for &(line, ..) in TABLE {
        let kept = matches!(line, "CAPA" | "USER ann");
        if matches!(line, "QUIT" | "PASS right" | "AUTH PLAIN AGFubgByaWdodA==") {
            continue;
        }
        let mut peer = standing(In::U);
        peer.says(line);
        let said = peer.says("PASS right");
        assert_eq!(said.starts_with("+OK"), kept, "{line:?}, PASS: {said}");
    }
    // A line that is too long is such a line, too.
    let mut peer = standing(In::U);
    peer.says(&"x".repeat(2000));
    assert!(peer.says("PASS right").starts_with("-ERR"));
}

// S5: the last USER counts
#[test]
fn the_last_user_counts() {
    let mut peer = standing(In::A);
    assert!(peer.says("USER nobody\r\nUSER ann\r\nPASS right").ends_with("octets)\r\n"));
    let mut peer = standing(In::A);
    assert!(peer.says("USER ann\r\nUSER nobody\r\nPASS right").contains("-ERR [AUTH]"));
}

// The second table of §18: message commands in T
#[test]
fn message_commands_by_the_state_of_the_message() {
    for line in ["LIST", "UIDL", "RETR", "DELE", "TOP"] {
        let command = |number: &str| match line {
            "TOP" => format!("TOP {number} 0"),
            _ => format!("{line} {number}"),
        };
        let mut peer = Peer::logged_in(&TWO);
        for number in ["0", "3", "x", "-1", "4294967297", "99999999999999999999"] {
            let said = peer.says(&command(number));
            assert!(said.starts_with("-ERR ") && said.lines().count() == 1, "{line} {said}");
        }
        assert!(peer.says("DELE 1").starts_with("+OK"));
        // P-046, S8, S9: every later use is an error until RSET
        assert!(peer.says(&command("1")).starts_with("-ERR message 1 is deleted"), "{line}");
        assert!(peer.says(&command("2")).starts_with("+OK"), "{line}");
        peer.says("RSET");
        assert!(peer.says(&command("1")).starts_with("+OK"), "{line}");
    }
}

// Each number is refused for its own reason (style 14)
#[test]
fn five_things_can_be_wrong_with_a_number() {
    let mut peer = Peer::logged_in(&TWO);
    peer.says("DELE 2");
    let said = peer.says("RETR x\r\nRETR 0\r\nRETR 4294967296\r\nRETR 3\r\nRETR 2\r\nRETR 1 x");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "-ERR the message number is not a number",
            "-ERR message numbers begin at 1",
            "-ERR the message number is too large",
            "-ERR no message 3, the highest number is 2",
            "-ERR message 2 is deleted, RSET brings it back",
            "-ERR too many arguments",
        ]
    );
}
