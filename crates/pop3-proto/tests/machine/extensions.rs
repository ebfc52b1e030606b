//! Our own commands: XCOMMIT, XREFRESH, XDIGEST, XWAIT (`rulings` 20, `product` §7).

use std::sync::Arc;
use std::time::Duration;

use crate::dialog::{Fault, Fixture};
use crate::world::{Peer, fixture};
use pop3_proto::extension::{Extension, Extensions};
use pop3_proto::server::Stage;
use pop3_proto::server::ask::{Answer, Ask, Commit, Next, Reason, Tell};

const ONE: &str = "Subject: a\r\n\r\none\r\n";
const TWO: &str = "Subject: b\r\n\r\n.two\r\n";
const THREE: &str = "\r\nthree\r\n";

fn extended(messages: &[&str]) -> Fixture {
    Fixture { extensions: true, ..fixture(messages) }
}

/// Logged in; the last message arrives later.
fn peer() -> Peer {
    logged_in(extended(&[ONE, TWO, THREE]))
}

fn logged_in(mut fixture: Fixture) -> Peer {
    fixture.later = fixture.messages.split_off(2);
    let mut peer = Peer::new(fixture);
    peer.log_in();
    peer
}

// `product` §7: announced only when on, in both states (RFC 2449 §5), before IMPLEMENTATION
// (`rulings` 8); P-008: what is not on is an unknown command, whatever stands behind it
#[test]
fn each_is_announced_and_answered_where_it_is_on() {
    for on in Extension::ALL {
        let mut peer = Peer::with(fixture(&[ONE]), |policy| {
            policy.extensions = [on].into_iter().collect();
        });
        for login in [false, true] {
            if login {
                peer.log_in();
            }
            let capa = peer.says("CAPA");
            let tags: Vec<&str> = capa.lines().filter(|line| line.starts_with('X')).collect();
            assert_eq!(tags, [on.keyword()]);
            assert!(
                capa.ends_with(&format!("\r\n{}\r\nIMPLEMENTATION Restante\r\n.\r\n", tags[0]))
            );
        }
        for other in Extension::ALL.into_iter().filter(|&other| other != on) {
            for argument in ["", " 1", " x"] {
                let line = format!("{}{argument}", other.keyword());
                assert_eq!(peer.says(&line), "-ERR unknown command\r\n", "{line}");
                let line = line.to_lowercase();
                assert_eq!(peer.says(&line), "-ERR unknown command\r\n", "{line}");
            }
        }
        let said = peer.says(&format!("{} 1", on.keyword()));
        assert!(!said.contains("unknown"), "{said}");
    }
    assert_eq!(Extensions::default().iter().count(), 0);
}

// P-050 in spirit: each thing that can be wrong is told apart
#[test]
fn what_can_be_wrong_with_their_arguments() {
    let mut peer = peer();
    for (line, answer) in [
        ("XCOMMIT 1", "-ERR this command takes no argument\r\n"),
        ("XREFRESH x", "-ERR this command takes no argument\r\n"),
        ("XDIGEST 0", "-ERR message numbers begin at 1\r\n"),
        ("XDIGEST x", "-ERR the message number is not a number\r\n"),
        ("XDIGEST 1 2", "-ERR too many arguments\r\n"),
        ("XDIGEST 3", "-ERR no message 3, the highest number is 2\r\n"),
        ("XWAIT", "-ERR the number of seconds is missing\r\n"),
        ("XWAIT x", "-ERR the number of seconds is not a number\r\n"),
        ("XWAIT -1", "-ERR the number of seconds is not a number\r\n"),
        ("XWAIT 1 2", "-ERR too many arguments\r\n"),
        ("XWAIT 0", "-ERR from 1 to 1740 seconds are waited\r\n"),
        ("XWAIT 1741", "-ERR from 1 to 1740 seconds are waited\r\n"),
        ("XWAIT 99999999999999999999999", "-ERR from 1 to 1740 seconds are waited\r\n"),
    ] {
        assert_eq!(peer.says(line), answer, "{line}");
    }
    assert_eq!(peer.session.counters().bad_commands, 12, "a message that is not there is no slip");
}

// `rulings` 20: `+OK n removed`, numbers of the removed stay dead
#[test]
fn what_xcommit_removed_stays_dead() {
    let mut peer = peer();
    assert_eq!(peer.says("XCOMMIT"), "+OK 0 removed\r\n");
    assert!(!peer.asked.contains(&"commit early"), "there is nothing to ask");
    peer.says("RETR 2\r\nDELE 1");
    assert_eq!(peer.says("XCOMMIT"), "+OK 1 removed\r\n");
    assert_eq!(peer.removed, Some(vec![1]));
    // As a marked message is, in every command that names it (P-046)
    for line in ["LIST 1", "UIDL 1", "RETR 1", "TOP 1 0", "DELE 1", "XDIGEST 1"] {
        assert_eq!(peer.says(line), "-ERR message 1 is gone, it was removed\r\n", "{line}");
    }
    assert_eq!(peer.says("STAT"), "+OK 1 20\r\n");
    assert_eq!(peer.says("LIST"), "+OK 1 message (20 octets)\r\n2 20\r\n.\r\n");
    assert_eq!(peer.says("UIDL"), "+OK unique-ids follow\r\n2 u2\r\n.\r\n");
    // RSET brings back marks, not the dead
    peer.says("DELE 2");
    assert_eq!(peer.says("RSET"), "+OK 1 message (20 octets)\r\n");
    assert_eq!(peer.says("STAT"), "+OK 1 20\r\n");
    assert!(peer.says("RETR 1").starts_with("-ERR"));
    assert_eq!(peer.says("XCOMMIT"), "+OK 0 removed\r\n");
    // QUIT removes what was marked since, and nothing else
    peer.says("DELE 2");
    assert_eq!(peer.says("QUIT"), "+OK signing off (maildrop empty)\r\n");
    assert_eq!(peer.asked.iter().filter(|asked| asked.starts_with("commit")).count(), 2);
    assert_eq!(peer.removed, Some(vec![1, 2]));
    assert_eq!(peer.session.counters().deleted, 2);
}

// P-062, P-060: what could not be removed is there, still marked, and the session goes on
#[test]
fn an_xcommit_that_fails_loses_nothing() {
    let mut peer = peer();
    peer.fixture.faults.push(Fault::Update);
    peer.says("DELE 1");
    assert_eq!(peer.says("XCOMMIT"), "-ERR [SYS/TEMP] some deleted messages not removed\r\n");
    assert_eq!((peer.closed, peer.session.counters().deleted), (None, 0));
    assert_eq!(peer.says("STAT"), "+OK 1 20\r\n");
    assert_eq!(peer.says("RETR 1"), "-ERR message 1 is deleted, RSET brings it back\r\n");
    assert_eq!(peer.says("RSET"), "+OK 2 messages (39 octets)\r\n");
    peer.says("DELE 2");
    peer.fixture.faults.clear();
    assert_eq!(peer.says("XCOMMIT"), "+OK 1 removed\r\n");
    assert_eq!(peer.removed, Some(vec![2]));
}

// P-063: nothing is said before the removal is done, and nothing else is done meanwhile
#[test]
fn xcommit_is_answered_after_the_removal() {
    let mut peer = peer();
    peer.says("DELE 1");
    let (mut input, mut output) = (&b"XCOMMIT\r\nSTAT\r\n"[..], Vec::new());
    let next = peer.session.receive(&mut input, &mut output, peer.now);
    assert!(matches!(next, Next::Ask(Ask::CommitEarly(numbers)) if numbers.len() == 1));
    assert!(output.is_empty());
    assert_eq!((peer.session.stage(), peer.session.deadline()), (Stage::Transaction, None));
    assert!(matches!(peer.session.receive(&mut input, &mut output, peer.now), Next::NeedInput));
    peer.session.tell(Tell::Drain, &mut output);
    assert!(output.is_empty(), "what has begun is answered first");
    let committed = Answer::Committed(Commit::Removed { left: 1 });
    peer.session.answer(committed, &mut output, peer.now);
    assert!(matches!(
        peer.session.receive(&mut input, &mut output, peer.now),
        Next::Close(Reason::Told)
    ));
    let said = String::from_utf8(output).expect("UTF-8");
    assert!(said.starts_with("+OK 1 removed\r\n-ERR [SYS/TEMP] service unavailable"), "{said}");
    assert!(!said.contains("nothing was removed"), "that would be false");
}

// `rulings` 20: LAST and XCOMMIT know nothing of each other
#[test]
fn last_is_what_it_was() {
    let mut peer = logged_in(Fixture { last: true, ..extended(&[ONE, TWO]) });
    peer.says("RETR 2\r\nDELE 2\r\nXCOMMIT");
    assert_eq!(peer.says("LAST"), "+OK 2\r\n");
    assert!(peer.says("RSET\r\nLAST").ends_with("+OK 0\r\n"));
}

// `rulings` 20: `+OK n m` as STAT, new messages at the end; P-040: numbers stay
#[test]
fn xrefresh_lists_what_has_arrived() {
    let mut peer = peer();
    assert_eq!(peer.says("XREFRESH"), "+OK 2 39\r\n");
    peer.arrives();
    // P-025: until it is asked for it stays out
    assert_eq!(peer.says("STAT"), "+OK 2 39\r\n");
    assert!(peer.says("LIST 3").starts_with("-ERR no message 3"));
    peer.says("DELE 1\r\nXCOMMIT\r\nDELE 2");
    assert_eq!(peer.says("XREFRESH"), "+OK 1 9\r\n");
    assert_eq!(peer.says("LIST"), "+OK 1 message (9 octets)\r\n3 9\r\n.\r\n");
    assert_eq!(peer.says("UIDL 3"), "+OK 3 u3\r\n");
    assert_eq!(peer.says("RETR 3"), format!("+OK 9 octets\r\n{THREE}.\r\n"));
    // Marks and the dead stay what they were
    assert_eq!(peer.says("RSET"), "+OK 2 messages (29 octets)\r\n");
    peer.says("DELE 3");
    assert_eq!(peer.says("QUIT"), "+OK signing off (1 message left)\r\n");
    assert_eq!(peer.removed, Some(vec![1, 3]));
}

// P-056, P-082: a maildrop that cannot be looked at is never shown shorter
#[test]
fn an_xrefresh_that_fails_changes_nothing() {
    let mut peer = peer();
    peer.arrives();
    peer.fixture.faults.push(Fault::Refresh);
    assert!(peer.says("XREFRESH").starts_with("-ERR [SYS/TEMP] service unavailable"));
    assert_eq!(peer.says("STAT"), "+OK 2 39\r\n");
    peer.fixture.faults.clear();
    assert_eq!(peer.says("XREFRESH"), "+OK 3 48\r\n");
    // A listing with fewer messages is none of this maildrop's.
    let (mut input, mut output) = (&b"XREFRESH\r\n"[..], Vec::new());
    assert!(matches!(
        peer.session.receive(&mut input, &mut output, peer.now),
        Next::Ask(Ask::Refresh)
    ));
    peer.session.answer(Answer::Refreshed(Arc::default()), &mut output, peer.now);
    let next = peer.session.receive(&mut input, &mut output, peer.now);
    assert!(matches!(next, Next::Close(Reason::WrongAnswer)) && output.is_empty());
}

// `rulings` 20: `n hex`, multi-line without argument. The digest is that of `printf … | sha256sum`.
#[test]
fn xdigest_of_one_and_of_all() {
    const ONE_HEX: &str = "f4d7872bf567a7990edfdb6bd3f37249412fa8567cdfb6f8a10d9d68cba1a038";
    let mut peer = logged_in(extended(&["Subject: a\r\n\r\none\r\n", ".dot\r\n", THREE]));
    let one = peer.says("XDIGEST 1");
    let hex = one.strip_prefix("+OK 1 ").and_then(|rest| rest.strip_suffix("\r\n")).expect("a row");
    assert_eq!(hex, ONE_HEX);
    let two = peer.says("XDIGEST 2");
    assert_eq!(
        peer.says("XDIGEST"),
        format!("+OK SHA-256 digests follow\r\n{}{}.\r\n", &one[4..], &two[4..])
    );
    // Marked and removed messages have no row
    peer.says("DELE 1");
    assert!(peer.says("XDIGEST 1").starts_with("-ERR message 1 is deleted"));
    assert_eq!(peer.says("XDIGEST"), format!("+OK SHA-256 digests follow\r\n{}.\r\n", &two[4..]));
    peer.says("DELE 2\r\nXCOMMIT");
    assert_eq!(peer.says("XDIGEST"), "+OK SHA-256 digests follow\r\n.\r\n");
    assert_eq!(Peer::new(extended(&[])).says("XDIGEST"), "-ERR not before login\r\n");
}

// P-057: never a false digest, and never a list that looks whole and is not
#[test]
fn a_message_that_cannot_be_read_has_no_digest() {
    let broken = |number| {
        let mut fixture = extended(&[ONE, TWO]);
        fixture.faults.push(Fault::Message(number));
        logged_in(fixture)
    };
    let mut peer = broken(1);
    assert!(peer.says("XDIGEST 1").starts_with("-ERR [SYS/TEMP] service unavailable: message 1 "));
    assert!(peer.says("XDIGEST 2").starts_with("+OK 2 "));
    // Nothing has been said of the list yet: it can be refused, and the session goes on.
    assert!(peer.says("XDIGEST").starts_with("-ERR [SYS/TEMP] service unavailable: message 1 "));
    assert_eq!(peer.says("NOOP"), "+OK nothing done\r\n");
    let mut peer = broken(2);
    let said = peer.says("XDIGEST");
    assert!(said.starts_with("+OK SHA-256 digests follow\r\n1 ") && said.lines().count() == 2);
    assert_eq!(peer.closed, Some(Reason::ListBroken));
    assert_eq!((peer.says("QUIT").as_str(), peer.removed), ("", None));
}

// P-085, P-140: what RETR refuses for want of UTF-8 mode has no digest either
#[test]
fn xdigest_says_of_utf8_what_retr_says() {
    let mut fixture = extended(&[ONE, TWO]);
    fixture.messages[0].utf8 = true;
    let mut peer = logged_in(fixture);
    assert!(peer.says("XDIGEST 1").starts_with("-ERR [UTF8] "));
    assert_eq!(peer.says("XDIGEST").lines().count(), 3, "a row for the second alone");
    peer.says("UTF8");
    assert!(peer.says("XDIGEST 1").starts_with("+OK 1 "));
    assert_eq!(peer.says("XDIGEST").lines().count(), 4);
}

// P-161: a long list costs one buffer
#[test]
fn a_long_list_of_digests_costs_one_buffer() {
    let mut peer =
        Peer::with(extended(&[ONE; 200]), |policy| policy.limits.output_octets_max = 512);
    peer.log_in();
    let said = peer.says("XDIGEST");
    assert_eq!(said.lines().count(), 202);
    assert!(peer.output_max < 512 + 80, "{}", peer.output_max);
    let rows: Vec<u32> =
        said.lines().filter_map(|row| row.split_once(' ')?.0.parse().ok()).collect();
    assert_eq!(rows, (1..=200).collect::<Vec<_>>());
}

// `rulings` 20: `+OK new` or `+OK none`
#[test]
fn xwait_answers_when_mail_arrives() {
    let mut peer = peer();
    assert_eq!(peer.says("XWAIT 1740"), "");
    assert_eq!(peer.session.deadline(), Some(peer.now + Duration::from_mins(29)));
    assert_eq!(peer.session.stage(), Stage::Transaction);
    assert_eq!(peer.arrives(), b"+OK new\r\n");
    // It has not been listed yet, so it is still new.
    assert_eq!(peer.says("XWAIT 1"), "+OK new\r\n");
    assert_eq!(peer.says("XREFRESH"), "+OK 3 48\r\n");
    assert_eq!(peer.says("XWAIT 1"), "");
}

// `rulings` 20: 1 to 1740 seconds; P-019, P-020: the autologout timer begins anew behind it
#[test]
fn xwait_ends_when_its_time_is_up() {
    for secs in [1, 1740] {
        let mut peer = peer();
        assert_eq!(peer.says(&format!("XWAIT {secs}")), "");
        let deadline = peer.now + Duration::from_secs(secs);
        peer.now = deadline.checked_sub(Duration::from_millis(1)).unwrap();
        assert_eq!((peer.session.expire(peer.now), peer.sends(b"")), (None, vec![]));
        peer.now = deadline;
        assert_eq!(peer.session.expire(peer.now), None, "it is no autologout");
        assert_eq!(peer.sends(b""), b"+OK none\r\n");
        assert!(peer.session.deadline().is_some_and(|at| at >= deadline + Duration::from_mins(10)));
        assert_eq!(peer.says("NOOP"), "+OK nothing done\r\n");
    }
}

// `rulings` 20: any input ends it, and what it was is answered then
#[test]
fn any_input_ends_xwait() {
    assert_eq!(peer().says("XWAIT 60\r\nSTAT"), "+OK none\r\n+OK 2 39\r\n");
    let mut peer = peer();
    assert_eq!(peer.says("DELE 1\r\nXWAIT 60"), "+OK message 1 deleted\r\n");
    assert_eq!(peer.sends(b"Q"), b"+OK none\r\n");
    assert_eq!(peer.says("UIT"), "+OK signing off (1 message left)\r\n");
    assert_eq!(peer.removed, Some(vec![1]));
}

// S17: a session that has to end does so at once, and says why in the place of the answer
#[test]
fn xwait_ends_with_the_session() {
    for (why, words) in [
        (Tell::Drain, "-ERR [SYS/TEMP] service unavailable: the server is stopping"),
        (Tell::AccountChanged, "-ERR the account was changed"),
    ] {
        let mut peer = peer();
        peer.says("DELE 1\r\nXWAIT 60");
        let mut output = Vec::new();
        peer.session.tell(why, &mut output);
        assert!(output.starts_with(words.as_bytes()), "{}", output.escape_ascii());
        assert_eq!((peer.sends(b""), peer.closed), (vec![], Some(Reason::Told)));
        assert_eq!(peer.removed, None, "P-060");
    }
}

// Mail that arrives while nobody waits is no answer to anything
#[test]
fn arrivals_are_heard_by_xwait_alone() {
    let mut peer = peer();
    peer.session.arrived();
    assert_eq!(peer.sends(b""), b"");
    assert_eq!(peer.says("XWAIT 60"), "");
    assert_eq!(peer.says("NOOP"), "+OK none\r\n+OK nothing done\r\n");
}
