//! `Directory`: *is it you*, and *where is yours*.
//!
//! Its questions are shaped like messages, owned data in and owned data out, so that a
//! directory can move into another process without its callers noticing.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use mail_wire::sasl::scram::{Proof, Salt, SaltQuestion, Signature};
use mail_wire::{Credentials, Keeping, MaildropId, Quota};
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::rules::Spread;
use crate::spelling::{Batch, OverQuota, Sessions};

/// An answer that is on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Answers questions about accounts.
pub trait Directory: Send + Sync + 'static {
    /// *Is it you?* All but SCRAM, which gives a proof in turn. Unknown name, wrong password, disabled account and a credential that may
    /// not be used from there take the same time and give the same [`VerifyError::Credentials`].
    fn verify(
        &self,
        credentials: Credentials,
        origin: Origin,
    ) -> Pending<'_, Result<Account, VerifyError>>;

    /// *What is the salt of this name's keys?* For SCRAM, before anything is proved: a name that is
    /// not there has one too, the same each time, and takes as long (P-113). A directory that
    /// offers no SCRAM is never asked.
    fn scram_challenge(&self, question: SaltQuestion) -> Pending<'_, Result<Salt, Unavailable>> {
        drop(question);
        let detail = "this directory has no keys for scram".to_owned();
        Box::pin(std::future::ready(Err(Unavailable { detail })))
    }

    /// *Does this prove it?* As [`verify`](Self::verify), with the proof that we give in turn. Keys
    /// and passwords stay where they are. What the proof is over was checked by the mechanism:
    /// nonces and channel binding.
    fn scram_verify(
        &self,
        proof: Proof,
        origin: Origin,
    ) -> Pending<'_, Result<(Account, Signature), VerifyError>> {
        drop((proof, origin));
        let detail = "this directory has no keys for scram".to_owned();
        Box::pin(std::future::ready(Err(VerifyError::Unavailable { detail })))
    }

    /// *Where is theirs?* The maildrops that mail for this address goes to: one, or several
    /// where an alias leads to several accounts; never empty. `domain` is absent only for
    /// `postmaster` and where bare names are taken.
    fn resolve(
        &self,
        local_part: String,
        domain: Option<String>,
    ) -> Pending<'_, Result<Vec<Destination>, ResolveError>>;

    /// The maildrops of all accounts and how they are kept, for whoever lets mail expire: in
    /// the order of their numbers, those behind `after`, a thousand or so at a time; empty at
    /// the end.
    fn kept(&self, after: Option<MaildropId>) -> Pending<'_, Result<Vec<Kept>, Unavailable>>;

    /// What differs between accounts, for CAPA before login. Cheap: asked at each connection.
    fn spread(&self) -> Pending<'_, Result<Spread, Unavailable>>;

    /// Whether a session of this account may go on: it was neither disabled nor removed, and
    /// the credential that it used still holds. Cheap: asked now and then in a session.
    fn still_valid(&self, account: &Account) -> bool;

    /// A number that is another one as soon as what was refused might be right: an account, a
    /// password or a rule has changed. `None`: it keeps no such number. Cheap: asked at each login.
    fn version(&self) -> Option<u64> {
        None
    }
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

/// Where mail for an address goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The maildrop.
    pub maildrop: MaildropId,
    /// What it may hold.
    pub quota: Quota,
    /// What is answered where it is full.
    pub over_quota: OverQuota,
}

impl Destination {
    /// A maildrop without a quota.
    #[must_use]
    pub fn unlimited(maildrop: MaildropId) -> Self {
        Self { maildrop, quota: Quota::default(), over_quota: OverQuota::default() }
    }
}

/// A maildrop and how it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The maildrop.
    pub maildrop: MaildropId,
    /// How it is kept.
    pub keeping: Keeping,
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
    /// What uses that credential; the main password is a device's.
    pub kind: Kind,
    /// How the maildrop is kept.
    pub keeping: Keeping,
    /// Whether its sessions exclude each other, with what views and workers imply; `None`: as
    /// the server has it.
    pub sessions: Option<Sessions>,
    /// How many messages a worker's session is given.
    pub batch: u32,
    /// The least time between two logins; `None`: none.
    pub login_delay: Option<Duration>,
    /// Whether nothing may be deleted: a public maildrop, and nobody in particular.
    pub read_only: bool,
    /// The other active device credentials: those that POP3 takes and that were used within 30
    /// days, the main password among them as 0 (`rulings` 12).
    pub active: Vec<i64>,
}

impl Account {
    /// An account that logged in with its main password, everything else as RFC 1939 has it.
    #[must_use]
    pub fn new(id: i64, name: impl Into<String>, maildrop: MaildropId) -> Self {
        Self {
            id,
            name: name.into(),
            maildrop,
            credential: 0,
            label: None,
            version: 1,
            kind: Kind::Device,
            keeping: Keeping::default(),
            sessions: None,
            batch: Batch::default().0,
            login_delay: None,
            read_only: false,
            active: Vec::new(),
        }
    }
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
    /// Too many have failed from there: right or wrong, nothing is judged before so long.
    #[error("too many failed logins from there, for {} seconds more", .wait.as_secs())]
    TooMany {
        /// How long.
        wait: Duration,
    },
}

/// The directory cannot say now: overloaded, locked, broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the directory cannot answer: {detail}")]
pub struct Unavailable {
    /// For the log.
    pub detail: String,
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
