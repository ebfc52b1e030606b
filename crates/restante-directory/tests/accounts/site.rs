//! A site in a temporary folder.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use mail_wire::{Credentials, Secret};
use restante_directory::{
    Account, Accounts, Clock, Directory, GeneratedAppPassword, HashCost, Kind, Manage, NewAccount,
    NewAppPassword, Origin, ResolveError, Scope, Secrecy, Settings, VerifyError,
};
use tempfile::TempDir;

pub(crate) const NOON: i64 = 1_800_000_000;

pub(crate) struct Site {
    pub(crate) accounts: Accounts,
    pub(crate) time: Arc<AtomicI64>,
    folder: TempDir,
}

pub(crate) fn settings(domains: &[&str]) -> Settings {
    Settings {
        domains: domains.iter().map(ToString::to_string).collect(),
        // As cheap as argon2id can be: what is tested is what is computed, not how long.
        hash: HashCost { memory_kib: 8, passes: 1, lanes: 1 },
        ..Settings::default()
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(settings(&["example.org"]))
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicI64::new(NOON));
        let accounts = Accounts::open(
            &folder.path().join("accounts.db"),
            Settings { clock: Clock::set_by(Arc::clone(&time)), ..settings },
        )
        .unwrap();
        Self { accounts, time, folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("accounts.db")
    }

    /// Ends this directory and opens its file again.
    pub(crate) fn reopened(self, settings: Settings) -> Self {
        let Self { accounts, time, folder } = self;
        drop(accounts);
        let accounts = Accounts::open(
            &folder.path().join("accounts.db"),
            Settings { clock: Clock::set_by(Arc::clone(&time)), ..settings },
        )
        .unwrap();
        Self { accounts, time, folder }
    }

    pub(crate) async fn add(&self, name: &str, password: &str) -> i64 {
        let password = Some(Secret::new(password.to_owned()));
        let new = NewAccount { password, ..NewAccount::named(name) };
        self.accounts.add_account(new).await.unwrap().id
    }

    pub(crate) async fn app(&self, account: &str, label: &str) -> GeneratedAppPassword {
        self.accounts.add_app_password(new_app(account, label)).await.unwrap()
    }

    pub(crate) async fn login(&self, name: &str, password: &str) -> Result<Account, VerifyError> {
        self.login_from(name.as_bytes(), password.as_bytes(), home()).await
    }

    pub(crate) async fn login_from(
        &self,
        name: &[u8],
        password: &[u8],
        origin: Origin,
    ) -> Result<Account, VerifyError> {
        let credentials = Credentials::Password {
            authzid: None,
            name: name.to_vec(),
            password: Secret::new(password.to_vec()),
        };
        self.accounts.verify(credentials, origin).await
    }

    /// What a login answers, and how many hashes it computed.
    pub(crate) async fn counted(
        &self,
        name: &str,
        password: &str,
    ) -> (Result<Account, VerifyError>, u64) {
        let before = self.accounts.numbers().hashes;
        let answer = self.login(name, password).await;
        (answer, self.accounts.numbers().hashes - before)
    }

    pub(crate) async fn mail_for(&self, address: &str) -> Result<Vec<u64>, ResolveError> {
        let (local, domain) = match address.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain.to_owned())),
            None => (address, None),
        };
        let drops = self.accounts.resolve(local.to_owned(), domain).await?;
        Ok(drops.into_iter().map(|found| found.maildrop.get()).collect())
    }

    pub(crate) async fn maildrop(&self, name: &str) -> u64 {
        self.accounts.account(name.to_owned()).await.unwrap().maildrop
    }
}

pub(crate) fn new_app(account: &str, label: &str) -> NewAppPassword {
    NewAppPassword {
        account: account.to_owned(),
        label: label.to_owned(),
        kind: Kind::Device,
        scopes: vec![Scope::Pop3],
        networks: Vec::new(),
        expires: None,
    }
}

pub(crate) fn home() -> Origin {
    from("192.0.2.7")
}

pub(crate) fn from(address: &str) -> Origin {
    Origin {
        address: address.parse::<IpAddr>().unwrap(),
        scope: Scope::Pop3,
        secrecy: Secrecy::Private,
    }
}

/// The reason in the log of a refusal, if it was one.
pub(crate) fn reason(answer: Result<Account, VerifyError>) -> &'static str {
    match answer {
        Err(VerifyError::Credentials { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}
