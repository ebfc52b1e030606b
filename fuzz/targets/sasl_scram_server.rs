//! SCRAM's server takes whatever comes, and lets nobody in who does not know the password.
//!
//! A client of ours says its part, altered by the input: where nothing was altered it is in,
//! and where anything was it is not (P-106, P-107).
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mail_wire::sasl::scram::{Bound, Client, Hash, Keys, Salt, Server};
use mail_wire::sasl::{Binding, Channel, Step};
use mail_wire::{Credentials, Secret};

/// What one exchange says: the client's first message, and its last.
struct Said {
    hash: Hash,
    keys: Keys,
    salt: Salt,
    messages: [Vec<u8>; 2],
}

/// The slow part, once for each hash.
static SAID: LazyLock<[Said; 2]> = LazyLock::new(|| Hash::ALL.map(said));

// The first octet: which hash, and which message is altered; the rest takes its place from some
// octet on, or all of it.
fuzz_target!(|data: &[u8]| {
    let [setting, at, rest @ ..] = data else { return };
    let said = &SAID[usize::from(setting & 1)];
    let mut messages = said.messages.clone();
    let message = &mut messages[usize::from(setting >> 1 & 1)];
    if setting & 4 == 0 {
        *message = rest.to_vec();
    } else {
        let at = usize::from(*at) % (message.len() + 1);
        let end = (at + rest.len()).min(message.len());
        message.splice(at..end, rest.iter().copied());
    }
    let altered = messages != said.messages;
    assert_eq!(lets_in(said, &messages), !altered, "{messages:?}");
});

fn said(hash: Hash) -> Said {
    let salt = Salt { octets: b"salt".to_vec(), iterations: 4_096 };
    let keys = Keys::of(b"pencil", &salt, hash);
    let bound = Bound::To(Binding::Exporter, Secret::new(vec![7; 32]));
    let password = Secret::new("pencil".to_owned());
    let mut client = Client::new(hash, bound, "user", &password, "client-nonce".to_owned())
        .expect("name and password are ASCII");
    let first = client.begin();
    let mut server = server(hash);
    let Step::Salt(_) = server.begin(Some(&first)) else { panic!("it asks for the salt") };
    let Step::Challenge(challenge) = server.salted(&salt) else { panic!("it sends the salt") };
    let last = client.respond(&challenge).expect("it is our own server");
    Said { hash, keys, salt, messages: [first, last] }
}

fn server(hash: Hash) -> Server {
    let exporter = Some(Secret::new(vec![7; 32]));
    let channel = Channel { exporter, end_point: None, peer: None };
    Server::new(hash, true, true, channel, "server-nonce-of-chance".to_owned())
}

fn lets_in(said: &Said, messages: &[Vec<u8>; 2]) -> bool {
    let mut server = server(said.hash);
    let Step::Salt(_) = server.begin(Some(&messages[0])) else { return false };
    let Step::Challenge(_) = server.salted(&said.salt) else { panic!("it sends the salt") };
    let Step::Offer(Credentials::Scram(proof)) = server.respond(&messages[1]) else { return false };
    match said.keys.verify(&proof) {
        Some(signature) => {
            server.accepted(&signature);
            matches!(server.respond(b""), Step::Done)
        }
        None => false,
    }
}
