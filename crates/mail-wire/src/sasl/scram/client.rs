//! The client's side of SCRAM.

use subtle::ConstantTimeEq;

use super::hash::Hash;
use super::keys::{Keys, Salted};
use super::message::{OCTETS_MAX, ServerFirst, read_server_final};
use super::proof::{ITERATIONS_MIN, Salt};
use crate::sasl::base64;
use crate::sasl::channel::Binding;
use crate::sasl::fault::ServerFault;
use crate::sasl::gs2::{self, Flag};
use crate::{Secret, prepared};

/// The most iterations that a server may ask for: some seconds of work.
const ITERATIONS_MAX: u32 = 5_000_000;

/// What the client says of channel binding.
#[derive(Clone, Debug)]
pub enum Bound {
    /// It has none.
    Without,
    /// It has, and the server did not announce -PLUS.
    NotOffered,
    /// By this kind, with this data: the mechanism is one with -PLUS.
    To(Binding, Secret<Vec<u8>>),
}

/// The client's side.
#[derive(Debug)]
pub struct Client {
    hash: Hash,
    bound: Bound,
    authzid: Option<Vec<u8>>,
    name: Vec<u8>,
    password: Secret<Vec<u8>>,
    nonce: String,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    /// The first message, from the name on.
    First(Vec<u8>),
    /// What the server has to prove.
    Last(Secret<Vec<u8>>),
    /// It did.
    Verified,
    Over,
}

impl Client {
    /// A side that proves this password. The nonce is one that nobody could foresee: printable,
    /// without a comma (RFC 5802 §5.1).
    ///
    /// # Errors
    /// Name or password cannot be prepared with SASLprep (RFC 5802 §2.2).
    pub fn new(
        hash: Hash,
        bound: Bound,
        name: &str,
        password: &Secret<String>,
        nonce: String,
    ) -> Result<Self, ServerFault> {
        let name = prepared::saslprep(name).ok_or(ServerFault::Unprepared)?;
        let password =
            prepared::saslprep(password.expose()).map(String::into_bytes).map(Secret::new);
        Ok(Self {
            hash,
            bound,
            authzid: None,
            name: name.into_bytes(),
            password: password.ok_or(ServerFault::Unprepared)?,
            nonce,
            state: State::New,
        })
    }

    /// Asks to act for somebody else.
    #[must_use]
    pub fn acting_for(self, authzid: &str) -> Self {
        Self { authzid: Some(authzid.as_bytes().to_vec()), ..self }
    }

    /// The initial response.
    pub fn begin(&mut self) -> Vec<u8> {
        let mut bare = b"n=".to_vec();
        gs2::write_name(&self.name, &mut bare);
        bare.extend_from_slice(b",r=");
        bare.extend_from_slice(self.nonce.as_bytes());
        let message = [self.header().as_slice(), &bare].concat();
        self.state = State::First(bare);
        message
    }

    /// Takes a challenge: the salt, or the server's own proof.
    ///
    /// # Errors
    /// What is wrong with it; the server is not the one that knows the password, or is none at
    /// all.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ServerFault> {
        match std::mem::replace(&mut self.state, State::Over) {
            _ if challenge.len() > OCTETS_MAX => Err(ServerFault::Grammar),
            State::First(bare) => self.last(challenge, &bare),
            State::Last(signature) => {
                let offered = read_server_final(challenge).map_err(|_| ServerFault::Grammar)?;
                let offered = offered.ok_or(ServerFault::Refused)?;
                if !bool::from(offered.ct_eq(signature.expose())) {
                    return Err(ServerFault::Signature);
                }
                self.state = State::Verified;
                Ok(Vec::new())
            }
            State::New | State::Verified | State::Over => Err(ServerFault::Over),
        }
    }

    /// Whether the server has proved itself: only then may its success be believed (RFC 5802
    /// §5, "the client MUST").
    pub const fn is_verified(&self) -> bool {
        matches!(self.state, State::Verified)
    }

    fn header(&self) -> Vec<u8> {
        let flag = match &self.bound {
            Bound::Without => Flag::Without,
            Bound::NotOffered => Flag::NotOffered,
            Bound::To(binding, _) => Flag::Bound(binding.name().as_bytes()),
        };
        let mut header = Vec::new();
        gs2::write(flag, self.authzid.as_deref(), &mut header);
        header
    }

    fn last(&mut self, challenge: &[u8], bare: &[u8]) -> Result<Vec<u8>, ServerFault> {
        let server = ServerFirst::read(challenge).map_err(|_| ServerFault::Grammar)?;
        let added = server.nonce.strip_prefix(self.nonce.as_bytes());
        if added.is_none_or(<[u8]>::is_empty) {
            return Err(ServerFault::Nonce);
        }
        let Salt { iterations, .. } = server.salt;
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(ServerFault::Iterations);
        }
        let mut bound = self.header();
        if let Bound::To(_, data) = &self.bound {
            bound.extend_from_slice(data.expose());
        }
        let mut message = b"c=".to_vec();
        base64::encode(&bound, &mut message);
        message.extend_from_slice(b",r=");
        message.extend_from_slice(server.nonce);
        let auth_message = [bare, challenge, &message].join(&b","[..]);
        let salted = Salted::of(self.password.expose(), &server.salt, self.hash);
        message.extend_from_slice(b",p=");
        base64::encode(&salted.proof(&auth_message), &mut message);
        self.state = State::Last(signature(&salted.keys(), &auth_message));
        Ok(message)
    }
}

/// What the server will have to send.
fn signature(keys: &Keys, auth_message: &[u8]) -> Secret<Vec<u8>> {
    Secret::new(keys.hash().mac(keys.server().expose(), auth_message))
}
