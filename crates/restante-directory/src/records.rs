//! What the acts of `Manage` take and give: plain data that can travel.

use std::collections::BTreeMap;

use mail_wire::Secret;
use serde::{Deserialize, Deserializer, Serialize};

use crate::carried;
use crate::directory::Scope;
use crate::kind::Kind;
use crate::rules::{Rule, Ruling};

/// An account to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewAccount {
    /// `anna@example.org`; where there is one domain only, `anna` is enough.
    pub name: String,
    /// The main password, 1 to 512 octets; `None` for app passwords only.
    #[serde(default, with = "carried::optional")]
    pub password: Option<Secret<String>>,
    /// Further addresses that lead to it.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Whether its password may come in clear from networks that a listener names.
    #[serde(default)]
    pub allow_clear_text: bool,
    /// The networks that the main password may be used from; empty: anywhere.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Whether the main password is good for POP3; `None`: as the site has it.
    #[serde(default)]
    pub main_password_over_pop3: Option<bool>,
    /// The rules of keeping that are its own, in words.
    #[serde(default)]
    pub keeping: BTreeMap<Rule, String>,
}

impl NewAccount {
    /// An account of this name, everything else as the site has it.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            password: None,
            addresses: Vec::new(),
            allow_clear_text: false,
            networks: Vec::new(),
            main_password_over_pop3: None,
            keeping: BTreeMap::new(),
        }
    }
}

/// What to change of an account; what is `None` stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountChange {
    /// Enable or disable: a disabled account keeps its mail, takes none, lets nobody in.
    pub enabled: Option<bool>,
    /// See [`NewAccount::allow_clear_text`].
    pub allow_clear_text: Option<bool>,
    /// See [`NewAccount::networks`].
    pub networks: Option<Vec<String>>,
    /// `Some(None)`: as the site has it. In JSON absent is not the same as `null`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub main_password_over_pop3: Option<Option<bool>>,
    /// The rules of keeping that it gets for its own, in words; `None`: as the site has it.
    pub keeping: BTreeMap<Rule, Option<String>>,
}

impl AccountChange {
    /// Enables or disables.
    pub fn enabled(enabled: bool) -> Self {
        Self { enabled: Some(enabled), ..Self::default() }
    }
}

/// An account as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Its number, never reused.
    pub id: i64,
    /// Its canonical name, an address.
    pub name: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Its maildrop's number, never reused.
    pub maildrop: u64,
    /// Whether it has a main password.
    pub has_password: bool,
    /// See [`NewAccount::allow_clear_text`].
    pub allow_clear_text: bool,
    /// See [`NewAccount::networks`].
    pub networks: Vec<String>,
    /// See [`NewAccount::main_password_over_pop3`].
    pub main_password_over_pop3: Option<bool>,
    /// How its maildrop is kept and used: each rule, and who says so.
    pub keeping: BTreeMap<Rule, Ruling>,
    /// The addresses that lead to it, its name first.
    pub addresses: Vec<String>,
    /// How many app passwords it has.
    pub app_passwords: u64,
    /// When it was made: seconds since 1970.
    pub created: i64,
    /// When the main password was last used.
    pub last_use: Option<LastUse>,
    /// The line of a passwd file that decides about it; `None`: the database does.
    #[serde(default)]
    pub file: Option<AccountFile>,
    /// Whether it is from a passwd file whose line has gone: nobody is let in.
    #[serde(default)]
    pub gone: bool,
}

/// Where a passwd file has an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFile {
    /// The file.
    pub path: String,
    /// The line, counted from 1.
    pub line: u64,
}

/// When a credential was last used, to the minute where the server was killed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// Seconds since 1970.
    pub at: i64,
    /// The peer's address.
    pub from: String,
    /// What the client said it is, if it did.
    pub client: Option<String>,
}

/// An account that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedAccount {
    /// Its number: end its sessions.
    pub id: i64,
    /// Its name, free again.
    pub name: String,
    /// Its maildrop's number: destroy it in the store, then call
    /// [`Manage::maildrop_destroyed`](crate::Manage::maildrop_destroyed).
    pub maildrop: u64,
}

/// Which records to list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Only names (or addresses) that contain this, case-insensitively.
    pub contains: Option<String>,
    /// Only this domain.
    pub domain: Option<String>,
    /// Only what belongs to this account.
    pub account: Option<String>,
    /// Only enabled, or only disabled accounts.
    pub enabled: Option<bool>,
    /// Go on after this: what the last page's [`Page::next`] said.
    pub after: Option<String>,
    /// At most so many, 1 to 10,000.
    pub limit: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            contains: None,
            domain: None,
            account: None,
            enabled: None,
            after: None,
            limit: 1_000,
        }
    }
}

/// Some records, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The records.
    pub records: Vec<T>,
    /// For [`Filter::after`]; `None` at the end.
    pub next: Option<String>,
}

/// An app password to be generated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewAppPassword {
    /// Whose.
    pub account: String,
    /// What the owner calls it: `laptop`, `zammad`. 1 to 64 characters.
    pub label: String,
    /// Person's device or worker.
    pub kind: Kind,
    /// For what; not empty.
    pub scopes: Vec<Scope>,
    /// From where; empty: anywhere.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Until when: seconds since 1970; `None`: for good.
    #[serde(default)]
    pub expires: Option<i64>,
}

/// What to change of an app password; what is `None` stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AppPasswordChange {
    /// See [`NewAppPassword::networks`].
    pub networks: Option<Vec<String>>,
    /// `Some(None)`: for good. In JSON absent is not the same as `null`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub expires: Option<Option<i64>>,
}

/// An app password as it is; the secret is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppPasswordRecord {
    /// Its number, never reused.
    pub id: i64,
    /// Whose.
    pub account: String,
    /// The account's number.
    pub account_id: i64,
    /// Its label.
    pub label: String,
    /// Its kind.
    pub kind: Kind,
    /// For what.
    pub scopes: Vec<Scope>,
    /// From where; empty: anywhere.
    pub networks: Vec<String>,
    /// Until when: seconds since 1970.
    pub expires: Option<i64>,
    /// When it was made: seconds since 1970.
    pub created: i64,
    /// When it was last used.
    pub last_use: Option<LastUse>,
}

/// An app password that was just generated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GeneratedAppPassword {
    /// What is kept of it.
    pub record: AppPasswordRecord,
    /// The secret, to be shown once: `rst1-` and 26 characters.
    #[serde(with = "carried")]
    pub secret: Secret<String>,
}

/// An address to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewAddress {
    /// `sales@example.org`, or `@example.org` for all that is not taken (the catch-all).
    pub address: String,
    /// Where it leads; not empty.
    pub accounts: Vec<String>,
}

/// An address as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRecord {
    /// `sales@example.org` or `@example.org`.
    pub address: String,
    /// The names of the accounts that it leads to.
    pub accounts: Vec<String>,
    /// Whether it is an account's own name, which goes only with the account.
    pub own: bool,
}

/// Some lines of an import file (`docs/reference/import-format.md`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportBatch {
    /// The lines, without their ends.
    pub lines: Vec<ImportLine>,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// One line of an import file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportLine {
    /// Its number in the file, counted from 1.
    pub number: u64,
    /// `name:hash:address,address`.
    #[serde(with = "carried")]
    pub text: Secret<String>,
}

/// How an import went, or goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Lines read, blank ones and comments too.
    pub lines: u64,
    /// Accounts made.
    pub added: u64,
    /// Accounts that were there and got further addresses.
    pub completed: u64,
    /// Accounts that were there already, just as the line says.
    pub unchanged: u64,
    /// Passwords that came in clear and had to be hashed (slow: tens of milliseconds each).
    pub hashed: u64,
    /// Lines refused.
    pub refused: u64,
    /// Why, for the first [`ImportReport::PROBLEMS_MAX`] of them.
    pub problems: Vec<ImportProblem>,
}

impl ImportReport {
    /// So many problems are kept; the rest is only counted, so that a wrong file does not fill
    /// the memory or the screen.
    pub const PROBLEMS_MAX: usize = 100;

    /// Counts a refused line and keeps why.
    pub fn refuse(&mut self, line: u64, why: impl Into<String>) {
        self.refused = self.refused.saturating_add(1);
        if self.problems.len() < Self::PROBLEMS_MAX {
            self.problems.push(ImportProblem { line, why: why.into() });
        }
    }

    /// Adds the report of a further batch.
    pub fn absorb(&mut self, other: Self) {
        self.lines = self.lines.saturating_add(other.lines);
        self.added = self.added.saturating_add(other.added);
        self.completed = self.completed.saturating_add(other.completed);
        self.unchanged = self.unchanged.saturating_add(other.unchanged);
        self.hashed = self.hashed.saturating_add(other.hashed);
        self.refused = self.refused.saturating_add(other.refused);
        let room = Self::PROBLEMS_MAX.saturating_sub(self.problems.len());
        self.problems.extend(other.problems.into_iter().take(room));
    }
}

/// Why a line was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProblem {
    /// Its number in the file, counted from 1.
    pub line: u64,
    /// What is wrong, and what to do.
    pub why: String,
}

/// A field that is there, be it `null`: what is absent never comes here.
fn present<'de, D, T>(value: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(value).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    // What means "as the site has it" must not arrive as "leave it" at the other end
    #[test]
    fn a_change_travels_as_it_is() {
        for wanted in [None, Some(None), Some(Some(false)), Some(Some(true))] {
            let change = AccountChange { main_password_over_pop3: wanted, ..Default::default() };
            let travelled = serde_json::to_string(&change).unwrap();
            let arrived: AccountChange = serde_json::from_str(&travelled).unwrap();
            assert_eq!(arrived.main_password_over_pop3, wanted, "{travelled}");
        }
        for wanted in [None, Some(None), Some(Some(7))] {
            let change = AppPasswordChange { networks: None, expires: wanted };
            let travelled = serde_json::to_string(&change).unwrap();
            let arrived: AppPasswordChange = serde_json::from_str(&travelled).unwrap();
            assert_eq!(arrived.expires, wanted, "{travelled}");
        }
    }
}
