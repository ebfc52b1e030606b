//! Every reply the session gives, and the one place that turns it into octets.
//!
//! RFC 2034 §4, P-212: each 2xx, 4xx and 5xx, but the greeting and the answers to LHLO, EHLO
//! and HELO, begins with an enhanced code of its own class. No reply holds what the peer sent.

use crate::ask::{Failure, RecipientRefusal, Tell};
use crate::error::{CommandError, ParameterError, PathError};
use crate::policy::{Dialect, Policy, Tls};

/// A reply of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    code: u16,
    enhanced: Option<&'static str>,
    text: &'static str,
}

const fn reply(code: u16, enhanced: &'static str, text: &'static str) -> Reply {
    Reply { code, enhanced: Some(enhanced), text }
}

impl Reply {
    pub(crate) const OK: Self = reply(250, "2.0.0", "ok");
    pub(crate) const SENDER_OK: Self = reply(250, "2.1.0", "sender ok");
    pub(crate) const RECIPIENT_OK: Self = reply(250, "2.1.5", "recipient ok");
    pub(crate) const CHUNK_OK: Self = reply(250, "2.0.0", "chunk received");
    pub(crate) const DELIVERED: Self = reply(250, "2.0.0", "delivered");
    pub(crate) const BYE: Self = reply(221, "2.0.0", "bye");
    pub(crate) const START_TLS: Self = reply(220, "2.0.0", "ready to start TLS");
    /// RFC 5321 §3.5.3: 252 where nothing is given away.
    pub(crate) const VRFY: Self =
        reply(252, "2.0.0", "send mail to it, and RCPT will tell whether it is taken");
    pub(crate) const HELP: Self =
        reply(214, "2.0.0", "this server takes mail for its own users; see RFC 5321 and RFC 2033");
    /// RFC 2034 §4: no enhanced code with 3xx.
    pub(crate) const SEND_MESSAGE: Self =
        Self { code: 354, enhanced: None, text: "send the message, end with <CRLF>.<CRLF>" };

    pub(crate) const LINE_TOO_LONG: Self = reply(500, "5.5.2", "the line is too long");
    pub(crate) const BARE_LF: Self = reply(500, "5.5.2", "end each line with CR and LF");
    pub(crate) const HELLO_FIRST_LMTP: Self = reply(503, "5.5.1", "send LHLO first");
    pub(crate) const HELLO_FIRST_SMTP: Self = reply(503, "5.5.1", "send EHLO first");
    pub(crate) const NESTED_MAIL: Self = reply(503, "5.5.1", "a sender was given already");
    pub(crate) const MAIL_FIRST: Self = reply(503, "5.5.1", "send MAIL first");
    pub(crate) const RCPT_FIRST: Self = reply(503, "5.5.1", "no recipient was accepted");
    pub(crate) const NO_MIXING: Self =
        reply(503, "5.5.1", "the message has begun with BDAT; go on with BDAT, or send RSET");
    pub(crate) const EXTENSIONS_NEED_EHLO: Self =
        reply(555, "5.5.4", "parameters need EHLO, not HELO");
    pub(crate) const UTF8_PATH: Self =
        reply(553, "5.6.7", "an address with letters beyond ASCII needs SMTPUTF8");
    pub(crate) const TOO_MANY_RECIPIENTS: Self =
        reply(452, "4.5.3", "too many recipients; send the rest in another mail transaction");
    pub(crate) const TOO_LARGE: Self = reply(552, "5.3.4", "the message is too large");
    /// RFC 1870 §6.1 (2), P-208: the recipient's quota, as long as it is full.
    pub(crate) const FULL_NOW: Self = reply(452, "4.2.2", "the mailbox is full");
    pub(crate) const OVER_QUOTA: Self = reply(552, "5.2.2", "the mailbox is full");
    pub(crate) const BARE_LINE_END: Self =
        reply(550, "5.6.11", "the message has a CR or LF that is not part of a CRLF");
    pub(crate) const TLS_ACTIVE: Self = reply(503, "5.5.1", "TLS is on already");
    pub(crate) const TLS_UNAVAILABLE: Self = reply(502, "5.5.1", "TLS is not available here");
    pub(crate) const TLS_IN_MESSAGE: Self =
        reply(503, "5.5.1", "finish the message first, or send RSET");
    pub(crate) const PLAINTEXT_AFTER_STARTTLS: Self =
        reply(503, "5.5.1", "nothing may be sent between STARTTLS and its answer");
    pub(crate) const TOO_MANY_BAD_COMMANDS: Self =
        reply(421, "4.7.0", "too many bad commands, closing");
    pub(crate) const IDLE: Self = reply(421, "4.4.2", "nothing was received for too long, closing");
    pub(crate) const OTHER_PROTOCOL: Self =
        reply(421, "4.7.0", "this port speaks SMTP or LMTP, closing");

    /// Appends the reply.
    pub(crate) fn write(self, output: &mut Vec<u8>) {
        output.extend_from_slice(self.code.to_string().as_bytes());
        output.push(b' ');
        if let Some(enhanced) = self.enhanced {
            output.extend_from_slice(enhanced.as_bytes());
            output.push(b' ');
        }
        output.extend_from_slice(self.text.as_bytes());
        output.extend_from_slice(b"\r\n");
    }

    /// Whether another try may succeed.
    pub(crate) const fn is_temporary(self) -> bool {
        self.code < 500
    }

    /// LHLO or EHLO has to come first.
    pub(crate) const fn hello_first(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Lmtp => Self::HELLO_FIRST_LMTP,
            Dialect::Smtp => Self::HELLO_FIRST_SMTP,
        }
    }

    /// Why a recipient is refused (P-214).
    pub(crate) const fn recipient(refusal: RecipientRefusal) -> Self {
        match refusal {
            RecipientRefusal::Unknown => reply(550, "5.1.1", "no such mailbox here"),
            RecipientRefusal::Foreign => reply(550, "5.7.1", "no mail is relayed here"),
            RecipientRefusal::Disabled => reply(450, "4.2.1", "the mailbox takes no mail now"),
            RecipientRefusal::Full => Self::FULL_NOW,
            RecipientRefusal::OverQuota => Self::OVER_QUOTA,
            RecipientRefusal::Temporary => reply(451, "4.3.0", "cannot look that up, try later"),
        }
    }

    /// Why a delivery failed (P-217: what is not certain is 4xx).
    pub(crate) const fn failure(failure: Failure) -> Self {
        match failure {
            Failure::DiskFull => reply(452, "4.3.1", "no room for the message, try later"),
            Failure::Temporary => reply(451, "4.3.0", "the message cannot be kept, try later"),
            Failure::MaildropFull => Self::FULL_NOW,
            Failure::OverQuota => Self::OVER_QUOTA,
            Failure::TooLarge => Self::TOO_LARGE,
            // RFC 5321 §6.3, P-206
            Failure::Loop => reply(554, "5.4.6", "too many Received lines, the mail is looping"),
            Failure::Returned => {
                reply(554, "5.4.6", "Delivered-To names this recipient, the mail is looping")
            }
            Failure::Message => {
                reply(550, "5.6.0", "the message's header or lines break the rules of mail")
            }
        }
    }

    /// Why the driver ends the session.
    pub(crate) const fn told(why: Tell) -> Self {
        match why {
            Tell::Drain => reply(421, "4.3.2", "the server is being stopped, closing"),
            Tell::Pressure => reply(421, "4.3.2", "too many connections, closing"),
        }
    }

    /// What is wrong with a command.
    pub(crate) const fn command(error: CommandError) -> Self {
        match error {
            CommandError::Unknown => reply(500, "5.5.1", "no such command"),
            CommandError::LhloOnly => {
                reply(500, "5.5.1", "this is LMTP: send LHLO, or connect to an SMTP port")
            }
            CommandError::EhloOnly => {
                reply(500, "5.5.1", "this is SMTP: send EHLO, or connect to an LMTP port")
            }
            CommandError::NotImplemented => reply(502, "5.5.1", "not offered here"),
            CommandError::Octets => {
                reply(500, "5.5.2", "a control character stands in the command")
            }
            CommandError::Argument => {
                reply(501, "5.5.4", "the argument is missing, or not one for this command")
            }
            CommandError::ReversePath(error) => reply(501, "5.1.7", path_text(error)),
            CommandError::ForwardPath(error) => reply(501, "5.1.3", path_text(error)),
            CommandError::Parameter(ParameterError::Unknown) => {
                reply(555, "5.5.4", "a parameter is not known here")
            }
            CommandError::Parameter(ParameterError::Value) => {
                reply(501, "5.5.4", "a parameter's value breaks the grammar")
            }
            CommandError::ChunkSize => {
                reply(501, "5.5.4", "the size of the chunk cannot be read, closing")
            }
            CommandError::Chunk(_) => reply(501, "5.5.4", "only LAST may follow the size"),
            CommandError::OtherProtocol => Self::OTHER_PROTOCOL,
        }
    }
}

const fn path_text(error: PathError) -> &'static str {
    match error {
        PathError::Brackets => "the address is not enclosed in <>",
        PathError::Null => "a recipient cannot be <>",
        PathError::LocalPart => "the part before the @ breaks the grammar; quote it",
        PathError::DomainMissing => "the address has no domain",
        PathError::Domain => "the domain is neither a name nor an address literal",
        PathError::Utf8 => "the address is not UTF-8",
        PathError::LocalPartTooLong => "the part before the @ is longer than 64 octets",
        PathError::DomainTooLong => "the domain is longer than 255 octets",
        PathError::TooLong => "the path is longer than 256 octets",
    }
}

/// Appends the greeting (RFC 5321 §4.2, RFC 2033 §4.1).
pub(crate) fn write_greeting(policy: &Policy, output: &mut Vec<u8>) {
    let protocol = match policy.dialect {
        Dialect::Lmtp => "LMTP",
        Dialect::Smtp => "ESMTP",
    };
    output.extend_from_slice(format!("220 {} {protocol} ready\r\n", policy.hostname).as_bytes());
}

/// Appends the answer to HELO, which has no extensions.
pub(crate) fn write_plain_hello(policy: &Policy, output: &mut Vec<u8>) {
    output.extend_from_slice(format!("250 {}\r\n", policy.hostname).as_bytes());
}

/// Appends the answer to LHLO or EHLO: what is offered here and now (P-195, P-209 to P-213).
pub(crate) fn write_hello(policy: &Policy, tls: Tls, output: &mut Vec<u8>) {
    let line = format!("250-{}\r\n", policy.hostname);
    output.extend_from_slice(line.as_bytes());
    output.extend_from_slice(b"250-PIPELINING\r\n");
    let size = format!("250-SIZE {}\r\n", policy.limits.message_octets_max);
    output.extend_from_slice(size.as_bytes());
    if tls == Tls::Offered {
        output.extend_from_slice(b"250-STARTTLS\r\n");
    }
    output.extend_from_slice(b"250-8BITMIME\r\n");
    if policy.smtputf8 {
        output.extend_from_slice(b"250-SMTPUTF8\r\n");
    }
    output.extend_from_slice(b"250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n");
}
