//! One POP3 session: takes commands off the input, and says what the driver has to do next.

use std::time::{Duration, Instant};

use mail_wire::Credentials;
use mail_wire::line::{Line, LineSplitter};
use mail_wire::sasl::Channel;

use super::ask::{Answer, Ask, Commit, Next, Reason, Refusal, Send, Tell};
use super::asked::Asked;
use super::authorization::{Authorization, could_be_right, refusal_reply};
use super::connection::Connection;
use super::errand::{Errand, Outcome};
use super::failures::Fingerprint;
use super::policy::Policy;
use super::progress::{Counters, Stage};
use super::state::State;
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
        let state = self.state.take();
        match (state, answer) {
            (State::Ended(reason), _) => self.state = State::Ended(reason),
            _ if !was_asked => {}
            (State::Asking(mut authorization, asked), answer) => {
                if let Some(verdict) = asked.answered(answer, &mut authorization) {
                    self.state = State::Authorization(authorization);
                    // No answer is given to what was read behind the command.
                    self.carry_out(verdict, &[], output);
                }
            }
            (State::Securing, Answer::Secured(channel)) => self.secured(channel),
            (State::Away(mut transaction, errand), answer) => {
                let outcome = errand.answered(answer, &mut transaction, &mut self.counters);
                self.resume(transaction, outcome, output);
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
        let state = self.state.take();
        self.state = match state {
            State::Away(transaction, Errand::Send(send)) if self.queued.is_none() => {
                self.counters.sent(send.lines.is_none(), transaction.octets(send.number));
                State::Transaction(transaction)
            }
            State::Ended(reason) => State::Ended(reason),
            _ => State::Ended(Reason::WrongAnswer),
        };
    }

    /// When the autologout timer runs out, or XWAIT's time is up; `None` while the session waits
    /// for the driver and not for the peer (P-019, P-020).
    pub fn deadline(&self) -> Option<Instant> {
        let idle = self.connection.policy.limits.idle;
        let idle = self.waits_for_peer.then(|| self.active.checked_add(idle)).flatten();
        idle.or(self.state.waits_until())
    }

    /// The deadline may have come. If so the session ends, without a word and without UPDATE
    /// (RFC 1939 §3, P-019), and the driver closes; XWAIT is answered by the next `receive`
    /// instead. Answers why the session has ended, if it has.
    pub fn expire(&mut self, now: Instant) -> Option<Reason> {
        if self.waits_for_peer && self.deadline().is_some_and(|deadline| deadline <= now) {
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
        if self.waits_for_peer || self.state.waits_until().is_some() {
            self.carry_out_told(output);
        }
    }

    /// Mail may have arrived, while XWAIT was under way ([`Next::Wait`]); then call `receive`.
    pub const fn arrived(&mut self) {
        if let State::Away(_, Errand::Wait { arrived, .. }) = &mut self.state {
            *arrived = true;
        }
    }

    /// Whether the peer has said UTF8 (RFC 6856 §2): before [`Ask::Open`] is answered it decides
    /// whether stand-ins are listed.
    pub const fn speaks_utf8(&self) -> bool {
        self.connection.utf8
    }

    /// How many octets of input the driver has to be able to hold now: a line that is longer
    /// is skipped. It grows only inside AUTH (`rulings` 2).
    pub fn input_octets_max(&self) -> usize {
        let limits = &self.connection.policy.limits;
        let long = self.long_line || self.state.is_in_exchange();
        if long { limits.sasl_octets_max } else { limits.line_octets_max }
    }

    /// Where the session stands.
    pub const fn stage(&self) -> Stage {
        self.state.stage()
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
                State::Transaction(transaction) if transaction.is_digesting() => {
                    self.digest_next(output);
                }
                State::Away(_, Errand::Wait { until, looked, arrived }) => {
                    let (looked, arrived) = (std::mem::replace(looked, true), *arrived);
                    // `rulings` 20: any input ends it, part of a line too.
                    let over = looked && (arrived || *until <= now || !input.is_empty());
                    if self.carry_out_told(output) {
                        continue;
                    } else if !over {
                        return Next::Wait;
                    }
                    self.stop_waiting(arrived, output);
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
        if self.state.is_in_exchange() {
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
            _ if !self.connection.policy.answers(content) => Err(Malformed::Unknown),
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
            Command::LangList => Verdict::Rows(Reply::Languages, Language::rows()),
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
            Verdict::Salt(question) => self.ask(Asked::Salt, Ask::Salt(question)),
            Verdict::Admit(fingerprint, verified) => {
                self.ask(Asked::Open(fingerprint, verified), Ask::Open);
            }
            Verdict::Enter(listing, verified) => {
                let transaction = Transaction::new(listing, verified);
                self.say(&transaction.opened(), output);
                self.state = State::Transaction(transaction);
            }
            Verdict::Refuse(fingerprint, refusal) => self.refuse(fingerprint, refusal, output),
            Verdict::Secure => self.secure(input, output),
            Verdict::Retrieve(number, lines) => {
                let errand = Errand::Retrieve(Send { number, lines });
                self.send_away(errand, Next::Ask(Ask::Retrieve(number)));
            }
            Verdict::Digest(number) => {
                let errand = Errand::Digest { number, in_list: false };
                self.send_away(errand, Next::Ask(Ask::Digest(number)));
            }
            Verdict::Refresh => self.send_away(Errand::Refresh, Next::Ask(Ask::Refresh)),
            Verdict::Commit => self.commit_early(output),
            Verdict::Wait(time) => self.wait(time),
            Verdict::Nothing => {}
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
        self.bad_in_row = self.bad_in_row.saturating_add(1);
        let after_login = matches!(self.state, State::Transaction(_));
        let limits = &self.connection.policy.limits;
        if self.bad_in_row >= limits.bad_commands_max(after_login) {
            self.say(&Reply::TooManyBad, output);
            self.end(Reason::BadCommands);
        } else {
            self.say(reply, output);
        }
    }

    fn too_long(&mut self, octets_max: usize, output: &mut Vec<u8>) {
        let reply = Reply::TooLong { octets_max };
        if self.long_line || self.state.is_in_exchange() {
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

    /// The driver has to answer something for AUTHORIZATION first.
    fn ask(&mut self, asked: Asked, ask: Ask) {
        if let State::Authorization(authorization) = self.state.take() {
            self.queued = Some(Next::Ask(ask));
            self.state = State::Asking(authorization, asked);
        }
    }

    fn verify(&mut self, credentials: Credentials, output: &mut Vec<u8>) {
        let State::Authorization(authorization) = &mut self.state else { return };
        let fingerprint = authorization.failures.fingerprint(&credentials);
        if could_be_right(&credentials, &self.connection.policy.limits) {
            self.ask(Asked::Verify(fingerprint), Ask::Verify(credentials));
        } else {
            let verdict = authorization.refused(fingerprint, Refusal::Credentials);
            self.carry_out(verdict, &[], output);
        }
    }

    /// The login failed: back to AUTHORIZATION, from the start (P-027).
    fn refuse(&mut self, fingerprint: Fingerprint, refusal: Refusal, output: &mut Vec<u8>) {
        let State::Authorization(authorization) = &mut self.state else { return };
        let ends = authorization.failed(fingerprint, &refusal, &self.connection.policy.limits);
        self.counters.failures = authorization.failures.different();
        // B-14: the refusal comes before the close, or it looks like a broken network.
        self.say(&refusal_reply(refusal), output);
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
    fn secured(&mut self, channel: Channel) {
        self.connection.secured(channel);
        self.state = State::Authorization(Authorization::default());
        self.splitter = LineSplitter::default();
        self.long_line = false;
    }

    /// The driver has to do something for TRANSACTION first.
    fn send_away(&mut self, errand: Errand, next: impl Into<Option<Next>>) {
        if let State::Transaction(transaction) = self.state.take() {
            self.queued = next.into();
            self.state = State::Away(transaction, errand);
        }
    }

    /// The driver has answered for TRANSACTION.
    fn resume(&mut self, transaction: Transaction, outcome: Outcome, output: &mut Vec<u8>) {
        self.state = match outcome {
            Outcome::Send(reply, send) => {
                self.say(&reply, output);
                self.queued = Some(Next::Send(send));
                State::Away(transaction, Errand::Send(send))
            }
            Outcome::Say(reply) => {
                self.say(&reply, output);
                State::Transaction(transaction)
            }
            Outcome::Row { number, digest, first } => {
                if first {
                    self.say(&Reply::Digests, output);
                }
                write::write_digest(number, &digest, output);
                State::Transaction(transaction)
            }
            Outcome::Broken => State::Ended(Reason::ListBroken),
            Outcome::Unfit => State::Ended(Reason::WrongAnswer),
        };
    }

    /// Asks for the next row of the list of digests, or ends it.
    fn digest_next(&mut self, output: &mut Vec<u8>) {
        let State::Transaction(transaction) = &mut self.state else { return };
        if let Some(number) = transaction.next_digest(&self.connection) {
            let errand = Errand::Digest { number, in_list: true };
            return self.send_away(errand, Next::Ask(Ask::Digest(number)));
        }
        if transaction.abandon_digests() {
            self.say(&Reply::Digests, output);
        }
        output.extend_from_slice(mail_wire::dot::TERMINATION);
    }

    /// XCOMMIT: as QUIT does it, and the session goes on (`rulings` 20).
    fn commit_early(&mut self, output: &mut Vec<u8>) {
        let State::Transaction(transaction) = &self.state else { return };
        let marked = transaction.marked();
        if marked.is_empty() {
            return self.say(&Reply::Committed(0), output);
        }
        let count = u64::try_from(marked.len()).unwrap_or(u64::MAX);
        self.send_away(Errand::Commit(count), Next::Ask(Ask::CommitEarly(marked)));
    }

    /// XWAIT. The session waits for mail, not for the peer: the autologout timer begins anew
    /// when it is over (P-020).
    fn wait(&mut self, time: Duration) {
        let Some(until) = self.active.checked_add(time) else { return self.end(Reason::Idle) };
        self.send_away(Errand::Wait { until, looked: false, arrived: false }, None);
    }

    fn stop_waiting(&mut self, arrived: bool, output: &mut Vec<u8>) {
        if let State::Away(transaction, _) = self.state.take() {
            self.resume(transaction, Outcome::Say(Reply::Waited { arrived }), output);
        }
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
                self.counters.deleted = self.counters.deleted.saturating_add(count);
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
        self.say(&why.reply(), output);
        self.end(Reason::Told);
        true
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
