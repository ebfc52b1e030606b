//! `Manage`: the acts on accounts, app passwords and addresses.
//!
//! Like the questions of [`Directory`](crate::Directory) they are shaped like messages, so that a
//! command can send them through the control socket of a running server. When an act returns,
//! it is durable, and every later question is answered by it, whatever was cached.

use mail_wire::Secret;

use crate::directory::Pending;
use crate::records::{
    AccountChange, AccountRecord, AddressRecord, AppPasswordChange, AppPasswordRecord, Filter,
    GeneratedAppPassword, ImportBatch, ImportReport, NewAccount, NewAddress, NewAppPassword, Page,
    RemovedAccount,
};
use crate::refusal::ManageError;

/// What an act gives.
pub type Outcome<'a, T> = Pending<'a, Result<T, ManageError>>;

/// Acts on accounts. Accounts are named as at login: by their name, by an address that leads
/// to them alone, or by the local part where that is enough.
pub trait Manage: Send + Sync + 'static {
    /// Makes an account, its maildrop's number and its addresses.
    fn add_account(&self, account: NewAccount) -> Outcome<'_, AccountRecord>;

    /// Accounts in the order of their names, a page at a time.
    fn accounts(&self, filter: Filter) -> Outcome<'_, Page<AccountRecord>>;

    /// One account.
    fn account(&self, name: String) -> Outcome<'_, AccountRecord>;

    /// Changes what the change names: enabled or not, networks, clear text.
    fn change_account(&self, name: String, change: AccountChange) -> Outcome<'_, AccountRecord>;

    /// Sets the main password; `None` leaves the account with its app passwords only. Sessions
    /// of the old one end; app passwords stay (`security` S18).
    fn set_password(
        &self,
        name: String,
        password: Option<Secret<String>>,
    ) -> Outcome<'_, AccountRecord>;

    /// Removes an account, its app passwords, and the addresses that led to it alone. The mail
    /// stays in the store until [`Manage::maildrop_destroyed`] says that it is gone.
    fn remove_account(&self, name: String) -> Outcome<'_, RemovedAccount>;

    /// The maildrops of removed accounts that the store has not been told to destroy yet, or
    /// whose destruction was cut short.
    fn removed_maildrops(&self) -> Outcome<'_, Vec<u64>>;

    /// Notes that the store has destroyed the maildrop of a removed account.
    fn maildrop_destroyed(&self, maildrop: u64) -> Outcome<'_, ()>;

    /// Takes some lines of an import file, in one transaction. Lines that cannot be taken are in
    /// the report and hinder no other. [`import_lines`](crate::import_lines) reads a whole file.
    fn import(&self, batch: ImportBatch) -> Outcome<'_, ImportReport>;

    /// Generates an app password. Its secret is in the answer and nowhere else.
    fn add_app_password(&self, request: NewAppPassword) -> Outcome<'_, GeneratedAppPassword>;

    /// The app passwords of an account, oldest first.
    fn app_passwords(&self, account: String) -> Outcome<'_, Vec<AppPasswordRecord>>;

    /// Changes networks or expiry of an app password, named by its label or number.
    fn change_app_password(
        &self,
        account: String,
        which: String,
        change: AppPasswordChange,
    ) -> Outcome<'_, AppPasswordRecord>;

    /// Revokes an app password, named by its label or number. Its sessions end.
    fn revoke_app_password(&self, account: String, which: String)
    -> Outcome<'_, AppPasswordRecord>;

    /// Makes an address lead to accounts, in addition to those that it leads to already.
    fn add_address(&self, address: NewAddress) -> Outcome<'_, AddressRecord>;

    /// Addresses in the order of domain and local part, a page at a time.
    fn addresses(&self, filter: Filter) -> Outcome<'_, Page<AddressRecord>>;

    /// Removes an alias or a catch-all.
    fn remove_address(&self, address: String) -> Outcome<'_, AddressRecord>;

    /// What is not wrong but will surprise: a domain without postmaster, accounts of domains
    /// that are no longer ours. One sentence each, for `restante check`.
    fn concerns(&self) -> Outcome<'_, Vec<String>>;
}
