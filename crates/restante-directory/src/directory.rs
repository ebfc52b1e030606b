//! `Directory`: *is it you*, and *where is yours*.
//!
//! Its questions are shaped like messages, owned data in and owned data out, so that a
//! directory can move into another process without its callers noticing.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use mail_wire::{Credentials, MaildropId};
use serde::{Deserialize, Serialize};

/// An answer that is on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Answers questions about accounts.
pub trait Directory: Send + Sync + 'static {
    /// *Is it you?* Unknown name, wrong password, disabled account and a credential that may
    /// not be used from there take the same time and give the same [`VerifyError::Credentials`].
    fn verify(
        &self,
        credentials: Credentials,
        origin: Origin,
    ) -> Pending<'_, Result<Account, VerifyError>>;

    /// *Where is theirs?* The maildrops that mail for this address goes to: one, or several
    /// where an alias leads to several accounts; never empty. `domain` is absent only for
    /// `postmaster` and where bare names are taken.
    fn resolve(
        &self,
        local_part: String,
        domain: Option<String>,
    ) -> Pending<'_, Result<Vec<MaildropId>, ResolveError>>;

    /// Whether a session of this account may go on: it was neither disabled nor removed, and
    /// the credential that it used still holds. Cheap: asked now and then in a session.
    fn still_valid(&self, account: &Account) -> bool;
}

/// From where credentials come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The peer.
    pub address: IpAddr,
    /// For what.
    pub scope: Scope,
    /// How well the connection keeps a secret.
    pub secrecy: Secrecy,
}

/// What a credential may be used for (`product` §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Fetching mail.
    Pop3,
    /// Sending mail.
    Submission,
    /// The web pages.
    Web,
}

/// How well a connection keeps a secret (`rulings` 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Secrecy {
    /// TLS, or loopback.
    Private,
    /// Clear text over a network that the listener names: the account must allow it too.
    Clear,
}

/// An account, as the session that logged in needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number, never reused.
    pub id: i64,
    /// Its canonical name.
    pub name: String,
    /// Its maildrop.
    pub maildrop: MaildropId,
    /// The credential that was used: 0 is the main password, else an app password's number.
    pub credential: i64,
    /// The label of that credential, for log lines; `None` for the main password.
    pub label: Option<String>,
    /// The version of that credential when it was used; a change of password raises it.
    pub version: i64,
}

/// Why nobody was verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not these credentials, not here, not now: one answer for all. The reason is for the log
    /// and never for the peer.
    #[error("{reason}")]
    Credentials {
        /// `no such account`, `wrong password`, `account disabled`, `app password expired`, …
        reason: &'static str,
    },
    /// The directory cannot say now: overloaded, locked, broken.
    #[error("the directory cannot answer: {detail}")]
    Unavailable {
        /// For the log.
        detail: String,
    },
}

/// Why an address leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The domain is ours, the address is not known.
    #[error("no such address")]
    Unknown,
    /// The domain is not ours.
    #[error("not our domain")]
    Foreign,
    /// All accounts behind it are disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The directory cannot say now.
    #[error("the directory cannot answer: {detail}")]
    Unavailable {
        /// For the log.
        detail: String,
    },
}
