//! The requirements of intake that the machine can hold, by number.

use std::time::Duration;

use lmtp_proto::{
    Answer, Ask, Dialect, Failure, Limits, Next, Policy, Reason, RecipientRefusal, Session, Tell,
    Tls,
};
use mail_wire::Form;

use crate::driver::{Play, World, code};

fn lmtp() -> Play {
    let mut play = Play::lmtp();
    play.say("LHLO relay.example.org\r\n");
    play
}

fn smtp() -> Play {
    let mut play = Play::smtp();
    play.say("EHLO relay.example.org\r\n");
    play
}

fn policy(dialect: Dialect) -> Policy {
    Policy::new(dialect, "mx.example.org")
}

fn limited(limits: Limits) -> Play {
    let mut play = Play::new(Policy { limits, ..policy(Dialect::Lmtp) });
    play.say("LHLO a\r\n");
    play
}

fn world(refused: &[(&str, RecipientRefusal)], outcomes: &[(&str, Failure)]) -> World {
    World {
        refused: refused.iter().map(|(name, why)| ((*name).to_owned(), *why)).collect(),
        outcomes: outcomes.iter().map(|(name, why)| ((*name).to_owned(), *why)).collect(),
        ..World::default()
    }
}

const ENVELOPE: &str = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";

// P-191; D16: each dialect has its own greeting
#[test]
fn each_dialect_has_its_own_greeting() {
    assert_eq!(Play::lmtp().codes("EHLO x\r\nHELO x\r\n"), ["500 5.5.1", "500 5.5.1"]);
    assert!(Play::lmtp().say("lhlo x\r\n").starts_with("250-mx.example.org\r\n"));
    assert_eq!(Play::smtp().codes("LHLO x\r\n"), ["500 5.5.1"]);
    assert_eq!(Play::smtp().say("helo x\r\n"), "250 mx.example.org\r\n");
}

// P-195, P-159, P-213, RFC 2033 §5: what is offered, and what is not
#[test]
fn extensions() {
    let offered = Play::lmtp().say("LHLO x\r\n");
    for keyword in
        ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"]
    {
        let found = offered.lines().any(|line| line.get(4..) == Some(keyword));
        assert!(found, "{keyword} is missing in {offered}");
    }
    for keyword in ["DSN", "BINARYMIME", "STARTTLS", "AUTH", "VRFY", "EXPN", "ETRN"] {
        assert!(!offered.contains(keyword), "{keyword}");
    }
    let none = Policy { smtputf8: false, ..policy(Dialect::Lmtp) };
    assert!(!Play::new(none.clone()).say("LHLO x\r\n").contains("SMTPUTF8"));
    assert_eq!(
        Play::new(none).codes("LHLO x\r\nMAIL FROM:<> SMTPUTF8\r\n").last().unwrap(),
        "555 5.5.4"
    );
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

// P-197
#[test]
fn bdat_last_has_a_reply_for_each_recipient_and_for_none_no_reply() {
    let mut play = lmtp();
    play.say(ENVELOPE);
    assert_eq!(play.codes("RCPT TO:<e@d>\r\nBDAT 4 LAST\r\na\r\nb").len(), 3);
    assert_eq!(play.codes("BDAT 4 LAST\r\nQUITNOOP\r\n"), ["250 2.0.0"]);
    assert_eq!(play.codes("MAIL FROM:<a@b>\r\nBDAT 4 LAST\r\nQUIT"), ["250 2.1.0"]);
    // The mail transaction has ended with it: the next MAIL is not nested.
    assert_eq!(play.codes("MAIL FROM:<a@b>\r\n"), ["250 2.1.0"]);
    // In SMTP each command has its reply.
    let mut play = smtp();
    assert_eq!(play.codes("MAIL FROM:<a@b>\r\nBDAT 4 LAST\r\nQUIT"), ["250 2.1.0", "503 5.5.1"]);
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

// P-203: the word for Received
#[test]
fn transport_words() {
    let mut words = Vec::new();
    for (dialect, hello) in
        [(Dialect::Lmtp, "LHLO"), (Dialect::Smtp, "EHLO"), (Dialect::Smtp, "HELO")]
    {
        for tls in [Tls::Offered, Tls::Active] {
            for parameter in ["", " SMTPUTF8"] {
                let mut play = Play::new(Policy { tls, ..policy(dialect) });
                play.say(format!("{hello} me.example\r\nMAIL FROM:<>{parameter}\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n"));
                if let Some(kept) = play.kept.first() {
                    assert_eq!(kept.envelope.helo, "me.example");
                    words.push(kept.envelope.transport);
                }
            }
        }
    }
    assert_eq!(
        words,
        [
            "LMTP",
            "UTF8LMTP",
            "LMTPS",
            "UTF8LMTPS", // RFC 3848, RFC 6531 §4.3
            "ESMTP",
            "UTF8SMTP",
            "ESMTPS",
            "UTF8SMTPS", // the same
            "SMTP",
            "SMTP", // HELO has no SMTPUTF8
        ]
    );
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

// P-208, D4, D5: SIZE at MAIL, and the real size whatever was declared
#[test]
fn size() {
    let small = Limits { message_octets_max: 100, ..Limits::default() };
    let mut play = limited(small);
    for (size, code) in [
        ("SIZE=101", "552 5.3.4"),
        ("SIZE=99999999999999999999", "552 5.3.4"),
        ("SIZE=999999999999999999999", "501 5.5.4"),
        ("SIZE=", "501 5.5.4"),
        ("SIZE", "501 5.5.4"),
        ("SIZE=-1", "501 5.5.4"),
        ("SIZE=1 SIZE=1", "501 5.5.4"),
        ("size=100", "250 2.1.0"),
    ] {
        assert_eq!(play.codes(format!("MAIL FROM:<a@b> {size}\r\n")), [code], "{size}");
    }
    play.say("RCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n");
    assert_eq!(
        play.codes(format!("{}\r\n.\r\nNOOP\r\n", "x".repeat(99))),
        ["552 5.3.4", "552 5.3.4", "250 2.0.0"]
    );
    assert_eq!((play.kept.len(), play.aborted), (0, 1));

    // Stuffing does not count: 98 octets and CRLF are just enough.
    play.say(format!("{ENVELOPE}DATA\r\n"));
    assert_eq!(play.codes(format!("..{}\r\n.\r\n", "x".repeat(97))), ["250 2.0.0"]);
    assert_eq!(play.kept[0].text().len(), 100);
    assert_eq!(play.session.counters().message_octets, 100);

    play.say(ENVELOPE);
    assert_eq!(
        play.codes(format!("BDAT 60\r\n{0}BDAT 60\r\n{0}BDAT 0 LAST\r\nNOOP\r\n", "x".repeat(60))),
        ["250 2.0.0", "552 5.3.4", "552 5.3.4", "250 2.0.0"]
    );
    assert_eq!(play.session.counters().too_large, 2);
}

// P-208: quota at RCPT; P-214: foreign and unknown; all five reasons
#[test]
fn recipients_are_refused_for_their_reason() {
    use RecipientRefusal::{Disabled, Foreign, Full, Temporary, Unknown};
    let names =
        [("u@d", Unknown), ("f@d", Foreign), ("d@d", Disabled), ("q@d", Full), ("t@d", Temporary)];
    let mut play = smtp().with(world(&names, &[]));
    let rcpt = |input: String, name: &str| input + "RCPT TO:<" + name + ">\r\n";
    let input = names.iter().fold(String::new(), |input, (name, _)| rcpt(input, name));
    assert_eq!(
        play.codes(format!("MAIL FROM:<a@b>\r\n{input}")),
        ["250 2.1.0", "550 5.1.1", "550 5.7.1", "450 4.2.1", "452 4.2.2", "451 4.3.0"]
    );
    assert_eq!(play.session.counters().recipients_refused, 5);
    assert_eq!(play.session.counters().bad_commands, 0);
}

// P-209
#[test]
fn bdat_keeps_in_step() {
    let mut play = lmtp().with(world(&[("x@d", RecipientRefusal::Unknown)], &[]));
    // refused recipient, then a chunk that looks like commands
    let input = "MAIL FROM:<a@b>\r\nRCPT TO:<x@d>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n";
    assert_eq!(play.codes(input), ["250 2.1.0", "550 5.1.1", "503 5.5.1", "250 2.0.0"]);
    // a size and something wrong behind it
    assert_eq!(play.codes("BDAT 6 FIRST\r\nQUIT\r\nNOOP\r\n"), ["501 5.5.4", "250 2.0.0"]);
    // DATA within chunks, RCPT and MAIL too, and RSET throws all of it away
    play.say(format!("RSET\r\n{ENVELOPE}"));
    assert_eq!(
        play.codes("BDAT 3\r\na\r\nDATA\r\nRCPT TO:<c@d>\r\nMAIL FROM:<a@b>\r\nRSET\r\nDATA\r\n"),
        ["250 2.0.0", "503 5.5.1", "503 5.5.1", "503 5.5.1", "250 2.0.0", "503 5.5.1"]
    );
    assert_eq!((play.kept.len(), play.aborted), (0, 1));
    // LHLO does the same
    play.say(format!("{ENVELOPE}BDAT 3\r\na\r\nLHLO again\r\n"));
    assert_eq!((play.kept.len(), play.aborted), (0, 2));
    // a delivery that cannot begin: the chunk is read, the failure is the reply
    play.world.begin = Some(Failure::Temporary);
    assert_eq!(
        play.codes(format!("{ENVELOPE}BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"))[2..],
        ["451 4.3.0", "451 4.3.0", "250 2.0.0"]
    );
    // a size that nobody can read: what follows is not taken for commands
    assert_eq!(play.codes("BDAT x\r\nMAIL FROM:<a@b>\r\n"), ["501 5.5.4"]);
    assert_eq!(play.closed, Some(Reason::BadCommands));
}

#[test]
fn chunks_arrive_as_they_are() {
    let mut play = lmtp();
    play.say(format!("{ENVELOPE}BDAT 5\r\n.\r\n.\rBDAT 4\r\n\n..xBDAT 0 LAST\r\n"));
    assert_eq!(play.kept[0].octets, b".\r\n.\r\n..x");
    assert_eq!(play.kept[0].envelope.form, Form::Text);
}

// P-210
#[test]
fn eight_bits_are_kept_with_and_without_being_declared() {
    let body: Vec<u8> = (0x80..=0xFF).chain(*b"\r\n").collect();
    let mut play = lmtp();
    for parameter in ["", " BODY=8BITMIME", " body=7bit"] {
        play.say(format!("MAIL FROM:<a@b>{parameter}\r\nRCPT TO:<c@d>\r\nDATA\r\n"));
        play.feed(&[&body, &b".\r\n"[..]].concat());
        let kept = play.kept.last().unwrap();
        assert_eq!(kept.text(), body);
        assert_eq!(kept.envelope.eight_bit, parameter.contains('8'));
    }
    assert_eq!(play.kept.len(), 3);
    assert_eq!(play.codes("MAIL FROM:<> BODY=BINARYMIME\r\n"), ["555 5.5.4"]);
    assert_eq!(play.codes("MAIL FROM:<> BODY=x\r\nMAIL FROM:<> BODY\r\n"), ["501 5.5.4"; 2]);
}

// P-211
#[test]
fn utf8_in_paths_only_after_smtputf8() {
    let mut play = lmtp();
    assert_eq!(play.codes("MAIL FROM:<δ@d>\r\nMAIL FROM:<a@δ>\r\n"), ["553 5.6.7"; 2]);
    assert_eq!(
        play.codes("MAIL FROM:<a@b>\r\nRCPT TO:<δοκιμή@dom>\r\n"),
        ["250 2.1.0", "553 5.6.7"]
    );
    play.say("RSET\r\n");
    let input = "MAIL FROM:<δ@d> SMTPUTF8\r\nRCPT TO:<δοκιμή@dom>\r\nDATA\r\n.\r\n";
    assert_eq!(play.codes(input), ["250 2.1.0", "250 2.1.5", "354", "250 2.0.0"]);
    assert!(play.kept[0].envelope.smtputf8);
    assert_eq!(play.codes("MAIL FROM:<> SMTPUTF8=1\r\n"), ["501 5.5.4"]);
    assert_eq!(play.codes("MAIL FROM:<> SMTPUTF8 SMTPUTF8\r\n"), ["501 5.5.4"]);
    assert_eq!(play.codes(b"RCPT TO:<\xff@d>\r\n"), ["501 5.1.3"]);
    assert_eq!(play.codes("LHLO δοκιμή\r\n"), ["501 5.5.4"]);
}

// P-213
#[test]
fn dsn_is_not_offered_and_not_taken() {
    let mut play = lmtp();
    for parameter in ["RET=FULL", "ENVID=x", "AUTH=<>", "X=y", "REQUIRETLS"] {
        assert_eq!(play.codes(format!("MAIL FROM:<a@b> {parameter}\r\n")), ["555 5.5.4"]);
    }
    play.say("MAIL FROM:<a@b>\r\n");
    for parameter in ["NOTIFY=NEVER", "ORCPT=rfc822;c@d", "X"] {
        assert_eq!(play.codes(format!("RCPT TO:<c@d> {parameter}\r\n")), ["555 5.5.4"]);
    }
    assert_eq!(play.codes("RCPT TO:<c@d>NOTIFY=NEVER\r\n"), ["501 5.5.4"]);
}

// P-215, P-122: nothing may stand behind STARTTLS
#[test]
fn octets_behind_starttls_close_the_connection() {
    for behind in ["N", "NOOP\r\n", "\r\n", "\u{16}\u{3}\u{1}"] {
        let mut play = Play::new(Policy { tls: Tls::Offered, ..policy(Dialect::Smtp) });
        play.say("EHLO x\r\n");
        assert_eq!(play.codes(format!("STARTTLS\r\n{behind}")), ["503 5.5.1"]);
        assert_eq!(play.closed, Some(Reason::PlaintextAfterStarttls));
        assert!(!play.asked.contains(&"Secure".to_owned()));
    }
    assert_eq!(smtp().codes("STARTTLS\r\n"), ["502 5.5.1"]);
    let mut play = Play::new(Policy { tls: Tls::Offered, ..policy(Dialect::Smtp) });
    play.say("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 1\r\nx");
    assert_eq!(play.codes("STARTTLS\r\n"), ["503 5.5.1"]);
    assert_eq!(play.codes("RSET\r\nSTARTTLS\r\n"), ["250 2.0.0", "220 2.0.0"]);
}

// P-206, P-217, P-201: what the driver says in the middle of a message is said to each
#[test]
fn a_delivery_that_fails_is_answered_after_the_end() {
    for (failure, code) in [
        (Failure::DiskFull, "452 4.3.1"),
        (Failure::Temporary, "451 4.3.0"),
        (Failure::MaildropFull, "452 4.2.2"),
        (Failure::TooLarge, "552 5.3.4"),
        (Failure::Loop, "554 5.4.6"),
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

// P-212: every 2xx, 4xx and 5xx but the greeting and the answer to LHLO or EHLO carries a code
// of its own class
#[test]
fn enhanced_codes_agree_with_their_class() {
    let mut play = Play::smtp().with(world(&[("x@d", RecipientRefusal::Unknown)], &[]));
    play.say("EHLO x\r\n");
    let replies = play.say(format!(
        "NOOP\r\nX\r\nVRFY a\r\nHELP\r\nMAIL\r\nRCPT\r\nDATA\r\n{ENVELOPE}RCPT TO:<x@d>\r\n\
         RCPT TO:<x>\r\nSTARTTLS\r\nBDAT 1\r\nxBDAT 0 LAST\r\nRSET\r\nEXPN\r\nQUIT\r\n"
    ));
    assert_eq!(replies.lines().count(), 17);
    for line in replies.lines() {
        let (code, rest) = line.split_once(' ').expect("a code");
        let enhanced: Vec<_> = rest.split(' ').next().unwrap().split('.').collect();
        assert_eq!(enhanced.len(), 3, "{line}");
        assert_eq!(enhanced[0], &code[..1], "{line}");
        assert!(enhanced.iter().all(|part| part.parse::<u16>().is_ok()), "{line}");
    }
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
