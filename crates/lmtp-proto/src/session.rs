//! One LMTP or SMTP session: takes commands and message octets off the input, and says what
//! the driver has to do next.

use std::time::Instant;

use crate::ask::{Answer, Failure, Next, Reason, Tell};
use crate::counters::Counters;
use crate::policy::Policy;

/// One LMTP or SMTP session, from greeting to close.
///
/// The driver's loop: `greet`, then `receive` until it says [`Next::Close`], doing each time
/// what [`Next`] asks. `answer`, `failed`, `tell` and `expire` only change the session; what
/// follows from them comes out of the next `receive`. Octets are appended to `output`; the
/// driver writes and clears it before it reads, switches to TLS or closes.
///
/// After `Ask::Begin` was answered with `Ok`, exactly one `Ask::Commit` or `Ask::Abort`
/// follows, unless the connection ends before: then the driver drops the delivery.
#[derive(Debug)]
pub struct Session {
    policy: Policy,
    active: Instant,
    ended: Option<Reason>,
}

impl Session {
    /// A session on a new connection.
    pub fn new(policy: Policy, now: Instant) -> Self {
        Self { policy, active: now, ended: None }
    }

    /// Appends the greeting.
    pub fn greet(&mut self, output: &mut Vec<u8>) {
        output.extend_from_slice(b"220 ready\r\n");
    }

    /// Takes commands and message octets off `input` until something has to be done that only
    /// the driver can do. What is not whole yet stays in `input` (less than
    /// [`Session::input_octets_max`]); offer it again with more behind it.
    pub fn receive<'i>(
        &mut self,
        input: &mut &'i [u8],
        output: &mut Vec<u8>,
        now: Instant,
    ) -> Next<'i> {
        let _ = (input, output, now);
        self.ended.map_or(Next::NeedInput, Next::Close)
    }

    /// Gives the answer to the last [`Next::Ask`]. One that does not fit the question is
    /// ignored: the session goes on waiting.
    pub fn answer(&mut self, answer: Answer, output: &mut Vec<u8>, now: Instant) {
        let _ = (answer, output);
        self.active = now;
    }

    /// The delivery could not take the octets of the last [`Next::Take`]: the rest of the
    /// message is read and thrown away, and each recipient is answered with this failure.
    pub fn failed(&mut self, failure: Failure) {
        let _ = failure;
    }

    /// When the peer has been silent for too long (RFC 5321 §4.5.3.2.7); `None` while the
    /// session waits for the driver and not for the peer.
    pub fn deadline(&self) -> Option<Instant> {
        self.active.checked_add(self.policy.limits.idle)
    }

    /// The deadline may have come. If so the session ends with 421 4.4.2, and the driver drops
    /// the delivery, if there is one, writes the output and closes: `Some(Reason::Idle)`.
    pub fn expire(&mut self, output: &mut Vec<u8>, now: Instant) -> Option<Reason> {
        let _ = output;
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.ended = Some(Reason::Idle);
        }
        self.ended
    }

    /// Ends the session with a 421 that says why: at once where it waits for a command,
    /// otherwise as soon as the message or the answer under way is complete. The next
    /// `receive` says [`Next::Close`] when it is time.
    pub fn tell(&mut self, why: Tell, output: &mut Vec<u8>) {
        let _ = (why, output);
        self.ended = Some(Reason::Told);
    }

    /// How many octets of input the driver has to be able to hold now. To offer more is
    /// welcome: pipelined commands are then answered in one go.
    pub fn input_octets_max(&self) -> usize {
        self.policy.limits.line_octets_max
    }

    /// Whether octets of a message are being received.
    pub fn is_receiving(&self) -> bool {
        false
    }

    /// Whether TLS is on.
    pub fn is_secure(&self) -> bool {
        false
    }

    /// What the session has done so far.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
}
