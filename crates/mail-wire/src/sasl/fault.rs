//! What a client's side finds wrong with a server, or with what it was given.

/// Why a client does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerFault {
    /// A challenge does not follow the mechanism's grammar.
    #[error("the server's challenge does not follow the mechanism's grammar")]
    Grammar,
    /// The server changed the client's nonce, or added none of its own.
    #[error("the server did not add to the nonce that it was sent")]
    Nonce,
    /// A count of iterations below what is safe, or beyond what can be computed.
    #[error("the server asks for too few iterations, or for too many")]
    Iterations,
    /// The server does not know the password.
    #[error("the server did not prove that it knows the password")]
    Signature,
    /// The server says that the proof is wrong.
    #[error("the server refused the credentials")]
    Refused,
    /// The name or the password cannot be prepared with SASLprep (RFC 4013).
    #[error("the name or the password holds characters that SASLprep does not allow")]
    Unprepared,
    /// The server went on where the exchange was over, or said that it succeeded too early.
    #[error("the server did not keep to the order of the exchange")]
    Over,
}
