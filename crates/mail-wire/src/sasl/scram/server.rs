//! The server's side of SCRAM.

use subtle::ConstantTimeEq;

use super::hash::Hash;
use super::message::{ClientFinal, ClientFirst, OCTETS_MAX, ServerFirst};
use super::proof::{Proof, Salt, SaltQuestion, Signature};
use crate::Credentials;
use crate::sasl::base64;
use crate::sasl::channel::{Binding, Channel};
use crate::sasl::gs2::{self, Flag};
use crate::sasl::step::{Malformed, Step};

/// The server's side.
#[derive(Debug)]
pub struct Server {
    hash: Hash,
    plus: bool,
    announces_plus: bool,
    channel: Channel,
    nonce: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing was said.
    New,
    /// The salt was asked for.
    Salting(First),
    /// The salt was sent.
    Salted {
        first: First,
        server_first: Vec<u8>,
    },
    /// The proof is being judged.
    Offered,
    /// The proof was right, and ours is sent.
    Confirming,
    Over,
}

/// What the client's first message said.
#[derive(Debug)]
struct First {
    /// The header, and behind it the data of the channel binding.
    bound: Vec<u8>,
    authzid: Option<Vec<u8>>,
    name: Vec<u8>,
    /// From the name on.
    bare: Vec<u8>,
    /// Both nonces.
    nonces: Vec<u8>,
}

impl Server {
    /// A side that adds this nonce, which nobody could foresee: 18 octets of chance or more,
    /// printable, without a comma (P-106).
    ///
    /// `plus`: it is the mechanism whose name ends in -PLUS. `announces_plus`: that one was
    /// announced on this connection.
    pub const fn new(
        hash: Hash,
        plus: bool,
        announces_plus: bool,
        channel: Channel,
        nonce: String,
    ) -> Self {
        Self { hash, plus, announces_plus, channel, nonce, state: State::New }
    }

    /// The client speaks first.
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match initial {
            Some(message) => self.respond(message),
            None => Step::Challenge(Vec::new()),
        }
    }

    /// Takes the first message, the final one, or the empty response to our own proof (P-112).
    pub fn respond(&mut self, message: &[u8]) -> Step {
        let taken = match std::mem::replace(&mut self.state, State::Over) {
            _ if message.len() > OCTETS_MAX => Err(Malformed::TooLong),
            State::New => self.first(message),
            State::Salted { first, server_first } => self.last(message, first, &server_first),
            State::Confirming if message.is_empty() => Ok(Step::Done),
            State::Confirming => Err(Malformed::Grammar),
            State::Salting(_) | State::Offered | State::Over => Err(Malformed::Over),
        };
        taken.unwrap_or_else(Step::Failed)
    }

    /// The salt that [`Step::Salt`] asked for.
    pub fn salted(&mut self, salt: &Salt) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Salting(first) => {
                let server_first = ServerFirst::write(&first.nonces, salt);
                let challenge = server_first.clone();
                self.state = State::Salted { first, server_first };
                Step::Challenge(challenge)
            }
            _ => Step::Failed(Malformed::Over),
        }
    }

    /// The proof was right: what to send before the client is told so (P-112).
    pub fn accepted(&mut self, signature: &Signature) -> Vec<u8> {
        self.state = State::Confirming;
        let mut message = b"v=".to_vec();
        base64::encode(&signature.0, &mut message);
        message
    }

    fn first(&mut self, message: &[u8]) -> Result<Step, Malformed> {
        let gs2 = gs2::read(message)?;
        let data = self.bound(gs2.flag)?;
        let read = ClientFirst::read(gs2.rest)?;
        let first = First {
            bound: [gs2.header, data].concat(),
            authzid: gs2.authzid.filter(|authzid| *authzid != read.name),
            nonces: [read.nonce, self.nonce.as_bytes()].concat(),
            name: read.name,
            bare: gs2.rest.to_vec(),
        };
        let question = SaltQuestion { name: first.name.clone(), hash: self.hash };
        self.state = State::Salting(first);
        Ok(Step::Salt(question))
    }

    /// RFC 5802 §6, P-108: the data to be bound to, or why the client may not go on. Who says
    /// `y` to a server that announced -PLUS did not see that: somebody took it out.
    fn bound(&self, flag: Flag<'_>) -> Result<&[u8], Malformed> {
        match (flag, self.plus) {
            (Flag::Bound(name), true) => Binding::from_name(name)
                .and_then(|binding| self.channel.data(binding))
                .ok_or(Malformed::Binding),
            (Flag::NotOffered, false) if self.announces_plus => Err(Malformed::Downgrade),
            (Flag::Without | Flag::NotOffered, false) => Ok(&[]),
            (Flag::Bound(_), false) | (Flag::Without | Flag::NotOffered, true) => {
                Err(Malformed::Binding)
            }
        }
    }

    fn last(
        &mut self,
        message: &[u8],
        first: First,
        server_first: &[u8],
    ) -> Result<Step, Malformed> {
        let read = ClientFinal::read(message)?;
        // P-106, P-107: whatever was said before, both are compared.
        if !bool::from(read.nonce.ct_eq(&first.nonces)) {
            return Err(Malformed::Nonce);
        }
        if !bool::from(read.bound.expose().ct_eq(&first.bound)) {
            return Err(Malformed::Binding);
        }
        if read.proof.expose().len() != self.hash.octets() {
            return Err(Malformed::Grammar);
        }
        self.state = State::Offered;
        Ok(Step::Offer(Credentials::Scram(Proof {
            authzid: first.authzid,
            name: first.name,
            hash: self.hash,
            message: [&first.bare[..], server_first, read.without_proof].join(&b","[..]),
            proof: read.proof,
        })))
    }
}
