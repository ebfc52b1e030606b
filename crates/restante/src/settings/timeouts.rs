//! `[timeouts]`: how long anybody may take.

use std::time::Duration;

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::duration::seconds;
use crate::settings::reader::Reader;

/// How long anybody may take.
#[derive(Clone, Debug)]
pub(crate) struct Timeouts {
    /// The autologout timer of POP3.
    pub(crate) idle: Duration,
    /// A command of LMTP or SMTP.
    pub(crate) intake: Duration,
    /// A peer that reads no octet of an answer.
    pub(crate) write: Duration,
    /// A TLS handshake.
    pub(crate) tls_handshake: Duration,
    /// The end of the sessions when the server stops.
    pub(crate) drain: Duration,
}

impl Timeouts {
    /// The table.
    pub(crate) const NAME: &'static str = "timeouts";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "How long anybody may take.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            // RFC 1939 §3: "at least 10 minutes' duration"
            idle: reader.setting(&seconds(600..=86_400), Definition {
                name: "idle",
                otherwise: Otherwise::Value("\"10m30s\""),
                meaning: "The autologout timer: a POP3 session without a command for this long \
                          ends, and nothing is deleted. RFC 1939 asks for 10 minutes at least.",
                reloads: false,
            }),
            // RFC 5321 §4.5.3.2.7: "at least 5 minutes"
            intake: reader.setting(&seconds(300..=86_400), Definition {
                name: "intake",
                otherwise: Otherwise::Value("\"5m30s\""),
                meaning: "How long LMTP and SMTP wait for the next command or the next octets of \
                          a message. RFC 5321 asks for 5 minutes at least.",
                reloads: false,
            }),
            write: reader.setting(&seconds(10..=3600), Definition {
                name: "write",
                otherwise: Otherwise::Value("\"2m\""),
                meaning: "How long a peer may read no octet of an answer.",
                reloads: false,
            }),
            tls_handshake: reader.setting(&seconds(1..=300), Definition {
                name: "tls_handshake",
                otherwise: Otherwise::Value("\"30s\""),
                meaning: "How long a TLS handshake may take. Under pressure it is a third of it.",
                reloads: false,
            }),
            drain: reader.setting(&seconds(1..=3600), Definition {
                name: "drain",
                otherwise: Otherwise::Value("\"30s\""),
                meaning: "How long present sessions may go on when the server is told to stop.",
                reloads: false,
            }),
        }
    }
}
