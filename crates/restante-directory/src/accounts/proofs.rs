//! *Does this prove it?* SCRAM, and digests over a challenge.
//!
//! A proof does not say which credential it is of, so all of an account are tried (`rulings`
//! 10). Whatever is wrong, as many are tried: the work depends neither on whether the account
//! is there, nor on how many credentials it has (P-028).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mail_wire::sasl::scram::{Hash, Keys, Proof, Salt, SaltQuestion, Signature};
use mail_wire::{DigestMethod, Secret};
use subtle::ConstantTimeEq;

use super::app_password_acts::APP_PASSWORDS_MAX;
use super::parts::Parts;
use super::scram_rows::{ITERATIONS, SALT_OCTETS};
use super::state::AccountState;
use super::verify::{Verdict, refused};
use crate::address::Name;
use crate::directory::{Account, Origin, Pending, Unavailable, VerifyError};

/// How many keys a proof is tried against: all that an account can have.
const TRIES: usize = APP_PASSWORDS_MAX as usize + 1;

/// What a digest is compared with where there is no secret.
const NO_SECRET: &[u8] = b"rst1-00000000000000000000000000";

impl Parts {
    /// See [`Directory::scram_challenge`](crate::Directory::scram_challenge).
    ///
    /// The answer comes from the database each time, and never out of memory: what is known
    /// already would be answered sooner than what is not there.
    pub(super) fn scram_challenge(
        self: &Arc<Self>,
        question: SaltQuestion,
    ) -> Pending<'static, Result<Salt, Unavailable>> {
        let parts = Arc::clone(self);
        Box::pin(async move {
            let name = Name::parse(&question.name);
            let spelt = match &name {
                Ok(name) => parts.in_full(name),
                Err(_) => String::from_utf8_lossy(&question.name).into_owned(),
            };
            let nobodys = parts.salt_of(&spelt);
            let found = parts.find(name).await.map_err(|error| match error {
                VerifyError::Unavailable { detail } => Unavailable { detail },
                other => Unavailable { detail: other.to_string() },
            })?;
            Ok(match found.1 {
                Some(state) => parts.salt_of_account(&state),
                None => nobodys,
            })
        })
    }

    /// See [`Directory::scram_verify`](crate::Directory::scram_verify).
    pub(super) fn scram_verify(
        self: &Arc<Self>,
        proof: Proof,
        origin: Origin,
    ) -> Pending<'static, Result<(Account, Signature), VerifyError>> {
        let parts = Arc::clone(self);
        Box::pin(async move {
            let name = Name::parse(&proof.name);
            let own = parts.acts_for_itself(&name, proof.authzid.as_deref());
            let (absent, state) = parts.find(name).await?;
            parts
                .blocking(move |parts| {
                    let proved = parts.prove(state.as_deref(), &proof);
                    let Some(state) = state else { return refused(absent) };
                    let Some((credential, signature)) = proved else {
                        return refused("the proof is of no credential");
                    };
                    if !own {
                        return refused("acting for another account is not offered");
                    }
                    let account = parts.judge_credential(&state, credential, origin)?;
                    Ok((account, signature))
                })
                .await?
        })
    }

    /// A digest over a challenge of ours, made of an app password that can be read back.
    pub(super) fn verify_digest(
        self: &Arc<Self>,
        method: DigestMethod,
        name: &[u8],
        challenge: String,
        digest: [u8; 16],
        origin: Origin,
    ) -> Pending<'static, Verdict> {
        let parts = Arc::clone(self);
        let name = Name::parse(name);
        Box::pin(async move {
            let (absent, state) = parts.find(name).await?;
            parts
                .blocking(move |parts| {
                    let of = |secret: &[u8]| method.of(challenge.as_bytes(), secret);
                    let proved = parts.digest_fits(state.as_deref(), of, &digest);
                    let Some(state) = state else { return refused(absent) };
                    match proved {
                        Some(app_password) => parts.judge_credential(&state, app_password, origin),
                        None => refused("the digest is of no app password that can be read back"),
                    }
                })
                .await?
        })
    }

    /// The salt that a name has which is nobody's, or an account's that has no keys yet: the one
    /// that it will have, so that nothing is seen when its first key is made (P-113).
    pub(super) fn salt_of(&self, in_full: &str) -> Salt {
        let mut octets = vec![0; SALT_OCTETS];
        let mut hasher = blake3::Hasher::new_keyed(self.salt_key.expose());
        hasher.update(in_full.as_bytes());
        hasher.finalize_xof().fill(&mut octets);
        Salt { octets, iterations: ITERATIONS }
    }

    fn salt_of_account(&self, state: &AccountState) -> Salt {
        state.scram.salt.clone().unwrap_or_else(|| self.salt_of_name(&state.name))
    }

    /// As [`Self::salt_of`], of an account by its own name.
    pub(super) fn salt_of_name(&self, account: &str) -> Salt {
        match Name::parse(account.as_bytes()) {
            Ok(name) => self.salt_of(&self.in_full(&name)),
            Err(_) => self.salt_of(account),
        }
    }

    /// One text for all spellings of a name, with its domain where only one can be meant.
    pub(super) fn in_full(&self, name: &Name) -> String {
        let key = self.key(name);
        match (&name.domain, self.naming.domains.as_slice()) {
            (None, [only]) => format!("{key}@{only}"),
            _ => key,
        }
    }

    /// The credential that is proved, and our proof in turn.
    fn prove(&self, state: Option<&AccountState>, proof: &Proof) -> Option<(i64, Signature)> {
        let octets = proof.hash.octets();
        let nobodys = Keys::new(proof.hash, vec![0; octets], vec![0; octets])?;
        let keys = state.into_iter().flat_map(|state| self.keys_of(state, proof.hash));
        let keys = keys.map(|(credential, keys)| (Some(credential), keys));
        let rest = std::iter::repeat((None, &nobodys));
        let mut proved = None;
        for (credential, keys) in keys.chain(rest).take(TRIES) {
            let signature = keys.verify(proof);
            if let (Some(credential), Some(signature)) = (credential, signature) {
                proved = Some((credential, signature));
            }
            self.proofs.fetch_add(1, Ordering::Relaxed);
        }
        proved
    }

    /// Keys of main passwords count as long as the setting says so.
    fn keys_of<'s>(
        &self,
        state: &'s AccountState,
        hash: Hash,
    ) -> impl Iterator<Item = (i64, &'s Keys)> + use<'s> {
        let main = self.scram_main;
        state.scram.over(hash).filter(move |(credential, _)| main || *credential != 0)
    }

    /// The app password that this digest is made of.
    fn digest_fits(
        &self,
        state: Option<&AccountState>,
        of: impl Fn(&[u8]) -> [u8; 16],
        digest: &[u8; 16],
    ) -> Option<i64> {
        let kept = state.into_iter().flat_map(AccountState::recoverable);
        let kept = kept.map(Some).chain(std::iter::repeat(None));
        let mut proved = None;
        for one in kept.take(TRIES) {
            let secret = match (one, &self.sealer) {
                (Some((app_password, secret)), Some(sealer)) => {
                    sealer.unseal(app_password, secret).map(|secret| (app_password, secret))
                }
                _ => None,
            };
            let (app_password, secret) = match secret {
                Some((app_password, secret)) => (Some(app_password), secret),
                None => (None, Secret::new(NO_SECRET.to_vec())),
            };
            if bool::from(of(secret.expose()).ct_eq(digest)) && app_password.is_some() {
                proved = app_password;
            }
            self.proofs.fetch_add(1, Ordering::Relaxed);
        }
        proved
    }
}
