//! SCRAM: the RFCs' vectors, our client against our server, and everything altered on the way.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::{Bound, Client, Hash, Keys, Salt, Server, Signature};
use crate::sasl::channel::{Binding, Channel};
use crate::sasl::{Malformed, ServerFault, Step};
use crate::{Credentials, Secret};

const EXPORTER: &[u8] = b"0123456789abcdef0123456789abcdef";

fn password(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn channel() -> Channel {
    Channel {
        exporter: Some(Secret::new(EXPORTER.to_vec())),
        end_point: Some(vec![7; 48]),
        peer: None,
    }
}

/// A server that knows of one account, and what it says.
struct House {
    server: Server,
    keys: Keys,
    salt: Salt,
}

impl House {
    fn new(hash: Hash, secret: &str, salt: Salt, server: Server) -> Self {
        Self { server, keys: Keys::of(secret.as_bytes(), &salt, hash), salt }
    }

    /// The next challenge, or why there is none. `Ok(None)`: the client is in.
    fn hears(&mut self, said: &[u8]) -> Result<Option<Vec<u8>>, String> {
        match self.server.respond(said) {
            Step::Salt(_) => match self.server.salted(&self.salt) {
                Step::Challenge(challenge) => Ok(Some(challenge)),
                other => Err(format!("{other:?}")),
            },
            Step::Offer(Credentials::Scram(proof)) => match self.keys.verify(&proof) {
                Some(signature) => Ok(Some(self.server.accepted(&signature))),
                None => Err("wrong password".to_owned()),
            },
            Step::Done => Ok(None),
            Step::Failed(malformed) => Err(malformed.to_string()),
            other => Err(format!("{other:?}")),
        }
    }
}

/// Says everything; what the server was told last, and whether the client believes it.
fn run(client: &mut Client, house: &mut House) -> Result<(), String> {
    let mut said = client.begin();
    while let Some(challenge) = house.hears(&said)? {
        said = client.respond(&challenge).map_err(|fault| fault.to_string())?;
    }
    if client.is_verified() { Ok(()) } else { Err("the client does not believe it".to_owned()) }
}

fn salt(octets: &[u8]) -> Salt {
    Salt { octets: octets.to_vec(), iterations: 4_096 }
}

fn decoded(encoded: &str) -> Vec<u8> {
    crate::sasl::base64::decode(encoded.as_bytes()).unwrap().expose().clone()
}

/// Client and server nonce, salt, the four messages.
type Vector = (Hash, [&'static str; 3], [&'static str; 4]);

// protocol.md §8: the two examples
const VECTORS: [Vector; 2] = [
    (
        Hash::Sha1,
        ["fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92"],
        [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    ),
    (
        Hash::Sha256,
        ["rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ=="],
        [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    ),
];

// P-104: RFC 5802 §5 and RFC 7677 §3, octet for octet, on both sides
#[test]
fn the_examples_of_the_rfcs() {
    for (hash, [client_nonce, server_nonce, encoded], messages) in VECTORS {
        let salt = salt(&decoded(encoded));
        let nonce = server_nonce.to_owned();
        let server = Server::new(hash, false, false, Channel::default(), nonce);
        let mut house = House::new(hash, "pencil", salt, server);
        let mut client =
            Client::new(hash, Bound::Without, "user", &password("pencil"), client_nonce.to_owned())
                .unwrap();
        let mut said = vec![client.begin()];
        for turn in [1, 3] {
            let challenge = house.hears(said.last().unwrap()).unwrap().unwrap();
            assert_eq!(String::from_utf8_lossy(&challenge), messages[turn]);
            said.push(client.respond(&challenge).unwrap());
        }
        assert_eq!(String::from_utf8_lossy(&said[0]), messages[0]);
        assert_eq!(String::from_utf8_lossy(&said[1]), messages[2]);
        assert!(said[2].is_empty() && client.is_verified());
        // P-112: the client answers our proof with an empty line, and is in
        assert_eq!(house.hears(b""), Ok(None));
    }
}

fn bound_to(binding: Binding) -> Bound {
    Bound::To(binding, Secret::new(channel().data(binding).unwrap().to_vec()))
}

fn meeting(hash: Hash, bound: Bound, plus: bool, server_channel: Channel) -> Result<(), String> {
    let announces = server_channel.binds();
    let server = Server::new(hash, plus, announces, server_channel, "server-nonce-18+".to_owned());
    let mut house = House::new(hash, "pencil", salt(b"salt"), server);
    let nonce = "client-nonce".to_owned();
    run(&mut Client::new(hash, bound, "user", &password("pencil"), nonce).unwrap(), &mut house)
}

// P-107, P-109, P-110: both kinds of binding, and neither fits another connection
#[test]
fn a_proof_is_good_on_its_own_connection_alone() {
    for hash in Hash::ALL {
        for binding in Binding::ALL {
            meeting(hash, bound_to(binding), true, channel()).unwrap();
            let elsewhere = Channel {
                exporter: Some(Secret::new(vec![1; 32])),
                end_point: Some(vec![1; 48]),
                peer: None,
            };
            let refused = meeting(hash, bound_to(binding), true, elsewhere).unwrap_err();
            assert_eq!(refused, Malformed::Binding.to_string());
        }
        // One kind's data under the other's name.
        let crossed = Bound::To(Binding::EndPoint, Secret::new(EXPORTER.to_vec()));
        assert_eq!(
            meeting(hash, crossed, true, channel()).unwrap_err(),
            Malformed::Binding.to_string()
        );
    }
}

// P-108: `y` while -PLUS was announced; `p=` of a kind that is not there; a flag that does not
// go with the mechanism's name
#[test]
fn a_downgrade_is_noticed() {
    for (bound, plus, channel, outcome) in [
        (Bound::Without, false, channel(), Ok(())),
        (Bound::NotOffered, false, Channel::default(), Ok(())),
        (Bound::NotOffered, false, channel(), Err(Malformed::Downgrade)),
        (Bound::NotOffered, true, channel(), Err(Malformed::Binding)),
        (Bound::Without, true, channel(), Err(Malformed::Binding)),
        (bound_to(Binding::Exporter), false, channel(), Err(Malformed::Binding)),
        (bound_to(Binding::Exporter), true, Channel::default(), Err(Malformed::Binding)),
    ] {
        let met = meeting(Hash::Sha256, bound.clone(), plus, channel);
        assert_eq!(met, outcome.map_err(|malformed| malformed.to_string()), "{bound:?} {plus}");
    }
    let first = |flag: &str| {
        let mut server =
            Server::new(Hash::Sha256, true, true, channel(), "server-nonce".to_owned());
        server.respond(format!("{flag},,n=user,r=abc").as_bytes())
    };
    assert!(matches!(first("p=tls-exporter"), Step::Salt(_)));
    for unknown in ["p=tls-unique", "p=TLS-EXPORTER", "p=tls-exporter-2"] {
        assert!(matches!(first(unknown), Step::Failed(Malformed::Binding)), "{unknown}");
    }
}

fn first_step(message: &[u8]) -> Step {
    let nonce = "server-nonce-18+".to_owned();
    Server::new(Hash::Sha256, false, false, Channel::default(), nonce).begin(Some(message))
}

// P-105: the first message
#[test]
fn the_first_message_is_read_strictly() {
    for (message, name) in [
        ("n,,n=user,r=abc", "user"),
        ("y,a=other,n=a=2Cb=3Dc,r=!~", "a,b=c"),
        ("n,,n=Grüße@example.org,r=abc,x=unknown,Z=a=b", "Grüße@example.org"),
    ] {
        match first_step(message.as_bytes()) {
            Step::Salt(question) => assert_eq!(question.name, name.as_bytes()),
            other => panic!("{message}: {other:?}"),
        }
    }
    for (message, malformed) in [
        ("n,,m=ext,n=user,r=abc", Malformed::Extension),
        ("n,,n=user,r=abc,m=ext", Malformed::Extension),
        ("n,,n=,r=abc", Malformed::Grammar),
        ("n,,r=abc,n=user", Malformed::Grammar),
        ("n,,n=user", Malformed::Grammar),
        ("n,,n=user,r=", Malformed::Grammar),
        ("n,,n=user,r=a c", Malformed::Grammar),
        ("n,,n=user,r=a\u{e4}c", Malformed::Grammar),
        ("n,,n=us=er,r=abc", Malformed::Grammar),
        ("n,,n=us=2der,r=abc", Malformed::Grammar),
        ("n,,n=us\0er,r=abc", Malformed::Grammar),
        ("n,,n=user,r=abc,", Malformed::Grammar),
        ("n,,n=user,r=abc,x", Malformed::Grammar),
        ("n,,n=user,r=abc,x=", Malformed::Grammar),
        ("n,,n=user,r=abc,1=a", Malformed::Grammar),
        ("n,n=user,r=abc", Malformed::Grammar),
        ("", Malformed::Grammar),
    ] {
        assert!(
            matches!(first_step(message.as_bytes()), Step::Failed(found) if found == malformed),
            "{message:?}: {:?}",
            first_step(message.as_bytes())
        );
    }
    assert!(matches!(first_step(b"n,,n=\xFF,r=abc"), Step::Failed(Malformed::NotUtf8)));
    let long = format!("n,,n=user,r={}", "x".repeat(4_096));
    assert!(matches!(first_step(long.as_bytes()), Step::Failed(Malformed::TooLong)));
}

// RFC 5802 §5: an identity to act for is passed on, unless it is one's own
#[test]
fn an_authorization_identity_is_passed_on() {
    for (authzid, expected) in [("boss", Some(&b"boss"[..])), ("user", None)] {
        let nonce = "server-nonce".to_owned();
        let server = Server::new(Hash::Sha1, false, false, Channel::default(), nonce);
        let mut house = House::new(Hash::Sha1, "pencil", salt(b"salt"), server);
        let nonce = "client-nonce".to_owned();
        let client = Client::new(Hash::Sha1, Bound::Without, "user", &password("pencil"), nonce);
        let mut client = client.unwrap().acting_for(authzid);
        let challenge = house.hears(&client.begin()).unwrap().unwrap();
        let last = client.respond(&challenge).unwrap();
        match house.server.respond(&last) {
            Step::Offer(Credentials::Scram(proof)) => {
                assert_eq!(proof.authzid.as_deref(), expected);
                assert!(house.keys.verify(&proof).is_some());
            }
            other => panic!("no offer: {other:?}"),
        }
    }
}

// RFC 5802 §5: "the client MUST" verify the server before it believes it; RFC 7677 §4: 4096
#[test]
fn the_client_believes_no_server_that_proves_nothing() {
    let fresh = || {
        let nonce = "client-nonce".to_owned();
        let mut client =
            Client::new(Hash::Sha256, Bound::Without, "user", &password("pencil"), nonce).unwrap();
        client.begin();
        client
    };
    for (challenge, fault) in [
        ("r=client-nonceX,s=c2FsdA==,i=4095", ServerFault::Iterations),
        ("r=client-nonceX,s=c2FsdA==,i=4294967295", ServerFault::Iterations),
        ("r=client-nonce,s=c2FsdA==,i=4096", ServerFault::Nonce),
        ("r=other-nonceX,s=c2FsdA==,i=4096", ServerFault::Nonce),
        ("m=x,r=client-nonceX,s=c2FsdA==,i=4096", ServerFault::Grammar),
        ("r=client-nonceX,s=c2FsdA==,i=04096", ServerFault::Grammar),
        ("r=client-nonceX,s=c2FsdA==,i=+4096", ServerFault::Grammar),
        ("r=client-nonceX,s=,i=4096", ServerFault::Grammar),
        ("r=client-nonceX,s=c2FsdA,i=4096", ServerFault::Grammar),
        ("e=other-error", ServerFault::Grammar),
        ("", ServerFault::Grammar),
    ] {
        assert_eq!(fresh().respond(challenge.as_bytes()), Err(fault), "{challenge}");
    }
    for (last, fault) in [
        ("e=invalid-proof", ServerFault::Refused),
        ("v=AAAA", ServerFault::Signature),
        ("v=", ServerFault::Signature),
        ("", ServerFault::Grammar),
    ] {
        let mut client = fresh();
        client.respond(b"r=client-nonceX,s=c2FsdA==,i=4096").unwrap();
        assert!(!client.is_verified());
        assert_eq!(client.respond(last.as_bytes()), Err(fault), "{last}");
        assert!(!client.is_verified());
    }
}

// rulings 9, RFC 5802 §2.2: SASLprep, and nothing where it fails
#[test]
fn names_and_passwords_are_prepared() {
    let nonce = || "client-nonce".to_owned();
    let new = |name: &str, secret: &str| {
        Client::new(Hash::Sha256, Bound::Without, name, &password(secret), nonce())
    };
    assert_eq!(new("I\u{ad}X", "x").unwrap().begin(), b"n,,n=IX,r=client-nonce");
    for (name, secret) in [("\u{7}", "x"), ("user", "\u{7}"), ("", "x"), ("user", "\u{ad}")] {
        assert_eq!(new(name, secret).err(), Some(ServerFault::Unprepared));
    }
}

// issue 4: keys as an independent tool makes them, `gsasl --mkpasswd --password pencil`
#[test]
fn keys_are_those_of_gnu_sasl() {
    for (hash, stored, server) in [
        (Hash::Sha1, "6dlGYMOdZcOPutkcNY8U2g7vK9Y=", "D+CSWLOshSulAsxiupA+qs2/fTE="),
        (
            Hash::Sha256,
            "FO+9jBb3MUukt6jJnzjPZOWc5ow/Pu6JtPyju0aqaE8=",
            "qxJ1SbmSAi5EcS0J5Ck/cKAm/+Ixa+Kwp63f4OHDgzo=",
        ),
    ] {
        let keys = Keys::of(b"pencil", &salt(&decoded("QSXCR+Q6sek8bf92")), hash);
        assert_eq!(*keys.stored().expose(), decoded(stored));
        assert_eq!(*keys.server().expose(), decoded(server));
    }
}

#[test]
fn keys_have_the_length_of_their_hash() {
    assert!(Keys::new(Hash::Sha1, vec![0; 20], vec![0; 20]).is_some());
    assert!(Keys::new(Hash::Sha256, vec![0; 20], vec![0; 32]).is_none());
    assert!(Keys::new(Hash::Sha256, vec![0; 32], Vec::new()).is_none());
}

/// A server and a client whose nonces are always the same.
fn fixed() -> (House, Client) {
    static KEYS: LazyLock<Keys> =
        LazyLock::new(|| Keys::of(b"pencil", &salt(b"salt"), Hash::Sha256));
    let nonce = "server-nonce-18+".to_owned();
    let server = Server::new(Hash::Sha256, true, true, channel(), nonce);
    let house = House { server, keys: KEYS.clone(), salt: salt(b"salt") };
    let bound = bound_to(Binding::Exporter);
    let nonce = "client-nonce".to_owned();
    (house, Client::new(Hash::Sha256, bound, "user", &password("pencil"), nonce).unwrap())
}

/// All that is said in an exchange of these two: first, salt, final, the server's proof.
static SAID: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let (mut house, mut client) = fixed();
    let first = client.begin();
    let salt = house.hears(&first).unwrap().unwrap();
    let last = client.respond(&salt).unwrap();
    let proof = house.hears(&last).unwrap().unwrap();
    client.respond(&proof).unwrap();
    [first, salt, last, proof]
});

/// A message with one octet changed, taken out or put in.
fn altered(message: &[u8], at: prop::sample::Index, change: u8, octet: u8) -> Option<Vec<u8>> {
    let mut altered = message.to_vec();
    let index = at.index(altered.len());
    match change {
        0 => altered[index] = octet,
        1 => drop(altered.remove(index)),
        _ => altered.insert(index, octet),
    }
    (altered != message).then_some(altered)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    // P-106, P-107, security §2.3 CVE-2026-33603: whatever of the client's messages is altered
    // on the way, nobody is in
    #[test]
    fn every_mutation_of_the_client_is_refused(
        last in any::<bool>(),
        at in any::<prop::sample::Index>(),
        change in 0..3_u8,
        octet in any::<u8>(),
    ) {
        let turn = if last { 2 } else { 0 };
        let Some(altered) = altered(&SAID[turn], at, change, octet) else { return Ok(()) };
        let (mut house, _) = fixed();
        let outcome = if last {
            house.hears(&SAID[0]).and_then(|_| house.hears(&altered))
        } else {
            house.hears(&altered).and_then(|_| house.hears(&SAID[2]))
        };
        prop_assert!(outcome.is_err(), "{}", String::from_utf8_lossy(&altered));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    // client against server: any name, any password, the right one and a wrong one
    #[test]
    fn the_right_password_is_let_in_and_no_other(
        name in "[a-zA-Z0-9,= äß@.]{1,20}",
        secret in "[ -~]{1,20}",
        wrong in "[ -~]{1,20}",
        octets in prop::collection::vec(any::<u8>(), 1..32),
    ) {
        for hash in Hash::ALL {
            for offered in [&secret, &wrong] {
                let nonce = "server-nonce-18+".to_owned();
                let server = Server::new(hash, false, false, Channel::default(), nonce);
                let mut house = House::new(hash, &secret, salt(&octets), server);
                let nonce = "client-nonce".to_owned();
                let mut client =
                    Client::new(hash, Bound::Without, &name, &password(offered), nonce).unwrap();
                prop_assert_eq!(run(&mut client, &mut house).is_ok(), *offered == secret);
            }
        }
    }

    // an altered salt lets nobody in, and an altered proof of the server is not believed
    #[test]
    fn every_mutation_of_the_server_is_noticed(
        proof in any::<bool>(),
        at in any::<prop::sample::Index>(),
        change in 0..3_u8,
        octet in any::<u8>(),
    ) {
        let turn = if proof { 3 } else { 1 };
        let Some(altered) = altered(&SAID[turn], at, change, octet) else { return Ok(()) };
        let (mut house, mut client) = fixed();
        house.hears(&client.begin()).unwrap();
        let challenge = if proof { &SAID[1] } else { &altered };
        let answered = client.respond(challenge);
        if proof {
            prop_assert!(client.respond(&altered).is_err());
            prop_assert!(!client.is_verified());
        } else if let Ok(message) = answered {
            prop_assert!(house.hears(&message).is_err(), "{}", String::from_utf8_lossy(&altered));
        }
    }
}

proptest! {
    // Whatever comes, in whichever order: no panic, and no offer without a proof of our length
    #[test]
    fn anything_may_come(
        messages in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "(n|y|p=tls-exporter),,n=[a-z=,]{0,5},r=[a-z]{0,3}".prop_map(String::into_bytes),
                "c=[a-zA-Z0-9+/=]{0,12},r=[a-z-]{0,20},p=[a-zA-Z0-9+/=]{0,12}"
                    .prop_map(String::into_bytes),
            ],
            0..4,
        ),
    ) {
        let nonce = "server-nonce-18+".to_owned();
        let mut server = Server::new(Hash::Sha256, false, false, channel(), nonce);
        for message in &messages {
            match server.respond(message) {
                Step::Salt(_) => { let _ = server.salted(&salt(b"s")); }
                Step::Offer(Credentials::Scram(proof)) => {
                    prop_assert_eq!(proof.proof.expose().len(), 32);
                    let _ = server.accepted(&Signature(vec![0; 32]));
                }
                _ => {}
            }
        }
    }
}
