//! Replays `tests/dialogs/{lmtp,smtp}/*.dialog` against the bare machine: turn by turn, an
//! octet at a time, cut at every octet, and (but across STARTTLS) all in one go.
//!
//! ```text
//! dialect: lmtp                     header: `lmtp` or `smtp`
//! hostname: foo.edu
//! tls: offered
//! compare: codes                    only codes, and that the extensions named are there
//! bare-line-ends: repair
//! refused: jones@foo.edu unknown    at RCPT
//! outcome: green@foo.edu maildrop-full
//! kept: 1                           so many messages stay
//!
//! # a comment
//! S: 220 foo.edu LMTP ready
//! C: LHLO foo.edu                   a line and CRLF
//! C~ \r\n.\n                        octets with escapes, and nothing behind them
//! ```

use std::fs;
use std::path::Path;

use lmtp_proto::{BareLineEnds, Dialect, Failure, Policy, RecipientRefusal, Tls};

use crate::driver::{self, Play, World, code};

#[derive(Debug)]
struct Dialog {
    name: String,
    policy: Policy,
    world: World,
    codes_only: bool,
    kept: Option<usize>,
    turns: Vec<Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    client: Vec<u8>,
    server: Vec<String>,
}

fn read(path: &Path) -> Dialog {
    let text = fs::read_to_string(path).expect("a dialog");
    let (header, body) = text.split_once("\n\n").expect("a header and a blank line");
    let mut dialog = Dialog {
        name: path.display().to_string(),
        policy: Policy::new(Dialect::Lmtp, "mx.example.org"),
        world: World::default(),
        codes_only: false,
        kept: None,
        turns: vec![Turn::default()],
    };
    header.lines().filter(|line| !line.starts_with('#')).for_each(|line| {
        let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("header: {line}"));
        set(&mut dialog, key, value);
    });
    for line in body.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (who, rest) = line.split_at(2);
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let open = dialog.turns.last().is_some_and(|turn| turn.server.is_empty());
        if who.starts_with('C') && !open {
            dialog.turns.push(Turn::default());
        }
        let turn = dialog.turns.last_mut().expect("there is one always");
        match who {
            "C:" => turn.client.extend([rest.as_bytes(), b"\r\n"].concat()),
            "C~" => turn.client.extend(unescaped(rest)),
            "S:" => turn.server.push(rest.to_owned()),
            _ => panic!("{}: {line}", dialog.name),
        }
    }
    dialog
}

fn set(dialog: &mut Dialog, key: &str, value: &str) {
    let pair = || value.split_once(' ').expect("a mailbox and a word");
    match (key, value) {
        ("dialect", "lmtp") => dialog.policy.dialect = Dialect::Lmtp,
        ("dialect", "smtp") => dialog.policy.dialect = Dialect::Smtp,
        ("hostname", name) => name.clone_into(&mut dialog.policy.hostname),
        ("tls", "offered") => dialog.policy.tls = Tls::Offered,
        ("tls", "active") => dialog.policy.tls = Tls::Active,
        ("compare", "codes") => dialog.codes_only = true,
        ("bare-line-ends", "repair") => dialog.policy.bare_line_ends = BareLineEnds::Repair,
        ("kept", count) => dialog.kept = Some(count.parse().expect("a number")),
        ("refused", _) => {
            let refusal = match pair().1 {
                "unknown" => RecipientRefusal::Unknown,
                "foreign" => RecipientRefusal::Foreign,
                "disabled" => RecipientRefusal::Disabled,
                "full" => RecipientRefusal::Full,
                "over-quota" => RecipientRefusal::OverQuota,
                "temporary" => RecipientRefusal::Temporary,
                other => panic!("no such refusal: {other}"),
            };
            dialog.world.refused.insert(pair().0.to_owned(), refusal);
        }
        ("outcome", _) => {
            let failure = match pair().1 {
                "disk-full" => Failure::DiskFull,
                "temporary" => Failure::Temporary,
                "maildrop-full" => Failure::MaildropFull,
                "over-quota" => Failure::OverQuota,
                "loop" => Failure::Loop,
                "message" => Failure::Message,
                other => panic!("no such failure: {other}"),
            };
            dialog.world.outcomes.insert(pair().0.to_owned(), failure);
        }
        _ => panic!("{}: no such header: {key}: {value}", dialog.name),
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'\\' => match rest.next().expect("an escape") {
                b'r' => b'\r',
                b'n' => b'\n',
                b'0' => 0,
                other => other,
            },
            octet => octet,
        });
    }
    octets
}

fn check(dialog: &Dialog, turn: &Turn, how: &str, output: &[u8]) {
    let output = std::str::from_utf8(output).expect("replies are UTF-8");
    assert!(output.is_empty() || output.ends_with("\r\n"), "{}: {output:?}", dialog.name);
    let said: Vec<_> = output.split_terminator("\r\n").map(str::to_owned).collect();
    if dialog.codes_only {
        let (wanted, said) = (replies(&turn.server), replies(&said));
        let codes = |replies: &[Vec<String>]| -> Vec<String> {
            replies.iter().map(|reply| reply[0][..3].to_owned()).collect()
        };
        assert_eq!(codes(&said), codes(&wanted), "{} ({how}): {output}", dialog.name);
        for (wanted, said) in wanted.iter().zip(&said) {
            for line in wanted.iter().skip(1) {
                let keyword = |line: &String| line[4..].split(' ').next().map(str::to_owned);
                assert!(
                    said.iter().any(|said| keyword(said) == keyword(line)),
                    "{} ({how}): {line} is missing in {said:?}",
                    dialog.name
                );
            }
        }
    } else {
        assert_eq!(said, turn.server, "{} ({how})", dialog.name);
    }
}

/// Lines, gathered into replies (RFC 5321 §4.2.1).
fn replies(lines: &[String]) -> Vec<Vec<String>> {
    lines.split_inclusive(|line| line.as_bytes().get(3) != Some(&b'-')).map(<[_]>::to_vec).collect()
}

fn replay(dialog: &Dialog, how: &str, offer: impl Fn(&mut Play, &[u8])) {
    let mut play = Play::new(dialog.policy.clone()).with(dialog.world.clone());
    for turn in &dialog.turns {
        offer(&mut play, &turn.client);
        check(dialog, turn, how, &play.output);
        play.output.clear();
    }
    if let Some(kept) = dialog.kept {
        assert_eq!(play.kept.len(), kept, "{} ({how}): messages kept", dialog.name);
    }
}

fn all_in_one_go(dialog: &Dialog) {
    let mut play = Play::new(dialog.policy.clone()).with(dialog.world.clone());
    let mut whole = Turn::default();
    for turn in &dialog.turns {
        whole.client.extend(&turn.client);
        whole.server.extend(turn.server.iter().cloned());
    }
    play.feed(&whole.client);
    check(dialog, &whole, "all in one go", &play.output);
}

fn replay_folder(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dialogs").join(folder);
    let mut dialogs = 0;
    for entry in fs::read_dir(folder).expect("a folder of dialogs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "dialog") {
            continue;
        }
        let dialog = read(&path);
        replay(&dialog, "turn by turn", Play::feed);
        replay(&dialog, "octet by octet", |play, octets| driver::chop(play, octets, 1));
        let longest = dialog.turns.iter().map(|turn| turn.client.len()).max().unwrap_or(0);
        for cut in 1..longest {
            replay(&dialog, "cut", |play, octets| {
                let (before, after) = octets.split_at(cut.min(octets.len()));
                play.feed(before);
                play.feed(after);
            });
        }
        if !dialog.turns.iter().any(|turn| turn.client.ends_with(b"STARTTLS\r\n")) {
            all_in_one_go(&dialog);
        }
        dialogs += 1;
    }
    assert!(dialogs > 3, "only {dialogs} dialogs were found");
}

#[test]
fn lmtp_dialogs_are_replayed() {
    replay_folder("lmtp");
}

#[test]
fn smtp_dialogs_are_replayed() {
    replay_folder("smtp");
}

// P-001 holds here too: what a dialog expects is well-formed itself (RFC 5321 §4.2).
#[test]
fn codes_are_read_from_lines() {
    assert_eq!(code("250 2.1.0 sender ok"), "250 2.1.0");
    assert_eq!(code("250-SIZE 10"), "250-");
    assert_eq!(code("354 go on"), "354");
}
