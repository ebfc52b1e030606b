//! Each mechanism takes whatever comes; what it makes of PLAIN is what was said.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_wire::sasl::scram::Salt;
use mail_wire::sasl::{Channel, Exchange, Mechanism, PeerIdentity, Step, Surroundings, base64};
use mail_wire::{Credentials, Secret};

fuzz_target!(|data: &[u8]| {
    if let Ok(decoded) = base64::decode(data) {
        let mut again = Vec::new();
        base64::encode(decoded.expose(), &mut again);
        assert_eq!(again, data, "strict base64 has one form");
    }
    for mechanism in Mechanism::ALL {
        // Lines of the input are the responses; the first may be the initial one.
        for with_initial in [false, true] {
            let mut lines = data.split(|&octet| octet == b'\n');
            let mut exchange = Exchange::new(mechanism, surroundings());
            let initial = if with_initial { lines.next() } else { None };
            let mut step = exchange.begin(initial);
            let mut last = initial.unwrap_or_default();
            loop {
                step = match step {
                    Step::Salt(_) => exchange.salted(&Salt { octets: vec![1], iterations: 4_096 }),
                    Step::Challenge(_) => {
                        let Some(line) = lines.next() else { break };
                        last = line;
                        exchange.respond(line)
                    }
                    Step::Offer(credentials) => {
                        check(mechanism, &credentials, last);
                        break;
                    }
                    Step::Done => panic!("nothing was judged yet"),
                    Step::Failed(_) => break,
                };
            }
        }
    }
});

fn surroundings() -> Surroundings {
    Surroundings {
        nonce: "0123456789abcdefghijklmn".to_owned(),
        challenge: "<1.2@mail.example.org>".to_owned(),
        channel: Channel {
            exporter: Some(Secret::new(vec![0; 32])),
            end_point: None,
            peer: Some(PeerIdentity::default()),
        },
        announces_plus: true,
    }
}

/// What each mechanism promises of what it offers.
fn check(mechanism: Mechanism, credentials: &Credentials, said: &[u8]) {
    match (mechanism, credentials) {
        // RFC 4616 §2: message = [authzid] NUL authcid NUL passwd.
        (Mechanism::Plain, Credentials::Password { authzid, name, password }) => {
            assert!(!name.is_empty() && !password.expose().is_empty());
            let mut parts = said.split(|&octet| octet == 0);
            let first = parts.next().unwrap_or_default();
            assert_eq!(parts.next(), Some(name.as_slice()));
            assert_eq!(parts.next(), Some(password.expose().as_slice()));
            assert_eq!(parts.next(), None);
            let expected = (!first.is_empty() && first != name.as_slice()).then_some(first);
            assert_eq!(authzid.as_deref(), expected);
        }
        (Mechanism::Login, Credentials::Password { name, password, .. }) => {
            assert!(!name.is_empty() && !password.expose().is_empty());
        }
        (Mechanism::Scram { hash, .. }, Credentials::Scram(proof)) => {
            assert_eq!((proof.hash, proof.proof.expose().len()), (hash, hash.octets()));
        }
        (Mechanism::OauthBearer | Mechanism::Xoauth2, Credentials::Token { token, .. }) => {
            assert!(token.expose().iter().all(u8::is_ascii_graphic) && !token.expose().is_empty());
        }
        (Mechanism::CramMd5, Credentials::Digest { name, challenge, .. }) => {
            assert!(!name.is_empty() && challenge == "<1.2@mail.example.org>");
        }
        (Mechanism::Anonymous, Credentials::Anonymous { trace }) => {
            assert!(trace.chars().count() <= 255 && !trace.chars().any(char::is_control));
        }
        (Mechanism::External, Credentials::External { .. }) => {}
        other => panic!("this mechanism offers something else: {other:?}"),
    }
}
