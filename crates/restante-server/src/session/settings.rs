//! The settings of POP3 sessions and of intake.

use std::time::Duration;

use pop3_proto::extension::Extensions;
use pop3_proto::server::policy::Utf8Legacy;

/// How POP3 is spoken.
#[derive(Clone, Debug)]
pub struct Pop3Settings {
    /// The autologout timer (RFC 1939 §3: ten minutes at least), with room to spare.
    pub idle: Duration,
    /// Whether LAST (RFC 1460 §5) is answered.
    pub last: bool,
    /// Which of our own commands are answered, and announced.
    pub extensions: Extensions,
    /// What a message with raw UTF-8 in its header is to a client that did not say UTF8.
    pub utf8_legacy: Utf8Legacy,
    /// What IMPLEMENTATION says, one token (RFC 2449 §6.9); `None`: not announced.
    pub implementation: Option<String>,
}

impl Default for Pop3Settings {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(630),
            last: false,
            extensions: Extensions::all(),
            utf8_legacy: Utf8Legacy::Downgrade,
            implementation: Some("Restante".to_owned()),
        }
    }
}

/// How mail is taken in, over LMTP and SMTP.
#[derive(Clone, Debug)]
pub struct IntakeSettings {
    /// The largest message (RFC 1870).
    pub message_octets_max: u64,
    /// The most recipients of one message; RFC 5321 §4.5.3.1.8 asks for 100 at least.
    pub recipients_max: usize,
    /// What becomes of a message with a bare CR or a bare LF.
    pub bare_line_ends: BareLineEnds,
    /// How long a command may take; RFC 5321 §4.5.3.2.7 asks for 5 minutes at least.
    pub idle: Duration,
    /// Whether `RCPT TO:<name>` without a domain is taken: for `restante try`.
    pub bare_local_parts: bool,
    /// Whether LMTP may listen on a TCP address that others than this machine can reach.
    pub lmtp_beyond_loopback: bool,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self {
            message_octets_max: 50 << 20,
            recipients_max: 1000,
            bare_line_ends: BareLineEnds::Refuse,
            idle: Duration::from_secs(330),
            bare_local_parts: false,
            lmtp_beyond_loopback: false,
        }
    }
}

/// What becomes of a message with a bare CR or a bare LF (P-199).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareLineEnds {
    /// 550 5.6.11, after its true end.
    #[default]
    Refuse,
    /// Each becomes CRLF.
    Repair,
}
