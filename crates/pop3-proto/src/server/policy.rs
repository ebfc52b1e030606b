//! What holds for one connection before anybody has said who they are.

use std::time::Duration;

use mail_wire::Secret;
use mail_wire::sasl::Channel;

use super::ask::Expire;
use crate::extension::{Extension, Extensions};

/// The settings of a session. The driver builds one for each connection.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The name the greeting gives, a domain or an address literal.
    pub hostname: String,
    /// IMPLEMENTATION's argument, one token (RFC 2449 §6.9); `None`: not announced.
    pub implementation: Option<String>,
    /// Whether TLS is on from the first octet (RFC 8314 §3.3).
    pub implicit_tls: bool,
    /// Whether STLS can be carried out (RFC 2595 §4).
    pub stls: bool,
    /// Whether a password may be sent without TLS on this connection: loopback, or a network
    /// that the listener names (`rulings` 1).
    pub cleartext: bool,
    /// The banner timestamp, angle brackets included, where APOP works (RFC 1939 §7).
    pub apop: Option<String>,
    /// By which mechanisms somebody here can log in, beside PLAIN and LOGIN.
    pub usable: Usable,
    /// What TLS says of the connection where it is on from the first octet; later it comes with
    /// [`Answer::Secured`](super::ask::Answer::Secured).
    pub channel: Channel,
    /// Octets from the system's generator, of this connection alone: nonces and challenges are
    /// drawn from them.
    pub chance: Secret<[u8; 32]>,
    /// Whether LAST (RFC 1460 §5) is answered.
    pub last: bool,
    /// Which of our own commands are answered, and announced.
    pub extensions: Extensions,
    /// LOGIN-DELAY: the largest of all accounts, `USER` after it where they differ.
    pub login_delay: Option<Announced<Duration>>,
    /// EXPIRE: the smallest of all accounts, `USER` after it where they differ.
    pub expire: Option<Announced<Expire>>,
    /// What a message with raw UTF-8 in its header is to a client that did not say UTF8.
    pub utf8_legacy: Utf8Legacy,
    /// The sizes and counts.
    pub limits: Limits,
}

impl Policy {
    /// Whether the keyword of this line is one that is answered, if there is such a command at
    /// all. One that is not is unknown, whatever stands behind it (P-008).
    pub(super) fn answers(&self, line: &[u8]) -> bool {
        let keyword = line.split(|&octet| octet == b' ').next().unwrap_or_default();
        let is = |name: &str| keyword.eq_ignore_ascii_case(name.as_bytes());
        match Extension::ALL.into_iter().find(|extension| is(extension.keyword())) {
            Some(extension) => self.extensions.has(extension),
            None => self.last || !is("LAST"),
        }
    }
}

/// What the accounts of a site can be asked to prove, and how. What the connection has to have
/// for it besides, as TLS or a channel binding, is looked at by the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usable {
    /// SCRAM: some credential has its keys (`rulings` 10).
    pub scram: bool,
    /// OAUTHBEARER and XOAUTH2: somebody can tell whether a token is good.
    pub tokens: bool,
    /// EXTERNAL: certificates name accounts.
    pub certificates: bool,
    /// CRAM-MD5: some credential has a secret that can be read.
    pub digests: bool,
    /// ANONYMOUS: there is a public maildrop.
    pub anonymous: bool,
}

/// What CAPA says before login (RFC 2449 §§6.5, 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced<T> {
    /// The value that holds for everyone at least.
    pub value: T,
    /// Whether accounts differ: ` USER`.
    pub per_user: bool,
}

/// How a message accepted with SMTPUTF8 is shown without UTF8 mode (RFC 6856 §2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Utf8Legacy {
    /// `-ERR [UTF8]` to RETR, TOP and LIST n of it.
    #[default]
    Refuse,
    /// As it is.
    Raw,
    /// By its stand-in (RFC 6858), where the store keeps one: the listing then has the stand-in
    /// and is not marked. `-ERR [UTF8]` where there is none.
    Downgrade,
}

/// The sizes, counts and times of a session, each with its reason in `rulings` 2 and 3.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest command line, CRLF included. RFC 2449 §4 asks for 255.
    pub line_octets_max: usize,
    /// The longest line inside AUTH, CRLF included: OAuth tokens are long.
    pub sasl_octets_max: usize,
    /// The longest password.
    pub password_octets_max: usize,
    /// Bad commands before login.
    pub bad_commands_before_login_max: u32,
    /// Bad commands after login.
    pub bad_commands_after_login_max: u32,
    /// Different failed names and passwords.
    pub failures_max: u32,
    /// The autologout timer, before and after login; RFC 1939 §3 asks for 10 minutes at least.
    pub idle: Duration,
    /// How much output is gathered before it is written.
    pub output_octets_max: usize,
}

impl Limits {
    /// How many bad commands in a row end the connection.
    pub(super) const fn bad_commands_max(&self, after_login: bool) -> u32 {
        if after_login {
            self.bad_commands_after_login_max
        } else {
            self.bad_commands_before_login_max
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_octets_max: 1024,
            sasl_octets_max: 24 * 1024,
            password_octets_max: 512,
            bad_commands_before_login_max: 20,
            bad_commands_after_login_max: 50,
            failures_max: 5,
            idle: Duration::from_secs(630),
            output_octets_max: 64 * 1024,
        }
    }
}
