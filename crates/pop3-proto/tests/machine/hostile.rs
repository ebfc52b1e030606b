//! Any octets, any cuts, any answers: no panic, the same output, well framed.

use std::sync::Arc;
use std::time::Duration;

use mail_wire::Listing;
use mail_wire::sasl::Channel;
use mail_wire::sasl::scram::{Salt, Signature};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::dialog::Fixture;
use crate::world::{Peer, epoch, fixture, policy};
use pop3_proto::server::ask::{Answer, Commit, Next, Reason, Refusal, Tell, Verified};
use pop3_proto::server::{Session, Stage};

const MESSAGE: &str = "Subject: a\r\n\r\n.\r\nb\r\n";

/// Lines that lead somewhere, and octets that do not.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        10 => prop::sample::select(vec![
            "USER ann", "PASS right", "PASS wrong", "USER \u{fc}", "AUTH PLAIN AGFubgByaWdodA==",
            "AUTH PLAIN", "AGFubgByaWdodA==", "AUTH LOGIN", "*", "AUTH", "STAT", "LIST", "LIST 1",
            "UIDL", "UIDL 2", "RETR 1", "RETR 3", "TOP 1 0", "TOP 2 9", "DELE 1", "DELE 2", "RSET",
            "NOOP", "CAPA", "UTF8", "LANG", "LANG de", "LANG en", "LAST", "QUIT", "STLS", "",
            "AUTH SCRAM-SHA-256 biwsbj1hbm4scj1hYmM=", "AUTH CRAM-MD5", "AUTH ANONYMOUS =",
            "AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgeAEB", "GET / HTTP/1.0", "SSH-2.0-x", "APOP ann 0123456789abcdef0123456789abcdef",
        ]).prop_map(|line| line.as_bytes().to_vec()),
        3 => vec(any::<u8>(), 0..12),
        1 => (0_usize..3000).prop_map(|length| vec![b'A'; length]),
        1 => (1000_usize..30_000).prop_map(|length| [b"AUTH PLAIN ".to_vec(), vec![b'A'; length]].concat()),
    ];
    let end = prop_oneof![8 => Just("\r\n"), 2 => Just("\n"), 1 => Just("\r"), 1 => Just("")];
    vec((line, end), 0..24).prop_map(|lines| {
        lines.into_iter().flat_map(|(line, end)| [line, end.as_bytes().to_vec()].concat()).collect()
    })
}

fn drop_of_two() -> Fixture {
    Fixture { last: true, ..fixture(&[MESSAGE, "\r\n"]) }
}

/// All that a peer sees, and what came of it.
fn replay(octets: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<Reason>, Option<Vec<u32>>, u64) {
    // Small pieces of output, so that lists are written in several.
    let mut peer = Peer::with(drop_of_two(), |policy| policy.limits.output_octets_max = 40);
    let mut output = Vec::new();
    let mut rest = octets;
    for cut in cuts {
        let (piece, after) = rest.split_at(cut % (rest.len() + 1));
        output.extend(peer.sends(piece));
        rest = after;
    }
    output.extend(peer.sends(rest));
    (output, peer.closed, peer.removed, peer.session.counters().commands)
}

/// Reads replies as a client would: first lines, and rows up to a lone dot where they belong.
fn check_framing(output: &[u8]) {
    let text = String::from_utf8_lossy(output);
    assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
    for line in text.split_terminator("\r\n") {
        assert!(!line.contains(['\r', '\n']) && line.len() <= 510, "{line:?}");
    }
}

#[derive(Clone, Debug)]
enum Event {
    Octets(Vec<u8>),
    Answer(u8),
    Sent,
    Tell(u8),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => octets().prop_map(Event::Octets),
        8 => any::<u8>().prop_map(Event::Answer),
        3 => Just(Event::Sent),
        1 => any::<u8>().prop_map(Event::Tell),
        1 => (0_u64..700).prop_map(Event::Wait),
    ]
}

fn answer(kind: u8) -> Answer {
    let wait = Duration::ZERO;
    match kind % 16 {
        0..=2 => Answer::Verified(Verified::default()),
        3 | 4 => Answer::Opened(Arc::new(Listing::default())),
        5 => Answer::Refused(Refusal::Credentials),
        6 => Answer::Refused(Refusal::InUse { holder: Some("a\r\nb\u{e9}".repeat(200)) }),
        7 => Answer::Refused(Refusal::LoginDelay { wait }),
        8 => Answer::Refused(Refusal::TooManyFailures { wait }),
        9 => Answer::Found,
        10 => Answer::Lost { temporary: kind > 99 },
        11 => Answer::Committed(Commit::Failed),
        12 => Answer::Committed(Commit::Removed { left: 0 }),
        13 => Answer::Salted(Salt { octets: vec![kind; 8], iterations: 4_096 }),
        14 => {
            let signature = Some(Signature(vec![kind; 32]));
            Answer::Verified(Verified { signature, ..Verified::default() })
        }
        _ => Answer::Secured(Channel::default()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    // P-016, L32: any split of the input gives the same session
    #[test]
    fn cuts_change_nothing(octets in octets(), cuts in vec(any::<usize>(), 0..6)) {
        let whole = replay(&octets, &[]);
        check_framing(&whole.0);
        prop_assert_eq!(&replay(&octets, &cuts), &whole);
        if octets.len() < 400 {
            prop_assert_eq!(&replay(&octets, &vec![1; octets.len()]), &whole);
        }
    }

    // No panic whatever a peer sends and whatever a driver does; what is said is well framed;
    // a session that has ended says nothing more and takes nothing more
    #[test]
    fn nothing_breaks_the_machine(events in vec(event(), 0..40), tls in any::<bool>()) {
        let mut policy = policy(&drop_of_two());
        (policy.implicit_tls, policy.stls) = (tls, !tls);
        let mut now = epoch();
        let mut session = Session::new(policy, now);
        let (mut input, mut all) = (Vec::new(), Vec::new());
        session.greet(&mut all);
        for event in events {
            let mut output = Vec::new();
            let ended = session.stage() == Stage::Ended;
            match event {
                Event::Octets(octets) => input.extend(octets),
                Event::Answer(kind) => session.answer(answer(kind), &mut output, now),
                Event::Sent => session.sent(),
                Event::Tell(kind) => {
                    let why = [Tell::Drain, Tell::Pressure, Tell::AccountChanged];
                    session.tell(why[usize::from(kind) % 3], &mut output);
                }
                Event::Wait(secs) => {
                    now += Duration::from_secs(secs);
                    let _ = session.expire(now);
                }
            }
            let mut rest = &input[..];
            let next = session.receive(&mut rest, &mut output, now);
            if ended {
                prop_assert!(matches!(next, Next::Close(_)));
                prop_assert!(output.is_empty() && rest.len() == input.len());
            }
            if matches!(next, Next::NeedInput) && session.deadline().is_some() {
                prop_assert!(rest.len() < session.input_octets_max());
                prop_assert!(!rest.contains(&b'\n'));
            }
            input = rest.to_vec();
            if let Next::Ask(ask) = next {
                // Nobody is asked to remove what was not marked.
                prop_assert!(!matches!(ask, pop3_proto::server::ask::Ask::Commit(n) if n.is_empty()));
            }
            all.extend(output);
        }
        check_framing(&all);
    }
}
