//! Logins for which somebody else vouches: a token, a certificate; and those of nobody in
//! particular.
//!
//! They use no credential of the account, so they see its maildrop as its main password does.

use std::sync::Arc;

use mail_wire::Secret;
use mail_wire::sasl::PeerIdentity;

use super::parts::Parts;
use super::state::AccountState;
use super::verify::{Verdict, ready, refused};
use crate::address::Name;
use crate::directory::{Account, Origin, Pending, VerifyError};
use crate::spelling::Sessions;
use crate::token::TokenError;

impl Parts {
    /// A token. The name that came with it, if any, has to be that of its account.
    pub(super) fn verify_token(
        self: &Arc<Self>,
        name: Option<Vec<u8>>,
        token: Secret<Vec<u8>>,
        origin: Origin,
    ) -> Pending<'static, Verdict> {
        let parts = Arc::clone(self);
        Box::pin(async move {
            let Some(verifier) = parts.tokens.clone() else {
                return refused("tokens are not taken");
            };
            let grant = match verifier.verify(token, origin.scope).await {
                Ok(grant) => grant,
                Err(TokenError::Bad { reason }) => return refused(reason),
                Err(TokenError::Unavailable { detail }) => {
                    return Err(VerifyError::Unavailable { detail });
                }
            };
            parts.vouched("token", vec![grant.name], name, origin).await
        })
    }

    /// A certificate. The identity that came with it, if any, has to be its own.
    pub(super) fn verify_certificate(
        self: &Arc<Self>,
        authzid: Option<Vec<u8>>,
        peer: &PeerIdentity,
        origin: Origin,
    ) -> Pending<'static, Verdict> {
        let Some(rule) = self.certificates else {
            return ready(refused("certificates are not taken"));
        };
        let (parts, names) = (Arc::clone(self), rule.names(peer));
        Box::pin(async move { parts.vouched("certificate", names, authzid, origin).await })
    }

    /// Nobody in particular: the public maildrop, for reading.
    pub(super) fn verify_anonymous(
        self: &Arc<Self>,
        trace: &str,
        origin: Origin,
    ) -> Pending<'static, Verdict> {
        let label =
            if trace.is_empty() { "anonymous".to_owned() } else { format!("anonymous, {trace}") };
        let parts = Arc::clone(self);
        Box::pin(async move {
            let Some(name) = parts.anonymous.clone() else {
                return refused("there is no public maildrop");
            };
            let (absent, state) = parts.find(Ok(name)).await?;
            let Some(state) = state else { return refused(absent) };
            if let Some(reason) = state.refusal_of_account(&origin) {
                return refused(reason);
            }
            // Its owner's session is not kept out by strangers, nor the other way round; and
            // their looking at a message does not let it expire.
            let mut account = vouched_for(&state, &label);
            account.keeping.retention = None;
            Ok(Account { sessions: Some(Sessions::Snapshot), read_only: true, ..account })
        })
    }

    /// The first of these names that is an account's, if `claimed` is its name too.
    async fn vouched(
        self: &Arc<Self>,
        by: &'static str,
        names: Vec<String>,
        claimed: Option<Vec<u8>>,
        origin: Origin,
    ) -> Verdict {
        let mut found = None;
        for name in names {
            found = self.find(Name::parse(name.as_bytes())).await?.1;
            if found.is_some() {
                break;
            }
        }
        let Some(state) = found else { return refused("it names no account") };
        if let Some(claimed) = claimed {
            let other = self.find(Name::parse(&claimed)).await?.1;
            if other.is_none_or(|other| other.id != state.id) {
                return refused("it is of another account than the one that was named");
            }
        }
        if let Some(reason) = state.refusal_of_account(&origin) {
            return refused(reason);
        }
        Ok(self.admit(vouched_for(&state, by), &state, origin))
    }
}

fn vouched_for(state: &AccountState, by: &str) -> Account {
    Account { label: Some(by.to_owned()), ..state.by_main_password() }
}
