//! A driver in memory: answers what the session asks from a small world, keeps what it takes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lmtp_proto::{
    Answer, Ask, Dialect, Envelope, Failure, Limits, Next, Policy, Reason, RecipientRefusal,
    Session,
};
use mail_wire::Form;
use mail_wire::dot::{TERMINATION, Unstuffer};

/// What the session is told about the world. What is not named here is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// Mailboxes that are refused at RCPT.
    pub(crate) refused: HashMap<String, RecipientRefusal>,
    /// Mailboxes that fail at the end.
    pub(crate) outcomes: HashMap<String, Failure>,
    /// Deliveries cannot begin.
    pub(crate) begin: Option<Failure>,
    /// The delivery fails when more than so many octets were taken.
    pub(crate) full_after: Option<(usize, Failure)>,
}

/// A message that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) envelope: Envelope,
    /// As it was handed over.
    pub(crate) octets: Vec<u8>,
}

impl Kept {
    /// The message in text form.
    pub(crate) fn text(&self) -> Vec<u8> {
        match self.envelope.form {
            Form::Text => self.octets.clone(),
            Form::Wire => unstuffed(&self.octets),
        }
    }
}

/// Wire form without its end → text form; what is handed over must not hold an end itself.
pub(crate) fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let whole = [wire, TERMINATION].concat();
    let (mut input, mut text) = (&whole[..], Vec::new());
    assert!(Unstuffer::default().unstuff(&mut input, &mut text), "the message has no end");
    assert!(input.is_empty(), "the message ends within itself: {:?}", wire.escape_ascii());
    text
}

/// A session with a world around it.
pub(crate) struct Play {
    pub(crate) session: Session,
    pub(crate) world: World,
    pub(crate) output: Vec<u8>,
    pub(crate) kept: Vec<Kept>,
    /// How many deliveries were thrown away.
    pub(crate) aborted: usize,
    /// What the session asked, in words.
    pub(crate) asked: Vec<String>,
    pub(crate) closed: Option<Reason>,
    pub(crate) now: Instant,
    /// Octets that were offered and are not taken yet.
    pub(crate) buffer: Vec<u8>,
    delivery: Option<Kept>,
}

impl Play {
    pub(crate) fn new(policy: Policy) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any start will do; the play moves on itself"
        )]
        let now = Instant::now();
        let mut play = Self {
            session: Session::new(policy, now),
            world: World::default(),
            output: Vec::new(),
            kept: Vec::new(),
            aborted: 0,
            asked: Vec::new(),
            closed: None,
            now,
            buffer: Vec::new(),
            delivery: None,
        };
        play.session.greet(&mut play.output);
        play
    }

    pub(crate) fn lmtp() -> Self {
        Self::new(Policy::new(Dialect::Lmtp, "mx.example.org"))
    }

    pub(crate) fn smtp() -> Self {
        Self::new(Policy::new(Dialect::Smtp, "mx.example.org"))
    }

    pub(crate) fn with(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Offers octets, does all that is asked, and gives what was replied.
    pub(crate) fn say(&mut self, octets: impl AsRef<[u8]>) -> String {
        self.output.clear();
        self.feed(octets.as_ref());
        String::from_utf8(self.output.clone()).expect("replies are UTF-8")
    }

    /// The same, and only the reply codes with their enhanced codes: `250 2.1.0`.
    pub(crate) fn codes(&mut self, octets: impl AsRef<[u8]>) -> Vec<String> {
        self.say(octets).lines().map(code).collect()
    }

    pub(crate) fn feed(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
        let buffer = std::mem::take(&mut self.buffer);
        let mut input = &buffer[..];
        while self.closed.is_none() {
            match self.session.receive(&mut input, &mut self.output, self.now) {
                Next::Ask(ask) => self.asked(ask),
                Next::Take(octets) => self.taken(octets),
                Next::Flush => panic!("so much output in a test"),
                Next::NeedInput => break,
                Next::Close(reason) => self.closed = Some(reason),
            }
        }
        self.buffer = input.to_vec();
    }

    fn asked(&mut self, ask: Ask) {
        self.asked.push(format!("{ask:?}").split(['(', ' ']).next().unwrap_or("").to_owned());
        let answer = match ask {
            Ask::Recipient(path) => {
                let refusal = self.world.refused.get(&path.mailbox().to_string());
                Answer::Recipient(refusal.map_or(Ok(()), |refusal| Err(*refusal)))
            }
            Ask::Begin(envelope) => {
                assert!(self.delivery.is_none(), "two deliveries at once");
                let begun = self.world.begin.map_or(Ok(()), Err);
                if begun.is_ok() {
                    self.delivery = Some(Kept { envelope, octets: Vec::new() });
                }
                Answer::Begun(begun)
            }
            Ask::Commit => {
                let kept = self.delivery.take().expect("a commit without a delivery");
                let outcome = |path: &lmtp_proto::ForwardPath| {
                    let failure = self.world.outcomes.get(&path.mailbox().to_string());
                    failure.map_or(Ok(()), |failure| Err(*failure))
                };
                let outcomes: Vec<_> = kept.envelope.recipients.iter().map(outcome).collect();
                if outcomes.contains(&Ok(())) {
                    self.kept.push(kept);
                }
                Answer::Committed(outcomes)
            }
            Ask::Abort => {
                assert!(self.delivery.take().is_some(), "an abort without a delivery");
                self.aborted += 1;
                Answer::Dropped
            }
            Ask::Secure => Answer::Secured,
        };
        self.session.answer(answer, &mut self.output, self.now);
    }

    fn taken(&mut self, octets: &[u8]) {
        assert!(!octets.is_empty(), "nothing to take");
        let delivery = self.delivery.as_mut().expect("octets without a delivery");
        delivery.octets.extend_from_slice(octets);
        if let Some((limit, failure)) = self.world.full_after
            && delivery.octets.len() > limit
        {
            self.session.failed(failure);
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
    }
}

pub(crate) fn lmtp() -> Play {
    let mut play = Play::lmtp();
    play.say("LHLO relay.example.org\r\n");
    play
}

pub(crate) fn smtp() -> Play {
    let mut play = Play::smtp();
    play.say("EHLO relay.example.org\r\n");
    play
}

pub(crate) fn policy(dialect: Dialect) -> Policy {
    Policy::new(dialect, "mx.example.org")
}

pub(crate) fn limited(limits: Limits) -> Play {
    let mut play = Play::new(Policy { limits, ..policy(Dialect::Lmtp) });
    play.say("LHLO a\r\n");
    play
}

pub(crate) fn world(refused: &[(&str, RecipientRefusal)], outcomes: &[(&str, Failure)]) -> World {
    World {
        refused: refused.iter().map(|(name, why)| ((*name).to_owned(), *why)).collect(),
        outcomes: outcomes.iter().map(|(name, why)| ((*name).to_owned(), *why)).collect(),
        ..World::default()
    }
}

pub(crate) const ENVELOPE: &str = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";

/// `250 2.1.0 sender ok` → `250 2.1.0`; `250-SIZE` → `250-`.
pub(crate) fn code(line: &str) -> String {
    let mut words = line.split(' ');
    let first = words.next().unwrap_or("");
    if first.len() > 3 {
        return first[..4].to_owned();
    }
    match words.next() {
        Some(word) if word.split('.').count() == 3 => format!("{first} {word}"),
        _ => first.to_owned(),
    }
}

/// Offers the same octets in pieces of `size`.
pub(crate) fn chop(play: &mut Play, octets: &[u8], size: usize) {
    octets.chunks(size).for_each(|piece| play.feed(piece));
}
