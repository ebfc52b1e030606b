//! `Request`: everything that the control socket carries to the server.

use crate::operations::story::Question;
use mail_wire::Secret;
use restante_directory::{
    AccountChange, Allowed, Filter, ImportBatch, NewAccount, NewAddress, NewAppPassword,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One act. In JSON: `{"do": "account-show", "with": {"name": "anna"}}`
/// (`docs/reference/control-socket.md`).
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", content = "with", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// How the server is. Answer: [`Status`](super::answer::Status).
    Status,
    /// The sessions that are open. Answer: a list of the server's session summaries.
    Sessions,
    /// All numbers as OpenMetrics text. Answer: a string.
    Metrics,
    /// Makes an account. Answer: `AccountRecord`.
    AccountAdd(AccountAdd),
    /// A page of accounts. Answer: `Page<AccountRecord>`.
    AccountList(Filter),
    /// One account. Answer: `AccountRecord`.
    AccountShow(Name),
    /// Enables, disables, changes networks. Answer: `AccountRecord`.
    AccountChange {
        /// Which.
        name: String,
        /// What.
        change: AccountChange,
    },
    /// Sets the main password, or takes it away. Answer: `AccountRecord`.
    AccountPassword(AccountPassword),
    /// Removes an account. Answer: [`AccountRemoved`](super::answer::AccountRemoved).
    AccountRemove {
        /// Which.
        name: String,
        /// Whether the mail is destroyed too; else it stays in the store.
        delete_mail: bool,
    },
    /// Some lines of an import file. Answer: `ImportReport`.
    AccountImport(ImportBatch),
    /// Generates an app password. Answer: `GeneratedAppPassword`.
    AppPasswordAdd(NewAppPassword),
    /// The app passwords of an account. Answer: a list of `AppPasswordRecord`.
    AppPasswordList(Name),
    /// Revokes one. Answer: `AppPasswordRecord`.
    AppPasswordRevoke {
        /// Whose.
        account: String,
        /// Its label or number.
        which: String,
    },
    /// Makes an address lead to accounts. Answer: `AddressRecord`.
    AddressAdd(NewAddress),
    /// A page of addresses. Answer: `Page<AddressRecord>`.
    AddressList(Filter),
    /// Removes an alias or a catch-all. Answer: `AddressRecord`.
    AddressRemove {
        /// Which.
        address: String,
    },
    /// How much mail a page of accounts has. Answer: `Page<MaildropTotals>`.
    MaildropTotals(Filter),
    /// The maildrops that removed accounts left. Answer: a list of
    /// [`MaildropTotals`](super::answer::MaildropTotals).
    MaildropLeftovers,
    /// Takes a snapshot of a maildrop, to be read by the three requests that follow. Answer:
    /// [`Snapshot`](super::answer::Snapshot).
    MaildropOpen(Whose),
    /// Some rows of a snapshot. Answer: a list of [`Row`](super::answer::Row).
    MaildropRows {
        /// Which snapshot.
        snapshot: u64,
        /// The first message number.
        from: u32,
        /// At most so many; the server may give fewer, but at least one if there is one.
        limit: u32,
        /// Whether to look into each message for when and from whom it came.
        arrivals: bool,
    },
    /// The next octets of a message: the first if the last request was for another message.
    /// Answer: [`Piece`](super::answer::Piece).
    MaildropRead {
        /// Which snapshot.
        snapshot: u64,
        /// Which message.
        number: u32,
        /// How many octets of it the caller has already; 0 begins anew.
        offset: u64,
    },
    /// Lets go of a snapshot. Answer: null.
    MaildropClose {
        /// Which.
        snapshot: u64,
    },
    /// What happened in a maildrop. Answer: [`Story`](super::story::Story).
    Trace(Question),
    /// The messages that are not listed for everyone. Answer: a list of
    /// [`Withheld`](super::story::Withheld).
    HoldList(Name),
    /// Destroys what is held. Answer: how many messages.
    HoldRelease {
        /// Whose.
        account: String,
        /// Which; null: all.
        uidls: Option<Vec<String>>,
    },
    /// Who has failed logins, the blocked first. Answer:
    /// [`GuardList`](super::answer::GuardList).
    GuardList,
    /// All that bears on an address, a network or a login name. Answer: a list of `Shown`.
    GuardWhy {
        /// Which.
        subject: String,
    },
    /// Lets a network in whatever it does. Answer: the list of what is allowed.
    GuardAllow(Allowed),
    /// Forgets what bears on an address, a network or a login name. Answer: how many things were
    /// forgotten.
    GuardClear {
        /// Which.
        subject: String,
    },
    /// Offers withheld messages again. Answer: a list of
    /// [`Restored`](super::story::Restored).
    Restore {
        /// Whose.
        account: String,
        /// Which.
        uidls: Vec<String>,
        /// Under new unique-ids.
        as_new: bool,
    },
    /// Reads all that a maildrop shows, to the last octet; it is told how far that has come.
    /// Answer: [`MaildropVerdict`](super::condition::MaildropVerdict).
    MaildropVerify(Whose),
    /// Gives room back where this maildrop is; it is told how far that has come. Answer:
    /// [`Freed`](super::condition::Freed).
    MaildropCompact {
        /// Whose; null: everywhere.
        whose: Option<Whose>,
    },
    /// Destroys what is held in a maildrop. Answer: [`Purged`](super::condition::Purged).
    MaildropPurge(Whose),
    /// How much of everything there is. Answer: [`Stats`](super::condition::Stats).
    StoreStats,
    /// Reads all of the store and says what is wrong; it is told how far that has come. Answer:
    /// [`Verdict`](super::condition::Verdict).
    StoreVerify,
    /// Brings a backup up to date; it is told how far that has come. Answer:
    /// [`BackedUp`](super::condition::BackedUp).
    StoreBackup {
        /// The folder: an absolute path.
        to: std::path::PathBuf,
    },
    /// Destroys what a removed account left. Answer: null.
    MaildropDestroy {
        /// The maildrop's number.
        maildrop: u64,
    },
}

/// An account's name, or an address that leads to it alone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Name {
    /// As at login.
    pub(crate) name: String,
}

/// A new account, and the Maildir that it takes over.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccountAdd {
    /// The account.
    pub(crate) account: NewAccount,
    /// An existing Maildir that becomes its maildrop: an absolute path.
    #[serde(default)]
    pub(crate) maildir: Option<std::path::PathBuf>,
}

/// A new main password.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccountPassword {
    /// Whose.
    pub(crate) name: String,
    /// The password; null for app passwords only.
    #[serde(serialize_with = "expose", deserialize_with = "conceal")]
    pub(crate) password: Option<Secret<String>>,
}

/// Whose maildrop.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Whose {
    /// An account's.
    Account(String),
    /// A removed account's, by the maildrop's number.
    Leftover(u64),
}

/// The socket is read by the same user or by root alone (`rulings` 14).
#[expect(clippy::ref_option, reason = "the shape that serde wants")]
fn expose<S: Serializer>(secret: &Option<Secret<String>>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(to)
}

fn conceal<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret<String>>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Secret::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_as_the_reference_says() {
        let request = Request::AccountShow(Name { name: "anna".to_owned() });
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(json, r#"{"do":"account-show","with":{"name":"anna"}}"#);
        let status: Request = serde_json::from_str(r#"{"do":"status"}"#).unwrap();
        assert!(matches!(status, Request::Status));
    }

    // A request may be logged by its Debug; its secrets not.
    #[test]
    fn a_password_travels_but_is_not_shown() {
        let password = Some(Secret::new("tanstaaf".to_owned()));
        let request = Request::AccountPassword(AccountPassword { name: "a".to_owned(), password });
        assert!(!format!("{request:?}").contains("tanstaaf"));
        assert!(serde_json::to_string(&request).unwrap().contains("tanstaaf"));
    }
}
