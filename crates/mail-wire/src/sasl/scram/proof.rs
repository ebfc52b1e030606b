//! What the two sides of SCRAM need of whoever keeps the keys.

use super::hash::Hash;
use crate::Secret;

/// The fewest iterations that are used (RFC 7677 §4).
pub const ITERATIONS_MIN: u32 = 4_096;

/// *What is this name's salt?* Asked before anything is proved, so that the answer must not
/// tell whether the name is known (P-113).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaltQuestion {
    /// The authentication identity as it came.
    pub name: Vec<u8>,
    /// Which hash function.
    pub hash: Hash,
}

/// The salt of a name's keys, and the count of iterations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salt {
    /// Its octets.
    pub octets: Vec<u8>,
    /// How many iterations.
    pub iterations: u32,
}

/// A client's proof that it knows a password, over all that was said before. Nothing is wrong
/// with it but perhaps the proof: nonces and channel binding were checked.
#[derive(Clone, Debug)]
pub struct Proof {
    /// As whom to act; `None` where it was absent or equal to `name`.
    pub authzid: Option<Vec<u8>>,
    /// The authentication identity as it came.
    pub name: Vec<u8>,
    /// Which hash function.
    pub hash: Hash,
    /// `AuthMessage` (RFC 5802 §3).
    pub message: Vec<u8>,
    /// `ClientProof`, as long as the hash.
    pub proof: Secret<Vec<u8>>,
}

/// `ServerSignature` (RFC 5802 §3): the server's proof in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(pub Vec<u8>);
