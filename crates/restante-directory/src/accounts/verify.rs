//! *Is it you?* From memory where that is enough, else from the database and the hash pool.
//!
//! Whatever is wrong, the same is computed: the number of hashes depends on the octets that
//! were offered, never on whether the account is there, enabled, or has a password (P-028).

use std::sync::Arc;

use mail_wire::{Credentials, Secret};
use tokio::time::Instant;

use super::find::Meant;
use super::parts::Parts;
use super::state::AccountState;
use crate::address::Name;
use crate::app_password::{AppPassword, Digest};
use crate::directory::{Account, Origin, Pending, VerifyError};
use crate::password::{Forms, Stored, read};

pub(super) type Verdict = Result<Account, VerifyError>;

/// What was offered, sorted by its shape alone.
enum Offered {
    App(Digest),
    Main(Forms),
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
        let known = name.as_ref().ok().and_then(|name| self.memory.login(&self.key(name)));
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
            let (absent, state) = parts.find(name).await?;
            match (offered, state) {
                (Offered::App(digest), state @ Some(_)) => {
                    parts.judge_app(state.as_deref(), &digest, origin)
                }
                (Offered::App(_), None) => refused(absent),
                (Offered::Main(forms), Some(state)) => {
                    parts.verify_main(&state, forms, password, origin).await
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
        forms: Forms,
        password: Secret<Vec<u8>>,
        origin: Origin,
    ) -> Verdict {
        let refusal = state.main_refusal(&origin, self.main_password_over_pop3);
        let against = state.hash.clone().filter(|_| refusal.is_none());
        let Some(hash) = against else {
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
        let dummy = self.dummy.clone();
        self.pool
            .run(move |bench| forms.compute_all(&dummy, bench))
            .await
            .map_err(|full| VerifyError::Unavailable { detail: full.0.to_owned() })
    }

    /// Whether a form of the password fits the hash, and a new hash if this one is of another
    /// form, of another family or cheaper than today's.
    ///
    /// Where none fits and the hash is of another kind than the dummy, the dummy is computed as
    /// well: else a cheap hash would tell by its time that there is such an account.
    async fn compute_for(
        &self,
        forms: Forms,
        hash: Secret<String>,
        password: &Secret<Vec<u8>>,
    ) -> Result<(bool, Option<Renewed>), VerifyError> {
        let (hasher, password, dummy) = (self.hasher.clone(), password.clone(), self.dummy.clone());
        self.pool
            .run(move |bench| {
                let Ok(Stored::Password(verifier)) = read(hash.expose()) else {
                    forms.compute_all(&dummy, bench);
                    return (false, None);
                };
                let Some(form) = forms.matching(&verifier, bench) else {
                    if verifier.kind() != dummy.kind() {
                        forms.compute_all(&dummy, bench);
                    }
                    return (false, None);
                };
                let stale = form != 0 || hasher.is_stale(&verifier);
                let new = stale
                    .then(|| Forms::to_store(password.expose()))
                    .flatten()
                    .and_then(|form| hasher.hash(form.expose(), bench).ok())
                    .map(|new| Renewed { old: hash, new: Secret::new(new) });
                (true, new)
            })
            .await
            .map_err(|full| VerifyError::Unavailable { detail: full.0.to_owned() })
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

    /// Looks an account up in the database and keeps it; where there is none, says why.
    pub(super) async fn find(
        self: &Arc<Self>,
        name: Result<Name, &'static str>,
    ) -> Result<(&'static str, Option<Arc<AccountState>>), VerifyError> {
        self.blocking(move |parts| {
            let name = match name {
                Ok(name) => name,
                Err(why) => return Ok((why, None)),
            };
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

pub(super) fn ready(verdict: Verdict) -> Pending<'static, Verdict> {
    Box::pin(std::future::ready(verdict))
}

pub(super) const fn refused<T>(reason: &'static str) -> Result<T, VerifyError> {
    Err(VerifyError::Credentials { reason })
}
