//! The LMTP and SMTP machine takes whatever comes, and says the same however it is cut.
//!
//! The world answers by a fixed rule. After each accepted beginning of a delivery exactly one
//! commit or abort follows; a message that is committed holds no bare CR or LF.
#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use lmtp_proto::{
    Answer, Ask, BareLineEnds, Dialect, Failure, Limits, Next, Policy, Reason, RecipientRefusal,
    Session, Tls,
};

// The first octet: how the connection stands; the second: into how large pieces it is cut.
fuzz_target!(|data: &[u8]| {
    let [setting, piece, octets @ ..] = data else { return };
    let whole = talk(*setting, octets, octets.len().max(1));
    let cut = talk(*setting, octets, usize::from(*piece).max(1));
    // What follows STARTTLS in the same piece ends the session; in a piece of its own it would
    // be a matter of TLS. So there the two may differ.
    if let (Some(whole), Some(cut)) = (whole, cut) {
        assert_eq!(whole.said, cut.said);
        assert_eq!(whole.committed, cut.committed);
    }
});

#[derive(Default)]
struct Talk {
    /// What the peer was told.
    said: String,
    /// Each message that was made durable.
    committed: Vec<Vec<u8>>,
}

/// `None` at STARTTLS.
fn talk(setting: u8, octets: &[u8], piece: usize) -> Option<Talk> {
    // The clock stands still: no deadline comes.
    let now = Instant::now();
    let mut session = Session::new(policy(setting), now);
    let mut said = Vec::new();
    let mut committed = Vec::new();
    let mut recipients = 0;
    let mut delivery: Option<Vec<u8>> = None;
    session.greet(&mut said);
    let mut kept: Vec<u8> = Vec::new();
    'input: for part in octets.chunks(piece) {
        kept.extend_from_slice(part);
        let mut input = kept.as_slice();
        loop {
            match session.receive(&mut input, &mut said, now) {
                Next::NeedInput => break,
                Next::Flush => {}
                Next::Close(Reason::PlaintextAfterStarttls) => return None,
                Next::Close(reason) => {
                    said.extend_from_slice(format!("[{reason:?}]").as_bytes());
                    break 'input;
                }
                Next::Take(taken) => {
                    let message = delivery.as_mut().expect("octets come within a delivery");
                    message.extend_from_slice(taken);
                }
                Next::Ask(Ask::Secure) => return None,
                Next::Ask(ask) => {
                    let answer = match ask {
                        Ask::Recipient(path) => {
                            Answer::Recipient(recipient(path.mailbox().local_part()))
                        }
                        Ask::Begin(envelope) => {
                            assert!(delivery.is_none() && !envelope.recipients.is_empty());
                            recipients = envelope.recipients.len();
                            let full = envelope.declared_octets == Some(77);
                            if !full {
                                delivery = Some(Vec::new());
                            }
                            Answer::Begun(if full { Err(Failure::DiskFull) } else { Ok(()) })
                        }
                        Ask::Commit => {
                            let message = delivery.take().expect("one delivery is open");
                            assert!(is_clean(&message), "{:?}", String::from_utf8_lossy(&message));
                            committed.push(message);
                            Answer::Committed(vec![Ok(()); recipients])
                        }
                        Ask::Abort => {
                            delivery.take().expect("one delivery is open");
                            Answer::Dropped
                        }
                        Ask::Secure => Answer::Secured,
                    };
                    session.answer(answer, &mut said, now);
                }
            }
        }
        kept = input.to_vec();
        assert!(kept.len() <= session.input_octets_max(), "what is too long is not kept");
    }
    Some(Talk { said: String::from_utf8_lossy(&said).into_owned(), committed })
}

fn policy(setting: u8) -> Policy {
    let dialect = if setting & 1 == 0 { Dialect::Lmtp } else { Dialect::Smtp };
    Policy {
        tls: if setting & 2 == 0 { Tls::Unavailable } else { Tls::Offered },
        bare_line_ends: if setting & 4 == 0 { BareLineEnds::Refuse } else { BareLineEnds::Repair },
        bare_local_parts: setting & 8 != 0,
        smtputf8: setting & 16 == 0,
        limits: Limits {
            message_octets_max: 2000,
            recipients_max: 4,
            line_octets_max: 600,
            ..Limits::default()
        },
        ..Policy::new(dialect, "mail.example.org")
    }
}

fn recipient(local_part: &str) -> Result<(), RecipientRefusal> {
    match local_part {
        "unknown" => Err(RecipientRefusal::Unknown),
        "full" => Err(RecipientRefusal::Full),
        _ => Ok(()),
    }
}

/// P-199: CR and LF only in pairs.
fn is_clean(message: &[u8]) -> bool {
    let mut before = 0;
    message.iter().all(|&octet| {
        let fine = (before == b'\r') == (octet == b'\n');
        before = octet;
        fine
    }) && before != b'\r'
}
