//! The POP3 machine takes whatever comes, and says the same however the input is cut.
//!
//! The world answers by a fixed rule: `ok` logs in, the maildrop holds three messages, the
//! third cannot be read, and a fourth has
//! arrived. Output is looked at as a strict client would.
#![no_main]

use std::sync::Arc;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use mail_wire::sasl::scram::{Salt, Signature};
use mail_wire::sasl::{Channel, PeerIdentity};
use mail_wire::{Credentials, Listing, ListingBuilder, MessageId, Octets, Secret, Uidl};
use pop3_proto::extension::Extensions;
use pop3_proto::server::ask::{Answer, Ask, Commit, Next, Reason, Refusal, Verified};
use pop3_proto::server::policy::{Limits, Policy, Usable, Utf8Legacy};
use pop3_proto::server::session::Session;

const MESSAGES: usize = 3;
/// With the one that XREFRESH lists.
const MESSAGES_MAX: usize = 4;

// The first octet: how the connection stands; the second: into how large pieces it is cut.
fuzz_target!(|data: &[u8]| {
    let [setting, piece, octets @ ..] = data else { return };
    let whole = talk(*setting, octets, octets.len().max(1));
    let cut = talk(*setting, octets, usize::from(*piece).max(1));
    // What follows STLS in the same piece ends the session; in a piece of its own it would be
    // a matter of TLS. So there the two may differ.
    if let (Some(whole), Some(cut)) = (whole, cut) {
        assert_eq!(whole, cut);
    }
});

/// Everything said until the input is used up or the session closes; `None` at STLS.
fn talk(setting: u8, octets: &[u8], piece: usize) -> Option<String> {
    // The clock stands still: no deadline comes.
    let now = Instant::now();
    let mut session = Session::new(policy(setting), now);
    let mut said = Vec::new();
    session.greet(&mut said);
    let mut kept: Vec<u8> = Vec::new();
    'input: for part in octets.chunks(piece) {
        kept.extend_from_slice(part);
        let mut input = kept.as_slice();
        loop {
            let before = (input.len(), said.len());
            match session.receive(&mut input, &mut said, now) {
                // Nobody is waited for: either mail is there at once, or the time is not up.
                Next::Wait if setting & 128 != 0 => session.arrived(),
                Next::Wait if !input.is_empty() => {}
                Next::NeedInput | Next::Wait => break,
                Next::Flush => {}
                Next::Close(Reason::PlaintextAfterStls) => return None,
                Next::Close(reason) => {
                    said.extend_from_slice(format!("[{reason:?}]").as_bytes());
                    break 'input;
                }
                Next::Ask(Ask::Secure) => return None,
                Next::Ask(ask) => {
                    let answer = world(ask);
                    session.answer(answer, &mut said, now);
                }
                Next::Send(send) => {
                    assert!(send.number.index() < MESSAGES_MAX);
                    said.extend_from_slice(b"message\r\n.\r\n");
                    session.sent();
                }
            }
            assert!(input.len() <= before.0, "input only shrinks");
        }
        kept = input.to_vec();
        assert!(kept.len() <= session.input_octets_max(), "a line over the limit is not kept");
    }
    check(&said);
    Some(String::from_utf8_lossy(&said).into_owned())
}

fn policy(setting: u8) -> Policy {
    Policy {
        hostname: "mail.example.org".to_owned(),
        implementation: Some("Restante".to_owned()),
        implicit_tls: setting & 1 != 0,
        stls: setting & 2 != 0,
        cleartext: setting & 4 != 0,
        apop: (setting & 8 != 0).then(|| "<1896.697170952@mail.example.org>".to_owned()),
        usable: Usable {
            scram: true,
            tokens: true,
            certificates: true,
            digests: true,
            anonymous: setting & 8 != 0,
        },
        channel: Channel {
            exporter: (setting & 2 != 0).then(|| Secret::new(vec![0; 32])),
            end_point: None,
            peer: (setting & 4 != 0).then(PeerIdentity::default),
        },
        chance: Secret::new([0; 32]),
        last: setting & 16 != 0,
        extensions: if setting & 64 != 0 { Extensions::all() } else { Extensions::default() },
        login_delay: None,
        expire: None,
        utf8_legacy: if setting & 32 != 0 { Utf8Legacy::Raw } else { Utf8Legacy::Refuse },
        limits: Limits { line_octets_max: 300, sasl_octets_max: 2000, ..Limits::default() },
    }
}

fn world(ask: Ask) -> Answer {
    match ask {
        Ask::Verify(credentials) => match credentials {
            Credentials::Password { name, .. } if name == b"ok" => {
                Answer::Verified(Verified::default())
            }
            Credentials::Digest { name, .. } if name == b"ok" => {
                Answer::Verified(Verified::default())
            }
            Credentials::Scram(proof) if proof.name == b"ok" => {
                let signature = Some(Signature(vec![0; 32]));
                Answer::Verified(Verified { signature, ..Verified::default() })
            }
            Credentials::Anonymous { .. } => {
                Answer::Verified(Verified { read_only: true, ..Verified::default() })
            }
            other if other.name() == b"down" => Answer::Refused(Refusal::Temporary),
            other if other.name() == b"busy" => Answer::Refused(Refusal::InUse { holder: None }),
            _ => Answer::Refused(Refusal::Credentials),
        },
        Ask::Salt(question) if question.name == b"down" => Answer::Refused(Refusal::Temporary),
        Ask::Salt(_) => Answer::Salted(Salt { octets: b"salt".to_vec(), iterations: 4_096 }),
        Ask::Open => Answer::Opened(listing(MESSAGES)),
        Ask::Refresh => Answer::Refreshed(listing(MESSAGES_MAX)),
        Ask::Digest(number) if number.index() + 1 == MESSAGES => Answer::Lost { temporary: true },
        Ask::Digest(_) => Answer::Digested([0xA5; 32]),
        Ask::Retrieve(number) if number.index() + 1 == MESSAGES => Answer::Lost { temporary: true },
        Ask::Retrieve(_) => Answer::Found,
        Ask::Commit(numbers) | Ask::CommitEarly(numbers) => {
            assert!(!numbers.is_empty() && numbers.len() <= MESSAGES_MAX);
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
            Answer::Committed(Commit::Removed { left: MESSAGES_MAX - numbers.len() })
        }
        Ask::Secure => Answer::Secured(Channel::default()),
    }
}

fn listing(messages: usize) -> Arc<Listing> {
    let mut builder = ListingBuilder::default();
    for id in 1..=messages as u64 {
        let uidl = Uidl::new(format!("uidl-{id}").as_bytes()).expect("it is short");
        let utf8 = id == 2;
        builder.push(MessageId::new(id), Octets::new(9), &uidl, utf8).expect("a few messages fit");
    }
    Arc::new(builder.finish())
}

/// P-001 to P-003: every line ends in CRLF and no other way, and no status line is too long.
fn check(said: &[u8]) {
    let text = said.strip_suffix(b"]").map_or(said, |rest| {
        rest.rsplit(|&octet| octet == b'[')
            .next()
            .map_or(said, |last| &said[..said.len() - last.len() - 2])
    });
    for line in text.split_inclusive(|&octet| octet == b'\n') {
        assert!(line.ends_with(b"\r\n"), "{:?}", String::from_utf8_lossy(line));
        let content = &line[..line.len() - 2];
        assert!(!content.contains(&b'\r'), "{:?}", String::from_utf8_lossy(line));
        assert!(line.len() <= 512, "{:?}", String::from_utf8_lossy(line));
    }
    assert!(text.starts_with(b"+OK "));
}
