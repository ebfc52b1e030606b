//! Why an act was refused, and why a database was not opened: each with what to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Why an act was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManageError {
    /// The name cannot be an account's name.
    #[error("`{name}` cannot be an account's name: {why}")]
    BadName {
        /// As it was given, escaped.
        name: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// That is no address.
    #[error("`{address}` is not an address: {why}")]
    BadAddress {
        /// As it was given, escaped.
        address: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The password cannot be used.
    #[error("this password cannot be used: {why}")]
    BadPassword {
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The label cannot be used.
    #[error("`{label}` cannot be a label: {why}")]
    BadLabel {
        /// As it was given, escaped.
        label: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// That is no network.
    #[error("`{network}` is not a network: {why}")]
    BadNetwork {
        /// As it was given, escaped.
        network: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// That is no such rule of keeping.
    #[error("`{rule}` cannot be so: {why}")]
    BadRule {
        /// The rule's name.
        rule: String,
        /// What would be right.
        why: String,
    },
    /// A request that makes no sense in itself.
    #[error("{why}")]
    BadRequest {
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The name is taken.
    #[error(
        "there is already an account `{name}`; to change its password use `restante account passwd`"
    )]
    AccountExists {
        /// The account.
        name: String,
    },
    /// A passwd file decides about the account.
    #[error("`{name}` is kept in {path}, line {line}; edit it there")]
    InFile {
        /// The account.
        name: String,
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: u64,
    },
    /// There is no such account.
    #[error("there is no account `{name}`{}", perhaps(.near.as_deref()))]
    NoSuchAccount {
        /// As it was given, escaped.
        name: String,
        /// One that is spelt nearly so.
        near: Option<String>,
    },
    /// Several accounts have this name in different domains.
    #[error("`{name}` is ambiguous: say which, {}", .candidates.join(" or "))]
    AmbiguousName {
        /// As it was given, escaped.
        name: String,
        /// Some of those it could be.
        candidates: Vec<String>,
    },
    /// The domain is not in the configuration.
    #[error("`{domain}` is not among `domains` in the configuration{}; add it there first", perhaps(.near.as_deref()))]
    NoSuchDomain {
        /// As it was given, escaped.
        domain: String,
        /// One that is spelt nearly so.
        near: Option<String>,
    },
    /// The address leads elsewhere already.
    #[error("the address `{address}` leads to {} already; remove it first", .accounts.join(", "))]
    AddressExists {
        /// The address.
        address: String,
        /// Where it leads.
        accounts: Vec<String>,
    },
    /// There is no such address.
    #[error("there is no address `{address}`{}", perhaps(.near.as_deref()))]
    NoSuchAddress {
        /// As it was given, escaped.
        address: String,
        /// One that is spelt nearly so.
        near: Option<String>,
    },
    /// An account's own name is not removed as an address.
    #[error("`{address}` is an account's own name; `restante account remove` removes both")]
    OwnAddress {
        /// The address.
        address: String,
    },
    /// The address could be meant as a tag of another one.
    #[error(
        "`{address}` and `{other}` cannot both be, as `{separator}` starts a tag: mail for the one could be meant for the other; choose another name, or another `plus_separator`"
    )]
    TagClash {
        /// The address that was to be made.
        address: String,
        /// The one that is there.
        other: String,
        /// The separator.
        separator: char,
    },
    /// The account has an app password of this label.
    #[error(
        "`{account}` has an app password `{label}` already; revoke it first, or choose another label"
    )]
    LabelExists {
        /// The account.
        account: String,
        /// The label.
        label: String,
    },
    /// The account has as many app passwords as may be.
    #[error(
        "`{account}` has {limit} app passwords, as many as may be; revoke some that are not used"
    )]
    TooManyAppPasswords {
        /// The account.
        account: String,
        /// The limit.
        limit: u32,
    },
    /// The account has no such app password.
    #[error("`{account}` has no app password `{which}`{}", perhaps(.near.as_deref()))]
    NoSuchAppPassword {
        /// The account.
        account: String,
        /// As it was given, escaped.
        which: String,
        /// A label that is spelt nearly so.
        near: Option<String>,
    },
    /// The directory cannot now: overloaded, disk full, database damaged.
    #[error("the accounts cannot be changed now: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
    },
}

/// Why the database of accounts was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another process, most likely a running server; use the control socket, or stop it first", .path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("{} has schema {found}, this program knows up to {known}; run the newer version that wrote it", .path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// The schema that it has.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// It is a database, but not ours; or no database at all.
    #[error("{} is not a database of accounts: {why}; choose another path", .path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        why: String,
    },
    /// A setting makes no sense, alone or with the accounts that are there.
    #[error("`{setting}` {why}")]
    Setting {
        /// Its name in the configuration.
        setting: &'static str,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A passwd file cannot be taken as it is.
    #[error("{why}")]
    PasswordFile {
        /// The file, the line where there is one, and what would be right.
        why: String,
    },
    /// The file system said no.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The database said no.
    #[error("{}: {detail}", .path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What it said.
        detail: String,
    },
}

fn perhaps(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
