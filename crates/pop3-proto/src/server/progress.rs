//! How far a session has come: its stage, and what it has done.

/// What a session has done, for logs, metrics and the guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lines taken, bad ones and SASL responses included.
    pub commands: u64,
    /// Lines that were no command, or none that may stand here.
    pub bad_commands: u64,
    /// Different names and passwords that were refused.
    pub failures: u32,
    /// Messages sent whole by RETR.
    pub retrieved: u64,
    /// The octets of these, as LIST counts them.
    pub retrieved_octets: u64,
    /// Messages sent by TOP.
    pub topped: u64,
    /// Messages removed in UPDATE and by XCOMMIT.
    pub deleted: u64,
}

impl Counters {
    /// A message was sent: all of it, of so many octets, or its top.
    pub(super) const fn sent(&mut self, whole: bool, octets: u64) {
        if whole {
            self.retrieved = self.retrieved.saturating_add(1);
            self.retrieved_octets = self.retrieved_octets.saturating_add(octets);
        } else {
            self.topped = self.topped.saturating_add(1);
        }
    }
}

/// The states of RFC 1939 §3, and the one after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Nobody has logged in.
    Authorization,
    /// The maildrop is open.
    Transaction,
    /// QUIT was received in TRANSACTION; the removal is being carried out.
    Update,
    /// Over.
    Ended,
}
