//! A directory with guess control in front of it: what has no token is not judged at all.

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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::super::settings::GuessSettings;
    use super::*;

    /// `right` is right; others wait for a permit before they are judged.
    struct Slow {
        permits: Semaphore,
        judged: AtomicUsize,
        version: AtomicU64,
    }

    impl Directory for Slow {
        fn verify(
            &self,
            credentials: Credentials,
            _: Origin,
        ) -> Pending<'_, Result<Account, VerifyError>> {
            Box::pin(async move {
                self.judged.fetch_add(1, Ordering::Relaxed);
                match credentials {
                    Credentials::Password { password, .. } if password.expose() == b"right" => {
                        Ok(Account::new(1, "anna", MaildropId::new(1)))
                    }
                    _ => {
                        self.permits.acquire().await.unwrap().forget();
                        Err(VerifyError::Credentials { reason: "wrong password" })
                    }
                }
            })
        }

        fn resolve(
            &self,
            _: String,
            _: Option<String>,
        ) -> Pending<'_, Result<Vec<Destination>, ResolveError>> {
            Box::pin(std::future::ready(Err(ResolveError::Unknown)))
        }

        fn kept(&self, _: Option<MaildropId>) -> Pending<'_, Result<Vec<Kept>, Unavailable>> {
            Box::pin(std::future::ready(Ok(Vec::new())))
        }

        fn spread(&self) -> Pending<'_, Result<Spread, Unavailable>> {
            Box::pin(std::future::ready(Err(Unavailable { detail: String::new() })))
        }

        fn still_valid(&self, _: &Account) -> bool {
            true
        }

        fn version(&self) -> Option<u64> {
            Some(self.version.load(Ordering::Relaxed))
        }
    }

    fn guarded(permits: usize) -> (Arc<Slow>, Arc<Guarded>) {
        let slow = Arc::new(Slow {
            permits: Semaphore::new(permits),
            judged: AtomicUsize::new(0),
            version: AtomicU64::new(0),
        });
        let settings = GuessSettings { memory: 1 << 20, ..GuessSettings::default() };
        let guesses = Arc::new(Guesses::new(settings).unwrap());
        let clock = Clock::set_by(Arc::new(1_800_000_000.into()));
        let guarded = Guarded::new(Arc::clone(&slow) as Arc<dyn Directory>, guesses, clock, drop);
        (slow, Arc::new(guarded))
    }

    fn origin(secrecy: Secrecy) -> Origin {
        Origin { address: "192.0.2.7".parse().unwrap(), scope: Scope::Pop3, secrecy }
    }

    async fn login(guarded: &Guarded, password: &str) -> Result<Account, VerifyError> {
        let password = Secret::new(password.as_bytes().to_vec());
        let credentials = Credentials::Password { authzid: None, name: b"anna".to_vec(), password };
        guarded.verify(credentials, origin(Secrecy::Private)).await
    }

    // security §4.2 rule 1: no hash is computed for who has no token, not even for a right one
    #[tokio::test]
    async fn what_is_blocked_is_not_judged() {
        let (slow, guarded) = guarded(100);
        for turn in 0..10 {
            let verdict = login(&guarded, &turn.to_string()).await;
            assert!(matches!(verdict, Err(VerifyError::Credentials { .. })));
        }
        let verdict = login(&guarded, "right").await;
        assert_eq!(verdict, Err(VerifyError::TooMany { wait: Duration::from_secs(6) }));
        assert_eq!(slow.judged.load(Ordering::Relaxed), 10);
    }

    // Many at once behind one address: the eleventh waits until one of them has ended; rule 1:
    // who hangs up before he is judged has used his token all the same.
    #[tokio::test]
    async fn who_is_behind_waits_for_the_others() {
        let (slow, guarded) = guarded(0);
        let others: Vec<_> = (0..10)
            .map(|turn| {
                let guarded = Arc::clone(&guarded);
                tokio::spawn(async move { login(&guarded, &turn.to_string()).await })
            })
            .collect();
        while slow.judged.load(Ordering::Relaxed) < 10 {
            tokio::task::yield_now().await;
        }
        let behind = tokio::spawn({
            let guarded = Arc::clone(&guarded);
            async move { login(&guarded, "right").await }
        });
        tokio::task::yield_now().await;
        assert!(!behind.is_finished());
        others[0].abort();
        slow.permits.add_permits(9);
        let mut gone = 0;
        for other in others {
            gone += usize::from(other.await.is_err());
        }
        assert_eq!(gone, 1);
        assert!(matches!(behind.await.unwrap(), Err(VerifyError::TooMany { .. })));
    }

    // A25 costs no hash; A32 and rulings 1: what might be right by now is judged
    #[tokio::test]
    async fn a_repeat_is_judged_only_if_something_has_changed() {
        let (slow, guarded) = guarded(100);
        for _ in 0..100 {
            let verdict = login(&guarded, "old").await;
            assert!(matches!(verdict, Err(VerifyError::Credentials { .. })));
        }
        assert_eq!(slow.judged.load(Ordering::Relaxed), 1);
        slow.version.store(1, Ordering::Relaxed);
        login(&guarded, "old").await.unwrap_err();
        assert_eq!(slow.judged.load(Ordering::Relaxed), 2);
        let password = Secret::new(b"old".to_vec());
        let again = Credentials::Password { authzid: None, name: b"anna".to_vec(), password };
        guarded.verify(again, origin(Secrecy::Clear)).await.unwrap_err();
        assert_eq!(slow.judged.load(Ordering::Relaxed), 3);
        login(&guarded, "right").await.unwrap();
    }
}
