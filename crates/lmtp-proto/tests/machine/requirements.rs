//! The requirements of intake that the machine can hold, by number.

use std::time::Duration;

use lmtp_proto::{
    Answer, Ask, Dialect, Failure, Limits, Next, Policy, Reason, RecipientRefusal, Session, Tell,
};

use crate::driver::{ENVELOPE, Play, World, code, limited, lmtp, policy, smtp, world};

// P-191; D16: each dialect has its own greeting
#[test]
fn each_dialect_has_its_own_greeting() {
    assert_eq!(Play::lmtp().codes("EHLO x\r\nHELO x\r\n"), ["500 5.5.1", "500 5.5.1"]);
    assert!(Play::lmtp().say("lhlo x\r\n").starts_with("250-mx.example.org\r\n"));
    assert_eq!(Play::smtp().codes("LHLO x\r\n"), ["500 5.5.1"]);
    assert_eq!(Play::smtp().say("helo x\r\n"), "250 mx.example.org\r\n");
}

// P-193, P-194: the replies come after the commit, one a recipient, in order, duplicates too
#[test]
fn one_reply_a_recipient() {
    let world = world(&[("x@d", RecipientRefusal::Unknown)], &[("two@d", Failure::MaildropFull)]);
    let mut play = lmtp().with(world);
    play.say("MAIL FROM:<a@b>\r\nRCPT TO:<one@d>\r\nRCPT TO:<two@d>\r\nRCPT TO:<x@d>\r\n");
    play.say("RCPT TO:<one@d>\r\nDATA\r\n");
    assert_eq!(play.codes("x\r\n.\r\n"), ["250 2.0.0", "452 4.2.2", "250 2.0.0"]);
    let paths: Vec<_> = play.kept[0].envelope.recipients.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["<one@d>", "<two@d>", "<one@d>"]);
    assert_eq!(play.asked.iter().filter(|ask| *ask == "Commit").count(), 1);
}

// P-198
#[test]
fn the_least_that_smtp_has() {
    let mut play = smtp();
    for (command, code) in [
        ("NOOP", "250 2.0.0"),
        ("noop really", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("RSET now", "501 5.5.4"),
        ("HELP", "214 2.0.0"),
        ("HELP MAIL", "214 2.0.0"),
        ("VRFY ann", "252 2.0.0"),
        ("VRFY", "501 5.5.4"),
        ("EXPN list", "502 5.5.1"),
        ("ETRN x", "502 5.5.1"),
        ("AUTH PLAIN AGEAYg==", "502 5.5.1"),
        ("XYZZY", "500 5.5.1"),
        ("", "500 5.5.1"),
        ("   ", "500 5.5.1"),
        ("\u{e9}", "500 5.5.1"),
        ("NO\0OP", "500 5.5.2"),
        ("MAIL FROM:<a@b>", "250 2.1.0"),
        ("RCPT TO:<Postmaster>", "250 2.1.5"),
        ("RCPT TO:<postmaster@example.org>", "250 2.1.5"),
        ("RCPT TO:<POSTMASTER>", "250 2.1.5"),
        ("DATA now", "501 5.5.4"),
    ] {
        assert_eq!(play.codes(format!("{command}\r\n")), [code], "{command}");
    }
    // L24: QUIT with an argument does not quit
    assert_eq!(play.codes("QUIT now\r\nQUIT\r\n"), ["501 5.5.4", "221 2.0.0"]);
    assert_eq!(play.closed, Some(Reason::Quit));
}

// P-201
#[test]
fn limits_on_lines_and_recipients() {
    let mut play = lmtp();
    // 512 octets, and the room that the extensions ask for
    let noop = format!("NOOP {}\r\n", "x".repeat(512 + 26 + 17 + 10 - 7));
    assert_eq!(play.codes(noop), ["250 2.0.0"]);
    let longest = format!("NOOP {}\r\n", "x".repeat(2048 - 7));
    assert_eq!(play.codes(longest), ["250 2.0.0"]);
    let longer = format!("NOOP {}\r\nNOOP\r\n", "x".repeat(2048 - 6));
    assert_eq!(play.codes(longer), ["500 5.5.2", "250 2.0.0"]);

    // Without an end: nothing is kept, and one reply comes when it ends.
    let endless = vec![b'x'; 1 << 20];
    let mut input = &endless[..];
    let mut session = play.session;
    let _ = session.receive(&mut input, &mut Vec::new(), play.now);
    assert!(input.is_empty());

    let mut play = limited(Limits { recipients_max: 100, ..Limits::default() });
    play.say("MAIL FROM:<a@b>\r\n");
    assert_eq!(play.codes("RCPT TO:<c@d>\r\n".repeat(101))[99..], ["250 2.1.5", "452 4.5.3"]);
    assert_eq!(play.codes("DATA\r\n.\r\n").len(), 101);
    assert_eq!(Limits::default().recipients_max, 1000);
}

// P-202, P-020: 5 minutes between commands, and 421 4.4.2 after that
#[test]
fn idle() {
    let mut play = lmtp();
    play.wait(Duration::from_secs(299));
    assert_eq!(play.session.expire(&mut play.output, play.now), None);
    assert_eq!(play.codes("NOOP\r\n"), ["250 2.0.0"]);
    // Half a line is no progress.
    play.say("NOO");
    play.wait(Duration::from_mins(5));
    assert_eq!(play.session.deadline(), Some(play.now));
    play.output.clear();
    assert_eq!(play.session.expire(&mut play.output, play.now), Some(Reason::Idle));
    assert!(play.output.starts_with(b"421 4.4.2 "));
    assert_eq!(play.session.deadline(), None);
    play.say("P\r\n");
    assert_eq!(play.closed, Some(Reason::Idle));

    // Within a message progress counts; a delivery that was begun is the driver's to drop.
    let mut play = lmtp();
    play.say(format!("{ENVELOPE}DATA\r\n"));
    play.wait(Duration::from_secs(200));
    play.say("Subject: slow\r\n");
    play.wait(Duration::from_secs(200));
    assert_eq!(play.session.expire(&mut play.output, play.now), None);
    play.wait(Duration::from_secs(100));
    assert_eq!(play.session.expire(&mut play.output, play.now), Some(Reason::Idle));
}

// P-204, P-205: the null reverse-path arrives as such
#[test]
fn null_sender() {
    let mut play = lmtp();
    let input = "MAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\n";
    assert_eq!(play.codes(input).last().unwrap(), "250 2.0.0");
    assert_eq!(play.kept[0].envelope.reverse_path.mailbox(), None);
}

// P-207, D1: order
#[test]
fn order_of_commands() {
    let mut play = Play::smtp();
    assert_eq!(
        play.codes("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nBDAT 2\r\nxx"),
        ["503 5.5.1"; 4]
    );
    play.say("EHLO x\r\n");
    assert_eq!(play.codes("RCPT TO:<c@d>\r\nDATA\r\n"), ["503 5.5.1"; 2]);
    let nested = "MAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nDATA\r\nRCPT TO:<c@d>\r\n";
    assert_eq!(play.codes(nested), ["250 2.1.0", "503 5.5.1", "503 5.5.1", "250 2.1.5"]);
    // RFC 5321 §4.1.4: EHLO ends the mail transaction as RSET does.
    play.say("EHLO x\r\n");
    assert_eq!(play.codes("DATA\r\nMAIL FROM:<a@b>\r\n"), ["503 5.5.1", "250 2.1.0"]);
    assert_eq!(play.codes("RSET\r\nRCPT TO:<c@d>\r\n"), ["250 2.0.0", "503 5.5.1"]);
}

// P-208: quota at RCPT; P-214: foreign and unknown; all five reasons
#[test]
fn recipients_are_refused_for_their_reason() {
    use RecipientRefusal::{Disabled, Foreign, Full, OverQuota, Temporary, Unknown};
    let names = [
        ("u@d", Unknown),
        ("f@d", Foreign),
        ("d@d", Disabled),
        ("q@d", Full),
        ("o@d", OverQuota),
        ("t@d", Temporary),
    ];
    let mut play = smtp().with(world(&names, &[]));
    let rcpt = |input: String, name: &str| input + "RCPT TO:<" + name + ">\r\n";
    let input = names.iter().fold(String::new(), |input, (name, _)| rcpt(input, name));
    assert_eq!(
        play.codes(format!("MAIL FROM:<a@b>\r\n{input}")),
        ["250 2.1.0", "550 5.1.1", "550 5.7.1", "450 4.2.1", "452 4.2.2", "552 5.2.2", "451 4.3.0"]
    );
    assert_eq!(play.session.counters().recipients_refused, 6);
    assert_eq!(play.session.counters().bad_commands, 0);
}

// P-206, P-217, P-201: what the driver says in the middle of a message is said to each
#[test]
fn a_delivery_that_fails_is_answered_after_the_end() {
    for (failure, code) in [
        (Failure::DiskFull, "452 4.3.1"),
        (Failure::Temporary, "451 4.3.0"),
        (Failure::MaildropFull, "452 4.2.2"),
        (Failure::OverQuota, "552 5.2.2"),
        (Failure::TooLarge, "552 5.3.4"),
        (Failure::Loop, "554 5.4.6"),
        (Failure::Returned, "554 5.4.6"),
        (Failure::Message, "550 5.6.0"),
    ] {
        let world = World { full_after: Some((10, failure)), ..World::default() };
        let mut play = lmtp().with(world);
        play.say(format!("{ENVELOPE}RCPT TO:<e@d>\r\nDATA\r\n"));
        assert_eq!(play.say(format!("{}\r\n", "x".repeat(20))), "");
        assert_eq!(play.codes("more\r\n.\r\nNOOP\r\n"), [code, code, "250 2.0.0"]);
        assert_eq!((play.kept.len(), play.aborted), (0, 1));
        // The same where the octets that failed were the last ones.
        play.say(format!("{ENVELOPE}DATA\r\n"));
        assert_eq!(play.codes(format!("{}\r\n.\r\n", "x".repeat(20))), [code]);
        play.say(ENVELOPE);
        assert_eq!(play.codes(format!("BDAT 11 LAST\r\n{}", "x".repeat(11))), [code]);
        // DATA that cannot begin has one reply, and no message follows.
        play.world.begin = Some(failure);
        assert_eq!(play.codes(format!("{ENVELOPE}DATA\r\nNOOP\r\n"))[2..], [code, "250 2.0.0"]);
    }
}

// P-217: SMTP has one reply; nobody's mail may be lost behind a 250
#[test]
fn smtp_answers_for_all_recipients_at_once() {
    let outcomes = [("t@d", Failure::Temporary), ("p@d", Failure::Message)];
    for (recipients, code) in [
        (&["c", "e"][..], "250 2.0.0"),
        (&["c", "t"], "451 4.3.0"),
        (&["p", "t"], "451 4.3.0"),
        (&["c", "p"], "550 5.6.0"),
    ] {
        let mut play = smtp().with(world(&[], &outcomes));
        play.say("MAIL FROM:<a@b>\r\n");
        for name in recipients {
            play.say(format!("RCPT TO:<{name}@d>\r\n"));
        }
        play.say("DATA\r\n");
        assert_eq!(play.codes(".\r\n"), [code], "{recipients:?}");
    }
}

// 20 bad commands end the session politely; a message that is taken sets the count back
#[test]
fn bad_commands() {
    let mut play = lmtp();
    play.say("X\r\n".repeat(19));
    assert_eq!(play.closed, None);
    play.say(format!("{ENVELOPE}DATA\r\n.\r\n"));
    play.say("X\r\n".repeat(19));
    assert_eq!(play.closed, None);
    assert_eq!(play.codes("X\r\nNOOP\r\n"), ["500 5.5.1", "421 4.7.0"]);
    assert_eq!(play.closed, Some(Reason::BadCommands));
    assert_eq!(play.session.counters().bad_commands, 39);
}

// L28 to L30, ALPACA: another protocol gets one line, and the connection closes
#[test]
fn other_protocols() {
    for octets in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b>\r\n"[..],
        b"POST /mail HTTP/1.1\r\n",
        b"GET / HTTP/1.0\n\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let mut play = Play::smtp();
        assert_eq!(play.codes(octets), ["421 4.7.0"]);
        assert_eq!(play.closed, Some(Reason::WrongProtocol));
    }
}

#[test]
fn a_drain_waits_for_the_message_under_way() {
    let mut play = lmtp();
    play.session.tell(Tell::Drain, &mut play.output);
    assert!(play.output.ends_with(b"421 4.3.2 the server is being stopped, closing\r\n"));
    play.say("NOOP\r\n");
    assert_eq!(play.closed, Some(Reason::Told));

    let mut play = lmtp();
    play.say(format!("{ENVELOPE}DATA\r\nSubject: x\r\n"));
    play.session.tell(Tell::Pressure, &mut play.output);
    assert_eq!(play.codes("\r\n.\r\nNOOP\r\n"), ["250 2.0.0", "421 4.3.2"]);
    assert_eq!((play.kept.len(), play.closed), (1, Some(Reason::Told)));
}

// P-015: nothing that the peer says comes back
#[test]
fn no_echo() {
    for hello in ["LHLO canary", "LHLO canary canary", "EHLO canary"] {
        let mut play = Play::lmtp();
        let input = format!(
            "{hello}\r\nMAIL FROM:<canary>\r\nRCPT TO:<canary@\u{1b}[31m>\r\nCANARY %s%n\r\n"
        );
        let said = play.say(input).to_lowercase();
        assert!(!said.contains("canary") && !said.contains('\u{1b}'), "{said}");
    }
}

// D13: what is not complete is not kept; nothing is said about it
#[test]
fn a_message_cut_off_is_not_committed() {
    let mut play = lmtp();
    play.say(format!("{ENVELOPE}DATA\r\nSubject: x\r\n\r\nbody\r\n.\r"));
    assert!(!play.asked.contains(&"Commit".to_owned()));
    assert!(play.session.is_receiving());
    assert!(play.buffer.len() < play.session.input_octets_max());
}

#[test]
fn much_output_is_flushed() {
    let limits = Limits { output_octets_max: 100, ..Limits::default() };
    let mut play = Play::new(Policy { limits, ..policy(Dialect::Lmtp) });
    let (mut input, mut output) = ("NOOP\r\n".repeat(50), Vec::new());
    input.push_str("QUIT\r\n");
    let (mut rest, mut flushes) = (input.as_bytes(), 0);
    let session: &mut Session = &mut play.session;
    loop {
        match session.receive(&mut rest, &mut output, play.now) {
            Next::Flush => {
                assert!(output.len() < 200);
                output.clear();
                flushes += 1;
            }
            Next::Close(Reason::Quit) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(flushes > 3);
}

// P-217: what the driver leaves out is not certain, and a recipient too many changes nothing
#[test]
fn outcomes_that_are_missing_are_temporary() {
    for (outcomes, codes) in [
        (vec![], ["451 4.3.0", "451 4.3.0"]),
        (vec![Ok(())], ["250 2.0.0", "451 4.3.0"]),
        (vec![Ok(()), Err(Failure::DiskFull), Ok(())], ["250 2.0.0", "452 4.3.1"]),
    ] {
        let mut play = lmtp();
        play.say(format!("{ENVELOPE}RCPT TO:<e@d>\r\nDATA\r\n"));
        let (mut input, mut output) = (&b".\r\n"[..], Vec::new());
        let next = play.session.receive(&mut input, &mut output, play.now);
        assert!(matches!(next, Next::Ask(Ask::Commit)), "{next:?}");
        // P-194: nothing has been said before the answer, and no timer runs.
        assert!(output.is_empty());
        assert_eq!(play.session.deadline(), None);
        // An answer to something else is no answer.
        play.session.answer(Answer::Dropped, &mut output, play.now);
        assert!(output.is_empty());
        play.session.answer(Answer::Committed(outcomes), &mut output, play.now);
        // P-196: the replies are there at once, not only when the session goes on.
        let said = String::from_utf8(output).unwrap();
        assert_eq!(said.lines().map(code).collect::<Vec<_>>(), codes);
    }
}

// `<demo>`, where the policy takes bare names
#[test]
fn bare_local_parts() {
    let input = "MAIL FROM:<root>\r\nMAIL FROM:<a@b>\r\nRCPT TO:<demo>\r\n";
    assert_eq!(smtp().codes(input), ["501 5.1.7", "250 2.1.0", "501 5.1.3"]);
    let mut play = Play::new(Policy { bare_local_parts: true, ..policy(Dialect::Smtp) });
    play.say("EHLO x\r\n");
    let input = "MAIL FROM:<root>\r\nRCPT TO:<demo>\r\nRCPT TO:demo\r\n";
    assert_eq!(play.codes(input), ["250 2.1.0", "250 2.1.5", "501 5.1.3"]);
}

// RFC 5321 §4.1.1.1, P-211: what LHLO takes; nothing else gets into Received
#[test]
fn names_in_lhlo() {
    for name in [
        "a.example",
        "[192.0.2.1]",
        "[IPv6:::1]",
        "[::1]",
        "xn--bcher-kva.example",
        "my_host",
        "host.",
    ] {
        assert!(Play::lmtp().say(format!("LHLO {name}\r\n")).starts_with("250-"), "{name}");
    }
    for name in ["", "a b", "a(b)", "a;b", "<a>", "a@b", "\"a\"", "δ.example", "a,b", "a\\b"] {
        assert_eq!(Play::lmtp().codes(format!("LHLO {name}\r\n")), ["501 5.5.4"], "{name}");
    }
}

// The quirks, each named where it is allowed.
#[test]
fn quirks() {
    let mut play = smtp();
    assert_eq!(play.codes("mail from: <a@b>  size=3 \r\n"), ["250 2.1.0"]);
    assert_eq!(
        play.codes("rcpt to: <c@d> \r\nNOOP \r\n NOOP\r\n"),
        ["250 2.1.5", "250 2.0.0", "250 2.0.0"]
    );
    assert_eq!(play.codes("RCPT TO :<c@d>\r\nRCPT\tTO:<c@d>\r\n"), ["501 5.5.4", "500 5.5.2"]);
}

// P-193: the driver can tell one mail transaction from the next
#[test]
fn recipients_are_counted_for_one_transaction() {
    let mut play = lmtp();
    let mut count = |octets: &[u8]| {
        play.feed(octets);
        play.session.recipients()
    };
    assert_eq!(count(b"MAIL FROM:<>\r\n"), 0);
    assert_eq!(count(b"RCPT TO:<a@x>\r\n"), 1);
    assert_eq!(count(b"RCPT TO:<b@x>\r\n"), 2);
    for end in [&b"RSET\r\n"[..], b"LHLO x\r\n", b"DATA\r\n.\r\n"] {
        assert_eq!(count(end), 0);
        assert_eq!(count(b"MAIL FROM:<>\r\nRCPT TO:<a@x>\r\n"), 1);
    }
}

// RFC 2920 §3.1, P-207: what is pipelined behind a refused MAIL is nobody's mistake
#[test]
fn a_batch_behind_a_refused_mail_does_not_end_the_session() {
    let limits = Limits { bad_commands_max: 5, message_octets_max: 1000, ..Limits::default() };
    let mut play = limited(limits);
    let batch = format!("MAIL FROM:<a@b> SIZE=1001\r\n{}DATA\r\n", "RCPT TO:<c@d>\r\n".repeat(9));
    let codes = play.codes(batch);
    assert_eq!((&codes[0][..], codes.len()), ("552 5.3.4", 11));
    assert!(codes[1..].iter().all(|code| code == "503 5.5.1"), "{codes:?}");
    assert_eq!(play.codes(ENVELOPE), ["250 2.1.0", "250 2.1.5"]);
}
