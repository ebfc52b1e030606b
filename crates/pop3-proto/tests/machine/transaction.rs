//! TRANSACTION and UPDATE.

use std::sync::Arc;

use crate::dialog::{Fault, Fixture};
use crate::world::{Peer, fixture};
use mail_wire::{ListingBuilder, MessageId, Octets, Uidl};
use pop3_proto::server::Stage;
use pop3_proto::server::ask::{Ask, Next, Reason};

const ONE: &str = "Subject: a\r\n\r\none\r\n";
const TWO: &str = "Subject: b\r\n\r\nline 1\r\n.line 2\r\n\r\nline 4\r\n";
const THREE: &str = "\r\nno header\r\n";

fn three() -> Peer {
    Peer::logged_in(&[ONE, TWO, THREE])
}

// P-040, P-041, P-042, P-046, S10: numbers stay, marked messages are left out
#[test]
fn numbers_stay_and_marked_messages_are_left_out() {
    let mut peer = three();
    assert_eq!(peer.says("STAT"), "+OK 3 73\r\n");
    assert_eq!(peer.says("LIST"), "+OK 3 messages (73 octets)\r\n1 19\r\n2 41\r\n3 13\r\n.\r\n");
    assert_eq!(peer.says("DELE 2"), "+OK message 2 deleted\r\n");
    assert_eq!(peer.says("STAT"), "+OK 2 32\r\n");
    assert_eq!(peer.says("LIST"), "+OK 2 messages (32 octets)\r\n1 19\r\n3 13\r\n.\r\n");
    assert_eq!(peer.says("UIDL"), "+OK unique-ids follow\r\n1 u1\r\n3 u3\r\n.\r\n");
    assert_eq!(peer.says("LIST 3"), "+OK 3 13\r\n");
    // P-047, S11
    assert_eq!(peer.says("RSET"), "+OK 3 messages (73 octets)\r\n");
    assert_eq!(peer.says("STAT"), "+OK 3 73\r\n");
    assert_eq!(peer.says("UIDL 2"), "+OK 2 u2\r\n");
}

// P-042, S23: an empty maildrop
#[test]
fn an_empty_maildrop() {
    let mut peer = Peer::logged_in(&[]);
    assert_eq!(peer.says("STAT"), "+OK 0 0\r\n");
    assert_eq!(peer.says("LIST"), "+OK 0 messages (0 octets)\r\n.\r\n");
    assert_eq!(peer.says("UIDL"), "+OK unique-ids follow\r\n.\r\n");
    assert_eq!(peer.says("LIST 1"), "-ERR no message 1, the maildrop is empty\r\n");
    assert_eq!(peer.says("RSET"), "+OK 0 messages (0 octets)\r\n");
    assert_eq!(peer.says("QUIT"), "+OK signing off (maildrop empty)\r\n");
    assert_eq!(peer.asked, ["verify", "open"]);
}

// P-043, P-045: LIST, RETR's status, and what is sent are one number
#[test]
fn sizes_are_what_retr_sends() {
    let mut peer = three();
    for (number, text) in [(1, ONE), (2, TWO), (3, THREE)] {
        let size = text.len();
        assert_eq!(peer.says(&format!("LIST {number}")), format!("+OK {number} {size}\r\n"));
        let said = peer.says(&format!("RETR {number}"));
        let body = said.strip_prefix(&format!("+OK {size} octets\r\n")).expect("the size");
        let body = body.strip_suffix(".\r\n").expect("the end").replace("\r\n..", "\r\n.");
        assert_eq!(body, text);
    }
    assert_eq!(peer.session.counters().retrieved, 3);
    assert_eq!(peer.session.counters().retrieved_octets, 73);
}

// P-049: n = 0, 1, body, body + 1, and beyond any body
#[test]
fn top_of_every_length() {
    let mut peer = three();
    let header = "Subject: b\r\n\r\n";
    let all = format!("{header}line 1\r\n..line 2\r\n\r\nline 4\r\n");
    for (lines, body) in [
        ("0", header),
        ("1", &all[..22]),
        ("2", &all[..32]),
        ("3", &all[..34]),
        ("4", &all),
        ("5", &all),
        ("99999999", &all),
        ("2147483647", &all),
        ("4294967296", &all),
        ("99999999999999999999", &all),
    ] {
        let said = peer.says(&format!("TOP 2 {lines}"));
        assert_eq!(said, format!("+OK top of message follows\r\n{body}.\r\n"), "{lines}");
    }
    assert_eq!(peer.session.counters().topped, 10);
    assert_eq!(peer.session.counters().retrieved, 0);
}

// P-045, P-046: nothing but DELE marks, nothing but QUIT removes
#[test]
fn nothing_but_quit_removes() {
    let mut peer = three();
    peer.says("RETR 1\r\nTOP 1 0\r\nDELE 1\r\nDELE 3\r\nDELE 1\r\nRETR 2");
    assert!(!peer.asked.contains(&"commit"));
    assert_eq!(peer.says("QUIT"), "+OK signing off (1 message left)\r\n");
    // P-061: exactly the marked ones, in order
    assert_eq!(peer.removed, Some(vec![1, 3]));
    assert_eq!(peer.closed, Some(Reason::Quit));
    assert_eq!(peer.session.counters().deleted, 2);
}

// P-047, S11: after RSET nothing is removed; marks made after it count
#[test]
fn rset_takes_all_marks_back() {
    let mut peer = three();
    peer.says("DELE 1\r\nDELE 2\r\nRSET\r\nDELE 3\r\nQUIT");
    assert_eq!(peer.removed, Some(vec![3]));
    let mut peer = three();
    peer.says("DELE 1\r\nDELE 2\r\nRSET\r\nQUIT");
    assert_eq!(peer.removed, None);
}

// DELE and RSET in turns keep the sums right (S22 of others' leaks: 20,000 rounds)
#[test]
fn marking_and_unmarking_for_ever() {
    let mut peer = three();
    for _ in 0..20_000 {
        peer.sends(b"DELE 2\r\nRSET\r\n");
    }
    assert_eq!(peer.says("STAT"), "+OK 3 73\r\n");
}

// P-062: the UPDATE failed
#[test]
fn an_update_that_fails_says_so_and_closes() {
    let mut fixture = fixture(&[ONE]);
    fixture.faults.push(Fault::Update);
    let mut peer = Peer::new(fixture);
    peer.log_in();
    peer.says("DELE 1");
    assert_eq!(peer.says("QUIT"), "-ERR [SYS/TEMP] some deleted messages not removed\r\n");
    assert_eq!(peer.closed, Some(Reason::UpdateFailed));
    assert_eq!(peer.session.counters().deleted, 0);
}

// P-063, P-064: nothing is said before the removal is done, so a peer that has gone changes
// nothing
#[test]
fn quit_is_answered_after_the_removal() {
    let mut peer = three();
    peer.says("DELE 1");
    let (mut input, mut output) = (&b"QUIT\r\n"[..], Vec::new());
    let next = peer.session.receive(&mut input, &mut output, peer.now);
    assert!(matches!(next, Next::Ask(Ask::Commit(numbers)) if numbers.len() == 1));
    assert!(output.is_empty());
}

// P-057: lost before any data; the message stays, and so does the session
#[test]
fn a_message_that_cannot_be_read() {
    let mut fixture = fixture(&[ONE, TWO]);
    fixture.faults.push(Fault::Message(1));
    let mut peer = Peer::new(fixture);
    peer.log_in();
    assert!(peer.says("RETR 1").starts_with("-ERR [SYS/TEMP] service unavailable"));
    assert!(peer.says("RETR 2").starts_with("+OK 41 octets\r\n"));
    // P-056: STAT and LIST are from the listing
    assert_eq!(peer.says("STAT"), "+OK 2 60\r\n");
    assert_eq!(peer.says("DELE 1"), "+OK message 1 deleted\r\n");
}

// P-163: nothing after QUIT is looked at
#[test]
fn nothing_after_quit_is_processed() {
    let mut peer = three();
    let said = peer.says("DELE 1\r\nQUIT\r\nDELE 2\r\nRSET");
    assert_eq!(said, "+OK message 1 deleted\r\n+OK signing off (2 messages left)\r\n");
    assert_eq!(peer.removed, Some(vec![1]));
    assert!(peer.held() > 0, "the rest stays where it is");
    assert_eq!(peer.says("NOOP"), "");
}

// P-162: after a PASS that fails, what follows is judged in AUTHORIZATION
#[test]
fn nothing_is_queued_past_a_failed_login() {
    let mut peer = Peer::new(fixture(&[ONE]));
    let said = peer.says("USER ann\r\nPASS bad\r\nSTAT\r\nDELE 1\r\nQUIT");
    let statuses: Vec<&str> = said.lines().map(|line| &line[..4]).collect();
    assert_eq!(statuses, ["+OK ", "-ERR", "-ERR", "-ERR", "+OK "]);
    assert_eq!(peer.removed, None);
}

// P-160: everything in one piece
#[test]
fn a_whole_session_in_one_piece() {
    let mut peer = Peer::new(fixture(&[ONE, TWO]));
    let said =
        peer.says("USER ann\r\nPASS right\r\nSTAT\r\nRETR 1\r\nRETR 2\r\nDELE 1\r\nDELE 2\r\nQUIT");
    let expected = format!(
        "+OK send PASS\r\n+OK maildrop has 2 messages (60 octets)\r\n+OK 2 60\r\n+OK 19 octets\r\n\
         {ONE}.\r\n+OK 41 octets\r\n{}.\r\n+OK message 1 deleted\r\n+OK message 2 deleted\r\n\
         +OK signing off (maildrop empty)\r\n",
        TWO.replace("\r\n.", "\r\n..")
    );
    assert_eq!(said, expected);
    assert_eq!(peer.removed, Some(vec![1, 2]));
}

fn huge(messages: u32, octets: u64) -> Peer {
    let mut peer = Peer::new(fixture(&[]));
    let mut listing = ListingBuilder::with_capacity(messages as usize);
    for id in 0..u64::from(messages) {
        let uidl = Uidl::new(format!("{id:013}").as_bytes()).expect("a unique-id");
        listing.push(MessageId::new(id), Octets::new(octets), &uidl, false).expect("room");
    }
    peer.listing = Arc::new(listing.finish());
    peer.log_in();
    peer
}

// P-156, P-161: a million rows cost one buffer
#[test]
fn a_million_rows_cost_one_buffer() {
    let mut peer = huge(1_000_000, 5 << 30);
    let output = peer.sends(b"LIST\r\n");
    let status = "+OK 1000000 messages (5368709120000000 octets)\r\n";
    assert!(output.starts_with(format!("{status}1 5368709120\r\n2 ").as_bytes()));
    assert!(output.ends_with(b"\r\n1000000 5368709120\r\n.\r\n"));
    // The numbers from 1 to 1,000,000 have 5,888,896 digits.
    assert_eq!(output.len(), status.len() + 5_888_896 + 1_000_000 * " 5368709120\r\n".len() + 3);
    assert!(peer.output_max < 64 * 1024 + 100, "{}", peer.output_max);
    assert_eq!(peer.says("STAT"), "+OK 1000000 5368709120000000\r\n");
    assert_eq!(peer.says("LIST 1000000"), "+OK 1000000 5368709120\r\n");
    assert_eq!(
        peer.says("DELE 1000000\r\nSTAT").lines().last(),
        Some("+OK 999999 5368703751290880")
    );
}

// P-052, P-161: the same of unique-ids
#[test]
fn many_unique_ids_cost_one_buffer() {
    let mut peer = huge(20_000, 1);
    let output = String::from_utf8(peer.sends(b"UIDL\r\n")).expect("UTF-8");
    let rows: Vec<&str> = output.split_terminator("\r\n").collect();
    assert_eq!((rows.len(), rows[20_000]), (1 + 20_000 + 1, "20000 0000000019999"));
    assert!(peer.output_max < 64 * 1024 + 100, "{}", peer.output_max);
}

// LAST as an option (RFC 1460 §5); without it, it is unknown (P-008, L26)
#[test]
fn last_is_an_option() {
    assert_eq!(three().says("LAST"), "-ERR unknown command\r\n");
    let mut peer = Peer::new(Fixture { last: true, ..fixture(&[ONE, TWO, THREE]) });
    assert!(peer.says("LAST").starts_with("-ERR not before"));
    peer.log_in();
    assert_eq!(peer.says("LAST"), "+OK 0\r\n");
    peer.says("RETR 2\r\nRETR 1\r\nTOP 3 0\r\nLIST 3");
    assert_eq!(peer.says("LAST"), "+OK 2\r\n");
    assert_eq!(peer.says("LAST 1"), "-ERR this command takes no argument\r\n");
    assert!(peer.says("RSET\r\nLAST").ends_with("+OK 0\r\n"));
}

// P-060, S12: without QUIT there is no UPDATE, whatever else happens
#[test]
fn too_many_bad_commands_remove_nothing() {
    let mut peer = three();
    peer.says("DELE 1");
    peer.sends(&b"x\r\n".repeat(60));
    assert_eq!(peer.closed, Some(Reason::BadCommands));
    assert_eq!((peer.removed, peer.session.stage()), (None, Stage::Ended));
}
