//! What the control socket carries back, where the directory has no type for it.

use restante_directory::{Allowed, Shown};
use serde::{Deserialize, Serialize};

/// How the server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Its version.
    pub(crate) version: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Since when it runs: seconds since 1970.
    pub(crate) since: i64,
    /// How many sessions are open.
    pub(crate) sessions: usize,
    /// What became of messages since it runs, beyond fetching and deleting.
    pub(crate) custody: CustodyNumbers,
    /// Where it listens.
    pub(crate) listeners: Vec<Listening>,
    /// What is damaged in the store and not repaired: a sentence each.
    #[serde(default)]
    pub(crate) damage: Vec<String>,
}

/// What became of messages since the server runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CustodyNumbers {
    /// With workers now.
    pub(crate) leased: u64,
    /// Left unfinished by workers.
    pub(crate) offered_again: u64,
    /// Sessions that died at a message.
    pub(crate) deaths: u64,
    /// Suspected, and not set aside.
    pub(crate) suspected: u64,
    /// Set aside.
    pub(crate) set_aside: u64,
    /// Destroyed because their time was over.
    pub(crate) expired: u64,
}

/// Who has failed logins, and who may fail as often as they like.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GuardList {
    /// Addresses, networks and accounts.
    pub(crate) failures: Vec<Shown>,
    /// Networks that commands have allowed.
    pub(crate) allowed: Vec<Allowed>,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// `pop3`, `pop3s`, `lmtp` or `smtp`.
    pub(crate) service: String,
    /// `127.0.0.1:110`, or the path of a socket.
    pub(crate) at: String,
}

/// An account that is gone, and its mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountRemoved {
    /// The name that it had.
    pub(crate) name: String,
    /// Its maildrop's number.
    pub(crate) maildrop: u64,
    /// Whether the mail was destroyed.
    pub(crate) mail_deleted: bool,
}

/// How much mail there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MaildropTotals {
    /// Whose; null where the account is removed.
    pub(crate) account: Option<String>,
    /// The maildrop's number.
    pub(crate) maildrop: u64,
    /// How many messages, and their octets; null where the maildrop cannot be read.
    pub(crate) totals: Option<Totals>,
    /// Why it cannot be read.
    pub(crate) problem: Option<String>,
}

/// What STAT says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Messages.
    pub(crate) messages: u64,
    /// Octets as RETR sends them.
    pub(crate) octets: u64,
}

/// A snapshot that was taken. It is let go by a request, or when it was not used for a minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Its number, for the requests that read it.
    #[expect(clippy::struct_field_names, reason = "requests call it so")]
    pub(crate) snapshot: u64,
    /// Whose; null where the account is removed.
    pub(crate) account: Option<String>,
    /// The maildrop's number.
    pub(crate) maildrop: u64,
    /// What it holds.
    pub(crate) totals: Totals,
}

/// One message of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Its number.
    pub(crate) number: u32,
    /// Its octets.
    pub(crate) octets: u64,
    /// Its unique-id.
    pub(crate) uidl: String,
    /// When it came, as far as its header says, where that was asked for.
    pub(crate) arrived: Option<i64>,
    /// Its reverse-path, as far as its header says, where that was asked for; empty for a
    /// bounce.
    pub(crate) sender: Option<String>,
}

/// Some octets of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// The octets in text form, base64; empty only where the message has no more.
    pub(crate) octets: String,
    /// Whether these were the last.
    pub(crate) last: bool,
}
