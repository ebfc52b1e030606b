//! Tokens that somebody else gave out: who tells whether they are good.

use std::fmt::Debug;

use mail_wire::Secret;

use crate::directory::{Pending, Scope};

/// Tells whether a token is good: by its signature, or by asking who gave it out.
pub trait TokenVerifier: Debug + Send + Sync + 'static {
    /// *Whose is this?* Good for this service, not expired, made for us: all of it, or it is not
    /// good (security §2.3, CVE-2026-40205).
    fn verify(
        &self,
        token: Secret<Vec<u8>>,
        scope: Scope,
    ) -> Pending<'_, Result<TokenGrant, TokenError>>;
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenGrant {
    /// The account's name, or an address that leads to it alone.
    pub name: String,
}

/// Why a token is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not good; for the log, and never for the peer.
    #[error("{reason}")]
    Bad {
        /// `expired`, `for another service`, …
        reason: &'static str,
    },
    /// Nobody can say now.
    #[error("tokens cannot be checked now: {detail}")]
    Unavailable {
        /// For the log.
        detail: String,
    },
}
