//! Framing, and the hostile lines that others choked on.

use crate::world::{Peer, fixture};
use pop3_proto::server::ask::Reason;

const DOTS: &str = "Subject: .\r\n\r\n.\r\n..\r\na\r\n.b\r\n";

/// Checks all that was sent in a session: CRLF line ends only, statuses, rows.
fn check_framing(output: &[u8]) {
    let text = std::str::from_utf8(output).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
    for line in text.split_terminator("\r\n") {
        // P-001: no CR and no LF but in pairs
        assert!(!line.contains(['\r', '\n']), "{line:?}");
        // P-003
        assert!(line.len() <= 510, "{line:?}");
    }
}

// P-001, P-002, P-003, P-013: a session that meets every reply
#[test]
fn every_line_ends_in_crlf_and_every_status_is_exact() {
    let mut peer = Peer::new(fixture(&[DOTS]));
    for line in [
        "CAPA",
        "AUTH",
        "LANG",
        "STAT",
        "",
        "x",
        "USER",
        "USER ann",
        "PASS wrong",
        "PASS x",
        "AUTH PLAIN",
        "*",
        "AUTH PLAIN =",
        "AUTH PLAIN ?",
        "STLS",
        "APOP a b",
        "LANG xx",
        "UTF8",
        "USER ann\r\nPASS right",
        "STAT",
        "LIST",
        "LIST 1",
        "LIST 2",
        "UIDL",
        "UIDL 1",
        "UIDL 0",
        "RETR 1",
        "RETR 9",
        "TOP 1 0",
        "TOP 1 1",
        "TOP 1",
        "NOOP",
        "RSET",
        "DELE 1",
        "DELE 1",
        "LIST",
        "CAPA",
        "LANG de",
        "LANG",
        "XYZ",
        "LIST 7",
        "QUIT",
    ] {
        let output = peer.sends(format!("{line}\r\n").as_bytes());
        check_framing(&output);
        let first = String::from_utf8_lossy(&output).into_owned();
        let exact = ["+OK ", "-ERR ", "+ "].iter().any(|status| first.starts_with(status));
        assert!(exact, "{line:?}: {first:?}");
    }
    assert_eq!(peer.closed, Some(Reason::Quit));
}

// P-004, P-005, L1 to L3: 255 octets are always taken, 1,024 by us; more is one -ERR
#[test]
fn lines_up_to_the_limit_are_commands() {
    for (length, taken) in
        [(255, true), (256, true), (512, true), (1024, true), (1025, false), (65_536, false)]
    {
        let mut peer = Peer::new(fixture(&[]));
        let line = format!("USER {}", "n".repeat(length - 7));
        let said = peer.says(&line);
        assert_eq!(said.starts_with("+OK"), taken, "{length}: {said}");
        assert_eq!(said.lines().count(), 1, "{length}: {said}");
        assert_eq!(peer.says("QUIT"), "+OK signing off\r\n", "{length}");
    }
}

// P-005: memory is bounded, the answer comes once, the next command works
#[test]
fn a_line_without_end_is_skipped_without_being_kept() {
    let mut peer = Peer::logged_in(&[DOTS]);
    let piece = [b'A'; 1000];
    for _ in 0..100 {
        assert!(peer.sends(&piece).is_empty());
        assert!(peer.held() <= peer.session.input_octets_max());
    }
    assert_eq!(peer.says("NOOP"), "-ERR line too long, at most 1024 octets\r\n");
    assert_eq!(peer.says("NOOP"), "+OK nothing done\r\n");
}

// P-005, `rulings` 2: 20 bad commands before login, 50 after, end it politely
#[test]
fn too_many_bad_commands_end_the_session_politely() {
    for (mut peer, bad_max) in [(Peer::new(fixture(&[])), 20), (Peer::logged_in(&[]), 50)] {
        for count in 1..bad_max {
            assert_eq!(peer.says("XYZ"), "-ERR unknown command\r\n", "{count}");
        }
        assert_eq!(peer.closed, None);
        assert_eq!(peer.says("XYZ"), "-ERR too many bad commands, closing\r\n");
        assert_eq!(peer.closed, Some(Reason::BadCommands));
        assert_eq!(peer.says("QUIT"), "");
        assert_eq!(peer.removed, None);
    }
}

// P-005: the count begins anew with every success; what is refused for the maildrop's sake is
// no bad command
#[test]
fn only_bad_commands_in_a_row_count() {
    let mut peer = Peer::logged_in(&[DOTS]);
    for _ in 0..10 {
        for _ in 0..49 {
            peer.says("XYZ");
        }
        assert_eq!(peer.says("NOOP"), "+OK nothing done\r\n");
    }
    for _ in 0..200 {
        assert!(peer.says("UIDL 2").starts_with("-ERR no message"));
    }
    assert_eq!(peer.closed, None);
    assert_eq!(peer.session.counters().bad_commands, 490);
}

// P-006, L12
#[test]
fn keywords_come_in_any_case() {
    let mut peer = Peer::logged_in(&[DOTS]);
    for line in ["retr 1", "Retr 1", "rETR 1"] {
        assert!(peer.says(line).starts_with("+OK 28 octets\r\n"), "{line}");
    }
}

// P-007, L8 to L11
#[test]
fn spaces_are_forgiven_where_nothing_is_lost() {
    let mut peer = Peer::logged_in(&[DOTS]);
    for (line, good) in [
        ("STAT ", true),
        ("STAT   ", true),
        ("LIST  1", true),
        ("LIST 1 ", true),
        ("LIST ", true),
        (" STAT", false),
        ("\tSTAT", false),
        ("LIST\t1", false),
        ("   ", false),
        ("STAT\t", false),
    ] {
        assert_eq!(peer.says(line).starts_with("+OK"), good, "{line:?}");
    }
}

// P-008, P-011, L5 to L7, L13 to L17, L24, L26, L27: one -ERR, in step, nothing done
#[test]
fn what_is_no_command_gets_one_refusal() {
    let long = "A".repeat(40);
    let lines: Vec<&[u8]> = vec![
        b"",
        b" ",
        b"    ",
        b"\r",
        b"XTND",
        b"LAST",
        b"RPOP x",
        b"XAUTH",
        b"ID",
        b"EHLO x",
        b"HELO x",
        b"LOGIN a b",
        b"A",
        b"AB",
        b"ABCDE",
        long.as_bytes(),
        b"\x80\xFF",
        b"ST\xC0\xAFT",
        b"\0\x01",
        b"NOOP\0",
        b"STAT x",
        b"NOOP x",
        b"RSET x",
        b"QUIT x",
        b"\xFF\xF4\xFF\xFD\x06",
        b"%s%n%x",
        b"LIST %n",
        b"LIST \xE2\x80\xA8",
        b"RETR 1\xC2\x85",
        b"XCLIENT a=b",
        b"PROXY TCP4 a b 1 2",
    ];
    for line in lines {
        let mut peer = Peer::logged_in(&[DOTS]);
        let output = peer.sends(&[line, b"\r\nNOOP\r\n"].concat());
        let said = String::from_utf8(output).expect("UTF-8");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{}: {said}", line.escape_ascii());
        assert!(lines[0].starts_with("-ERR "), "{}: {said}", line.escape_ascii());
        assert_eq!(lines[1], "+OK nothing done", "{}", line.escape_ascii());
        assert_eq!(peer.closed, None);
    }
}

// L18 to L23: the numbers that crashed others; nothing is marked
#[test]
fn hostile_numbers_mark_nothing() {
    let mut peer = Peer::logged_in(&[DOTS, DOTS]);
    for line in [
        "LIST -1",
        "LIST 0",
        "LIST abc",
        "LIST 1 2",
        "RETR",
        "TOP 1",
        "TOP",
        "TOP 1 2 3",
        "DELE 1,2",
        "DELE *",
        "DELE 1:5",
        "DELE -1",
        "UIDL 1 1",
        "UIDL -1",
        "LIST 4294967297",
        "DELE 4294967297",
    ] {
        assert!(peer.says(line).starts_with("-ERR "), "{line}");
    }
    assert_eq!(peer.says("STAT"), "+OK 2 56\r\n");
}

// P-010, L4: LF alone ends a line; P-010 in an exchange too
#[test]
fn lf_alone_ends_a_line() {
    let mut peer = Peer::new(fixture(&[]));
    assert_eq!(peer.sends(b"AUTH PLAIN\n"), b"+ \r\n");
    assert!(peer.sends(b"AGFubgByaWdodA==\n").starts_with(b"+OK"));
    assert_eq!(peer.sends(b"NOOP\n"), b"+OK nothing done\r\n");
}

// P-012, P-152
#[test]
fn a_multi_line_response_is_stuffed_and_ended() {
    let mut peer = Peer::logged_in(&[DOTS]);
    let said = peer.says("RETR 1");
    assert_eq!(said, "+OK 28 octets\r\nSubject: .\r\n\r\n..\r\n...\r\na\r\n..b\r\n.\r\n");
}

// P-014: a text begins with `[` only where a response code stands, one, directly after -ERR
#[test]
fn brackets_are_for_response_codes() {
    let known = ["[IN-USE]", "[LOGIN-DELAY]", "[SYS/TEMP]", "[SYS/PERM]", "[AUTH]", "[UTF8]"];
    for line in crate::words::all_replies() {
        if let Some((_, text)) = line.split_once(' ')
            && text.starts_with('[')
        {
            let code = text.split(' ').next().unwrap_or_default();
            assert!(known.contains(&code) && line.starts_with("-ERR "), "{line}");
            assert!(!text[code.len()..].trim_start().starts_with('['), "{line}");
        }
    }
}

// P-015, L17: nothing that came is echoed
#[test]
fn nothing_is_echoed() {
    let mut peer = Peer::new(fixture(&[]));
    for line in
        ["USER marker", "PASS marker", "MARKER marker", "AUTH marker", "LANG marker", "LIST marker"]
    {
        assert!(!peer.says(line).to_lowercase().contains("marker"), "{line}");
    }
}

// P-160, L31, L33: many commands in one piece
#[test]
fn a_batch_is_answered_in_order_and_in_bounded_memory() {
    let mut peer = Peer::logged_in(&[DOTS]);
    let output = peer.sends(&b"NOOP\r\nSTAT\r\n".repeat(10_000));
    let said = String::from_utf8(output).expect("UTF-8");
    assert!(said == "+OK nothing done\r\n+OK 1 28\r\n".repeat(10_000));
    let capa = peer.sends(&b"CAPA\r\n".repeat(10_000));
    assert_eq!(capa.windows(3).filter(|window| window == b"+OK").count(), 10_000);
    // P-161: no more than a buffer and one response
    assert!(peer.output_max <= 64 * 1024 + 1024, "{}", peer.output_max);
}

// L28 to L30, `rulings` 5: one useful line, then close; whatever the cuts
#[test]
fn other_protocols_get_one_line_and_are_closed() {
    for (octets, words) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"[..], "TLS"),
        (b"GET / HTTP/1.0\r\n\r\n", "HTTP"),
        (b"POST http://mail.example.org:110/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
        (b"options * HTTP/1.1\r\n", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"),
    ] {
        for piece in [1, 2, octets.len()] {
            let mut peer = Peer::new(fixture(&[]));
            let mut output = Vec::new();
            for piece in octets.chunks(piece) {
                output.extend(peer.sends(piece));
            }
            let said = String::from_utf8(output).expect("UTF-8");
            assert!(said.starts_with("-ERR ") && said.contains(words), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert_eq!(peer.closed, Some(Reason::WrongProtocol));
        }
    }
    // After login, and where it is no request, it is a command like any other.
    let mut peer = Peer::logged_in(&[]);
    assert_eq!(peer.says("GET 1"), "-ERR unknown command\r\n");
    assert_eq!(peer.closed, None);
}
