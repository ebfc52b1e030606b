//! What holds for the connection whatever the state: TLS, UTF-8 mode, language, and what is
//! offered because of them.

use mail_wire::sasl::{Chance, Channel, Mechanism, Surroundings};

use super::ask::{Expire, Verified};
use super::policy::{Policy, Utf8Legacy};
use crate::capability::Capability;
use crate::error::Malformed;
use crate::language::Language;
use crate::reply::Reply;

/// The connection as the states see it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) policy: Policy,
    pub(super) secure: bool,
    pub(super) utf8: bool,
    pub(super) language: Language,
    /// The banner timestamp while it may still be used (P-034).
    pub(super) timestamp: Option<String>,
    /// What TLS says of the connection.
    channel: Channel,
    chance: Chance,
}

impl Connection {
    pub(super) fn new(policy: Policy) -> Self {
        let (secure, timestamp) = (policy.implicit_tls, policy.apop.clone());
        let (channel, chance) = (policy.channel.clone(), Chance::new(policy.chance.clone()));
        let language = Language::default();
        Self { policy, secure, utf8: false, language, timestamp, channel, chance }
    }

    /// TLS is on: whatever was agreed on before is forgotten (RFC 2595 §4, P-122). That goes
    /// for the banner timestamp too: the client had to forget the greeting (P-123).
    pub(super) fn secured(&mut self, channel: Channel) {
        self.secure = true;
        self.channel = channel;
        self.utf8 = false;
        self.language = Language::default();
        self.timestamp = None;
    }

    /// Whether a password may be sent as it is (P-038).
    pub(super) const fn takes_passwords(&self) -> bool {
        self.secure || self.policy.cleartext
    }

    /// Whether STLS would be carried out.
    pub(super) const fn offers_stls(&self) -> bool {
        self.policy.stls && !self.secure
    }

    /// Whether this mechanism may be used now.
    pub(super) const fn offers(&self, mechanism: Mechanism) -> bool {
        (self.takes_passwords() && self.has(mechanism)) && (self.secure || !needs_tls(mechanism))
    }

    /// Whether there is this mechanism here, under TLS or without.
    const fn has(&self, mechanism: Mechanism) -> bool {
        let usable = &self.policy.usable;
        match mechanism {
            Mechanism::Plain | Mechanism::Login => true,
            Mechanism::Scram { plus: false, .. } => usable.scram,
            // P-111: only where there is something to bind to.
            Mechanism::Scram { plus: true, .. } => usable.scram && self.channel.binds(),
            Mechanism::OauthBearer | Mechanism::Xoauth2 => usable.tokens,
            // P-116: only for who has shown a certificate.
            Mechanism::External => usable.certificates && self.channel.peer.is_some(),
            Mechanism::CramMd5 => usable.digests,
            Mechanism::Anonymous => usable.anonymous,
        }
    }

    /// Why a mechanism is refused that is not offered now.
    pub(super) const fn not_offered(&self, mechanism: Mechanism) -> Reply {
        if self.secure || !self.has(mechanism) {
            Reply::Malformed(Malformed::Mechanism)
        } else {
            self.tls_required()
        }
    }

    /// What an exchange starts from that begins now.
    pub(super) fn surroundings(&mut self) -> Surroundings {
        Surroundings {
            nonce: self.chance.nonce(),
            challenge: self.chance.challenge(&self.policy.hostname),
            channel: self.channel.clone(),
            // P-108: what was announced, not what could have been.
            announces_plus: self
                .mechanisms()
                .iter()
                .any(|mechanism| matches!(mechanism, Mechanism::Scram { plus: true, .. })),
        }
    }

    /// The mechanisms that may be used now.
    pub(super) fn mechanisms(&self) -> Vec<Mechanism> {
        Mechanism::ALL.into_iter().filter(|&mechanism| self.offers(mechanism)).collect()
    }

    /// The refusal of a password in clear: the same at USER, PASS and AUTH (P-039).
    pub(super) const fn tls_required(&self) -> Reply {
        Reply::TlsRequired { stls: self.offers_stls() }
    }

    /// Whether a message with raw UTF-8 in its header is refused now (P-140).
    pub(super) fn refuses_utf8(&self) -> bool {
        !self.utf8 && self.policy.utf8_legacy != Utf8Legacy::Raw
    }

    /// What CAPA lists, before login or after it, in the order of P-078.
    ///
    /// RFC 2449 §5: what is announced before login is announced after it, except STLS, which
    /// is no use there (P-071). Our own commands are announced in both states as TOP and UIDL
    /// are, though they work after login alone: a client that asks once knows all.
    pub(super) fn capabilities(&self, login: Option<&Verified>) -> Vec<Capability> {
        let mut list = vec![Capability::Top, Capability::Uidl];
        // P-037: USER stands here exactly when USER works.
        list.extend(self.takes_passwords().then_some(Capability::User));
        list.extend([Capability::RespCodes, Capability::AuthRespCode, Capability::Pipelining]);
        list.extend(self.expire(login));
        list.extend([Capability::Utf8 { user: true }, Capability::Lang]);
        list.extend((login.is_none() && self.offers_stls()).then_some(Capability::Stls));
        let mechanisms = self.mechanisms();
        list.extend((!mechanisms.is_empty()).then_some(Capability::Sasl(mechanisms)));
        list.extend(self.login_delay(login));
        // `rulings` 8: LOGIN-DELAY and these come before IMPLEMENTATION.
        list.extend(self.policy.extensions.iter().map(Capability::Extension));
        list.extend(self.policy.implementation.clone().map(Capability::Implementation));
        list
    }

    /// P-075, RFC 2449 §6.7: after login the exact value.
    fn expire(&self, login: Option<&Verified>) -> Option<Capability> {
        let announced = self.policy.expire;
        let own = login.and_then(|verified| verified.expire);
        let per_user = login.is_none() && announced.is_some_and(|announced| announced.per_user);
        let days = match own.or(announced.map(|announced| announced.value))? {
            Expire::Never => None,
            Expire::Days(days) => Some(days),
        };
        Some(Capability::Expire { days, per_user })
    }

    /// P-074, RFC 2449 §6.5: after login the exact value; 0 where others have one.
    fn login_delay(&self, login: Option<&Verified>) -> Option<Capability> {
        let announced = self.policy.login_delay;
        let own = login.and_then(|verified| verified.login_delay).map(|delay| delay.as_secs());
        let seconds = match (own, announced, login) {
            (Some(own), ..) => own,
            (None, Some(announced), Some(_)) if announced.per_user => 0,
            (None, Some(announced), _) => announced.value.as_secs(),
            (None, None, _) => return None,
        };
        let per_user = login.is_none() && announced.is_some_and(|announced| announced.per_user);
        Some(Capability::LoginDelay { seconds, per_user })
    }
}

/// LOGIN (`rulings` 5) and tokens (RFC 7628 §1, RFC 6750 §5.3) are for TLS alone, also where
/// passwords may be sent in clear.
const fn needs_tls(mechanism: Mechanism) -> bool {
    matches!(
        mechanism,
        Mechanism::Login
            | Mechanism::OauthBearer
            | Mechanism::Xoauth2
            | Mechanism::External
            | Mechanism::Scram { plus: true, .. }
    )
}
