//! The mechanisms behind AUTH: when each is announced, and how an exchange goes line by line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_wire::Secret;
use mail_wire::sasl::bearer::{Client as Bearer, Dialect};
use mail_wire::sasl::scram::{Bound, Client as Scram, Hash};
use mail_wire::sasl::{Binding, Channel, PeerIdentity, cram_md5};
use pop3_proto::server::ask::{Reason, Verified};
use pop3_proto::server::policy::Usable;

use crate::dialog::{Fault, Fixture};
use crate::world::{Peer, fixture};

const WRONG: &str = "-ERR [AUTH] the name or the password is wrong\r\n";
const ALL: Usable =
    Usable { scram: true, tokens: true, certificates: true, digests: true, anonymous: true };
const NO_SUCH: &str = "-ERR this mechanism is not offered\r\n";

fn channel(certificate: Option<&str>) -> Channel {
    Channel {
        exporter: Some(Secret::new(vec![1; 32])),
        end_point: Some(vec![2; 32]),
        peer: certificate.map(|name| PeerIdentity {
            subject: format!("CN={name}"),
            common_name: Some(name.to_owned()),
            emails: Vec::new(),
        }),
    }
}

fn with(usable: Usable, channel: Channel) -> Peer {
    with_fixture(Fixture { tls: true, ..fixture(&["a: b\r\n\r\n"]) }, usable, channel)
}

fn with_fixture(fixture: Fixture, usable: Usable, channel: Channel) -> Peer {
    Peer::with(fixture, |policy| {
        policy.usable = usable;
        policy.channel = channel;
    })
}

fn everything() -> Peer {
    with(ALL, channel(None))
}

fn encoded(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

fn challenge(line: &str) -> Vec<u8> {
    let encoded = line.strip_prefix("+ ").and_then(|rest| rest.strip_suffix("\r\n"));
    STANDARD.decode(encoded.unwrap_or_else(|| panic!("no challenge: {line:?}"))).unwrap()
}

fn scram(hash: Hash, bound: Bound, name: &str, password: &str) -> Scram {
    let password = Secret::new(password.to_owned());
    Scram::new(hash, bound, name, &password, "client-nonce".to_owned()).unwrap()
}

/// Goes through SCRAM as far as the server's answer to the proof.
fn prove(peer: &mut Peer, mechanism: &str, client: &mut Scram) -> String {
    let first = peer.says(&format!("AUTH {mechanism} {}", encoded(&client.begin())));
    if !first.starts_with("+ ") {
        return first;
    }
    let last = client.respond(&challenge(&first)).unwrap();
    peer.says(&encoded(&last))
}

fn sasl(peer: &mut Peer) -> String {
    let capabilities = peer.says("CAPA");
    let line = capabilities.lines().find_map(|line| line.strip_prefix("SASL"));
    line.unwrap_or_default().trim().to_owned()
}

// rulings 5, 10; P-091, P-102, P-111, P-116, P-118: which mechanisms, in which order, when
#[test]
fn what_is_announced_is_what_works() {
    let tls13 = "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 EXTERNAL \
                 OAUTHBEARER XOAUTH2 PLAIN CRAM-MD5 ANONYMOUS LOGIN";
    let tls12 = "SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 PLAIN CRAM-MD5 ANONYMOUS LOGIN";
    assert_eq!(sasl(&mut with(ALL, channel(Some("ann")))), tls13);
    assert_eq!(sasl(&mut everything()), tls13.replace("EXTERNAL ", ""));
    // P-111: TLS 1.2 has nothing to bind to
    assert_eq!(sasl(&mut with(ALL, Channel::default())), tls12);
    assert_eq!(sasl(&mut with(Usable::default(), channel(Some("ann")))), "PLAIN LOGIN");
    let one = |usable| sasl(&mut with(usable, Channel::default()));
    assert_eq!(
        one(Usable { scram: true, ..Usable::default() }),
        "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"
    );
    assert_eq!(
        one(Usable { tokens: true, ..Usable::default() }),
        "OAUTHBEARER XOAUTH2 PLAIN LOGIN"
    );
    assert_eq!(one(Usable { digests: true, ..Usable::default() }), "PLAIN CRAM-MD5 LOGIN");
    assert_eq!(one(Usable { anonymous: true, ..Usable::default() }), "PLAIN ANONYMOUS LOGIN");
    // In clear: on a network that the listener names, and elsewhere.
    let clear = Fixture { tls: false, cleartext: true, ..fixture(&[]) };
    let mut peer = with_fixture(clear, ALL, Channel::default());
    assert_eq!(sasl(&mut peer), "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN CRAM-MD5 ANONYMOUS");
    let refused = Fixture { cleartext: false, stls: true, ..fixture(&[]) };
    assert_eq!(sasl(&mut with_fixture(refused, ALL, Channel::default())), "");
    // P-097, P-053: bare AUTH says the same
    let said = everything().says("AUTH");
    assert!(said.contains("SCRAM-SHA-256-PLUS\r\nSCRAM-SHA-1-PLUS\r\n"), "{said}");
    assert!(!said.contains("GSSAPI") && !said.contains("DIGEST-MD5"));
}

// P-091: what STLS brings is announced after it
#[test]
fn tls_that_comes_later_brings_its_channel() {
    let fixture = Fixture { stls: true, cleartext: false, ..fixture(&["a: b\r\n\r\n"]) };
    let mut peer = with_fixture(fixture, ALL, Channel::default());
    for refused in ["SCRAM-SHA-256", "PLAIN", "OAUTHBEARER", "ANONYMOUS", "CRAM-MD5"] {
        let said = peer.says(&format!("AUTH {refused}"));
        assert_eq!(said, "-ERR [AUTH] TLS required, use STLS or port 995\r\n");
    }
    assert_eq!(peer.says("AUTH SCRAM-SHA-256-PLUS"), NO_SUCH);
    peer.channel = channel(Some("ann"));
    assert!(peer.says("STLS").starts_with("+OK"));
    assert!(sasl(&mut peer).starts_with("SCRAM-SHA-256-PLUS"));
    let bound = Bound::To(Binding::Exporter, Secret::new(vec![1; 32]));
    let mut client = scram(Hash::Sha256, bound, "ann", "right");
    assert!(prove(&mut peer, "SCRAM-SHA-256-PLUS", &mut client).starts_with("+ "));
    assert!(peer.says("").starts_with("+OK maildrop"));
}

// P-104, P-112, P-256, P-059: all four in all steps; `v=` in a challenge, an empty line, `+OK`
#[test]
fn scram_goes_in_five_lines() {
    for hash in Hash::ALL {
        for (plus, binding) in
            [(false, None), (true, Some(Binding::Exporter)), (true, Some(Binding::EndPoint))]
        {
            let mut peer = everything();
            let bound = binding.map_or(Bound::Without, |binding| {
                Bound::To(binding, Secret::new(channel(None).data(binding).unwrap().to_vec()))
            });
            let mut client = scram(hash, bound, "ann", "right");
            let name = format!("SCRAM-{}{}", hash.name(), if plus { "-PLUS" } else { "" });
            // P-253: without an initial response the challenge is empty
            assert_eq!(peer.says(&format!("AUTH {name}")), "+ \r\n");
            let salt = challenge(&peer.says(&encoded(&client.begin())));
            let proof = challenge(&peer.says(&encoded(&client.respond(&salt).unwrap())));
            assert!(proof.starts_with(b"v="));
            assert!(client.respond(&proof).unwrap().is_empty() && client.is_verified());
            assert!(!peer.session.is_authenticated(), "not before the client has answered");
            assert_eq!(peer.asked, ["salt", "verify"]);
            assert!(peer.says("").starts_with("+OK maildrop has 1 message"));
            assert!(peer.session.is_authenticated());
            // P-090
            assert_eq!(peer.says(&format!("AUTH {name}")), "-ERR not after login\r\n");
        }
    }
}

// P-106: a nonce of the server's own, never the same twice, on one connection or on two
#[test]
fn nonces_are_new_each_time() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..3 {
        let tls = Fixture { tls: true, ..fixture(&[]) };
        let mut peer = Peer::with(tls, |policy| {
            policy.usable = ALL;
            policy.chance = Secret::new([seed; 32]);
        });
        for _ in 0..5 {
            let salt =
                challenge(&peer.says(&format!("AUTH SCRAM-SHA-1 {}", encoded(b"n,,n=ann,r=abc"))));
            let salt = String::from_utf8(salt).unwrap();
            let nonce = salt.strip_prefix("r=abc").unwrap().split(',').next().unwrap().to_owned();
            assert!(nonce.len() >= 18 && seen.insert(nonce));
            peer.says("*");
            let asked = challenge(&peer.says("AUTH CRAM-MD5"));
            assert!(seen.insert(String::from_utf8(asked).unwrap()));
            peer.says("*");
        }
    }
}

// P-107, P-108: altered binding, missed announcement
#[test]
fn a_man_in_the_middle_is_noticed() {
    let bound = || Bound::To(Binding::Exporter, Secret::new(vec![9; 32]));
    let said = prove(
        &mut everything(),
        "SCRAM-SHA-256-PLUS",
        &mut scram(Hash::Sha256, bound(), "ann", "right"),
    );
    assert_eq!(said, "-ERR the channel binding does not fit this connection\r\n");
    let mut client = scram(Hash::Sha256, Bound::NotOffered, "ann", "right");
    let said = prove(&mut everything(), "SCRAM-SHA-256", &mut client);
    assert_eq!(said, "-ERR channel binding was offered, and the client did not see it\r\n");
    // Without TLS 1.3 -PLUS was not announced, and `y` is right.
    let mut client = scram(Hash::Sha256, Bound::NotOffered, "ann", "right");
    let mut peer = with(ALL, Channel::default());
    assert!(prove(&mut peer, "SCRAM-SHA-256", &mut client).starts_with("+ "));
}

// P-095, P-028, P-113, P-084: unknown name and wrong secret are one line, by every mechanism
#[test]
fn every_refusal_is_the_same_line() {
    for (name, password) in [("ann", "wrong"), ("nobody", "right")] {
        for (hash, mechanism) in [(Hash::Sha1, "SCRAM-SHA-1"), (Hash::Sha256, "SCRAM-SHA-256")] {
            let mut client = scram(hash, Bound::Without, name, password);
            assert_eq!(prove(&mut everything(), mechanism, &mut client), WRONG);
        }
        let mut peer = everything();
        let asked = challenge(&peer.says("AUTH CRAM-MD5"));
        let secret = Secret::new(password.as_bytes().to_vec());
        let said = encoded(&cram_md5::response(name, &secret, &asked));
        assert_eq!(peer.says(&said), WRONG);
    }
    for (name, certificate) in [("=", "nobody"), (&*encoded(b"bob"), "ann")] {
        let mut peer = with(ALL, channel(Some(certificate)));
        assert_eq!(peer.says(&format!("AUTH EXTERNAL {name}")), WRONG);
    }
    // P-113: the salt of a name that is not there is as stable as one that is
    let mut salts = Vec::new();
    for _ in 0..2 {
        let first =
            everything().says(&format!("AUTH SCRAM-SHA-1 {}", encoded(b"n,,n=nobody,r=abc")));
        let salt = String::from_utf8(challenge(&first)).unwrap();
        salts.push(salt.split_once(",s=").unwrap().1.to_owned());
    }
    assert_eq!(salts[0], salts[1]);
}

// P-082: a directory that is down says [SYS/TEMP], and never [AUTH], at each step
#[test]
fn a_directory_that_is_down_is_not_a_wrong_password() {
    let down = || {
        let mut fixture = fixture(&[]);
        fixture.faults.push(Fault::Directory);
        with_fixture(Fixture { tls: true, ..fixture }, ALL, channel(Some("ann")))
    };
    let token = Bearer::new(Dialect::OauthBearer, "ann", Secret::new(b"x".to_vec()));
    for said in [
        format!("AUTH SCRAM-SHA-256 {}", encoded(b"n,,n=ann,r=abc")),
        format!("AUTH OAUTHBEARER {}", encoded(token.begin().expose())),
        "AUTH EXTERNAL =".to_owned(),
        "AUTH ANONYMOUS =".to_owned(),
    ] {
        let mut peer = down();
        let answer = peer.says(&said);
        assert!(answer.starts_with("-ERR [SYS/TEMP] service unavailable"), "{said}: {answer}");
        assert_eq!(peer.session.counters().failures, 0);
        assert!(peer.says("NOOP").starts_with("-ERR not before"), "the exchange is over");
    }
}

// P-257: at each step of SCRAM, also after the proof: as if AUTH had never come
#[test]
fn a_star_cancels_at_every_step() {
    for steps in 0..3 {
        let mut peer = everything();
        let mut client = scram(Hash::Sha256, Bound::Without, "ann", "right");
        let mut said = peer.says("AUTH SCRAM-SHA-256");
        let mut response = client.begin();
        for _ in 0..steps {
            said = peer.says(&encoded(&response));
            response = client.respond(&challenge(&said)).unwrap();
        }
        assert!(said.starts_with("+ "), "{said}");
        assert_eq!(peer.says("*"), "-ERR authentication cancelled\r\n");
        assert!(!peer.session.is_authenticated());
        peer.log_in();
    }
}

// P-112: nothing but an empty line answers the server's proof
#[test]
fn only_an_empty_line_ends_scram() {
    for wrong in ["AAAA", "=", "QUIT"] {
        let mut peer = everything();
        let mut client = scram(Hash::Sha1, Bound::Without, "ann", "right");
        assert!(prove(&mut peer, "SCRAM-SHA-1", &mut client).starts_with("+ "));
        assert!(peer.says(wrong).starts_with("-ERR "), "{wrong}");
        assert!(!peer.session.is_authenticated());
        peer.log_in();
    }
}

// P-114: a token that is good, in one line and in two
#[test]
fn a_token_lets_in() {
    for (dialect, name) in [(Dialect::OauthBearer, "OAUTHBEARER"), (Dialect::Xoauth2, "XOAUTH2")] {
        let client = Bearer::new(dialect, "ann", Secret::new(b"token-of-ann".to_vec()));
        let message = encoded(client.begin().expose());
        let mut peer = everything();
        assert!(peer.says(&format!("AUTH {name} {message}")).starts_with("+OK maildrop"));
        // P-115: Office 365's way
        let mut peer = everything();
        assert_eq!(peer.says(&format!("AUTH {name}")), "+ \r\n");
        assert!(peer.says(&message).starts_with("+OK maildrop"));
    }
}

// P-114, P-115: a token that is not good: JSON, an answer of no meaning, `-ERR [AUTH]`
#[test]
fn a_bad_token_is_refused_in_json_first() {
    for (dialect, name, json) in [
        (Dialect::OauthBearer, "OAUTHBEARER", r#"{"status":"invalid_token"}"#),
        (Dialect::Xoauth2, "XOAUTH2", r#"{"status":"401","schemes":"bearer"}"#),
    ] {
        for (account, token) in [("ann", "expired"), ("nobody", "token-of-ann")] {
            for acknowledged in ["AQ==", "", "*", "not base64"] {
                let mut peer = everything();
                let client = Bearer::new(dialect, account, Secret::new(token.as_bytes().to_vec()));
                let said = peer.says(&format!("AUTH {name} {}", encoded(client.begin().expose())));
                assert_eq!(challenge(&said), json.as_bytes());
                assert_eq!(peer.says(acknowledged), WRONG, "{name} {acknowledged:?}");
                assert_eq!(peer.session.counters().failures, 1);
                peer.log_in();
            }
        }
    }
}

// issue 4, P-058: tokens to 16 KiB fit an AUTH line; what is longer is refused
#[test]
fn tokens_of_16_kib_fit() {
    for (octets, taken) in [(16 * 1024, true), (16 * 1024 + 1, false)] {
        let token = vec![b'x'; octets];
        let message = Bearer::new(Dialect::Xoauth2, "ann", Secret::new(token)).begin();
        let mut peer = everything();
        let said = peer.says(&format!("AUTH XOAUTH2 {}", encoded(message.expose())));
        assert_eq!(said.starts_with("+ "), taken, "{octets}: {said}");
    }
}

// P-116, P-254: `AUTH EXTERNAL =`, an identity of one's own, in two steps; K-9 (B-17)
#[test]
fn a_certificate_lets_in() {
    for said in ["AUTH EXTERNAL =".to_owned(), format!("AUTH EXTERNAL {}", encoded(b"ann"))] {
        let mut peer = with(ALL, channel(Some("ann")));
        assert!(peer.says(&said).starts_with("+OK maildrop"), "{said}");
    }
    let mut peer = with(ALL, channel(Some("ann")));
    assert_eq!(peer.says("AUTH EXTERNAL"), "+ \r\n");
    assert!(peer.says("").starts_with("+OK maildrop"));
    assert_eq!(everything().says("AUTH EXTERNAL ="), NO_SUCH);
}

// P-103, P-254: CRAM-MD5, and no initial response to it
#[test]
fn cram_md5_begins_with_the_server() {
    let mut peer = everything();
    let asked = challenge(&peer.says("AUTH CRAM-MD5"));
    assert!(asked.starts_with(b"<") && asked.ends_with(b"@mail.example.org>"));
    let secret = Secret::new(b"right".to_vec());
    let said = encoded(&cram_md5::response("ann", &secret, &asked));
    assert!(peer.says(&said).starts_with("+OK maildrop"));
    for initial in ["AAAA", "="] {
        let said = everything().says(&format!("AUTH CRAM-MD5 {initial}"));
        assert_eq!(said, "-ERR this mechanism takes no initial response\r\n");
    }
}

// P-118: off by default; on: a public maildrop, in which nobody deletes anything
#[test]
fn a_public_maildrop_is_for_reading() {
    assert_eq!(with(Usable::default(), channel(None)).says("AUTH ANONYMOUS ="), NO_SUCH);
    let mut peer = everything();
    peer.verified = Verified { read_only: true, ..Verified::default() };
    let long = encoded("a".repeat(256).as_bytes());
    assert!(
        peer.says(&format!("AUTH ANONYMOUS {long}")).starts_with("-ERR the response is too long")
    );
    assert!(peer.says(&format!("AUTH ANONYMOUS {}", encoded(b"sirhc"))).starts_with("+OK"));
    assert!(peer.says("RETR 1").starts_with("+OK"));
    assert_eq!(
        peer.says("DELE 1"),
        "-ERR this maildrop is for everybody, nothing can be deleted\r\n"
    );
    peer.says("QUIT");
    assert_eq!((peer.closed, peer.removed), (Some(Reason::Quit), None));
}

// P-026: one password tried by one mechanism after the other is one failure, as MailKit does it
#[test]
fn trying_every_mechanism_is_one_or_two_failures() {
    let mut peer = everything();
    for (hash, mechanism) in [(Hash::Sha256, "SCRAM-SHA-256"), (Hash::Sha1, "SCRAM-SHA-1")] {
        let mut client = scram(hash, Bound::Without, "ann", "wrong");
        assert_eq!(prove(&mut peer, mechanism, &mut client), WRONG);
    }
    let asked = challenge(&peer.says("AUTH CRAM-MD5"));
    let secret = Secret::new(b"wrong".to_vec());
    assert_eq!(peer.says(&encoded(&cram_md5::response("ann", &secret, &asked))), WRONG);
    assert_eq!(peer.session.counters().failures, 1);
    assert_eq!(peer.says(&format!("AUTH PLAIN {}", encoded(b"\0ann\0wrong"))), WRONG);
    peer.says(&format!("AUTH LOGIN {}", encoded(b"ann")));
    assert_eq!(peer.says(&encoded(b"wrong")), WRONG);
    assert!(peer.says("USER ann\r\nPASS wrong").ends_with(WRONG));
    assert_eq!((peer.session.counters().failures, peer.closed), (2, None));
    // Guessing on by one mechanism counts each time, and ends the connection.
    for _ in 0..2 {
        let mut client = scram(Hash::Sha1, Bound::Without, "ann", "wrong again");
        assert_eq!(prove(&mut peer, "SCRAM-SHA-1", &mut client), WRONG);
    }
    assert_eq!(peer.session.counters().failures, 4);
    let mut client = scram(Hash::Sha1, Bound::Without, "ann", "and again");
    assert_eq!(prove(&mut peer, "SCRAM-SHA-1", &mut client), WRONG);
    assert_eq!(peer.closed, Some(Reason::Failures));
}

// P-096: everything in one segment
#[test]
fn an_exchange_may_be_pipelined() {
    let mut peer = everything();
    let token = Bearer::new(Dialect::Xoauth2, "ann", Secret::new(b"bad".to_vec()));
    let said =
        peer.says(&format!("AUTH XOAUTH2\r\n{}\r\n\r\nSTAT", encoded(token.begin().expose())));
    let json = encoded(br#"{"status":"401","schemes":"bearer"}"#);
    assert_eq!(said, format!("+ \r\n+ {json}\r\n{WRONG}-ERR not before login\r\n"));
}
