//! The world around a session, as small as can be: a driver without sockets, a directory of
//! two lines and a maildrop in memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mail_wire::dot::{Stuffer, TopCut};
use mail_wire::sasl::Channel;
use mail_wire::sasl::scram::{Keys, Proof, Salt, Signature};
use mail_wire::{
    Credentials, Listing, ListingBuilder, MessageId, MessageNumber, Octets, Secret, Uidl,
};
use pop3_proto::extension::Extensions;
use pop3_proto::server::Session;
use pop3_proto::server::ask::{Answer, Ask, Commit, Expire, Next, Reason, Refusal, Send, Verified};
use pop3_proto::server::policy::{Announced, Limits, Policy, Usable, Utf8Legacy};
use sha2::{Digest as _, Sha256};

use crate::dialog::{Fault, Fixture, Message};

/// Some instant to count from.
pub(crate) fn epoch() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
    Instant::now()
}

/// A policy as a fixture describes it.
pub(crate) fn policy(fixture: &Fixture) -> Policy {
    Policy {
        hostname: "mail.example.org".to_owned(),
        implementation: Some("Restante".to_owned()),
        implicit_tls: fixture.tls,
        stls: fixture.stls,
        cleartext: fixture.cleartext,
        apop: fixture.apop.clone(),
        usable: Usable::default(),
        channel: Channel::default(),
        chance: Secret::new([7; 32]),
        last: fixture.last,
        extensions: if fixture.extensions { Extensions::all() } else { Extensions::default() },
        login_delay: fixture
            .login_delay
            .map(|secs| Announced { value: Duration::from_secs(secs), per_user: false }),
        expire: fixture.expire.map(|days| Announced { value: Expire::Days(days), per_user: false }),
        utf8_legacy: if fixture.utf8_raw { Utf8Legacy::Raw } else { Utf8Legacy::Refuse },
        limits: Limits::default(),
    }
}

/// A fixture with one account `ann`, password `right`, on a clear-text network.
pub(crate) fn fixture(messages: &[&str]) -> Fixture {
    Fixture {
        accounts: vec![("ann".to_owned(), "right".to_owned())],
        messages: messages.iter().enumerate().map(|(at, text)| message(at, text)).collect(),
        cleartext: true,
        ..Fixture::default()
    }
}

fn message(at: usize, text: &str) -> Message {
    Message { uidl: format!("u{}", at + 1), text: text.as_bytes().to_vec(), utf8: false }
}

fn listing(messages: &[Message]) -> Arc<Listing> {
    let mut listing = ListingBuilder::default();
    for (at, message) in messages.iter().enumerate() {
        let octets = Octets::new(message.text.len() as u64);
        let uidl = Uidl::new(message.uidl.as_bytes()).expect("a unique-id");
        listing.push(MessageId::new(at as u64), octets, &uidl, message.utf8).expect("room");
    }
    Arc::new(listing.finish())
}

/// Whether there is such an account or not.
fn salt_of(name: &[u8]) -> Salt {
    Salt { octets: [b"salt of ", name].concat(), iterations: 4_096 }
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    Sha256::digest(octets).into()
}

/// A client on one end and the world on the other.
pub(crate) struct Peer {
    pub(crate) session: Session,
    pub(crate) fixture: Fixture,
    pub(crate) verified: Verified,
    pub(crate) listing: Arc<Listing>,
    /// What TLS says once STLS has turned it on.
    pub(crate) channel: Channel,
    pub(crate) now: Instant,
    /// What UPDATE removed; `None` while it was never asked for.
    pub(crate) removed: Option<Vec<u32>>,
    /// Every question, by name.
    pub(crate) asked: Vec<&'static str>,
    pub(crate) closed: Option<Reason>,
    /// How large the output was at most when it was taken.
    pub(crate) output_max: usize,
    input: Vec<u8>,
    /// How many of the later messages have arrived, and how many of these are listed.
    arrived: usize,
    refreshed: usize,
}

impl Peer {
    /// The greeting is taken off already.
    pub(crate) fn new(fixture: Fixture) -> Self {
        let (mut peer, greeting) = Self::greeted(fixture, |_| {});
        assert!(greeting.starts_with("+OK "), "{greeting}");
        peer.asked.clear();
        peer
    }

    pub(crate) fn with(fixture: Fixture, change: impl FnOnce(&mut Policy)) -> Self {
        Self::greeted(fixture, change).0
    }

    pub(crate) fn greeted(fixture: Fixture, change: impl FnOnce(&mut Policy)) -> (Self, String) {
        let mut policy = policy(&fixture);
        change(&mut policy);
        let now = epoch();
        let mut output = Vec::new();
        let mut session = Session::new(policy, now);
        session.greet(&mut output);
        let listing = listing(&fixture.messages);
        let peer = Self {
            session,
            fixture,
            verified: Verified::default(),
            listing,
            channel: Channel::default(),
            now,
            removed: None,
            asked: Vec::new(),
            closed: None,
            output_max: 0,
            input: Vec::new(),
            arrived: 0,
            refreshed: 0,
        };
        (peer, String::from_utf8(output).expect("a greeting in UTF-8"))
    }

    /// Logged in as `ann`.
    pub(crate) fn logged_in(messages: &[&str]) -> Self {
        let mut peer = Self::new(fixture(messages));
        peer.log_in();
        peer
    }

    pub(crate) fn log_in(&mut self) {
        let said = self.says("USER ann\r\nPASS right");
        assert!(self.session.is_authenticated(), "{said}");
    }

    /// Sends a line; answers what comes back.
    pub(crate) fn says(&mut self, line: &str) -> String {
        let output = self.sends(&[line.as_bytes(), b"\r\n"].concat());
        String::from_utf8(output).expect("an answer in UTF-8")
    }

    /// Sends octets; answers what comes back.
    pub(crate) fn sends(&mut self, octets: &[u8]) -> Vec<u8> {
        self.input.extend_from_slice(octets);
        let (mut written, mut output) = (Vec::new(), Vec::new());
        loop {
            let buffer = std::mem::take(&mut self.input);
            let mut input = &buffer[..];
            let next = self.session.receive(&mut input, &mut output, self.now);
            self.input = input.to_vec();
            match next {
                Next::Ask(ask) => {
                    let answer = self.answer(ask);
                    self.session.answer(answer, &mut output, self.now);
                }
                Next::Flush => {}
                Next::Send(send) => {
                    self.body(send, &mut output);
                    self.session.sent();
                }
                Next::Wait if self.arrived > self.refreshed => self.session.arrived(),
                Next::Wait if !self.input.is_empty() => {}
                Next::NeedInput | Next::Wait => break,
                Next::Close(reason) => {
                    self.closed = Some(reason);
                    break;
                }
            }
            self.output_max = self.output_max.max(output.len());
            written.append(&mut output);
        }
        self.output_max = self.output_max.max(output.len());
        written.append(&mut output);
        written
    }

    /// The next of the later messages arrives; answers what comes back.
    pub(crate) fn arrives(&mut self) -> Vec<u8> {
        self.arrived += 1;
        self.sends(b"")
    }

    /// How many octets the machine has left in the input.
    pub(crate) fn held(&self) -> usize {
        self.input.len()
    }

    fn has(&self, fault: Fault) -> bool {
        self.fixture.faults.contains(&fault)
    }

    fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Verify(credentials) => {
                self.asked.push("verify");
                if self.has(Fault::Directory) {
                    Answer::Refused(Refusal::Temporary)
                } else if let Credentials::Scram(proof) = &credentials
                    && let signature @ Some(_) = self.signature(proof)
                {
                    Answer::Verified(Verified { signature, ..self.verified.clone() })
                } else if self.knows(&credentials) {
                    Answer::Verified(self.verified.clone())
                } else {
                    Answer::Refused(Refusal::Credentials)
                }
            }
            Ask::Salt(question) => {
                self.asked.push("salt");
                if self.has(Fault::Directory) {
                    Answer::Refused(Refusal::Temporary)
                } else {
                    Answer::Salted(salt_of(&question.name))
                }
            }
            Ask::Open => {
                self.asked.push("open");
                if self.has(Fault::InUse) {
                    Answer::Refused(Refusal::InUse { holder: None })
                } else if self.has(Fault::LoginDelay) {
                    Answer::Refused(Refusal::LoginDelay { wait: Duration::from_mins(1) })
                } else if self.has(Fault::Maildrop) {
                    Answer::Refused(Refusal::Permanent)
                } else {
                    Answer::Opened(Arc::clone(&self.listing))
                }
            }
            Ask::Retrieve(number) => {
                self.asked.push("retrieve");
                if self.has(Fault::Message(number.get())) {
                    Answer::Lost { temporary: true }
                } else {
                    Answer::Found
                }
            }
            Ask::Commit(numbers) => {
                self.asked.push("commit");
                if self.has(Fault::Update) {
                    return Answer::Committed(Commit::Failed);
                }
                Answer::Committed(self.remove(&numbers))
            }
            Ask::CommitEarly(numbers) => {
                self.asked.push("commit early");
                if self.has(Fault::Update) {
                    return Answer::Committed(Commit::Failed);
                }
                Answer::Committed(self.remove(&numbers))
            }
            Ask::Refresh => {
                self.asked.push("refresh");
                if self.has(Fault::Refresh) {
                    return Answer::NotRefreshed { temporary: true };
                }
                let more = self.fixture.later[self.refreshed..self.arrived].to_vec();
                self.fixture.messages.extend(more);
                self.refreshed = self.arrived;
                self.listing = listing(&self.fixture.messages);
                Answer::Refreshed(Arc::clone(&self.listing))
            }
            Ask::Digest(number) => {
                self.asked.push("digest");
                if self.has(Fault::Message(number.get())) {
                    Answer::Lost { temporary: true }
                } else {
                    Answer::Digested(sha256(&self.fixture.messages[number.index()].text))
                }
            }
            Ask::Secure => {
                self.asked.push("secure");
                // Nothing that came before may be kept.
                self.input.clear();
                Answer::Secured(self.channel.clone())
            }
        }
    }

    fn remove(&mut self, numbers: &[MessageNumber]) -> Commit {
        let removed = self.removed.get_or_insert_default();
        removed.extend(numbers.iter().map(|number| number.get()));
        Commit::Removed { left: self.listing.len() - removed.len() }
    }

    /// SCRAM's proof in turn, if this one is right.
    fn signature(&self, proof: &Proof) -> Option<Signature> {
        let (name, secret) = self
            .fixture
            .accounts
            .iter()
            .find(|(account, _)| account.as_bytes() == proof.name && proof.authzid.is_none())?;
        let keys = Keys::of(secret.as_bytes(), &salt_of(name.as_bytes()), proof.hash);
        keys.verify(proof)
    }

    fn knows(&self, credentials: &Credentials) -> bool {
        self.fixture.accounts.iter().any(|(account, secret)| match credentials {
            Credentials::Password { authzid, name, password } => {
                authzid.is_none()
                    && name == account.as_bytes()
                    && password.expose() == secret.as_bytes()
            }
            Credentials::Digest { method, name, challenge, digest } => {
                name == account.as_bytes()
                    && method.of(challenge.as_bytes(), secret.as_bytes()) == *digest
            }
            Credentials::Token { name, token } => {
                name.as_ref().is_none_or(|name| name == account.as_bytes())
                    && *token.expose() == format!("token-of-{account}").into_bytes()
            }
            Credentials::External { authzid, peer } => {
                peer.common_name.as_ref() == Some(account)
                    && authzid.as_ref().is_none_or(|name| name == account.as_bytes())
            }
            Credentials::Anonymous { .. } => true,
            Credentials::Scram(_) => false,
        })
    }

    fn body(&mut self, send: Send, output: &mut Vec<u8>) {
        let text = &self.fixture.messages[send.number.index()].text;
        let mut stuffer = Stuffer::default();
        let length = send.lines.map_or(text.len(), |lines| TopCut::new(lines).wanted(text));
        stuffer.stuff(&text[..length], output);
        stuffer.finish(output);
    }
}
