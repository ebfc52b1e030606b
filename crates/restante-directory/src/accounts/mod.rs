//! A directory of accounts in one SQLite file: questions and acts, and its housekeeper.

mod account_acts;
mod address_acts;
mod app_password_acts;
mod chain;
mod chain_acts;
mod database;
mod failure;
mod find;
mod import_acts;
mod insert;
mod last_use;
mod memory;
mod own_rules;
mod parts;
mod proofs;
mod resolve;
mod schema;
mod scram_rows;
mod show;
mod state;
mod survey;
mod verify;
mod vouched;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use mail_wire::sasl::scram::{Proof, Salt, SaltQuestion, Signature};
use mail_wire::{Credentials, MaildropId, Secret};

use self::chain::Decision;
use self::parts::Parts;
use crate::directory::{
    Account, Destination, Directory, Kept, Origin, Pending, ResolveError, Unavailable, VerifyError,
};
use crate::manage::{Manage, Outcome};
use crate::records::{
    AccountChange, AccountRecord, AddressRecord, AppPasswordChange, AppPasswordRecord, Filter,
    GeneratedAppPassword, ImportBatch, ImportReport, NewAccount, NewAddress, NewAppPassword, Page,
    RemovedAccount,
};
use crate::refusal::{ManageError, OpenError};
use crate::rules::Spread;
use crate::settings::Settings;

/// The accounts, app passwords and addresses of a site.
///
/// Questions and acts must be asked inside a tokio runtime; opening and dropping need none.
pub struct Accounts {
    parts: Arc<Parts>,
    housekeeper: Option<Housekeeper>,
}

/// What a directory has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Password hashes computed.
    pub hashes: u64,
    /// Hashes refused because the queue was full.
    pub hashes_refused: u64,
    /// Hashes that are computed or wait now.
    pub hashes_waiting: usize,
    /// Keys and secrets that proofs of SCRAM, APOP and CRAM-MD5 were compared with.
    pub proofs: u64,
}

/// How often uses are written: what `LastUse` may lose when the server is killed.
const FLUSH_EVERY: Duration = Duration::from_mins(1);

/// How often passwd files are looked at where nobody logs in: how long the session of an
/// account may outlast its line.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Accounts {
    /// Opens the database at `path`, making it if there is none, and keeps others out. Blocks
    /// for some milliseconds.
    pub fn open(path: &Path, settings: Settings) -> Result<Self, OpenError> {
        let parts = Arc::new(Parts::open(path, settings)?);
        let housekeeper = Housekeeper::start(&parts)
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        Ok(Self { parts, housekeeper: Some(housekeeper) })
    }

    /// What it has done.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            hashes: self.parts.pool.computed(),
            hashes_refused: self.parts.pool.refused(),
            hashes_waiting: self.parts.pool.inside(),
            proofs: self.parts.proofs.load(Ordering::Relaxed),
        }
    }

    /// How many password hashes of each family were computed since it was opened.
    pub fn hashes_by_family(&self) -> BTreeMap<&'static str, u64> {
        self.parts.pool.computed_by_family()
    }

    /// Looks something up where blocking is allowed.
    fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Parts) -> rusqlite::Result<T> + Send + 'static,
    ) -> Pending<'static, Result<T, Unavailable>> {
        let parts = Arc::clone(&self.parts);
        Box::pin(async move {
            let unavailable = |detail| Unavailable { detail };
            tokio::task::spawn_blocking(move || ask(&parts))
                .await
                .map_err(|error| unavailable(error.to_string()))?
                .map_err(|error| unavailable(error.to_string()))
        })
    }

    /// Runs an act where blocking is allowed.
    fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Parts) -> Result<T, ManageError> + Send + 'static,
    ) -> Outcome<'static, T> {
        let parts = Arc::clone(&self.parts);
        Box::pin(async move {
            tokio::task::spawn_blocking(move || act(&parts))
                .await
                .map_err(|error| ManageError::Unavailable { detail: error.to_string() })?
        })
    }
}

impl Drop for Accounts {
    /// Writes the last uses.
    fn drop(&mut self) {
        drop(self.housekeeper.take());
        // Nobody is left to tell; the uses of the last minute are lost, no more.
        let _ = self.parts.flush();
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("numbers", &self.numbers()).finish_non_exhaustive()
    }
}

impl Directory for Accounts {
    fn verify(
        &self,
        credentials: Credentials,
        origin: Origin,
    ) -> Pending<'_, Result<Account, VerifyError>> {
        self.parts.verify(credentials, origin)
    }

    fn scram_challenge(&self, question: SaltQuestion) -> Pending<'_, Result<Salt, Unavailable>> {
        self.parts.scram_challenge(question)
    }

    fn scram_verify(
        &self,
        proof: Proof,
        origin: Origin,
    ) -> Pending<'_, Result<(Account, Signature), VerifyError>> {
        self.parts.scram_verify(proof, origin)
    }

    fn resolve(
        &self,
        local_part: String,
        domain: Option<String>,
    ) -> Pending<'_, Result<Vec<Destination>, ResolveError>> {
        self.parts.resolve(&local_part, domain.as_deref())
    }

    fn kept(&self, after: Option<MaildropId>) -> Pending<'_, Result<Vec<Kept>, Unavailable>> {
        self.ask(move |parts| parts.kept(after))
    }

    fn spread(&self) -> Pending<'_, Result<Spread, Unavailable>> {
        match self.parts.memory.spread() {
            Some(spread) => Box::pin(std::future::ready(Ok(spread))),
            None => self.ask(Parts::spread),
        }
    }

    fn still_valid(&self, account: &Account) -> bool {
        match self.parts.account(account.id) {
            Ok(Some(state)) => {
                state.still_allows(account, self.parts.clock.now())
                    && match self.parts.chain.decide(Some(&state)) {
                        Decision::Own | Decision::Down(_) => true,
                        Decision::File(entry) => !entry.extra.no_login,
                        Decision::Nobody => false,
                    }
            }
            Ok(None) => false,
            // That the disk does not answer now is no reason to end a session: it is asked again.
            Err(_) => true,
        }
    }

    fn version(&self) -> Option<u64> {
        Some(self.parts.memory.generation().number())
    }
}

impl Manage for Accounts {
    fn add_account(&self, account: NewAccount) -> Outcome<'_, AccountRecord> {
        Box::pin(async move {
            let hash = match &account.password {
                Some(password) => Some(self.parts.hash(password.clone()).await?),
                None => None,
            };
            self.act(move |parts| parts.add_account(&account, hash.as_ref())).await
        })
    }

    fn accounts(&self, filter: Filter) -> Outcome<'_, Page<AccountRecord>> {
        self.act(move |parts| parts.accounts(&filter))
    }

    fn account(&self, name: String) -> Outcome<'_, AccountRecord> {
        self.act(move |parts| parts.show_account(&name))
    }

    fn change_account(&self, name: String, change: AccountChange) -> Outcome<'_, AccountRecord> {
        self.act(move |parts| parts.change_account(&name, &change))
    }

    fn set_password(
        &self,
        name: String,
        password: Option<Secret<String>>,
    ) -> Outcome<'_, AccountRecord> {
        Box::pin(async move {
            let hash = match &password {
                Some(password) => Some(self.parts.hash(password.clone()).await?),
                None => None,
            };
            self.act(move |parts| parts.set_hash(&name, password.as_ref(), hash.as_ref())).await
        })
    }

    fn remove_account(&self, name: String) -> Outcome<'_, RemovedAccount> {
        self.act(move |parts| parts.remove_account(&name))
    }

    fn removed_maildrops(&self) -> Outcome<'_, Vec<u64>> {
        self.act(Parts::removed_maildrops)
    }

    fn maildrop_destroyed(&self, maildrop: u64) -> Outcome<'_, ()> {
        self.act(move |parts| parts.maildrop_destroyed(maildrop))
    }

    fn import(&self, batch: ImportBatch) -> Outcome<'_, ImportReport> {
        Box::pin(async move { self.parts.import(batch).await })
    }

    fn add_app_password(&self, request: NewAppPassword) -> Outcome<'_, GeneratedAppPassword> {
        self.act(move |parts| parts.add_app_password(&request))
    }

    fn app_passwords(&self, account: String) -> Outcome<'_, Vec<AppPasswordRecord>> {
        self.act(move |parts| parts.app_passwords(&account))
    }

    fn change_app_password(
        &self,
        account: String,
        which: String,
        change: AppPasswordChange,
    ) -> Outcome<'_, AppPasswordRecord> {
        self.act(move |parts| parts.change_app_password(&account, &which, &change))
    }

    fn revoke_app_password(
        &self,
        account: String,
        which: String,
    ) -> Outcome<'_, AppPasswordRecord> {
        self.act(move |parts| parts.revoke_app_password(&account, &which))
    }

    fn add_address(&self, address: NewAddress) -> Outcome<'_, AddressRecord> {
        self.act(move |parts| parts.add_address(&address))
    }

    fn addresses(&self, filter: Filter) -> Outcome<'_, Page<AddressRecord>> {
        self.act(move |parts| parts.addresses(&filter))
    }

    fn remove_address(&self, address: String) -> Outcome<'_, AddressRecord> {
        self.act(move |parts| parts.remove_address(&address))
    }

    fn concerns(&self) -> Outcome<'_, Vec<String>> {
        self.act(|parts| {
            let mut concerns = parts.concerns()?;
            concerns.extend(parts.chain_concerns()?);
            Ok(concerns)
        })
    }
}

/// A thread that looks at passwd files and writes the last uses each minute; ends when dropped.
struct Housekeeper {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Housekeeper {
    fn start(parts: &Arc<Parts>) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let parts = Arc::downgrade(parts);
        let thread = std::thread::Builder::new().name("accounts".to_owned()).spawn(move || {
            let mut unwritten = Duration::ZERO;
            while stopped.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                let Some(parts) = parts.upgrade() else { return };
                parts.look();
                unwritten = unwritten.saturating_add(LOOK_EVERY);
                if unwritten >= FLUSH_EVERY {
                    unwritten = Duration::ZERO;
                    // What cannot be written now is kept for the next minute.
                    let _ = parts.flush();
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
