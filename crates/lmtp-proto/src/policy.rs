//! What holds for one connection: its dialect, its TLS, and its limits.

use std::time::Duration;

/// The settings of a session. The driver builds one for each connection.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which of the two protocols is spoken.
    pub dialect: Dialect,
    /// The name that greeting and LHLO or EHLO give: a domain or an address literal.
    pub hostname: String,
    /// How the connection stands to TLS when the session begins.
    pub tls: Tls,
    /// What happens to a CR or LF that is no part of a CRLF.
    pub bare_line_ends: BareLineEnds,
    /// Whether a path may be a local part alone, `<demo>`. `<postmaster>` always may.
    pub bare_local_parts: bool,
    /// Whether SMTPUTF8 (RFC 6531) is announced and taken.
    pub smtputf8: bool,
    /// The sizes, counts and times.
    pub limits: Limits,
}

impl Policy {
    /// The defaults for a dialect: no TLS, bare line ends refused, SMTPUTF8 on.
    pub fn new(dialect: Dialect, hostname: impl Into<String>) -> Self {
        Self {
            dialect,
            hostname: hostname.into(),
            tls: Tls::Unavailable,
            bare_line_ends: BareLineEnds::Refuse,
            bare_local_parts: false,
            smtputf8: true,
            limits: Limits::default(),
        }
    }
}

/// The protocol spoken: one machine, two dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// RFC 2033: LHLO, and one reply a recipient after the message.
    Lmtp,
    /// RFC 5321, receiving only: EHLO or HELO, and one reply for the message.
    Smtp,
}

/// How a connection stands to TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tls {
    /// It cannot be switched on: STARTTLS is neither announced nor taken.
    #[default]
    Unavailable,
    /// STARTTLS is announced and works (RFC 3207).
    Offered,
    /// It is on.
    Active,
}

/// What happens to a message with a bare CR or a bare LF in it. Neither ever ends a line or a
/// message (RFC 5321 §2.3.8, §4.1.1.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BareLineEnds {
    /// It is read to its true end, 550 5.6.11 is answered, and nothing is kept. A command line
    /// that ends in a bare LF gets 500 5.5.2.
    #[default]
    Refuse,
    /// Each is handed on as CRLF. A command line may end in a bare LF.
    Repair,
}

/// The sizes, counts and times of a session. Each is at least what RFC 5321 §4.5.3 asks for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest command line, CRLF included. RFC 5321 §4.5.3.1.4 asks for 512, the
    /// extensions for 26 (SIZE), 17 (BODY) and 10 (SMTPUTF8) more.
    pub line_octets_max: usize,
    /// How many recipients one message may have; RFC 5321 §4.5.3.1.8 asks for 100.
    pub recipients_max: usize,
    /// The largest message, dot-stuffing not counted; RFC 5321 §4.5.3.1.7 asks for 64 KiB.
    pub message_octets_max: u64,
    /// How many bad commands end the session. A message that is taken, and the switch to TLS,
    /// set the count back.
    pub bad_commands_max: u32,
    /// How long the peer may be silent; RFC 5321 §4.5.3.2.7 asks for 5 minutes at least.
    pub idle: Duration,
    /// How much output is gathered before it is written.
    pub output_octets_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_octets_max: 2048,
            recipients_max: 1000,
            message_octets_max: 50 << 20,
            bad_commands_max: 20,
            idle: Duration::from_mins(5),
            output_octets_max: 64 * 1024,
        }
    }
}
