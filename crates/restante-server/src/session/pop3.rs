//! The POP3 driver: the machine asks, this loop answers (`design` §1, journey (a)).

use std::time::Duration;

use mail_wire::sasl::scram::SaltQuestion;
use mail_wire::{Credentials, MessageNumber};
use pop3_proto::server::ask::{Answer, Ask, Commit, Next, Reason, Refusal, Send, Tell, Verified};
use pop3_proto::server::policy::Utf8Legacy;
use pop3_proto::server::session::Session;
use restante_directory::{Account, Origin, Scope, Secrecy, Unavailable, VerifyError};
use restante_store::StoreError;
use tokio::time::{Instant, sleep};

use crate::guard::nudge::Word;
use crate::ledger::events::{self, Pop3Tally};
use crate::net::conn::{Connection, Heard, WriteError};
use crate::net::tls::Protocol;
use crate::session::announce::{expire, policy};
use crate::session::context::Context;
use crate::session::custodian::{Custodian, Left};
use crate::session::digest::digest;
use crate::session::handshake::handshake;
use crate::session::login::{Login, open};
use crate::session::retrieve::{Broken, Message};
use crate::session::visit::Visit;
use crate::session::wait::{Woken, wait};

/// How often a session asks whether its account may go on, where nothing else made it ask.
const VALID_FOR: Duration = Duration::from_mins(1);

/// How long a list of digests may go on without anything being written.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Serves one POP3 connection; over TLS the handshake is done.
pub(crate) async fn serve(connection: Connection, visit: Visit, context: &Context) {
    let started = Instant::now();
    // What cannot be said now is not announced.
    let spread = context.services.directory.spread().await.ok();
    let session = Session::new(policy(&visit, context, spread), started.into_std());
    let mut driver = Driver {
        connection,
        visit,
        context,
        session,
        verified: None,
        login: None,
        custodian: None,
        message: None,
        owes_message: false,
        told: false,
        removed: 0,
        written_at: started,
        tally: Pop3Tally::default(),
    };
    let end = driver.run().await;
    let how = end.how();
    let left_as = end.left();
    let Driver { connection, visit, session, login, mut custodian, removed, mut tally, .. } =
        driver;
    custodian.iter_mut().for_each(Custodian::leaves);
    let counters = session.counters();
    // The lock goes before the last line does: who reads it may log in again at once (P-024).
    let left = login.map(|login| login.maildrop.listing().len().saturating_sub(removed));
    context.stats.messages_sent.add(counters.retrieved);
    context.stats.octets_sent.add(counters.retrieved_octets);
    tally.fetched = counters.retrieved;
    tally.fetched_octets = counters.retrieved_octets;
    tally.looked_at = counters.topped;
    tally.deleted = counters.deleted;
    tally.left = left.map_or(tally.left, |left| u64::try_from(left).unwrap_or(u64::MAX));
    tally.bad_commands = counters.bad_commands;
    events::pop3_ended(visit.present.id(), visit.peer, &tally, started.elapsed(), how);
    match end {
        End::Closed(Reason::ListBroken) | End::Stuck(_) | End::Cut => connection.cut(),
        End::Closed(_) => connection.close().await,
        End::Hung => drop(connection),
    }
    if let Some(custodian) = custodian {
        custodian.ended(left_as).await;
    }
}

/// How a session ended.
enum End {
    /// By the machine's word: what is written is to be read.
    Closed(Reason),
    /// The peer closed.
    Hung,
    /// Output could not be written.
    Stuck(WriteError),
    /// A message could not be read to its end: the peer must not take it for whole (P-057).
    Cut,
}

impl End {
    /// How it left the maildrop.
    const fn left(&self) -> Left {
        match self {
            Self::Closed(Reason::Quit | Reason::UpdateFailed) => Left::Quit,
            Self::Closed(Reason::Told | Reason::WrongAnswer | Reason::ListBroken) => Left::SentAway,
            Self::Closed(_) | Self::Hung | Self::Stuck(_) | Self::Cut => Left::Died,
        }
    }

    /// For the end of the log line; nothing where all went well.
    fn how(&self) -> &'static str {
        match self {
            Self::Closed(Reason::Quit) => "",
            Self::Closed(Reason::UpdateFailed) => "removal failed",
            Self::Closed(Reason::Idle) => "idle for too long",
            Self::Closed(Reason::BadCommands) => "too many bad commands",
            Self::Closed(Reason::Failures) => "too many failed logins",
            Self::Closed(Reason::PlaintextAfterStls) => "clear text where TLS had to begin",
            Self::Closed(Reason::SaslTooLong) => "an AUTH line beyond the limit",
            Self::Closed(Reason::WrongProtocol) => "spoke another protocol",
            Self::Closed(Reason::ListBroken) => "cut off: a message of a list cannot be read",
            Self::Closed(Reason::Told) => "ended by the server",
            Self::Closed(Reason::WrongAnswer) => "ended by a fault in the server",
            Self::Hung => "closed without QUIT",
            Self::Stuck(WriteError::TimedOut(_)) => "the client did not read",
            Self::Stuck(WriteError::TakenOver) => "the client was gone, and logged in again",
            Self::Stuck(WriteError::Broken(_)) => "the connection broke",
            Self::Cut => "cut off: a message could not be read to its end",
        }
    }
}

struct Driver<'c> {
    connection: Connection,
    visit: Visit,
    context: &'c Context,
    session: Session,
    /// Verified, and the maildrop not open yet.
    verified: Option<Account>,
    login: Option<Login>,
    /// From login on, also when the maildrop is left.
    custodian: Option<Custodian>,
    /// Found, and not sent yet.
    message: Option<Message>,
    /// Whether a message, or its end, still stands in the output.
    owes_message: bool,
    told: bool,
    /// How many of the listed messages XCOMMIT has removed.
    removed: usize,
    /// When output was last written.
    written_at: Instant,
    tally: Pop3Tally,
}

impl Driver<'_> {
    async fn run(&mut self) -> End {
        self.visit.present.does("before login");
        self.connection.borrow_output();
        self.session.greet(&mut self.connection.output);
        loop {
            self.is_told_something();
            let step = match self.receive() {
                Next::Ask(ask) => self.answer(ask).await,
                Next::Send(send) => self.send(send).await,
                Next::Flush => self.flush().await,
                Next::NeedInput => self.hear().await,
                Next::Wait => self.wait().await,
                Next::Close(reason) => Err(End::Closed(reason)),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    fn receive(&mut self) -> Next {
        let Connection { input, output, .. } = &mut self.connection;
        let mut rest = input.unread();
        let before = rest.len();
        let next = self.session.receive(&mut rest, output, now());
        let taken = before.saturating_sub(rest.len());
        input.consume(taken);
        next
    }

    async fn flush(&mut self) -> Result<(), End> {
        let written = self.connection.flush().await;
        let written = written.map_err(|error| stuck(error, &self.visit, self.context));
        if let Some(custodian) = &mut self.custodian {
            match &written {
                Ok(()) => custodian.flushed(),
                Err(_) => custodian.broke_off(None, 0),
            }
        }
        self.owes_message &= written.is_err();
        self.written_at = Instant::now();
        written
    }

    /// Writes out, then waits for the peer, or for somebody in the server to say something.
    async fn hear(&mut self) -> Result<(), End> {
        self.flush().await?;
        self.connection.return_output();
        if self.is_told_something() {
            return Ok(());
        }
        let deadline = self.session.deadline().map(Instant::from_std);
        let heard = self.connection.fill(deadline).await;
        self.connection.borrow_output();
        match heard {
            Ok(Heard::Octets) => {
                self.visit.admission.active(Instant::now());
                self.ask_whether_still_valid();
                Ok(())
            }
            Ok(Heard::Nudge) => Ok(()),
            Ok(Heard::Deadline) => {
                if self.session.expire(now()).is_some() {
                    self.context.stats.sessions_idle_ended.of(self.visit.service).increment();
                }
                Ok(())
            }
            Ok(Heard::End) | Err(_) => Err(End::Hung),
        }
    }

    /// XWAIT: as [`Driver::hear`], and for mail, and for what ends the account's stay.
    async fn wait(&mut self) -> Result<(), End> {
        self.flush().await?;
        self.connection.return_output();
        // Before the account is asked about, so that a change in between is seen.
        let mut accounts = self.context.accounts_changed.subscribe();
        self.ask_whether_still_valid();
        if self.told || self.is_told_something() {
            return Ok(());
        }
        let Some(login) = &mut self.login else { return Err(End::Hung) };
        self.visit.present.does("waiting for new mail");
        let until = self.session.deadline().map(Instant::from_std);
        let until = until.min(login.valid_at.checked_add(VALID_FOR));
        let maildrop = login.maildrop.as_mut();
        let woken = wait(&mut self.connection, maildrop, &mut accounts, until).await;
        self.visit.present.does("in a maildrop");
        self.connection.borrow_output();
        match woken {
            Woken::Mail => self.session.arrived(),
            // Whether the time is up, the next look at the session says.
            Woken::Heard(Ok(Heard::Octets | Heard::Nudge | Heard::Deadline)) | Woken::Accounts => {}
            Woken::Heard(Ok(Heard::End) | Err(_)) => return Err(End::Hung),
        }
        Ok(())
    }

    /// Hands on what the server has to say to this connection, once.
    fn is_told_something(&mut self) -> bool {
        let nudge = &self.visit.nudge;
        let why = if nudge.was_said(Word::Drain) {
            Tell::Drain
        } else if nudge.was_said(Word::MakeRoom) && self.login.is_none() {
            Tell::Pressure
        } else {
            return false;
        };
        self.tell(why)
    }

    fn tell(&mut self, why: Tell) -> bool {
        if std::mem::replace(&mut self.told, true) {
            return false;
        }
        if why == Tell::Pressure {
            self.context.stats.connections_displaced.increment();
        }
        self.connection.borrow_output();
        self.session.tell(why, &mut self.connection.output);
        true
    }

    /// S17 to S19: a session ends at its next command when its account may not go on.
    fn ask_whether_still_valid(&mut self) {
        let changes = self.context.account_changes();
        let Some(login) = &mut self.login else { return };
        let asked_lately = login.valid_at.elapsed() < VALID_FOR;
        if asked_lately && std::mem::replace(&mut login.changes_seen, changes) == changes {
            return;
        }
        login.valid_at = Instant::now();
        if !self.context.services.directory.still_valid(&login.account) {
            self.tell(Tell::AccountChanged);
        }
    }

    async fn answer(&mut self, ask: Ask) -> Result<(), End> {
        let answer = match ask {
            Ask::Verify(credentials) => self.verify(credentials).await,
            Ask::Salt(question) => self.salt(question).await,
            Ask::Open => self.open().await,
            Ask::Retrieve(number) => self.retrieve(number).await,
            Ask::Commit(numbers) => {
                // Who asked for a message and for its removal in one go gets the one before
                // the other: if it cannot be sent, nothing is removed.
                if self.owes_message {
                    self.flush().await?;
                }
                self.commit(&numbers).await
            }
            Ask::CommitEarly(numbers) => {
                if self.owes_message {
                    self.flush().await?;
                }
                self.commit_early(&numbers).await
            }
            Ask::Refresh => self.refresh().await,
            Ask::Digest(number) => {
                // A long list shows that it goes on, and ends if nobody is there to read it.
                if self.written_at.elapsed() >= SIGN_OF_LIFE {
                    self.flush().await?;
                }
                self.digest(number).await
            }
            Ask::Secure => return self.secure().await,
        };
        self.session.answer(answer, &mut self.connection.output, now());
        Ok(())
    }

    async fn verify(&mut self, credentials: Credentials) -> Answer {
        let (context, peer) = (self.context, self.visit.peer);
        let name = credentials.name().to_vec();
        let private = self.visit.secured.is_some() || self.visit.tls_at_proxy || peer.is_loopback();
        let secrecy = if private { Secrecy::Private } else { Secrecy::Clear };
        let origin = Origin { address: peer.ip(), scope: Scope::Pop3, secrecy };
        let attempt = context.penalties.begin(&name, peer.ip(), Instant::now());
        let directory = &context.services.directory;
        let verified = match credentials {
            Credentials::Scram(proof) => directory
                .scram_verify(proof, origin)
                .await
                .map(|(account, signature)| (account, Some(signature))),
            other => directory.verify(other, origin).await.map(|account| (account, None)),
        };
        match verified {
            Ok((account, signature)) => {
                context.penalties.succeeded(attempt);
                let days = account.keeping.retention.map(|retention| retention.days);
                let verified = Verified {
                    login_delay: account.login_delay,
                    expire: Some(expire(days, context)),
                    signature,
                    read_only: account.read_only,
                };
                self.verified = Some(account);
                Answer::Verified(verified)
            }
            Err(VerifyError::Credentials { reason }) => {
                context.stats.logins_refused.increment();
                events::login_refused(self.visit.present.id(), peer, &name, reason);
                sleep(attempt.delay()).await;
                Answer::Refused(Refusal::Credentials)
            }
            Err(VerifyError::TooMany { wait }) => {
                context.penalties.undecided(attempt);
                context.stats.logins_blocked.increment();
                events::login_blocked(self.visit.present.id(), peer, &name, wait.as_secs());
                Answer::Refused(Refusal::TooManyFailures { wait })
            }
            Err(VerifyError::Unavailable { detail }) => {
                // P-082: never [AUTH].
                context.penalties.undecided(attempt);
                context.stats.logins_failed.increment();
                events::login_failed(self.visit.present.id(), peer, &name, &detail);
                Answer::Refused(Refusal::Temporary)
            }
        }
    }

    async fn salt(&mut self, question: SaltQuestion) -> Answer {
        let (context, name) = (self.context, question.name.clone());
        match context.services.directory.scram_challenge(question).await {
            Ok(salt) => Answer::Salted(salt),
            Err(Unavailable { detail }) => {
                context.stats.logins_failed.increment();
                events::login_failed(self.visit.present.id(), self.visit.peer, &name, &detail);
                Answer::Refused(Refusal::Temporary)
            }
        }
    }

    async fn open(&mut self) -> Answer {
        let Some(account) = self.verified.take() else {
            return Answer::Refused(Refusal::Temporary);
        };
        // UTF8 comes before login (RFC 6856 §2.1). One that comes after it changes what is refused,
        // not what is listed: sizes are fixed at login (P-043).
        let stand_ins = self.context.pop3.utf8_legacy == Utf8Legacy::Downgrade;
        let utf8 = self.session.speaks_utf8() || !stand_ins;
        match open(account, utf8, &mut self.visit, self.context).await {
            Ok(login) => {
                let listing = login.maildrop.listing().clone();
                self.tally.account = Some(login.account.name.clone());
                self.custodian = Some(Custodian::new(&login, &self.visit, self.context));
                self.login = Some(login);
                self.visit.present.does("in a maildrop");
                Answer::Opened(listing)
            }
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    async fn retrieve(&mut self, number: MessageNumber) -> Answer {
        let Some(login) = &mut self.login else { return Answer::Lost { temporary: true } };
        match Message::open(login.maildrop.as_mut(), number).await {
            Ok(message) => {
                self.message = Some(message);
                Answer::Found
            }
            Err(error) => self.lost(number, &error),
        }
    }

    fn lost(&self, number: MessageNumber, error: &StoreError) -> Answer {
        self.context.stats.messages_unreadable.increment();
        let (session, name) = (self.visit.present.id(), self.account());
        events::message_unreadable(session, name, number.get(), &error.to_string());
        Answer::Lost { temporary: error.is_temporary() }
    }

    fn account(&self) -> &str {
        self.login.as_ref().map_or("", |login| &login.account.name)
    }

    async fn digest(&mut self, number: MessageNumber) -> Answer {
        let Some(login) = &mut self.login else { return Answer::Lost { temporary: true } };
        match digest(login.maildrop.as_mut(), number).await {
            Ok(digest) => {
                self.context.stats.messages_digested.increment();
                Answer::Digested(digest)
            }
            Err(error) => self.lost(number, &error),
        }
    }

    async fn refresh(&mut self) -> Answer {
        let Some(login) = &mut self.login else { return Answer::NotRefreshed { temporary: true } };
        match login.maildrop.refresh().await {
            Ok(_) => {
                let listing = login.maildrop.listing().clone();
                self.custodian.iter_mut().for_each(|custodian| custodian.listed(&listing));
                Answer::Refreshed(listing)
            }
            Err(error) => {
                let (session, name) = (self.visit.present.id(), self.account());
                events::refresh_failed(session, name, &error.to_string());
                Answer::NotRefreshed { temporary: error.is_temporary() }
            }
        }
    }

    async fn send(&mut self, send: Send) -> Result<(), End> {
        let Some(message) = self.message.take() else { return Err(End::Cut) };
        let Some(custodian) = &mut self.custodian else { return Err(End::Cut) };
        custodian.sends(send.number);
        let mut octets = 0;
        let outcome = message.send(send.lines, &mut self.connection, &mut octets).await;
        match &outcome {
            Ok(whole) => custodian.sent(send.number, octets, *whole),
            Err(_) => custodian.broke_off(Some(send.number), octets),
        }
        let broken = match outcome {
            Ok(_) => {
                self.session.sent();
                self.owes_message = true;
                return Ok(());
            }
            Err(Broken::Peer(error)) => return Err(stuck(error, &self.visit, self.context)),
            Err(Broken::Store(error)) => error.to_string(),
            Err(Broken::Length { octets }) => {
                format!("it has {octets} octets, which is not what was listed")
            }
        };
        self.context.stats.messages_cut.increment();
        let name = self.account();
        events::message_unreadable(self.visit.present.id(), name, send.number.get(), &broken);
        Err(End::Cut)
    }

    /// UPDATE. The maildrop is free before this is answered (P-024).
    async fn commit(&mut self, numbers: &[MessageNumber]) -> Answer {
        let Some(mut login) = self.login.take() else { return Answer::Committed(Commit::Failed) };
        let commit = self.remove(&mut login, numbers).await;
        let held = login.maildrop.listing().len().saturating_sub(self.removed);
        self.tally.left = u64::try_from(held).unwrap_or(u64::MAX);
        Answer::Committed(commit)
    }

    /// XCOMMIT: the same, and the session goes on with its maildrop.
    async fn commit_early(&mut self, numbers: &[MessageNumber]) -> Answer {
        let Some(mut login) = self.login.take() else { return Answer::Committed(Commit::Failed) };
        let commit = self.remove(&mut login, numbers).await;
        self.login = Some(login);
        self.visit.present.does("in a maildrop");
        Answer::Committed(commit)
    }

    async fn remove(&mut self, login: &mut Login, numbers: &[MessageNumber]) -> Commit {
        self.visit.present.does("removing messages");
        let outcome = if numbers.is_empty() {
            Ok(())
        } else {
            login.maildrop.commit(numbers).await.map(|_| ())
        };
        match outcome {
            Ok(()) => {
                self.removed = self.removed.saturating_add(numbers.len());
                let removed = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
                self.context.stats.messages_removed.add(removed);
                self.custodian.iter_mut().for_each(|custodian| custodian.removed(numbers));
                let left = login.maildrop.listing().len().saturating_sub(self.removed);
                Commit::Removed { left }
            }
            Err(error) => {
                self.context.stats.updates_failed.increment();
                let (session, name) = (self.visit.present.id(), &login.account.name);
                events::update_failed(session, name, &error.to_string());
                Commit::Failed
            }
        }
    }

    async fn secure(&mut self) -> Result<(), End> {
        self.flush().await?;
        let Some(tls) = &self.context.tls else { return Err(End::Hung) };
        let (connection, visit) = (&mut self.connection, &self.visit);
        match handshake(connection, tls, Protocol::Pop3, visit, self.context).await {
            Ok(secured) => {
                let channel = secured.channel.clone();
                self.visit.secured = Some(secured);
                self.connection.borrow_output();
                self.session.answer(Answer::Secured(channel), &mut self.connection.output, now());
                Ok(())
            }
            Err(()) => Err(End::Hung),
        }
    }
}

fn stuck(error: WriteError, visit: &Visit, context: &Context) -> End {
    match error {
        WriteError::TimedOut(_) => {
            context.stats.sessions_write_timed_out.of(visit.service).increment();
        }
        WriteError::TakenOver => context.stats.take_overs.increment(),
        WriteError::Broken(_) => {}
    }
    End::Stuck(error)
}

/// The machine's clock is the driver's.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}
