//! What is kept of a password for SCRAM: `StoredKey` and `ServerKey` (RFC 5802 §3).

use subtle::ConstantTimeEq;

use super::hash::Hash;
use super::proof::{Proof, Salt, Signature};
use crate::Secret;

/// The keys of one password under one salt. From neither can anybody log in; both together let
/// their holder play the server, and each lets the password be guessed at.
#[derive(Clone, Debug)]
pub struct Keys {
    hash: Hash,
    stored: Secret<Vec<u8>>,
    server: Secret<Vec<u8>>,
}

impl Keys {
    /// The keys of a password, which was prepared with SASLprep. As slow as the count says.
    pub fn of(password: &[u8], salt: &Salt, hash: Hash) -> Self {
        Salted::of(password, salt, hash).keys()
    }

    /// Keys that were kept; `None` where they do not have the hash's length.
    pub fn new(hash: Hash, stored: Vec<u8>, server: Vec<u8>) -> Option<Self> {
        let keys = Self { hash, stored: Secret::new(stored), server: Secret::new(server) };
        let fit = |key: &Secret<Vec<u8>>| key.expose().len() == hash.octets();
        (fit(&keys.stored) && fit(&keys.server)).then_some(keys)
    }

    /// Which hash function.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// `StoredKey`, to be kept.
    pub const fn stored(&self) -> &Secret<Vec<u8>> {
        &self.stored
    }

    /// `ServerKey`, to be kept.
    pub const fn server(&self) -> &Secret<Vec<u8>> {
        &self.server
    }

    /// Whether this proves the password, and then the server's proof in turn. The work is the
    /// same whether it does or not: two MACs and a hash.
    pub fn verify(&self, proof: &Proof) -> Option<Signature> {
        let signature = self.hash.mac(self.stored.expose(), &proof.message);
        let client_key = Secret::new(xor(&signature, proof.proof.expose()));
        let ours = self.hash.digest(client_key.expose());
        let fits = ours.ct_eq(self.stored.expose());
        let signature = Signature(self.hash.mac(self.server.expose(), &proof.message));
        (bool::from(fits) && proof.hash == self.hash).then_some(signature)
    }
}

/// A password after the slow part, as the client's side needs it.
pub(super) struct Salted {
    hash: Hash,
    password: Secret<Vec<u8>>,
}

impl Salted {
    pub(super) fn of(password: &[u8], salt: &Salt, hash: Hash) -> Self {
        Self { hash, password: hash.salted(password, &salt.octets, salt.iterations) }
    }

    /// `ClientProof` over this message.
    pub(super) fn proof(&self, message: &[u8]) -> Vec<u8> {
        let client_key = self.client_key();
        let stored = self.hash.digest(client_key.expose());
        xor(client_key.expose(), &self.hash.mac(&stored, message))
    }

    fn client_key(&self) -> Secret<Vec<u8>> {
        Secret::new(self.hash.mac(self.password.expose(), b"Client Key"))
    }

    pub(super) fn keys(&self) -> Keys {
        let stored = Secret::new(self.hash.digest(self.client_key().expose()));
        let server = Secret::new(self.hash.mac(self.password.expose(), b"Server Key"));
        Keys { hash: self.hash, stored, server }
    }
}

/// Of the shorter one's length.
fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}
