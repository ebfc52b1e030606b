//! What the driver does: timers, STLS, `tell`, answers that do not fit.

use std::time::Duration;

use crate::dialog::Fixture;
use crate::world::{Peer, fixture};
use pop3_proto::server::Stage;
use pop3_proto::server::ask::{Answer, Ask, Next, Reason, Tell};

const MESSAGE: &str = "Subject: a\r\n\r\none\r\n";

fn stls() -> Peer {
    Peer::new(Fixture { stls: true, ..fixture(&[MESSAGE]) })
}

// P-019, P-021, S14: ten minutes at least, in both states, reset by any command; no word, no
// UPDATE
#[test]
fn the_autologout_timer() {
    for login in [false, true] {
        let mut peer = Peer::new(fixture(&[MESSAGE]));
        if login {
            peer.log_in();
            peer.says("DELE 1");
        }
        for _ in 0..3 {
            peer.now += Duration::from_secs(599);
            assert_eq!(peer.session.expire(peer.now), None);
            // Part of a command is none.
            peer.sends(b"NO");
            peer.now += Duration::from_secs(1);
            assert_eq!(peer.session.expire(peer.now), None);
            assert!(peer.says("OP").contains("not"), "NOOP, in either state");
        }
        let deadline = peer.session.deadline().expect("it waits for the peer");
        assert!(deadline >= peer.now + Duration::from_mins(10));
        peer.sends(b"NOO");
        assert_eq!(peer.session.deadline(), Some(deadline), "octets are no command");
        peer.now = deadline;
        assert_eq!(peer.session.expire(peer.now), Some(Reason::Idle));
        assert_eq!(peer.says("P\r\nQUIT"), "");
        assert_eq!((peer.closed, peer.removed), (Some(Reason::Idle), None));
    }
}

// P-020: while the driver works there is no timer, and what it does is activity
#[test]
fn a_message_on_its_way_is_activity() {
    let mut peer = Peer::logged_in(&[MESSAGE]);
    let (mut output, mut input) = (Vec::new(), &b"RETR 1\r\n"[..]);
    assert!(matches!(
        peer.session.receive(&mut input, &mut output, peer.now),
        Next::Ask(Ask::Retrieve(_))
    ));
    assert_eq!(peer.session.deadline(), None);
    peer.session.answer(Answer::Found, &mut output, peer.now);
    assert!(matches!(peer.session.receive(&mut input, &mut output, peer.now), Next::Send(_)));
    peer.now += Duration::from_hours(1);
    assert_eq!((peer.session.deadline(), peer.session.expire(peer.now)), (None, None));
    peer.session.sent();
    assert!(matches!(peer.session.receive(&mut input, &mut output, peer.now), Next::NeedInput));
    assert!(peer.session.deadline().is_some_and(|at| at >= peer.now + Duration::from_mins(10)));
}

// P-120, P-121, S7
#[test]
fn stls_once_and_only_before_login() {
    let mut peer = stls();
    assert_eq!(peer.says("STLS"), "+OK begin TLS negotiation\r\n");
    assert!(peer.session.is_secure());
    assert_eq!(peer.says("STLS"), "-ERR TLS is active already\r\n");
    assert!(peer.says("STAT").starts_with("-ERR not before"));
    peer.log_in();
    assert_eq!(peer.says("STLS"), "-ERR not after login\r\n");
    let mut peer = Peer::new(Fixture { tls: true, stls: true, ..fixture(&[]) });
    assert_eq!(peer.says("STLS"), "-ERR TLS is active already\r\n");
}

// P-122: what comes with STLS in one piece closes the connection, a part of a line too
#[test]
fn nothing_may_follow_stls() {
    for behind in ["CAPA\r\n", "XX", "\r\n", "\n", "USER ann\r\nPASS right\r\n", "\x16\x03\x01"] {
        let mut peer = stls();
        let output = peer.sends(format!("STLS\r\n{behind}").as_bytes());
        let said = String::from_utf8(output).expect("UTF-8");
        assert!(said.starts_with("-ERR nothing may follow STLS") && said.lines().count() == 1);
        assert_eq!(peer.closed, Some(Reason::PlaintextAfterStls), "{behind:?}");
        assert!(!peer.session.is_secure() && peer.asked.is_empty());
    }
}

// P-122: USER, LANG, failures and bad commands from before are forgotten
#[test]
fn tls_begins_anew() {
    let mut peer = stls();
    peer.says("LANG de");
    for count in 0..4 {
        peer.says(&format!("USER ann\r\nPASS wrong{count}"));
    }
    peer.sends(&b"x\r\n".repeat(18));
    peer.says("USER ann\r\nSTLS");
    assert_eq!(peer.says("PASS right"), "-ERR USER comes before PASS\r\n");
    for count in 0..4 {
        peer.says(&format!("USER ann\r\nPASS wrong{count}"));
    }
    assert_eq!(peer.closed, None);
    peer.log_in();
}

// S17: ended at once where it waits, with a line that says why; nothing is removed
#[test]
fn a_session_that_is_told_to_end_says_why() {
    for (why, words) in [
        (Tell::Drain, "-ERR [SYS/TEMP] service unavailable: the server is stopping"),
        (Tell::Pressure, "-ERR [SYS/TEMP] service unavailable: too many connections"),
        (Tell::AccountChanged, "-ERR the account was changed"),
    ] {
        let mut peer = Peer::logged_in(&[MESSAGE]);
        peer.says("DELE 1");
        peer.sends(b"QUI");
        let mut output = Vec::new();
        peer.session.tell(why, &mut output);
        assert!(String::from_utf8(output).expect("UTF-8").starts_with(words));
        assert_eq!(peer.says("T"), "");
        assert_eq!((peer.closed, peer.removed), (Some(Reason::Told), None));
    }
}

// P-017: a connection that is refused is told so before any greeting
#[test]
fn a_connection_can_be_refused() {
    let mut peer = Peer::new(fixture(&[]));
    let mut session =
        pop3_proto::server::Session::new(crate::world::policy(&fixture(&[])), peer.now);
    let mut output = Vec::new();
    session.tell(Tell::Pressure, &mut output);
    assert!(output.starts_with(b"-ERR [SYS/TEMP] "));
    assert!(matches!(
        session.receive(&mut &b""[..], &mut output, peer.now),
        Next::Close(Reason::Told)
    ));
    peer.says("QUIT");
}

// A response that has begun is completed first: a message, a long list
#[test]
fn telling_does_not_cut_a_response() {
    let mut peer =
        Peer::with(fixture(&[MESSAGE; 100]), |policy| policy.limits.output_octets_max = 64);
    peer.log_in();
    let (mut output, mut input) = (Vec::new(), &b"LIST\r\nNOOP\r\n"[..]);
    assert!(matches!(peer.session.receive(&mut input, &mut output, peer.now), Next::Flush));
    peer.session.tell(Tell::Drain, &mut output);
    let mut all = std::mem::take(&mut output);
    while !matches!(
        peer.session.receive(&mut input, &mut output, peer.now),
        Next::Close(Reason::Told)
    ) {
        all.append(&mut output);
    }
    all.append(&mut output);
    let said = String::from_utf8(all).expect("UTF-8");
    assert_eq!(said.lines().count(), 1 + 100 + 1 + 1);
    assert!(said.lines().last().is_some_and(|line| line.starts_with("-ERR [SYS/TEMP]")), "{said}");
}

// P-161: Flush comes once a buffer, whether the driver clears it or gathers
#[test]
fn flush_comes_once_a_buffer() {
    for clears in [false, true] {
        let mut peer =
            Peer::with(fixture(&[MESSAGE; 100]), |policy| policy.limits.output_octets_max = 100);
        peer.log_in();
        let (mut input, mut output, mut flushes) = (&b"LIST\r\n"[..], Vec::new(), 0);
        while let Next::Flush = peer.session.receive(&mut input, &mut output, peer.now) {
            flushes += 1;
            assert!(flushes < 100, "a driver that gathers must not be held for ever");
            if clears {
                assert!(output.len() < 200);
                output.clear();
            }
        }
        assert!((5..=8).contains(&flushes), "{flushes}");
    }
}

// P-061, P-063: an UPDATE that has begun is carried out, whoever says what
#[test]
fn telling_does_not_stop_an_update() {
    let mut peer = Peer::logged_in(&[MESSAGE]);
    let (mut output, mut input) = (Vec::new(), &b"DELE 1\r\nQUIT\r\n"[..]);
    let next = peer.session.receive(&mut input, &mut output, peer.now);
    assert!(matches!(next, Next::Ask(Ask::Commit(_))));
    peer.session.tell(Tell::Drain, &mut output);
    assert_eq!(peer.session.expire(peer.now + Duration::from_hours(1)), None);
    assert_eq!(peer.session.stage(), Stage::Update);
    let commit = pop3_proto::server::ask::Commit::Removed { left: 0 };
    peer.session.answer(Answer::Committed(commit), &mut output, peer.now);
    assert!(output.ends_with(b"+OK signing off (maildrop empty)\r\n"));
    assert!(matches!(
        peer.session.receive(&mut input, &mut output, peer.now),
        Next::Close(Reason::Quit)
    ));
}

// An answer to another question ends the session without a word: never logged in, never
// updated
#[test]
fn an_answer_that_does_not_fit_ends_the_session() {
    let answers: [fn() -> Answer; 9] = [
        || Answer::Verified(pop3_proto::server::ask::Verified::default()),
        || Answer::Opened(std::sync::Arc::default()),
        || Answer::Found,
        || Answer::Lost { temporary: true },
        || Answer::Committed(pop3_proto::server::ask::Commit::Failed),
        || Answer::Secured(mail_wire::sasl::Channel::default()),
        || Answer::Refreshed(std::sync::Arc::default()),
        || Answer::NotRefreshed { temporary: true },
        || Answer::Digested([0; 32]),
    ];
    for (at, answer) in answers.iter().enumerate() {
        let mut peer = Peer::new(fixture(&[MESSAGE]));
        let (mut output, mut input) = (Vec::new(), &b""[..]);
        peer.session.answer(answer(), &mut output, peer.now);
        assert!(output.is_empty());
        let next = peer.session.receive(&mut input, &mut output, peer.now);
        assert!(matches!(next, Next::Close(Reason::WrongAnswer)), "{at}: {next:?}");
    }
    // The right answer to a question that has not been asked yet is no better.
    let mut peer = Peer::new(fixture(&[MESSAGE]));
    let (mut output, mut input) = (Vec::new(), &b"USER ann\r\nPASS right\r\n"[..]);
    let next = peer.session.receive(&mut input, &mut output, peer.now);
    assert!(matches!(next, Next::Ask(Ask::Verify(_))));
    peer.session.answer(answers[0](), &mut output, peer.now);
    peer.session.answer(answers[1](), &mut output, peer.now);
    assert!(!peer.session.is_authenticated());
    let mut peer = Peer::logged_in(&[MESSAGE]);
    peer.session.sent();
    assert_eq!(peer.says("QUIT"), "");
    assert_eq!(peer.closed, Some(Reason::WrongAnswer));
}
