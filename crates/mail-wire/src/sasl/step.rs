//! What a mechanism wants next.

use super::scram::SaltQuestion;
use crate::Credentials;

/// A server's side took the initial response, or a response: what follows.
#[derive(Debug)]
pub enum Step {
    /// Send this challenge and wait for the response.
    Challenge(Vec<u8>),
    /// SCRAM alone: the salt of this name is wanted; `Exchange::salted` goes on with it.
    Salt(SaltQuestion),
    /// All is said; somebody has to judge it. `Exchange::accepted` or `Exchange::refused` says
    /// whether the client has to hear something before it hears the outcome.
    Offer(Credentials),
    /// The client has heard that: now the outcome.
    Done,
    /// The response does not follow the mechanism's grammar, or proves by itself that somebody
    /// stands between. The exchange is over.
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
    /// It is not what the mechanism's grammar allows.
    #[error("the response does not follow the mechanism's grammar")]
    Grammar,
    /// An initial response to a mechanism in which the server speaks first (RFC 5034 §4).
    #[error("this mechanism takes no initial response")]
    Unexpected,
    /// It is longer than any response of this mechanism.
    #[error("the response is too long for this mechanism")]
    TooLong,
    /// SCRAM: an extension that would have to be understood (RFC 5802 §5.1, `m=`).
    #[error("the client asks for an extension that is not there")]
    Extension,
    /// SCRAM: the nonce is not the one that was sent (RFC 5802 §5.1).
    #[error("the nonce is not the one that was sent")]
    Nonce,
    /// The channel binding is of no kind that is there, or of another connection (RFC 5802 §6).
    #[error("the channel binding does not fit this connection")]
    Binding,
    /// The client believes that -PLUS was not announced, and it was (RFC 5802 §6).
    #[error("the client did not see that channel binding was offered")]
    Downgrade,
    /// There is no bearer token (RFC 7628 §3.1).
    #[error("there is no bearer token")]
    Token,
    /// EXTERNAL without a client certificate (RFC 4422, appendix A).
    #[error("no client certificate was shown")]
    NoIdentity,
}
