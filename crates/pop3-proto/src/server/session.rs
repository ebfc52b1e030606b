//! One POP3 session: takes commands off the input, and says what the driver has to do next.

use std::time::Instant;

use super::ask::{Answer, Next, Reason, Tell};
use super::policy::Policy;

/// One POP3 session, from greeting to close.
///
/// The driver's loop: `greet`, then `receive` until it says [`Next::Close`], doing each time
/// what [`Next`] asks. `answer`, `sent`, `tell` and `expire` only change the session; what
/// follows from them comes out of the next `receive`. Octets are appended to `output`; the
/// driver writes and clears it before it reads, sends, switches to TLS or closes.
#[derive(Debug)]
pub struct Session {
    policy: Policy,
    active: Instant,
    ended: Option<Reason>,
}

/// What a session has done, for logs, metrics and the guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lines taken, bad ones included.
    pub commands: u64,
    /// Lines that were no command, or none that may stand here.
    pub bad_commands: u64,
    /// Different names and passwords that were refused.
    pub failures: u32,
    /// Messages sent whole by RETR.
    pub retrieved: u64,
    /// The octets of these, as LIST counts them.
    pub retrieved_octets: u64,
    /// Messages sent in part by TOP.
    pub topped: u64,
    /// Messages removed in UPDATE.
    pub deleted: u64,
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

impl Session {
    /// A session on a new connection.
    pub fn new(policy: Policy, now: Instant) -> Self {
        Self { policy, active: now, ended: None }
    }

    /// Appends the greeting. Where TLS is implicit, this comes after the handshake.
    pub fn greet(&mut self, output: &mut Vec<u8>) {
        output.extend_from_slice(b"+OK Restante ready\r\n");
    }

    /// Takes whole commands off `input`, as many as there are, until something has to be done
    /// that only the driver can do. A line that is not whole stays in `input`; offer it again
    /// with more behind it.
    pub fn receive(&mut self, input: &mut &[u8], output: &mut Vec<u8>, now: Instant) -> Next {
        let _ = (input, output, now);
        self.ended.map_or(Next::NeedInput, Next::Close)
    }

    /// Gives the answer to the last [`Next::Ask`].
    pub fn answer(&mut self, answer: Answer, output: &mut Vec<u8>, now: Instant) {
        let _ = (answer, output);
        self.active = now;
    }

    /// The message of the last [`Next::Send`] is out, its termination octet included.
    pub fn sent(&mut self) {}

    /// When the autologout timer runs out; `None` while the session waits for the driver and
    /// not for the peer (P-019, P-020).
    pub fn deadline(&self) -> Option<Instant> {
        self.active.checked_add(self.policy.limits.idle)
    }

    /// The deadline may have come. If so the session ends, without a word and without UPDATE
    /// (RFC 1939 §3), and the driver closes: `Some(Reason::Idle)`.
    pub fn expire(&mut self, now: Instant) -> Option<Reason> {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.ended = Some(Reason::Idle);
        }
        self.ended
    }

    /// Ends the session, with a line that says why: at once where it waits for a command,
    /// otherwise as soon as the response under way is complete. An UPDATE that has begun is
    /// carried out. The next `receive` says [`Next::Close`] when it is time.
    pub fn tell(&mut self, why: Tell, output: &mut Vec<u8>) {
        let _ = (why, output);
        self.ended = Some(Reason::Told);
    }

    /// How many octets of input the driver has to be able to hold now: a line that is longer
    /// is skipped. It grows only inside AUTH.
    pub fn input_octets_max(&self) -> usize {
        self.policy.limits.line_octets_max
    }

    /// Where the session stands.
    pub fn stage(&self) -> Stage {
        Stage::Authorization
    }

    /// Whether somebody has logged in.
    pub fn is_authenticated(&self) -> bool {
        matches!(self.stage(), Stage::Transaction | Stage::Update)
    }

    /// Whether TLS is on.
    pub fn is_secure(&self) -> bool {
        self.policy.implicit_tls
    }

    /// What the session has done so far.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
}
