//! A directory with guess control in front of it: what has no token is not judged at all.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail_wire::sasl::scram::{Proof, Salt, SaltQuestion, Signature};
use mail_wire::{Credentials, MaildropId, Secret};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::guesses::{Attempt, Begun, Guesses, Outcome, Told};
use crate::address::Name;
use crate::clock::Clock;
use crate::directory::{
    Account, Destination, Directory, Kept, Origin, Pending, ResolveError, Scope, Secrecy,
    Unavailable, VerifyError,
};
use crate::rules::Spread;

/// How long an attempt waits for others of its source that are being judged.
const BEHIND_MAX: Duration = Duration::from_secs(5);

/// A directory behind guess control.
pub struct Guarded {
    inner: Arc<dyn Directory>,
    guesses: Arc<Guesses>,
    clock: Clock,
    /// Somewhere an attempt has ended.
    ended: Notify,
    tell: Box<dyn Fn(Told) + Send + Sync>,
}

impl Guarded {
    /// Puts guess control in front of a directory; `tell` is told what the operator is to know.
    pub fn new(
        inner: Arc<dyn Directory>,
        guesses: Arc<Guesses>,
        clock: Clock,
        tell: impl Fn(Told) + Send + Sync + 'static,
    ) -> Self {
        Self { inner, guesses, clock, ended: Notify::new(), tell: Box::new(tell) }
    }

    /// Waits until an attempt may be judged, and that may be never.
    async fn begin(
        &self,
        name: &[u8],
        secret: Option<&Secret<Vec<u8>>>,
        origin: Origin,
    ) -> Result<Judged<'_>, VerifyError> {
        let name = spelled(name);
        let secret = secret.map(|secret| marked(secret, origin));
        let secret = secret.as_ref().map(|secret| secret.expose().as_slice());
        let until = tokio::time::Instant::now().checked_add(BEHIND_MAX);
        loop {
            // Before the question, so that an end in between is heard of.
            let ended = self.ended.notified();
            let now = self.now();
            match self.guesses.begin(&name, secret, origin.address, self.inner.version(), now) {
                Begun::Go(attempt) => {
                    let judged = Judged { guarded: self, attempt: Some(attempt) };
                    let pause = judged.attempt.as_ref().map_or(Duration::ZERO, |one| one.pause);
                    if !pause.is_zero() {
                        sleep(pause).await;
                    }
                    return Ok(judged);
                }
                Begun::Blocked(wait) => return Err(VerifyError::TooMany { wait }),
                Begun::Behind => {
                    let left = until.map_or(Duration::ZERO, |until| {
                        until.saturating_duration_since(tokio::time::Instant::now())
                    });
                    if timeout(left, ended).await.is_err() {
                        return Err(VerifyError::Unavailable {
                            detail: "too many logins from there are being judged".to_owned(),
                        });
                    }
                }
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.now()).unwrap_or(0).saturating_mul(1_000)
    }
}

/// An attempt under way. One whose caller goes away before it is judged keeps its tokens, or a
/// guesser would only have to hang up.
struct Judged<'g> {
    guarded: &'g Guarded,
    attempt: Option<Attempt>,
}

impl Judged<'_> {
    /// Nothing needs to be computed: it is as wrong as a moment ago.
    fn is_still_wrong(&self) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.still_wrong)
    }

    fn end<T>(mut self, verdict: &Result<T, VerifyError>) {
        let outcome = match verdict {
            Ok(_) => Outcome::Right,
            Err(VerifyError::Credentials { .. }) => Outcome::Wrong(self.guarded.inner.version()),
            Err(VerifyError::Unavailable { .. } | VerifyError::TooMany { .. }) => {
                Outcome::Undecided
            }
        };
        self.finish(outcome);
    }

    fn finish(&mut self, outcome: Outcome) {
        let Some(attempt) = self.attempt.take() else { return };
        let told = self.guarded.guesses.end(attempt, outcome, self.guarded.now());
        self.guarded.ended.notify_waiters();
        told.into_iter().for_each(&self.guarded.tell);
    }
}

impl Drop for Judged<'_> {
    fn drop(&mut self) {
        self.finish(Outcome::Abandoned);
    }
}

impl Directory for Guarded {
    fn verify(
        &self,
        credentials: Credentials,
        origin: Origin,
    ) -> Pending<'_, Result<Account, VerifyError>> {
        Box::pin(async move {
            let secret = match &credentials {
                Credentials::Password { password, .. } => Some(password.clone()),
                // A digest is over a challenge, and looks different each time.
                _ => None,
            };
            let name = credentials.name().to_vec();
            let judged = self.begin(&name, secret.as_ref(), origin).await?;
            let verdict = if judged.is_still_wrong() {
                Err(VerifyError::Credentials { reason: "the same wrong password again" })
            } else {
                self.inner.verify(credentials, origin).await
            };
            judged.end(&verdict);
            verdict
        })
    }

    fn scram_challenge(&self, question: SaltQuestion) -> Pending<'_, Result<Salt, Unavailable>> {
        self.inner.scram_challenge(question)
    }

    fn scram_verify(
        &self,
        proof: Proof,
        origin: Origin,
    ) -> Pending<'_, Result<(Account, Signature), VerifyError>> {
        Box::pin(async move {
            let judged = self.begin(&proof.name.clone(), None, origin).await?;
            let verdict = self.inner.scram_verify(proof, origin).await;
            judged.end(&verdict);
            verdict
        })
    }

    fn resolve(
        &self,
        local_part: String,
        domain: Option<String>,
    ) -> Pending<'_, Result<Vec<Destination>, ResolveError>> {
        self.inner.resolve(local_part, domain)
    }

    fn kept(&self, after: Option<MaildropId>) -> Pending<'_, Result<Vec<Kept>, Unavailable>> {
        self.inner.kept(after)
    }

    fn spread(&self) -> Pending<'_, Result<Spread, Unavailable>> {
        self.inner.spread()
    }

    fn still_valid(&self, account: &Account) -> bool {
        self.inner.still_valid(account)
    }

    fn version(&self) -> Option<u64> {
        self.inner.version()
    }
}

/// One text for all spellings of a name, whether or not there is such an account.
fn spelled(name: &[u8]) -> String {
    Name::parse(name)
        .map_or_else(|_| String::from_utf8_lossy(name).to_lowercase(), |name| name.key(false))
}

/// The secret, and what else its being right depends on: a password that may not be used in the
/// clear, or for the web, is right elsewhere.
fn marked(secret: &Secret<Vec<u8>>, origin: Origin) -> Secret<Vec<u8>> {
    let scope = match origin.scope {
        Scope::Pop3 => 0,
        Scope::Submission => 1,
        Scope::Web => 2,
    };
    let secrecy = match origin.secrecy {
        Secrecy::Private => 0,
        Secrecy::Clear => 1,
    };
    let mut marked = vec![scope, secrecy];
    marked.extend_from_slice(secret.expose());
    Secret::new(marked)
}
