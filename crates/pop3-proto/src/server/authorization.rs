//! AUTHORIZATION (RFC 1939 §4): who is it.

use mail_wire::sasl::scram::Salt;
use mail_wire::sasl::{self, Exchange, Mechanism, Step};
use mail_wire::{Credentials, DigestMethod, Secret};

use super::ask::{Refusal, Verified};
use super::connection::Connection;
use super::failures::{Failures, Fingerprint};
use super::policy::Limits;
use super::verdict::Verdict;
use crate::command::Command;
use crate::error::Malformed;
use crate::reply::Reply;

/// The state before login.
#[derive(Debug, Default)]
pub(super) struct Authorization {
    said: Said,
    /// What failed on this connection.
    pub(super) failures: Failures,
}

/// What the peer has said of itself so far.
#[derive(Debug, Default)]
enum Said {
    #[default]
    Nothing,
    /// A successful USER came directly before.
    Name(Vec<u8>),
    /// AUTH is under way: every line is a response, where none is waited for.
    Auth(Exchange),
    /// The credentials were judged, and the client was told something that it has to answer
    /// before it hears how.
    Judged(Exchange, Box<Judged>),
}

/// How credentials were judged.
#[derive(Debug)]
enum Judged {
    Right(Fingerprint, Verified),
    Wrong(Fingerprint, Refusal),
}

impl Authorization {
    /// Whether the next line is a response of a SASL exchange.
    pub(super) const fn is_in_exchange(&self) -> bool {
        matches!(self.said, Said::Auth(_) | Said::Judged(..))
    }

    /// Forgets USER, or the exchange.
    pub(super) fn forget(&mut self) {
        self.said = Said::Nothing;
    }

    /// Takes a command. Whatever it is, it ends the time in which PASS may follow USER (RFC
    /// 1939 §7, P-031); CAPA does not come here.
    pub(super) fn take(&mut self, command: &Command<'_>, connection: &mut Connection) -> Verdict {
        let said = std::mem::take(&mut self.said);
        match *command {
            // P-029, P-039: refused before a password is on its way, whatever the name.
            Command::User(_) | Command::Pass(_) if !connection.takes_passwords() => {
                Verdict::Bad(connection.tls_required())
            }
            Command::User(name) => {
                self.said = Said::Name(name.to_vec());
                Verdict::Say(Reply::SendPass)
            }
            Command::Pass(password) => match said {
                Said::Name(name) => pass(name, password, connection),
                Said::Nothing | Said::Auth(_) | Said::Judged(..) => Verdict::Bad(Reply::PassFirst),
            },
            Command::Apop { name, digest } => match connection.timestamp.take() {
                Some(challenge) => Verdict::Verify(Credentials::Digest {
                    method: DigestMethod::Apop,
                    name: name.to_vec(),
                    challenge,
                    digest: digest.octets(),
                }),
                None => Verdict::Bad(Reply::NoApop),
            },
            Command::AuthList => list(connection),
            Command::Auth { mechanism, initial } => self.begin(mechanism, initial, connection),
            Command::Stls => stls(connection),
            Command::Quit => Verdict::Leave,
            _ => Verdict::Bad(Reply::NotYet),
        }
    }

    /// The login failed; answers whether the connection has to end for it (P-027).
    pub(super) fn failed(
        &mut self,
        fingerprint: Fingerprint,
        refusal: &Refusal,
        limits: &Limits,
    ) -> bool {
        self.forget();
        match refusal {
            Refusal::Credentials => {
                self.failures.add(fingerprint);
                // The same once more is no new guess, but it cannot go on for ever.
                self.failures.different() >= limits.failures_max
                    || self.failures.tries() >= limits.bad_commands_before_login_max
            }
            Refusal::TooManyFailures { .. } => true,
            _ => false,
        }
    }

    /// Takes a line of the exchange.
    pub(super) fn respond(&mut self, line: &[u8]) -> Verdict {
        let (exchange, judged) = match std::mem::take(&mut self.said) {
            Said::Auth(exchange) => (exchange, None),
            Said::Judged(exchange, judged) => (exchange, Some(*judged)),
            Said::Nothing | Said::Name(_) => return Verdict::Bad(Reply::NotYet),
        };
        // RFC 7628 §3.2.3: whatever answers a refusal, it stays one.
        if let Some(Judged::Wrong(fingerprint, refusal)) = judged {
            return Verdict::Refuse(fingerprint, refusal);
        }
        // RFC 5034 §4, P-257: as if AUTH had never come.
        if line == b"*" {
            return Verdict::Bad(Reply::Cancelled);
        }
        let Ok(response) = sasl::base64::decode(line) else {
            return Verdict::Bad(Reply::Malformed(Malformed::Base64));
        };
        self.step(exchange, judged, |exchange| exchange.respond(response.expose()))
    }

    /// The salt that the exchange waits for.
    pub(super) fn salted(&mut self, salt: &Salt) -> Verdict {
        match std::mem::take(&mut self.said) {
            Said::Auth(exchange) => self.step(exchange, None, |exchange| exchange.salted(salt)),
            _ => Verdict::Bad(Reply::NotYet),
        }
    }

    /// The credentials are right. What the client has to hear and to answer first, if anything.
    pub(super) fn accepted(&mut self, fingerprint: Fingerprint, verified: Verified) -> Verdict {
        if let Said::Auth(mut exchange) = std::mem::take(&mut self.said)
            && let Some(challenge) = exchange.accepted(verified.signature.as_ref())
        {
            let judged = Box::new(Judged::Right(fingerprint, verified));
            self.said = Said::Judged(exchange, judged);
            return Verdict::Challenge(challenge);
        }
        Verdict::Admit(fingerprint, verified)
    }

    /// The credentials are wrong, or cannot be judged: the same.
    pub(super) fn refused(&mut self, fingerprint: Fingerprint, refusal: Refusal) -> Verdict {
        if let Said::Auth(mut exchange) = std::mem::take(&mut self.said)
            && refusal == Refusal::Credentials
            && let Some(challenge) = exchange.refused()
        {
            let judged = Box::new(Judged::Wrong(fingerprint, refusal));
            self.said = Said::Judged(exchange, judged);
            return Verdict::Challenge(challenge);
        }
        Verdict::Refuse(fingerprint, refusal)
    }

    fn begin(
        &mut self,
        mechanism: Mechanism,
        initial: Option<&[u8]>,
        connection: &mut Connection,
    ) -> Verdict {
        if !connection.offers(mechanism) {
            return Verdict::Bad(connection.not_offered(mechanism));
        }
        let initial = match initial {
            None => None,
            // RFC 5034 §4, P-254: an initial response that is empty is written `=`.
            Some(b"=") => Some(Secret::new(Vec::new())),
            Some(encoded) => match sasl::base64::decode(encoded) {
                Ok(initial) => Some(initial),
                Err(_) => return Verdict::Bad(Reply::Malformed(Malformed::Base64)),
            },
        };
        let initial = initial.as_ref().map(|initial| initial.expose().as_slice());
        let exchange = Exchange::new(mechanism, connection.surroundings());
        self.step(exchange, None, |exchange| exchange.begin(initial))
    }

    fn step(
        &mut self,
        mut exchange: Exchange,
        judged: Option<Judged>,
        advance: impl FnOnce(&mut Exchange) -> Step,
    ) -> Verdict {
        let verdict = match (advance(&mut exchange), judged) {
            (Step::Done, Some(Judged::Right(fingerprint, verified))) => {
                return Verdict::Admit(fingerprint, verified);
            }
            (Step::Challenge(challenge), None) => Verdict::Challenge(challenge),
            (Step::Salt(question), None) => Verdict::Salt(question),
            (Step::Offer(credentials), None) => Verdict::Verify(credentials),
            (Step::Failed(malformed), _) => {
                return Verdict::Bad(Reply::Malformed(Malformed::Sasl(malformed)));
            }
            // A mechanism that goes on after it was judged is none of ours.
            _ => return Verdict::Bad(Reply::Malformed(Malformed::Sasl(sasl::Malformed::Over))),
        };
        self.said = Said::Auth(exchange);
        verdict
    }
}

fn pass(name: Vec<u8>, password: &[u8], connection: &Connection) -> Verdict {
    // RFC 6856 §2.2, P-146: a client that has said UTF8 sends UTF-8. From others the octets
    // are taken as they come: there are clients that send Latin-1 (P-011).
    if connection.utf8 && std::str::from_utf8(password).is_err() {
        return Verdict::Bad(Reply::Malformed(Malformed::NotUtf8));
    }
    let password = Secret::new(password.to_vec());
    Verdict::Verify(Credentials::Password { authzid: None, name, password })
}

/// Bare AUTH, as old Outlooks send it (P-094).
fn list(connection: &Connection) -> Verdict {
    let mechanisms = connection.mechanisms();
    if mechanisms.is_empty() {
        return Verdict::Bad(connection.tls_required());
    }
    Verdict::Rows(Reply::Mechanisms, mechanisms.iter().map(ToString::to_string).collect())
}

/// RFC 2595 §4, P-120, P-145.
fn stls(connection: &Connection) -> Verdict {
    if connection.secure {
        Verdict::Bad(Reply::TlsOn)
    } else if !connection.policy.stls {
        Verdict::Bad(Reply::TlsUnavailable)
    } else if connection.utf8 {
        Verdict::Bad(Reply::StlsAfterUtf8)
    } else {
        Verdict::Secure
    }
}

/// Whether anybody's name and password can be these. What is too long costs no hash (A6).
pub(super) fn could_be_right(credentials: &Credentials, limits: &Limits) -> bool {
    let is_name = |name: &[u8]| name.len() <= limits.line_octets_max;
    match credentials {
        Credentials::Password { authzid, name, password } => {
            is_name(name)
                && authzid.as_ref().is_none_or(|authzid| is_name(authzid))
                && password.expose().len() <= limits.password_octets_max
        }
        Credentials::Digest { name, .. } => is_name(name),
        Credentials::Scram(proof) => {
            is_name(&proof.name) && proof.authzid.as_ref().is_none_or(|authzid| is_name(authzid))
        }
        Credentials::Token { name, .. } => name.as_ref().is_none_or(|name| is_name(name)),
        Credentials::External { authzid, .. } => {
            authzid.as_ref().is_none_or(|authzid| is_name(authzid))
        }
        Credentials::Anonymous { .. } => true,
    }
}

/// How a failed login is answered.
pub(super) fn refusal_reply(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::Credentials => Reply::Credentials,
        Refusal::InUse { holder } => Reply::InUse { holder },
        Refusal::LoginDelay { wait } => Reply::LoginDelay { seconds: wait.as_secs().max(1) },
        Refusal::TooManyFailures { wait } => {
            Reply::TooManyFailures { seconds: wait.as_secs().max(1) }
        }
        Refusal::Temporary => Reply::Temporary,
        Refusal::Permanent => Reply::Permanent,
    }
}
