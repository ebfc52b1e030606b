//! What the session asks of the world, and what the world answers.

use std::sync::Arc;
use std::time::Duration;

use mail_wire::sasl::Channel;
use mail_wire::sasl::scram::{Salt, SaltQuestion, Signature};
use mail_wire::{Credentials, Listing, MessageNumber};

use crate::reply::Reply;

/// What the driver has to do next. Ignoring it stalls the session.
#[must_use = "the session waits until the driver has done this"]
#[derive(Debug)]
pub enum Next {
    /// Answer this question with `Session::answer`, then call `receive` again.
    Ask(Ask),
    /// The output is large enough: write it out, then call `receive` again.
    Flush,
    /// Write out what there is, stream this message, then call `Session::sent`.
    Send(Send),
    /// Write out what there is, read more octets, then call `receive` again.
    NeedInput,
    /// Write out what there is, then wait for mail, for more octets, or for the deadline; where
    /// octets are unread already, only look whether mail is there. If mail may have arrived call
    /// `Session::arrived`; then, whichever it was, `receive`.
    Wait,
    /// Write out what there is, then close. The session stays here.
    Close(Reason),
}

/// A question to the world.
#[derive(Debug)]
pub enum Ask {
    /// *Is it you?* Answered by [`Answer::Verified`] or [`Answer::Refused`].
    Verify(Credentials),
    /// *What is this name's salt*, for SCRAM? Answered by [`Answer::Salted`], whether the name
    /// is known or not (P-113), or by [`Answer::Refused`] where nobody can say now.
    Salt(SaltQuestion),
    /// *Open your maildrop*, that of the account verified last: claim and listing. Answered by
    /// [`Answer::Opened`] or [`Answer::Refused`].
    Open,
    /// *Find me this message.* Nothing has been said to the peer yet. Answered by
    /// [`Answer::Found`], after which [`Next::Send`] follows, or [`Answer::Lost`].
    Retrieve(MessageNumber),
    /// *Take these out*, durably, all or none. Answered by [`Answer::Committed`].
    Commit(Vec<MessageNumber>),
    /// *Take these out* in the same way, but the session goes on: numbers stay, and the maildrop
    /// stays open. What was sent to the peer before has to be written first. Answered by
    /// [`Answer::Committed`].
    CommitEarly(Vec<MessageNumber>),
    /// *List what has arrived since*, behind what is listed. Answered by [`Answer::Refreshed`]
    /// or [`Answer::NotRefreshed`].
    Refresh,
    /// *What is the SHA-256 of this message*, unstuffed, as RETR sends it? Answered by
    /// [`Answer::Digested`] or [`Answer::Lost`].
    Digest(MessageNumber),
    /// *Switch to TLS.* The output holds the `+OK` that has to be written first; nothing that
    /// was received before may be kept. Answered by [`Answer::Secured`]; if the handshake
    /// fails the driver closes.
    Secure,
}

/// A message to stream after the output.
///
/// The driver sends the body dot-stuffed (a body of `Form::Text` is stuffed as it passes, one
/// of `Form::Wire` is already), cut after `lines` lines of the body where that is set, and
/// ends it with `.` CRLF. If it cannot go on it closes the connection without that ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    /// Which message: the one asked for by the last [`Ask::Retrieve`].
    pub number: MessageNumber,
    /// TOP: header, blank line and this many lines. RETR: `None`, all of it.
    pub lines: Option<u64>,
}

/// An answer to an [`Ask`].
#[derive(Debug)]
pub enum Answer {
    /// The credentials are right and may be used here.
    Verified(Verified),
    /// A salt.
    Salted(Salt),
    /// The maildrop is open; this is what it holds.
    Opened(Arc<Listing>),
    /// The login fails, at whichever step.
    Refused(Refusal),
    /// The message is there and will be sent.
    Found,
    /// The message cannot be read now: `-ERR [SYS/TEMP]`, or for good: `-ERR [SYS/PERM]`.
    Lost {
        /// Whether another try may succeed.
        temporary: bool,
    },
    /// The maildrop's listing: what was listed, and what has come behind it.
    Refreshed(Arc<Listing>),
    /// The maildrop cannot be looked at again; what was listed stays.
    NotRefreshed {
        /// Whether another try may succeed.
        temporary: bool,
    },
    /// The message's digest.
    Digested([u8; 32]),
    /// How the commit ended.
    Committed(Commit),
    /// TLS is on, from the first octet after `+OK`.
    Secured(Channel),
}

/// What holds for the account that logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The account's own LOGIN-DELAY (RFC 2449 §6.5), where one is enforced.
    pub login_delay: Option<Duration>,
    /// The account's own EXPIRE (RFC 2449 §6.7), where it differs from the site's.
    pub expire: Option<Expire>,
    /// SCRAM's proof in turn (RFC 5802 §3), where SCRAM was what was verified.
    pub signature: Option<Signature>,
    /// Whether nothing may be deleted: a public maildrop.
    pub read_only: bool,
}

/// EXPIRE's argument (RFC 2449 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expire {
    /// Nothing is removed but by the client.
    Never,
    /// The least number of days a message is kept.
    Days(u32),
}

/// Why a login fails. Each has its response code and words in `reply.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Unknown name, wrong password, disabled, expired, wrong network: `[AUTH]`, one text for
    /// all (RFC 3206 §5, P-028, P-095).
    Credentials,
    /// Another session holds the maildrop: `[IN-USE]` (RFC 2449 §8.1.2).
    InUse {
        /// What to tell its owner: since when and from where, already fit for a reply line.
        holder: Option<String>,
    },
    /// Too soon after the last login: `[LOGIN-DELAY]` (RFC 2449 §8.1.1).
    LoginDelay {
        /// When another try may succeed.
        wait: Duration,
    },
    /// Too many failed logins from there: `[SYS/TEMP]`; the connection closes.
    TooManyFailures {
        /// When another try may succeed.
        wait: Duration,
    },
    /// The directory or the store is down, or overloaded: `[SYS/TEMP]`, never `[AUTH]`
    /// (P-082).
    Temporary,
    /// Somebody has to look at it: `[SYS/PERM]`.
    Permanent,
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All of them are out, durably.
    Removed {
        /// How many messages the maildrop still holds, as this session knows it.
        left: usize,
    },
    /// Some are not: `-ERR [SYS/TEMP] some deleted messages not removed` (RFC 1939 §6).
    Failed,
}

/// What the driver tells a session that has to end ([`Session::tell`]).
///
/// [`Session::tell`]: super::session::Session::tell
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tell {
    /// The server is stopping: `[SYS/TEMP]`.
    Drain,
    /// There is no room: too many connections, too little memory: `[SYS/TEMP]`.
    Pressure,
    /// The account was disabled or removed, or its password changed.
    AccountChanged,
}

impl Tell {
    /// The line that says so.
    pub(super) const fn reply(self) -> Reply {
        match self {
            Self::Drain => Reply::Draining,
            Self::Pressure => Reply::Crowded,
            Self::AccountChanged => Reply::AccountChanged,
        }
    }
}

/// Why the session wants the connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// QUIT in AUTHORIZATION, or QUIT in TRANSACTION with UPDATE done.
    Quit,
    /// QUIT in TRANSACTION, and the UPDATE failed.
    UpdateFailed,
    /// The autologout timer ran out (RFC 1939 §3): no reply, no UPDATE.
    Idle,
    /// Too many bad commands.
    BadCommands,
    /// Too many different failed logins.
    Failures,
    /// Octets came before the TLS handshake that have no place there (RFC 2595 §4).
    PlaintextAfterStls,
    /// A SASL line beyond its limit.
    SaslTooLong,
    /// The peer speaks another protocol: HTTP, TLS, SSH.
    WrongProtocol,
    /// A list that has begun cannot be completed, because a message cannot be read: the peer
    /// must not take what it has for all there is, so the driver breaks the connection off.
    ListBroken,
    /// The driver said so: drain, pressure, disabled account.
    Told,
    /// The driver gave an answer to a question that was not asked. Nothing is said and nothing
    /// is changed: this is our fault, not the peer's.
    WrongAnswer,
}
