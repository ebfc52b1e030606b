//! What a mechanism wants next.

use crate::Credentials;

/// A server's side took the initial response, or a response: what follows.
#[derive(Debug)]
pub enum Step {
    /// Send this challenge and wait for the response.
    Challenge(Vec<u8>),
    /// All is said; somebody has to judge it.
    Offer(Credentials),
    /// The response does not follow the mechanism's grammar. The exchange is over.
    Failed(Malformed),
}

/// What is wrong with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// PLAIN has exactly two NULs (RFC 4616 §2).
    #[error("a PLAIN message has exactly two NULs")]
    Nuls,
    /// A name or a password is empty (RFC 4616 §2).
    #[error("neither the name nor the password may be empty")]
    Empty,
    /// A name is not UTF-8 (RFC 4616 §2).
    #[error("a name is not UTF-8")]
    NotUtf8,
    /// A response came after the last one.
    #[error("the exchange was over")]
    Over,
}
