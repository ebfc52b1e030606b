//! *Is it you?* From memory where that is enough, else from the database and the hash pool.
//!
//! Whatever is wrong, the same is computed: the number of hashes depends on the octets that
//! were offered, never on whether the account is there, enabled, or has a password (P-028).

use std::sync::Arc;

use mail_wire::{Credentials, Secret};
use tokio::time::Instant;

use super::chain::Decision;
use super::find::Meant;
use super::parts::Parts;
use super::state::AccountState;
use crate::address::Name;
use crate::app_password::{AppPassword, Digest};
use crate::directory::{Account, Origin, Pending, VerifyError};
use crate::files::{Entry, Extra};
use crate::password::{Forms, Stored, Verifier, read};

pub(super) type Verdict = Result<Account, VerifyError>;

/// What was offered, sorted by its shape alone.
enum Offered {
    App(Digest),
    Main(Forms),
}

/// What an offered password is compared with.
enum Against {
    /// A hash of the database, which may be renewed.
    Own(Secret<String>),
    /// One of a file that is not ours.
    File(Verifier),
}

/// A hash, and the one of the same password that takes its place.
struct Renewed {
    old: Secret<String>,
    new: Secret<String>,
}

impl Parts {
    /// See [`Directory::verify`](crate::Directory::verify).
    pub(super) fn verify(
        self: &Arc<Self>,
        credentials: Credentials,
        origin: Origin,
    ) -> Pending<'static, Verdict> {
        match credentials {
            Credentials::Password { authzid, name, password } => {
                self.verify_password(authzid.as_deref(), &name, password, origin)
            }
            Credentials::Digest { method, name, challenge, digest } => {
                self.verify_digest(method, &name, challenge, digest, origin)
            }
            Credentials::Scram(proof) => {
                let verified = self.scram_verify(proof, origin);
                Box::pin(async move { verified.await.map(|(account, _)| account) })
            }
            Credentials::Token { name, token } => self.verify_token(name, token, origin),
            Credentials::External { authzid, peer } => {
                self.verify_certificate(authzid, &peer, origin)
            }
            Credentials::Anonymous { trace } => self.verify_anonymous(&trace, origin),
        }
    }

    fn verify_password(
        self: &Arc<Self>,
        authzid: Option<&[u8]>,
        name: &[u8],
        password: Secret<Vec<u8>>,
        origin: Origin,
    ) -> Pending<'static, Verdict> {
        let name = Name::parse(name);
        if !self.acts_for_itself(&name, authzid) {
            return ready(refused("acting for another account is not offered"));
        }
        let offered = match AppPassword::parse(password.expose()) {
            Some(app) => Offered::App(app.digest(&self.app_key)),
            None => match Forms::of(password.expose()) {
                Some(forms) => Offered::Main(forms),
                None => return ready(refused("the password is empty or over 512 octets")),
            },
        };
        // Where there are files, what is remembered counts only after a look at them.
        let known = name.as_ref().ok().filter(|_| !self.chain.has_files());
        let known = known.and_then(|name| self.memory.login(&self.key(name)));
        if let Some(state) = known {
            match &offered {
                Offered::App(digest) => return ready(self.judge_app(Some(&state), digest, origin)),
                Offered::Main(_) if self.was_verified(&state, &password) => {
                    return ready(self.judge_main(&state, origin));
                }
                Offered::Main(_) => {}
            }
        }
        let parts = Arc::clone(self);
        Box::pin(async move {
            let (absent, state) = parts.find_row(name).await?;
            let (state, entry) = match parts.chain.decide(state.as_deref()) {
                Decision::Own => (state, None),
                Decision::File(entry) => (state, Some(entry)),
                Decision::Nobody => (None, None),
                Decision::Down(detail) => return Err(VerifyError::Unavailable { detail }),
            };
            match (offered, state) {
                (Offered::App(digest), state @ Some(_)) => {
                    match entry.and_then(|entry| entry_refusal(&entry, origin)) {
                        Some(reason) => refused(reason),
                        None => parts.judge_app(state.as_deref(), &digest, origin),
                    }
                }
                (Offered::App(_), None) => refused(absent),
                (Offered::Main(forms), Some(state)) => {
                    parts.verify_main(&state, entry.as_deref(), forms, password, origin).await
                }
                (Offered::Main(forms), None) => {
                    parts.compute_for_nothing(forms).await?;
                    refused(absent)
                }
            }
        })
    }

    /// Acting for somebody else is not offered (RFC 4616 §2); another spelling of the same name is
    /// the same.
    pub(super) fn acts_for_itself(
        &self,
        name: &Result<Name, &'static str>,
        authzid: Option<&[u8]>,
    ) -> bool {
        let Some(authzid) = authzid else { return true };
        matches!((name, Name::parse(authzid)), (Ok(name), Ok(other))
            if self.in_full(name) == self.in_full(&other))
    }

    async fn verify_main(
        self: &Arc<Self>,
        state: &Arc<AccountState>,
        entry: Option<&Entry>,
        forms: Forms,
        password: Secret<Vec<u8>>,
        origin: Origin,
    ) -> Verdict {
        let refusal = state
            .main_refusal(&origin, self.main_password_over_pop3)
            .or_else(|| entry.and_then(|entry| entry_refusal(entry, origin)));
        let against = match entry {
            None => state.hash.clone().map(Against::Own),
            Some(entry) => entry.password.clone().map(Against::File),
        };
        if against.is_some() && refusal.is_none() && self.was_verified(state, &password) {
            return self.judge_main(state, origin);
        }
        let Some(hash) = against.filter(|_| refusal.is_none()) else {
            // Whether it would have fitted is nobody's business.
            self.compute_for_nothing(forms).await?;
            return refused(refusal.unwrap_or("the account has no main password"));
        };
        let (fits, rehashed) = self.compute_for(forms, hash, &password).await?;
        if !fits {
            return refused("wrong password");
        }
        if let Some(new) = rehashed {
            self.store_rehashed(state, new).await;
        }
        // The account may have changed while the hash was computed.
        let now = self.blocking({
            let id = state.id;
            move |parts| parts.account(id)
        });
        match now.await?? {
            Some(now) if now.version == state.version => {
                self.verified.remember(now.id, now.version, password.expose(), Instant::now());
                self.judge_main(&now, origin)
            }
            _ => refused("the password was changed at this moment"),
        }
    }

    /// Does the work of a login that fails, for one that fails whatever was offered.
    async fn compute_for_nothing(&self, forms: Forms) -> Result<(), VerifyError> {
        let dummies = self.dummies();
        self.pool
            .run(move |bench| dummies.iter().for_each(|dummy| forms.compute_all(dummy, bench)))
            .await
            .map_err(|full| VerifyError::Unavailable { detail: full.0.to_owned() })
    }

    /// Whether a form of the password fits the hash, and a new hash if this one is of another
    /// form, of another family or cheaper than today's.
    ///
    /// Where none fits, the dummies of other kinds are computed as well: else a cheap hash would
    /// tell by its time that there is such an account.
    async fn compute_for(
        &self,
        forms: Forms,
        against: Against,
        password: &Secret<Vec<u8>>,
    ) -> Result<(bool, Option<Renewed>), VerifyError> {
        let (hasher, password, dummies) = (self.hasher.clone(), password.clone(), self.dummies());
        self.pool
            .run(move |bench| {
                let (verifier, own) = match against {
                    Against::File(verifier) => (Some(verifier), None),
                    Against::Own(hash) => match read(hash.expose()) {
                        Ok(Stored::Password(verifier)) => (Some(verifier), Some(hash)),
                        Ok(Stored::Nothing) | Err(_) => (None, None),
                    },
                };
                let kind = verifier.as_ref().map(Verifier::kind);
                let fitting = verifier
                    .and_then(|verifier| Some((forms.matching(&verifier, bench)?, verifier)));
                let Some((form, verifier)) = fitting else {
                    for dummy in dummies.iter().filter(|dummy| kind != Some(dummy.kind())) {
                        forms.compute_all(dummy, bench);
                    }
                    return (false, None);
                };
                let stale = own.filter(|_| form != 0 || hasher.is_stale(&verifier));
                let new = stale.and_then(|old| {
                    let form = Forms::to_store(password.expose())?;
                    let new = hasher.hash(form.expose(), bench).ok()?;
                    Some(Renewed { old, new: Secret::new(new) })
                });
                (true, new)
            })
            .await
            .map_err(|full| VerifyError::Unavailable { detail: full.0.to_owned() })
    }

    /// What a failed login computes, whoever is meant: one hash of today's kind, and one of the
    /// kind that is usual in each file. Accounts whose hash is of a rarer kind cost that more.
    fn dummies(&self) -> Vec<Verifier> {
        let mut dummies = vec![self.dummy.clone()];
        for usual in self.chain.usual() {
            if dummies.iter().all(|dummy| dummy.kind() != usual.kind()) {
                dummies.push(usual);
            }
        }
        dummies
    }

    /// Puts a fresh hash of the same password in the place of the old one; the version stays,
    /// as the password did. If that fails the login succeeds all the same, and the next one
    /// tries again.
    async fn store_rehashed(
        self: &Arc<Self>,
        state: &Arc<AccountState>,
        Renewed { old, new }: Renewed,
    ) {
        let id = state.id;
        let _ = self
            .blocking(move |parts| {
                let done = parts.database.write(|transaction| {
                    transaction.execute(
                        "UPDATE account SET hash = ?1 WHERE id = ?2 AND hash = ?3",
                        (new.expose(), id, old.expose()),
                    )
                });
                parts.memory.forget_credentials(id);
                done
            })
            .await;
    }

    fn was_verified(&self, state: &AccountState, password: &Secret<Vec<u8>>) -> bool {
        self.verified.knows(state.id, state.version, password.expose(), Instant::now())
    }

    /// The password is right; may it be used so?
    fn judge_main(&self, state: &AccountState, origin: Origin) -> Verdict {
        match state.main_refusal(&origin, self.main_password_over_pop3) {
            Some(reason) => refused(reason),
            None => Ok(self.admit(state.by_main_password(), state, origin)),
        }
    }

    /// Everything about an app password; nothing slow.
    fn judge_app(&self, state: Option<&AccountState>, digest: &Digest, origin: Origin) -> Verdict {
        let found = state.and_then(|state| Some((state, state.app_password(digest)?)));
        let Some((state, app)) = found else { return refused("no such app password") };
        self.judge_credential(state, app.id, origin)
    }

    /// A credential that was proved, by its number; 0 is the main password.
    pub(super) fn judge_credential(
        &self,
        state: &AccountState,
        credential: i64,
        origin: Origin,
    ) -> Verdict {
        if credential == 0 {
            return self.judge_main(state, origin);
        }
        let Some(app) = state.app_password_of(credential) else {
            return refused("no such app password");
        };
        match state.app_refusal(app, &origin, self.clock.now()) {
            Some(reason) => refused(reason),
            None => Ok(self.admit(state.by_app_password(app), state, origin)),
        }
    }

    pub(super) fn admit(&self, account: Account, state: &AccountState, origin: Origin) -> Account {
        let now = self.clock.now();
        self.last_uses.note(&account, origin.address, now);
        let used = |credential| self.last_uses.noted(state.id, credential);
        let active = state.active(account.credential, self.main_password_over_pop3, now, used);
        let sessions = Some(state.sessions(now));
        Account { sessions, active, ..account }
    }

    /// An account for whoever proves something else than a password. An account of a file is
    /// nobody here where its line lets nobody in, or only from some networks: what is compared
    /// does not look at them.
    pub(super) async fn find(
        self: &Arc<Self>,
        name: Result<Name, &'static str>,
    ) -> Result<(&'static str, Option<Arc<AccountState>>), VerifyError> {
        let (absent, state) = self.find_row(name).await?;
        match self.chain.decide(state.as_deref()) {
            Decision::Own => Ok((absent, state)),
            Decision::File(entry) if entry.extra == Extra::default() => Ok((absent, state)),
            Decision::File(_) => Ok(("the account's line takes passwords only", None)),
            Decision::Nobody => Ok((absent, None)),
            Decision::Down(detail) => Err(VerifyError::Unavailable { detail }),
        }
    }

    /// Looks an account up in the database and keeps it; where there is none, says why.
    async fn find_row(
        self: &Arc<Self>,
        name: Result<Name, &'static str>,
    ) -> Result<(&'static str, Option<Arc<AccountState>>), VerifyError> {
        self.blocking(move |parts| {
            let name = match name {
                Ok(name) => name,
                Err(why) => return Ok((why, None)),
            };
            parts.look();
            let since = parts.memory.generation();
            let (reason, state) = parts.database.read(|connection| {
                Ok::<_, rusqlite::Error>(match parts.naming.login(connection, &name)? {
                    Meant::Account(id) => {
                        ("no such account", AccountState::load(connection, id, parts.rules)?)
                    }
                    Meant::Nobody => ("no such account", None),
                    Meant::Several => ("the name stands for several accounts", None),
                })
            })?;
            let state = state.map(Arc::new);
            if let Some(state) = &state {
                parts.memory.keep_account(since, Some(parts.key(&name)), state);
            }
            Ok((reason, state))
        })
        .await?
    }

    pub(super) fn key(&self, name: &Name) -> String {
        name.key(self.naming.case_sensitive)
    }

    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, VerifyError> {
        let parts = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&parts))
            .await
            .map_err(|error| VerifyError::Unavailable { detail: error.to_string() })
    }
}

/// Why the line of a file lets nobody in, or not from there.
fn entry_refusal(entry: &Entry, origin: Origin) -> Option<&'static str> {
    if entry.extra.no_login {
        return Some("the account's line says nologin");
    }
    (!entry.extra.networks.allow(origin.address))
        .then_some("the account's line does not allow this address")
}

pub(super) fn ready(verdict: Verdict) -> Pending<'static, Verdict> {
    Box::pin(std::future::ready(verdict))
}

pub(super) const fn refused<T>(reason: &'static str) -> Result<T, VerifyError> {
    Err(VerifyError::Credentials { reason })
}
