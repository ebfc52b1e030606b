//! Smuggling: whatever others take for the end of a message, it ends at CRLF `.` CRLF only
//! (P-199, `security` §2.1).

use lmtp_proto::{BareLineEnds, Dialect, Policy};

use crate::driver::Play;

/// What has been taken for the end of a message somewhere, and is none.
const ENDS: &[&str] = &[
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\n.\r",
    "\r.\n",
    "\r\n.\r\r\n",
    "\r\r\n.\r\r\n",
    "\n\n.\n\n",
    "\n\r.\n\r",
    "\r\n.\n\r\n",
    "\r\n\0.\r\n.\n",
    "\n.\0\r\n",
    "\r\n.\0\n",
    "\n\r\n.\n",
    "\r\r.\r\r",
    "\r\n.\r\0\n",
    "\r\u{b}\n.\r\n",
];

fn play(bare_line_ends: BareLineEnds, dialect: Dialect) -> Play {
    let mut play = Play::new(Policy { bare_line_ends, ..Policy::new(dialect, "mx.example.org") });
    let hello = if dialect == Dialect::Lmtp { "LHLO" } else { "EHLO" };
    play.feed(format!("{hello} a\r\nMAIL FROM:<b@c>\r\nRCPT TO:<d@e>\r\nDATA\r\n").as_bytes());
    assert!(play.output.ends_with(b"<CRLF>.<CRLF>\r\n"));
    play.output.clear();
    play
}

/// One message with something in it that looks like its end, and commands behind that.
fn attack(end: &str) -> String {
    let smuggled = "MAIL FROM:<boss@e>\r\nRCPT TO:<d@e>\r\nDATA\r\nSubject: evil\r\n";
    format!("Subject: good\r\n\r\nbody{end}{smuggled}\r\n.\r\nQUIT\r\n")
}

fn at_every_cut(octets: &[u8], fresh: impl Fn() -> Play, check: impl Fn(&Play)) {
    for cut in 0..=octets.len() {
        let mut play = fresh();
        let (before, after) = octets.split_at(cut);
        play.feed(before);
        play.feed(after);
        check(&play);
    }
    let mut play = fresh();
    crate::driver::chop(&mut play, octets, 1);
    check(&play);
}

#[test]
fn nothing_but_crlf_dot_crlf_ends_a_message() {
    assert!(ENDS.len() >= 15);
    for end in ENDS {
        for dialect in [Dialect::Lmtp, Dialect::Smtp] {
            at_every_cut(
                attack(end).as_bytes(),
                || play(BareLineEnds::Refuse, dialect),
                |play| {
                    let output = String::from_utf8_lossy(&play.output);
                    let codes: Vec<_> = output.lines().map(crate::driver::code).collect();
                    assert_eq!(codes, ["550 5.6.11", "221 2.0.0"], "{end:?}: {output}");
                    assert_eq!((play.kept.len(), play.aborted), (0, 1), "{end:?}");
                    assert_eq!(play.session.counters().bare_line_ends, 1);
                },
            );
        }
    }
}

/// What a message says when each bare CR and each bare LF becomes a CRLF. Written as plainly
/// as it can be, an octet at a time, and only for text without a dot at the start of a line.
fn repaired(text: &str) -> Vec<u8> {
    let octets = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        match (octets[at], octets.get(at + 1)) {
            (b'\r', Some(b'\n')) => {
                out.extend(b"\r\n");
                at += 1;
            }
            (b'\r' | b'\n', _) => out.extend(b"\r\n"),
            (octet, _) => out.push(octet),
        }
        at += 1;
    }
    out
}

#[test]
fn a_repaired_message_is_one_message_that_cannot_end_early_for_the_next_reader() {
    for end in ENDS {
        let attack = attack(end);
        let body = attack.strip_suffix(".\r\nQUIT\r\n").unwrap();
        // A dot after a CRLF is the peer's stuffing and goes first; then line ends are repaired.
        let expected = repaired(&body.replace("\r\n.", "\r\n"));
        at_every_cut(
            attack.as_bytes(),
            || play(BareLineEnds::Repair, Dialect::Lmtp),
            |play| {
                assert_eq!(play.kept.len(), 1, "{end:?}");
                // `text` fails if the wire form holds an end.
                let text = play.kept[0].text();
                assert_eq!(text.escape_ascii().to_string(), expected.escape_ascii().to_string());
                assert!(play.output.starts_with(b"250 2.0.0"), "{end:?}");
            },
        );
    }
}

#[test]
fn a_lone_dot_right_after_data_is_an_empty_message() {
    for bare in [BareLineEnds::Refuse, BareLineEnds::Repair] {
        at_every_cut(
            b".\r\nQUIT\r\n",
            || play(bare, Dialect::Smtp),
            |play| {
                assert_eq!(play.kept.len(), 1);
                assert_eq!(play.kept[0].octets, b"");
            },
        );
    }
}

// P-200
#[test]
fn one_leading_dot_goes_from_every_line() {
    let wire = b"..\r\n...\r\n..a\r\n.b\r\na.\r\n.\r\n";
    at_every_cut(
        wire,
        || play(BareLineEnds::Refuse, Dialect::Lmtp),
        |play| {
            assert_eq!(play.kept[0].text(), b".\r\n..\r\n.a\r\nb\r\na.\r\n");
            // What is handed over is stuffed as it has to be, also where the peer did not.
            assert_eq!(play.kept[0].octets, b"..\r\n...\r\n..a\r\nb\r\na.\r\n");
        },
    );
}

#[test]
fn chunks_with_bare_line_ends_are_refused_in_step() {
    let input = b"BDAT 2\r\na\rBDAT 2\r\n\nbBDAT 3\r\n\rc\rBDAT 1\r\n\nBDAT 0 LAST\r\nNOOP\r\n";
    // CR LF across two chunks is one line end; CR `c` is none, and the last CR LF is one again.
    let fresh = || {
        let mut play = Play::lmtp();
        play.feed(b"LHLO a\r\nMAIL FROM:<b@c>\r\nRCPT TO:<d@e>\r\nRCPT TO:<f@e>\r\n");
        play.output.clear();
        play
    };
    at_every_cut(input, fresh, |play| {
        let output = String::from_utf8_lossy(&play.output);
        let codes: Vec<_> = output.lines().map(crate::driver::code).collect();
        assert_eq!(
            codes,
            [
                "250 2.0.0",
                "250 2.0.0",
                "550 5.6.11",
                "550 5.6.11",
                "550 5.6.11",
                "550 5.6.11",
                "250 2.0.0"
            ],
            "{output}"
        );
        assert_eq!((play.kept.len(), play.aborted), (0, 1));
    });
}

#[test]
fn a_cr_that_waits_for_its_lf_at_the_very_end_is_bare() {
    for (bare, code, kept) in
        [(BareLineEnds::Refuse, "550 5.6.11", 0), (BareLineEnds::Repair, "250 2.0.0", 1)]
    {
        let fresh = || {
            let policy = Policy::new(Dialect::Lmtp, "mx.example.org");
            let mut play = Play::new(Policy { bare_line_ends: bare, ..policy });
            play.feed(b"LHLO a\r\nMAIL FROM:<b@c>\r\nRCPT TO:<d@e>\r\n");
            play.output.clear();
            play
        };
        at_every_cut(b"BDAT 2 LAST\r\na\r", fresh, |play| {
            assert!(play.output.starts_with(code.as_bytes()));
            assert_eq!(play.kept.len(), kept);
            if let Some(kept) = play.kept.first() {
                assert_eq!(kept.octets, b"a\r\n");
            }
        });
    }
}

// Lines that end in LF alone are no command lines either, unless they are repaired.
#[test]
fn a_command_ends_in_crlf() {
    let mut strict = Play::lmtp();
    assert_eq!(strict.codes("NOOP\nNOOP\r\n"), ["500 5.5.2", "250 2.0.0"]);
    let policy = Policy::new(Dialect::Lmtp, "mx.example.org");
    let mut lenient = Play::new(Policy { bare_line_ends: BareLineEnds::Repair, ..policy });
    assert_eq!(lenient.codes("NOOP\nNOOP\r\n"), ["250 2.0.0", "250 2.0.0"]);
    // A CR within a line is no line end in either.
    assert_eq!(strict.codes("NOOP\rRSET\r\nNOOP\r\r\n"), ["500 5.5.2", "500 5.5.2"]);
}

// Found by `chopping_changes_nothing`: the reason was the size for one cut and the LF for another.
#[test]
fn the_first_reason_counts_however_it_is_cut() {
    for (message, code) in
        [("xxxxxxxxxxxx\nx", "552 5.3.4"), ("xxxx\nxxxxxxxxxxxxxx", "550 5.6.11")]
    {
        let fresh = || {
            let mut policy = Policy::new(Dialect::Smtp, "mx.example.org");
            policy.limits.message_octets_max = 10;
            let mut play = Play::new(policy);
            play.feed(b"EHLO a\r\nMAIL FROM:<b@c>\r\nRCPT TO:<d@e>\r\n");
            play
        };
        for input in [
            format!("DATA\r\n{message}\r\n.\r\n"),
            format!("BDAT {} LAST\r\n{message}", message.len()),
        ] {
            at_every_cut(input.as_bytes(), fresh, |play| {
                let output = String::from_utf8_lossy(&play.output);
                assert_eq!(output.lines().last().map(crate::driver::code).unwrap(), code);
            });
        }
    }
}
