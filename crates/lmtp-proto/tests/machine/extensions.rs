//! The extensions, and what each of them asks for: SIZE, 8BITMIME, SMTPUTF8, CHUNKING,
//! ENHANCEDSTATUSCODES, STARTTLS; DSN and BINARYMIME are not among them.

use lmtp_proto::{Dialect, Failure, Limits, Policy, Reason, RecipientRefusal, Tls};
use mail_wire::Form;

use crate::driver::{ENVELOPE, Play, limited, lmtp, policy, smtp, world};

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

// P-197
#[test]
fn bdat_last_has_a_reply_for_each_recipient_and_for_none_no_reply() {
    let mut play = lmtp();
    play.say(ENVELOPE);
    assert_eq!(play.codes("RCPT TO:<e@d>\r\nBDAT 4 LAST\r\na\r\nb").len(), 3);
    // RFC 3030 §2: one after the last is 503
    assert_eq!(play.codes("BDAT 4 LAST\r\nQUITNOOP\r\n"), ["503 5.5.1", "250 2.0.0"]);
    // Pipelined behind a MAIL that is refused, for whichever reason.
    for mail in ["MAIL FROM:<a@b> SIZE=99999999999", "MAIL FROM:<a b>", "MAIL FROM:<> X=y"] {
        let input =
            format!("{mail}\r\nRCPT TO:<c@d>\r\nBDAT 4 LAST\r\nQUITRSET\r\nBDAT 0 LAST\r\n");
        let codes = play.codes(input);
        assert_eq!(codes[1..], ["503 5.5.1", "250 2.0.0", "503 5.5.1"], "{mail}");
    }
    assert_eq!(play.codes("MAIL FROM:<a@b>\r\nBDAT 4 LAST\r\nQUIT"), ["250 2.1.0"]);
    // The mail transaction has ended with it: the next MAIL is not nested.
    assert_eq!(play.codes("MAIL FROM:<a@b>\r\n"), ["250 2.1.0"]);
    // In SMTP each command has its reply.
    let mut play = smtp();
    assert_eq!(play.codes("MAIL FROM:<a@b>\r\nBDAT 4 LAST\r\nQUIT"), ["250 2.1.0", "503 5.5.1"]);
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
