//! One LMTP or SMTP session: takes commands and message octets off the input, and says what
//! the driver has to do next.

use std::time::Instant;

use mail_wire::line::{Ending, Line, LineSplitter};

use crate::ask::{Answer, Failure, Next, Reason, Tell};
use crate::command::{Command, is_tls_handshake};
use crate::content::{begun_chunk, begun_data, chunk, data, skip};
use crate::conversation::Conversation;
use crate::counters::Counters;
use crate::error::CommandError;
use crate::execute::{execute, recipient_answered};
use crate::policy::{BareLineEnds, Policy, Tls};
use crate::reply::{Reply, write_greeting};
use crate::state::{AfterAbort, Asked, Fate, Mail, Refused, Skip, State};

/// How much of a message is worth holding at once.
const CONTENT_OCTETS: usize = 64 * 1024;

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
    conversation: Conversation,
    state: State,
    splitter: LineSplitter,
    active: Instant,
    told: Option<Tell>,
}

impl Session {
    /// A session on a new connection.
    pub fn new(policy: Policy, now: Instant) -> Self {
        Self {
            conversation: Conversation::new(policy),
            state: State::Ready(Mail::Idle),
            splitter: LineSplitter::default(),
            active: now,
            told: None,
        }
    }

    /// Appends the greeting. Where TLS is on from the start, this comes after the handshake.
    pub fn greet(&mut self, output: &mut Vec<u8>) {
        write_greeting(&self.conversation.policy, output);
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
        loop {
            let before = input.len();
            let receiving = self.is_receiving();
            let state = std::mem::replace(&mut self.state, State::Closed(Reason::Told));
            let conversation = &mut self.conversation;
            let (state, next) = match state {
                State::Ready(mail) => self.line(mail, input, output, now),
                State::Data(message) => data(conversation, message, input, output),
                State::Chunk(chunking) => chunk(conversation, chunking, input, output),
                State::Skip(skipped) => skip(skipped, input, output),
                State::Asked(_) => (state, Some(Next::NeedInput)),
                State::Closed(reason) => (state, Some(Next::Close(reason))),
            };
            self.state = state;
            if receiving && input.len() != before {
                self.active = now;
            }
            if let Some(next) = next {
                return next;
            }
        }
    }

    /// Gives the answer to the last [`Next::Ask`]. One that does not fit the question is
    /// ignored: the session goes on waiting.
    pub fn answer(&mut self, answer: Answer, output: &mut Vec<u8>, now: Instant) {
        let state = std::mem::replace(&mut self.state, State::Closed(Reason::Told));
        self.state = match state {
            State::Asked(asked) => {
                self.active = now;
                self.answered(asked, answer, output)
            }
            _ => state,
        };
    }

    /// The delivery could not take the octets of the last [`Next::Take`]: the rest of the
    /// message is read and thrown away, and each recipient is answered with this failure.
    /// [`Ask::Abort`](crate::Ask::Abort) follows.
    pub fn failed(&mut self, failure: Failure) {
        let fate = match &mut self.state {
            State::Data(message) => &mut message.fate,
            State::Chunk(chunking) => &mut chunking.message.fate,
            _ => return,
        };
        if *fate == Fate::Taken {
            *fate = Fate::Refused(Refused::Failure(failure));
        }
    }

    /// When the peer has been silent for too long (RFC 5321 §4.5.3.2.7); `None` while the
    /// session waits for the driver and not for the peer.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Asked(_) | State::Closed(_) => None,
            _ => self.active.checked_add(self.conversation.policy.limits.idle),
        }
    }

    /// The deadline may have come. If so the session ends with 421 4.4.2, and the driver drops
    /// the delivery, if there is one, writes the output and closes: `Some(Reason::Idle)`.
    /// `None`: the session goes on.
    pub fn expire(&mut self, output: &mut Vec<u8>, now: Instant) -> Option<Reason> {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            Reply::IDLE.write(output);
            self.state = State::Closed(Reason::Idle);
        }
        match self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Ends the session with a 421 that says why: at once where it waits for a command,
    /// otherwise as soon as the message or the answer under way is complete. The next
    /// `receive` says [`Next::Close`] when it is time.
    pub fn tell(&mut self, why: Tell, output: &mut Vec<u8>) {
        if let State::Ready(_) = self.state {
            Reply::told(why).write(output);
            self.state = State::Closed(Reason::Told);
        } else {
            self.told = Some(why);
        }
    }

    /// How many octets of input the driver has to be able to hold now. To offer more is
    /// welcome: pipelined commands are then answered in one go.
    pub fn input_octets_max(&self) -> usize {
        match self.state {
            State::Data(_) | State::Chunk(_) | State::Skip(_) => CONTENT_OCTETS,
            _ => self.conversation.policy.limits.line_octets_max,
        }
    }

    /// Whether octets of a message are being received.
    pub fn is_receiving(&self) -> bool {
        matches!(self.state, State::Data(_) | State::Chunk(_) | State::Skip(_))
    }

    /// How many recipients the mail transaction under way has so far; 0 where there is none.
    /// While [`Ask::Recipient`](crate::Ask::Recipient) is out, those before the one asked for.
    pub fn recipients(&self) -> usize {
        match &self.state {
            State::Ready(Mail::Envelope(transaction))
            | State::Asked(Asked::Recipient(transaction, _)) => transaction.recipients.len(),
            _ => 0,
        }
    }

    /// What SIZE said of the message in the mail transaction under way (RFC 1870 §5), for who
    /// answers [`Ask::Recipient`](crate::Ask::Recipient).
    pub fn declared_octets(&self) -> Option<u64> {
        match &self.state {
            State::Ready(Mail::Envelope(transaction))
            | State::Asked(Asked::Recipient(transaction, _)) => transaction.parameters.size,
            _ => None,
        }
    }

    /// Whether TLS is on.
    pub fn is_secure(&self) -> bool {
        self.conversation.tls == Tls::Active
    }

    /// What the session has done so far.
    pub fn counters(&self) -> Counters {
        self.conversation.counters
    }

    /// Takes one command.
    fn line<'i>(
        &mut self,
        mail: Mail,
        input: &mut &'i [u8],
        output: &mut Vec<u8>,
        now: Instant,
    ) -> (State, Option<Next<'i>>) {
        if let Some(why) = self.told {
            Reply::told(why).write(output);
            return (State::Closed(Reason::Told), None);
        }
        if output.len() >= self.conversation.policy.limits.output_octets_max {
            return (State::Ready(mail), Some(Next::Flush));
        }
        let nothing_read = self.conversation.counters.commands == 0 && !self.splitter.is_mid_line();
        if nothing_read && is_tls_handshake(input) {
            Reply::OTHER_PROTOCOL.write(output);
            return (State::Closed(Reason::WrongProtocol), None);
        }
        let octets_max = self.conversation.policy.limits.line_octets_max;
        let Some(line) = self.splitter.next(input, octets_max) else {
            return (State::Ready(mail), Some(Next::NeedInput));
        };
        self.active = now;
        let commands = &mut self.conversation.counters.commands;
        *commands = commands.saturating_add(1);
        let (state, ask) = match self.read(line) {
            Ok(command) => {
                execute(&mut self.conversation, mail, command, !input.is_empty(), output)
            }
            Err(refusal) => (self.refuse(refusal, mail, output), None),
        };
        if !matches!(state, State::Closed(_)) && self.conversation.has_too_many_bad_commands() {
            Reply::TOO_MANY_BAD_COMMANDS.write(output);
            return (State::Closed(Reason::BadCommands), None);
        }
        (state, ask.map(Next::Ask))
    }

    fn read(&self, line: Line<'_>) -> Result<Command, LineError> {
        match line {
            Line::TooLong => Err(LineError::TooLong),
            Line::Whole { content, ending } => {
                let command = Command::parse(content, &self.conversation.policy);
                let strict = self.conversation.policy.bare_line_ends == BareLineEnds::Refuse;
                match command {
                    // A peer of another protocol is told so however it ends its lines.
                    Err(CommandError::OtherProtocol) => {}
                    // RFC 5321 §2.3.8, P-199: the sender and we would not agree on lines.
                    _ if strict && ending == Ending::Lf => return Err(LineError::BareLf),
                    _ => {}
                }
                command.map_err(LineError::Command)
            }
        }
    }

    /// Answers a line that is no command.
    fn refuse(&mut self, error: LineError, mail: Mail, output: &mut Vec<u8>) -> State {
        let error = match error {
            LineError::TooLong => {
                self.conversation.bad(Reply::LINE_TOO_LONG, output);
                return State::Ready(mail);
            }
            LineError::BareLf => {
                self.conversation.bad(Reply::BARE_LF, output);
                return State::Ready(mail);
            }
            LineError::Command(error) => error,
        };
        let reply = Reply::command(error);
        match error {
            // P-209: to keep in step the chunk is read all the same.
            CommandError::Chunk(left) => {
                self.conversation.count_bad();
                State::Skip(Skip { left, reply: Some(reply), mail })
            }
            // Where the chunk ends nobody knows: what follows must not be taken for commands.
            CommandError::ChunkSize => {
                self.conversation.bad(reply, output);
                State::Closed(Reason::BadCommands)
            }
            CommandError::OtherProtocol => {
                self.conversation.bad(reply, output);
                State::Closed(Reason::WrongProtocol)
            }
            CommandError::ReversePath(_) | CommandError::Parameter(_)
                if matches!(mail, Mail::Idle) =>
            {
                self.conversation.bad(reply, output);
                State::Ready(Mail::Refused)
            }
            _ => {
                self.conversation.bad(reply, output);
                State::Ready(mail)
            }
        }
    }

    /// Goes on after an answer.
    fn answered(&mut self, asked: Asked, answer: Answer, output: &mut Vec<u8>) -> State {
        let conversation = &mut self.conversation;
        match (asked, answer) {
            (Asked::Recipient(transaction, path), Answer::Recipient(answer)) => {
                recipient_answered(conversation, transaction, path, answer, output)
            }
            (Asked::BeginData { recipients }, Answer::Begun(answer)) => {
                begun_data(conversation, recipients, answer, output)
            }
            (Asked::BeginChunk { recipients, chunk }, Answer::Begun(answer)) => {
                begun_chunk(conversation, recipients, chunk, answer)
            }
            (Asked::Commit { recipients, octets }, Answer::Committed(outcomes)) => {
                conversation.committed(recipients, octets, &outcomes, output);
                State::Ready(Mail::Idle)
            }
            (Asked::Abort(after), Answer::Dropped) => aborted(conversation, after, output),
            (Asked::Secure, Answer::Secured) => {
                conversation.secured();
                self.splitter = LineSplitter::default();
                State::Ready(Mail::Idle)
            }
            (asked, _) => State::Asked(asked),
        }
    }
}

/// Why a line is refused.
#[derive(Clone, Copy, Debug)]
enum LineError {
    TooLong,
    BareLf,
    Command(CommandError),
}

/// RSET, LHLO or a refused message: the delivery is gone.
fn aborted(conversation: &mut Conversation, after: AfterAbort, output: &mut Vec<u8>) -> State {
    match after {
        AfterAbort::Reset => {
            Reply::OK.write(output);
            State::Ready(Mail::Idle)
        }
        AfterAbort::Hello(hello) => {
            conversation.greeted(hello, output);
            State::Ready(Mail::Idle)
        }
        AfterAbort::Data(message) => State::Data(message),
        AfterAbort::Chunk(chunking) => State::Chunk(chunking),
    }
}
