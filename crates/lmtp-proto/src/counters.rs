//! What a session has done, in numbers.

/// What a session has done, for logs, metrics and the guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lines taken as commands, bad ones included.
    pub commands: u64,
    /// Lines that were no command, or none that may stand there.
    pub bad_commands: u64,
    /// RCPT commands that were answered 2xx.
    pub recipients: u64,
    /// RCPT commands that were refused, for whichever reason.
    pub recipients_refused: u64,
    /// Messages that were taken for at least one recipient.
    pub messages: u64,
    /// The octets of these, dot-stuffing not counted.
    pub message_octets: u64,
    /// Messages that were read to their end and taken for nobody.
    pub messages_refused: u64,
    /// How many of these were refused for a bare CR or LF.
    pub bare_line_ends: u64,
    /// How many of these were larger than the limit.
    pub too_large: u64,
}
