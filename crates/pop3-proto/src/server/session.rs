//! One POP3 session: takes commands off the input, and says what the driver has to do next.

use std::time::Instant;

use mail_wire::line::{Line, LineSplitter};
use mail_wire::{Credentials, MessageNumber};

use super::ask::{Answer, Ask, Commit, Next, Reason, Refusal, Send, Tell, Verified};
use super::authorization::{Authorization, could_be_right, refusal_reply};
use super::connection::Connection;
use super::failures::{Fingerprint, fingerprint};
use super::policy::Policy;
use super::progress::{Counters, Stage};
use super::stranger;
use super::transaction::Transaction;
use super::verdict::Verdict;
use crate::command::Command;
use crate::error::Malformed;
use crate::language::Language;
use crate::reply::Reply;
use crate::write;

/// One POP3 session, from greeting to close.
///
/// The driver's loop: `greet`, then `receive` until it says [`Next::Close`], doing each time
/// what [`Next`] asks. `answer`, `sent`, `tell` and `expire` only change the session; what
/// follows from them comes out of the next `receive`. Octets are appended to `output`; the
/// driver writes and clears it before it reads, sends, switches to TLS or closes, and before
/// it asks where the answer may take long.
///
/// A session that has ended stays so: `receive` goes on saying [`Next::Close`], takes nothing
/// off the input and says nothing more.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    state: State,
    splitter: LineSplitter,
    /// The line at hand began with AUTH before login: it may be as long as a SASL response.
    long_line: bool,
    /// What the last answer leads to.
    queued: Option<Next>,
    told: Option<Tell>,
    /// How long the output was at the last [`Next::Flush`]; 0 once the driver has cleared it.
    flushed: usize,
    /// Bad commands since the last good one (P-005).
    bad_in_row: u32,
    /// When the peer last did something that counts.
    active: Instant,
    /// Whether the session waits for the peer and not for the driver.
    waits_for_peer: bool,
    counters: Counters,
}

/// Where the session stands, and what that place knows.
#[derive(Debug)]
enum State {
    Authorization(Authorization),
    /// [`Ask::Verify`] is out.
    Verifying(Authorization, Fingerprint),
    /// [`Ask::Open`] is out, or queued.
    Opening(Authorization, Fingerprint, Verified),
    /// [`Ask::Secure`] is out.
    Securing,
    Transaction(Transaction),
    /// [`Ask::Retrieve`] is out.
    Retrieving(Transaction, Send),
    /// [`Next::Send`] is out, or queued.
    Sending(Transaction, Send),
    /// [`Ask::Commit`] is out: so many messages.
    Updating(u64),
    Ended(Reason),
}

impl Session {
    /// A session on a new connection.
    pub fn new(policy: Policy, now: Instant) -> Self {
        Self {
            connection: Connection::new(policy),
            state: State::Authorization(Authorization::default()),
            splitter: LineSplitter::default(),
            long_line: false,
            queued: None,
            told: None,
            flushed: 0,
            bad_in_row: 0,
            active: now,
            waits_for_peer: true,
            counters: Counters::default(),
        }
    }

    /// Appends the greeting (RFC 1939 §4, P-017). Where TLS is implicit, this comes after the
    /// handshake. A connection that is refused is told so with [`Session::tell`] instead.
    pub fn greet(&mut self, output: &mut Vec<u8>) {
        let hostname = self.connection.policy.hostname.clone();
        let timestamp = self.connection.timestamp.clone();
        Reply::Ready { hostname, timestamp }.write(Language::English, output);
    }

    /// Takes whole commands off `input`, as many as there are, until something has to be done
    /// that only the driver can do. A line that is not whole stays in `input`; offer it again
    /// with more behind it.
    ///
    /// While an [`Ask`] is unanswered or a message is not [`Session::sent`], nothing is taken
    /// and the answer is [`Next::NeedInput`].
    pub fn receive(&mut self, input: &mut &[u8], output: &mut Vec<u8>, now: Instant) -> Next {
        if !self.waits_for_peer {
            // P-020: what the driver did in between was progress.
            self.active = now;
        }
        let next = self.advance(input, output, now);
        let idle = matches!(self.state, State::Authorization(_) | State::Transaction(_));
        self.waits_for_peer = idle && matches!(next, Next::NeedInput);
        next
    }

    /// Gives the answer to the last [`Next::Ask`], then call `receive` again. An answer to
    /// another question ends the session without a word and without UPDATE.
    pub fn answer(&mut self, answer: Answer, output: &mut Vec<u8>, now: Instant) {
        self.active = now;
        let was_asked = self.queued.take().is_none();
        let state = std::mem::replace(&mut self.state, State::Ended(Reason::WrongAnswer));
        match (state, answer) {
            (State::Ended(reason), _) => self.state = State::Ended(reason),
            _ if !was_asked => {}
            (State::Verifying(authorization, fingerprint), Answer::Verified(verified)) => {
                self.state = State::Opening(authorization, fingerprint, verified);
                self.queued = Some(Next::Ask(Ask::Open));
            }
            (
                State::Verifying(authorization, fingerprint)
                | State::Opening(authorization, fingerprint, _),
                Answer::Refused(refusal),
            ) => self.refuse(authorization, fingerprint, refusal, output),
            (State::Opening(_, _, verified), Answer::Opened(listing)) => {
                let transaction = Transaction::new(listing, verified);
                self.say(&transaction.opened(), output);
                self.state = State::Transaction(transaction);
            }
            (State::Securing, Answer::Secured) => self.secured(),
            (State::Retrieving(mut transaction, send), Answer::Found) => {
                self.say(&transaction.found(send.number, send.lines), output);
                self.state = State::Sending(transaction, send);
                self.queued = Some(Next::Send(send));
            }
            (State::Retrieving(transaction, send), Answer::Lost { temporary }) => {
                // P-057: before any data, so the session goes on.
                self.state = State::Transaction(transaction);
                self.say(&Reply::Lost { number: send.number, temporary }, output);
            }
            (State::Updating(count), Answer::Committed(commit)) => {
                self.committed(count, commit, output);
            }
            _ => {}
        }
    }

    /// The message of the last [`Next::Send`] is out, its termination octet included. If it
    /// could not be sent whole the driver closes the connection instead (P-057).
    pub fn sent(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Ended(Reason::WrongAnswer));
        self.state = match state {
            State::Sending(transaction, send) if self.queued.is_none() => {
                if send.lines.is_none() {
                    let octets = transaction.octets(send.number);
                    let counters = &mut self.counters;
                    counters.retrieved = counters.retrieved.saturating_add(1);
                    counters.retrieved_octets = counters.retrieved_octets.saturating_add(octets);
                } else {
                    self.counters.topped = self.counters.topped.saturating_add(1);
                }
                State::Transaction(transaction)
            }
            State::Ended(reason) => State::Ended(reason),
            _ => State::Ended(Reason::WrongAnswer),
        };
    }

    /// When the autologout timer runs out; `None` while the session waits for the driver and
    /// not for the peer (P-019, P-020).
    pub fn deadline(&self) -> Option<Instant> {
        let idle = self.connection.policy.limits.idle;
        self.waits_for_peer.then(|| self.active.checked_add(idle)).flatten()
    }

    /// The deadline may have come. If so the session ends, without a word and without UPDATE
    /// (RFC 1939 §3, P-019), and the driver closes. Answers why the session has ended, if it
    /// has.
    pub fn expire(&mut self, now: Instant) -> Option<Reason> {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.end(Reason::Idle);
        }
        match self.state {
            State::Ended(reason) => Some(reason),
            _ => None,
        }
    }

    /// Ends the session, with a line that says why: at once where it waits for a command,
    /// otherwise as soon as the response under way is complete. An UPDATE that has begun is
    /// carried out and answered. The next `receive` says [`Next::Close`] when it is time.
    pub fn tell(&mut self, why: Tell, output: &mut Vec<u8>) {
        self.told = Some(why);
        if self.waits_for_peer {
            self.carry_out_told(output);
        }
    }

    /// How many octets of input the driver has to be able to hold now: a line that is longer
    /// is skipped. It grows only inside AUTH (`rulings` 2).
    pub fn input_octets_max(&self) -> usize {
        let limits = &self.connection.policy.limits;
        let long = self.long_line || self.is_in_exchange();
        if long { limits.sasl_octets_max } else { limits.line_octets_max }
    }

    /// Where the session stands.
    pub const fn stage(&self) -> Stage {
        match self.state {
            State::Authorization(_)
            | State::Verifying(..)
            | State::Opening(..)
            | State::Securing => Stage::Authorization,
            State::Transaction(_) | State::Retrieving(..) | State::Sending(..) => {
                Stage::Transaction
            }
            State::Updating(_) => Stage::Update,
            State::Ended(_) => Stage::Ended,
        }
    }

    /// Whether somebody has logged in and not yet left.
    pub const fn is_authenticated(&self) -> bool {
        matches!(self.stage(), Stage::Transaction | Stage::Update)
    }

    /// Whether TLS is on.
    pub const fn is_secure(&self) -> bool {
        self.connection.secure
    }

    /// What the session has done so far.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    fn advance(&mut self, input: &mut &[u8], output: &mut Vec<u8>, now: Instant) -> Next {
        // A driver that gathers the output instead of clearing it is told once a buffer.
        self.flushed = if output.len() < self.flushed { 0 } else { self.flushed };
        let octets_max = self.connection.policy.limits.output_octets_max;
        let octets_max = self.flushed.saturating_add(octets_max);
        loop {
            if let Some(next) = self.queued.take() {
                return next;
            }
            match &mut self.state {
                State::Ended(reason) => return Next::Close(*reason),
                State::Authorization(_) | State::Transaction(_) if output.len() >= octets_max => {
                    self.flushed = output.len();
                    return Next::Flush;
                }
                State::Transaction(transaction) if transaction.is_listing() => {
                    transaction.write_rows(octets_max, output);
                }
                State::Authorization(_) | State::Transaction(_) => {
                    if self.carry_out_told(output) || self.meets_tls(input, output) {
                        continue;
                    }
                    let Some(line) = self.next_line(input) else { return Next::NeedInput };
                    self.active = now;
                    self.counters.commands = self.counters.commands.saturating_add(1);
                    self.take(line, input, output);
                    self.long_line = false;
                }
                _ => return Next::NeedInput,
            }
        }
    }

    /// The next line, within the limit that holds for it.
    fn next_line<'i>(&mut self, input: &mut &'i [u8]) -> Option<Line<'i>> {
        if matches!(self.state, State::Authorization(_)) && !self.splitter.is_skipping() {
            // P-058: the initial response makes an AUTH line as long as any response.
            let start = input.get(..AUTH.len());
            self.long_line = start.is_some_and(|start| start.eq_ignore_ascii_case(AUTH));
        }
        let octets_max = self.input_octets_max();
        self.splitter.next(input, octets_max)
    }

    fn take(&mut self, line: Line<'_>, input: &[u8], output: &mut Vec<u8>) {
        let octets_max = self.input_octets_max();
        let Line::Whole { content, .. } = line else {
            return self.too_long(octets_max, output);
        };
        if self.is_in_exchange() {
            if let State::Authorization(authorization) = &mut self.state {
                let verdict = authorization.respond(content);
                self.carry_out(verdict, input, output);
            }
            return;
        }
        if let Some(reply) = stranger::recognise(content) {
            self.say(&reply, output);
            return self.end(Reason::WrongProtocol);
        }
        let verdict = match Command::parse(content) {
            Ok(Command::Last) if !self.connection.policy.last => Err(Malformed::Unknown),
            Ok(command) => Ok(self.obey(&command)),
            Err(malformed) => Err(malformed),
        };
        let verdict = verdict.unwrap_or_else(|malformed| {
            if let State::Authorization(authorization) = &mut self.state {
                authorization.forget();
            }
            Verdict::Bad(Reply::Malformed(malformed))
        });
        self.carry_out(verdict, input, output);
    }

    /// What is the same in both states, and then the state's own commands.
    fn obey(&mut self, command: &Command<'_>) -> Verdict {
        let login = match &mut self.state {
            State::Transaction(transaction) => Some(&transaction.verified),
            State::Authorization(authorization) => {
                // P-031: nothing but CAPA may stand between USER and PASS.
                if matches!(command, Command::Utf8 | Command::LangList | Command::Lang(_)) {
                    authorization.forget();
                }
                None
            }
            _ => return Verdict::Bad(Reply::NotYet),
        };
        match command {
            Command::Capa => {
                let list = self.connection.capabilities(login);
                Verdict::Rows(Reply::Capabilities, list.iter().map(ToString::to_string).collect())
            }
            // RFC 6856 §2.1 has it before login; Outlook sends it after (B-02).
            Command::Utf8 => {
                self.connection.utf8 = true;
                Verdict::Say(Reply::Utf8On)
            }
            Command::LangList => {
                let row =
                    |language: Language| format!("{} {}", language.tag(), language.own_name());
                Verdict::Rows(Reply::Languages, Language::ALL.map(row).to_vec())
            }
            Command::Lang(language) => {
                // RFC 6856 §3: in the new language from this reply on.
                self.connection.language = *language;
                Verdict::Say(Reply::LanguageSet(*language))
            }
            command => match &mut self.state {
                State::Authorization(state) => state.take(command, &mut self.connection),
                State::Transaction(state) => state.take(command, &self.connection),
                _ => Verdict::Bad(Reply::NotYet),
            },
        }
    }

    /// The one place where a verdict becomes octets and a next state.
    fn carry_out(&mut self, verdict: Verdict, input: &[u8], output: &mut Vec<u8>) {
        match verdict {
            Verdict::Say(reply) => self.say(&reply, output),
            Verdict::Bad(reply) => self.bad(&reply, output),
            Verdict::Rows(reply, rows) => {
                self.say(&reply, output);
                for row in rows {
                    write::write_row(format_args!("{row}"), self.connection.language, output);
                }
                output.extend_from_slice(mail_wire::dot::TERMINATION);
            }
            Verdict::Challenge(challenge) => write::write_challenge(&challenge, output),
            Verdict::Verify(credentials) => self.verify(credentials, output),
            Verdict::Secure => self.secure(input, output),
            Verdict::Retrieve(number, lines) => self.retrieve(number, lines),
            Verdict::Leave => self.leave(output),
        }
    }

    fn say(&mut self, reply: &Reply, output: &mut Vec<u8>) {
        if reply.is_positive() {
            self.bad_in_row = 0;
        }
        reply.write(self.connection.language, output);
    }

    /// Answers a bad command; the last of too many is answered with the end (P-005).
    fn bad(&mut self, reply: &Reply, output: &mut Vec<u8>) {
        self.counters.bad_commands = self.counters.bad_commands.saturating_add(1);
        if self.is_one_bad_too_many() {
            self.say(&Reply::TooManyBad, output);
            self.end(Reason::BadCommands);
        } else {
            self.say(reply, output);
        }
    }

    fn is_one_bad_too_many(&mut self) -> bool {
        self.bad_in_row = self.bad_in_row.saturating_add(1);
        let limits = &self.connection.policy.limits;
        let bad_max = match self.state {
            State::Transaction(_) => limits.bad_commands_after_login_max,
            _ => limits.bad_commands_before_login_max,
        };
        self.bad_in_row >= bad_max
    }

    fn too_long(&mut self, octets_max: usize, output: &mut Vec<u8>) {
        let reply = Reply::TooLong { octets_max };
        if self.long_line || self.is_in_exchange() {
            // P-058: not a mistake of typing.
            self.say(&reply, output);
            return self.end(Reason::SaslTooLong);
        }
        if let State::Authorization(authorization) = &mut self.state {
            authorization.forget();
        }
        self.bad(&reply, output);
    }

    /// A ClientHello where a command should begin: it has no line end to wait for.
    fn meets_tls(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let here = matches!(&self.state, State::Authorization(a) if !a.is_in_exchange())
            && !self.connection.secure
            && !self.splitter.is_skipping();
        if here && stranger::speaks_tls(input) {
            self.say(&Reply::NotTls { stls: self.connection.offers_stls() }, output);
            self.end(Reason::WrongProtocol);
            return true;
        }
        false
    }

    fn verify(&mut self, credentials: Credentials, output: &mut Vec<u8>) {
        let state = std::mem::replace(&mut self.state, State::Ended(Reason::WrongAnswer));
        let State::Authorization(authorization) = state else {
            self.state = state;
            return;
        };
        let fingerprint = fingerprint(&credentials);
        if could_be_right(&credentials, &self.connection.policy.limits) {
            self.state = State::Verifying(authorization, fingerprint);
            self.queued = Some(Next::Ask(Ask::Verify(credentials)));
        } else {
            self.refuse(authorization, fingerprint, Refusal::Credentials, output);
        }
    }

    /// The login failed: back to AUTHORIZATION, from the start (P-027).
    fn refuse(
        &mut self,
        mut authorization: Authorization,
        fingerprint: Fingerprint,
        refusal: Refusal,
        output: &mut Vec<u8>,
    ) {
        let ends = match refusal {
            Refusal::Credentials => {
                let failures = &mut authorization.failures;
                failures.add(fingerprint);
                self.counters.failures = failures.different();
                let limits = &self.connection.policy.limits;
                // The same once more is no new guess, but it cannot go on for ever.
                failures.different() >= limits.failures_max
                    || failures.tries() >= limits.bad_commands_before_login_max
            }
            Refusal::TooManyFailures { .. } => true,
            _ => false,
        };
        let reply = refusal_reply(refusal);
        self.state = State::Authorization(authorization);
        // B-14: the refusal comes before the close, or it looks like a broken network.
        self.say(&reply, output);
        if ends {
            self.end(Reason::Failures);
        }
    }

    /// RFC 2595 §4, P-122: nothing that came before TLS is taken for something inside it. The
    /// input is checked before `+OK` is said, the rest is the driver's: see [`Ask::Secure`].
    fn secure(&mut self, input: &[u8], output: &mut Vec<u8>) {
        if input.is_empty() {
            self.say(&Reply::BeginTls, output);
            self.state = State::Securing;
            self.queued = Some(Next::Ask(Ask::Secure));
        } else {
            self.say(&Reply::PlaintextAfterStls, output);
            self.end(Reason::PlaintextAfterStls);
        }
    }

    /// TLS is on: everything is new but the counters and the policy (P-122).
    fn secured(&mut self) {
        self.connection.secured();
        self.state = State::Authorization(Authorization::default());
        self.splitter = LineSplitter::default();
        self.long_line = false;
    }

    fn retrieve(&mut self, number: MessageNumber, lines: Option<u64>) {
        let state = std::mem::replace(&mut self.state, State::Ended(Reason::WrongAnswer));
        self.state = match state {
            State::Transaction(transaction) => {
                self.queued = Some(Next::Ask(Ask::Retrieve(number)));
                State::Retrieving(transaction, Send { number, lines })
            }
            other => other,
        };
    }

    /// QUIT: the one way into UPDATE (RFC 1939 §6, P-036, P-060).
    fn leave(&mut self, output: &mut Vec<u8>) {
        let State::Transaction(transaction) = &self.state else {
            self.say(&Reply::Farewell, output);
            return self.end(Reason::Quit);
        };
        let marked = transaction.marked();
        if marked.is_empty() {
            self.say(&Reply::Removed { left: transaction.left() }, output);
            return self.end(Reason::Quit);
        }
        self.state = State::Updating(u64::try_from(marked.len()).unwrap_or(u64::MAX));
        self.queued = Some(Next::Ask(Ask::Commit(marked)));
    }

    /// RFC 1939 §6, P-061 to P-063.
    fn committed(&mut self, count: u64, commit: Commit, output: &mut Vec<u8>) {
        match commit {
            Commit::Removed { left } => {
                self.counters.deleted = count;
                self.say(&Reply::Removed { left }, output);
                self.end(Reason::Quit);
            }
            Commit::Failed => {
                self.say(&Reply::NotRemoved, output);
                self.end(Reason::UpdateFailed);
            }
        }
    }

    fn carry_out_told(&mut self, output: &mut Vec<u8>) -> bool {
        let Some(why) = self.told.take() else { return false };
        let reply = match why {
            Tell::Drain => Reply::Draining,
            Tell::Pressure => Reply::Crowded,
            Tell::AccountChanged => Reply::AccountChanged,
        };
        self.say(&reply, output);
        self.end(Reason::Told);
        true
    }

    fn is_in_exchange(&self) -> bool {
        matches!(&self.state, State::Authorization(state) if state.is_in_exchange())
    }

    /// The first reason stands.
    fn end(&mut self, reason: Reason) {
        if !matches!(self.state, State::Ended(first) if first != Reason::WrongAnswer) {
            self.state = State::Ended(reason);
        }
        self.queued = None;
        self.waits_for_peer = false;
    }
}

/// What begins a line that may be long.
const AUTH: &[u8] = b"AUTH ";
