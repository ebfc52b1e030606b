//! The LMTP and SMTP driver: the machine asks, this loop answers (`design` §1, journey (b)).

use std::collections::HashMap;

use lmtp_proto::{
    Answer, Ask, BareLineEnds, Dialect, Envelope, Failure, ForwardPath, Limits, Mailbox, Next,
    Policy, Reason, RecipientRefusal, Session, Tell, Tls,
};
use restante_directory::{Destination, OverQuota, ResolveError};
use tokio::time::Instant;

use crate::guard::nudge::Word;
use crate::ledger::events;
use crate::net::conn::{Connection, Heard, WriteError};
use crate::net::service::{Peer, Service};
use crate::net::tls::Protocol;
use crate::session::context::Context;
use crate::session::deliver::{Addressee, Inbound, Letter, Outcome, message_id};
use crate::session::handshake::handshake;
use crate::session::headers::{Trace, mailbox};
use crate::session::room::lacking_among;
use crate::session::settings;
use crate::session::visit::Visit;

/// Serves one LMTP or SMTP connection.
pub(crate) async fn serve(connection: Connection, visit: Visit, context: &Context) {
    let started = Instant::now();
    let session = Session::new(policy(&visit, context), started.into_std());
    let mut driver = Driver {
        connection,
        visit,
        context,
        session,
        resolved: HashMap::new(),
        inbound: None,
        told: false,
    };
    let end = driver.run().await;
    let Driver { connection, visit, session, inbound, .. } = driver;
    // D13: a message that was under way is nowhere.
    drop(inbound);
    let (messages, took) = (session.counters().messages, started.elapsed());
    let (id, service, peer) = (visit.present.id(), visit.service, visit.peer);
    events::intake_ended(id, service, peer, messages, took, end.how());
    match end {
        End::Closed(_) => connection.close().await,
        End::Hung => drop(connection),
        End::Stuck(_) => connection.cut(),
    }
}

/// How a session ended.
enum End {
    Closed(Reason),
    /// The peer closed.
    Hung,
    /// Output could not be written.
    Stuck(WriteError),
}

impl End {
    const fn how(&self) -> &'static str {
        match self {
            Self::Closed(Reason::Quit) => "QUIT",
            Self::Closed(Reason::Idle) => "idle for too long",
            Self::Closed(Reason::BadCommands) => "too many bad commands",
            Self::Closed(Reason::PlaintextAfterStarttls) => "clear text where TLS had to begin",
            Self::Closed(Reason::WrongProtocol) => "spoke another protocol",
            Self::Closed(Reason::Told) => "ended by the server",
            Self::Hung => "closed without QUIT",
            Self::Stuck(WriteError::TimedOut(_)) => "the peer did not read",
            Self::Stuck(_) => "the connection broke",
        }
    }
}

/// What is left to do once the input has been given back.
enum Step {
    Ask(Ask),
    Write,
    Hear,
    Close(Reason),
}

struct Driver<'c> {
    connection: Connection,
    visit: Visit,
    context: &'c Context,
    session: Session,
    /// Where the recipients of the mail transaction under way lead.
    resolved: HashMap<ForwardPath, Vec<Destination>>,
    inbound: Option<Inbound>,
    told: bool,
}

impl Driver<'_> {
    async fn run(&mut self) -> End {
        self.visit.present.does("waiting for mail");
        self.connection.borrow_output();
        self.session.greet(&mut self.connection.output);
        loop {
            self.is_told_something();
            let step = match self.receive().await {
                None => Ok(()),
                Some(Step::Ask(ask)) => self.answer(ask).await,
                Some(Step::Write) => self.flush().await,
                Some(Step::Hear) => self.hear().await,
                Some(Step::Close(reason)) => Err(End::Closed(reason)),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// One turn of the machine. Octets of a message go straight from the input to the store.
    async fn receive(&mut self) -> Option<Step> {
        let Connection { input, output, .. } = &mut self.connection;
        let mut rest = input.unread();
        let before = rest.len();
        let next = self.session.receive(&mut rest, output, now());
        let taken = before.saturating_sub(rest.len());
        let step = match next {
            Next::Take(octets) => {
                let took = match &mut self.inbound {
                    Some(inbound) => inbound.take(octets).await,
                    None => Err(Failure::Temporary),
                };
                if let Err(failure) = took {
                    let (id, peer) = (self.visit.present.id(), self.visit.peer);
                    if let Some(inbound) = self.inbound.take() {
                        let service = self.visit.service;
                        self.context.stats.deliveries_failed.of(service).add(inbound.recipients());
                        events::message_refused(id, peer, inbound.id(), refusal(failure));
                    }
                    self.session.failed(failure);
                }
                None
            }
            Next::Ask(ask) => Some(Step::Ask(ask)),
            Next::Flush => Some(Step::Write),
            Next::NeedInput => Some(Step::Hear),
            Next::Close(reason) => Some(Step::Close(reason)),
        };
        input.consume(taken);
        step
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.connection.flush().await.map_err(|error| {
            if matches!(error, WriteError::TimedOut(_)) {
                let service = self.visit.service;
                self.context.stats.sessions_write_timed_out.of(service).increment();
            }
            End::Stuck(error)
        })
    }

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
                Ok(())
            }
            Ok(Heard::Nudge) => Ok(()),
            Ok(Heard::Deadline) => {
                if self.session.expire(&mut self.connection.output, now()).is_some() {
                    self.inbound = None;
                    self.context.stats.sessions_idle_ended.of(self.visit.service).increment();
                }
                Ok(())
            }
            Ok(Heard::End) | Err(_) => Err(End::Hung),
        }
    }

    fn is_told_something(&mut self) -> bool {
        let nudge = &self.visit.nudge;
        let why = if nudge.was_said(Word::Drain) {
            Tell::Drain
        } else if nudge.was_said(Word::MakeRoom) {
            Tell::Pressure
        } else {
            return false;
        };
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

    async fn answer(&mut self, ask: Ask) -> Result<(), End> {
        let answer = match ask {
            Ask::Recipient(path) => Answer::Recipient(self.recipient(path).await),
            Ask::Begin(envelope) => Answer::Begun(self.begin(envelope)),
            Ask::Commit => return self.make_durable().await,
            Ask::Abort => {
                self.inbound = None;
                Answer::Dropped
            }
            Ask::Secure => return self.secure().await,
        };
        self.session.answer(answer, &mut self.connection.output, now());
        Ok(())
    }

    /// RFC 2033 §5, P-196: what was answered before does not wait for the disk, and how the
    /// message fared does not wait for what is pipelined behind it.
    async fn make_durable(&mut self) -> Result<(), End> {
        self.flush().await?;
        let answer = Answer::Committed(self.commit().await);
        self.session.answer(answer, &mut self.connection.output, now());
        self.flush().await
    }

    async fn recipient(&mut self, path: ForwardPath) -> Result<(), RecipientRefusal> {
        let (local_part, domain) = parts(path.mailbox());
        let resolved = self.context.services.directory.resolve(local_part, domain).await;
        let lacking = match &resolved {
            Ok(maildrops) => {
                let declared = self.session.declared_octets();
                lacks_room(self.context, &self.visit, &path, declared, maildrops).await
            }
            Err(_) => None,
        };
        let refusal = match (resolved, lacking) {
            (Ok(_), Some(refusal)) => refusal,
            (Ok(maildrops), None) => {
                // A mail transaction that came to nothing leaves its addresses behind.
                if self.session.recipients() == 0 {
                    self.resolved.clear();
                }
                self.resolved.insert(path, maildrops);
                return Ok(());
            }
            (Err(ResolveError::Unknown), _) => RecipientRefusal::Unknown,
            (Err(ResolveError::Foreign), _) => RecipientRefusal::Foreign,
            (Err(ResolveError::Disabled), _) => RecipientRefusal::Disabled,
            (Err(ResolveError::Unavailable { detail }), _) => {
                let address = path.mailbox().to_string();
                events::resolve_failed(self.visit.present.id(), &address, &detail);
                RecipientRefusal::Temporary
            }
        };
        self.context.stats.recipients_refused.of(self.visit.service).increment();
        Err(refusal)
    }

    fn begin(&mut self, envelope: Envelope) -> Result<(), Failure> {
        let resolved = std::mem::take(&mut self.resolved);
        let addressees: Option<Vec<Addressee>> = envelope
            .recipients
            .iter()
            .map(|path| {
                let (local_part, domain) = parts(path.mailbox());
                let address = mailbox(&local_part, domain.as_deref());
                let maildrops = resolved.get(path).filter(|found| !found.is_empty())?;
                Some(Addressee { address, maildrops: maildrops.clone() })
            })
            .collect();
        let addressees = addressees.ok_or(Failure::Temporary)?;
        self.visit.present.does("taking a message");
        let sender = envelope.reverse_path.mailbox().map(parts);
        let trace = Trace {
            hostname: self.context.hostname.clone(),
            sender: sender
                .map_or_else(String::new, |(local, domain)| mailbox(&local, domain.as_deref())),
            helo: envelope.helo,
            peer: self.visit.peer,
            transport: envelope.transport,
            id: message_id(),
            time: jiff::Zoned::now(),
        };
        let letter = Letter {
            trace,
            addressees,
            form: envelope.form,
            smtputf8: envelope.smtputf8,
            one_reply: self.visit.service == Service::Smtp,
            session: self.visit.present.id(),
        };
        self.inbound = Some(Inbound::new(letter, self.context.services.store.clone()));
        Ok(())
    }

    async fn commit(&mut self) -> Vec<Result<(), Failure>> {
        let Some(inbound) = self.inbound.take() else { return Vec::new() };
        let Outcome { recipients, copies, octets, repaired } = inbound.commit().await;
        self.visit.present.does("waiting for mail");
        let stats = &self.context.stats;
        stats.messages_accepted.of(self.visit.service).add(copies);
        stats.octets_accepted.add(octets);
        if repaired {
            stats.messages_repaired.increment();
        }
        let failed = recipients.iter().filter(|outcome| outcome.is_err()).count();
        let failed = u64::try_from(failed).unwrap_or(u64::MAX);
        stats.deliveries_failed.of(self.visit.service).add(failed);
        recipients
    }

    async fn secure(&mut self) -> Result<(), End> {
        self.flush().await?;
        let Some(tls) = &self.context.tls else { return Err(End::Hung) };
        let (connection, visit) = (&mut self.connection, &self.visit);
        match handshake(connection, tls, Protocol::Mail, visit, self.context).await {
            Ok(secured) => {
                self.visit.secured = Some(secured);
                self.connection.borrow_output();
                self.session.answer(Answer::Secured, &mut self.connection.output, now());
                Ok(())
            }
            Err(()) => Err(End::Hung),
        }
    }
}

/// P-208: as far as SIZE tells; a message of no octets there is not.
async fn lacks_room(
    context: &Context,
    visit: &Visit,
    path: &ForwardPath,
    declared_octets: Option<u64>,
    maildrops: &[Destination],
) -> Option<RecipientRefusal> {
    let octets = declared_octets.unwrap_or_default().max(1);
    let copies = maildrops.iter().map(|destination| (*destination, octets)).collect();
    match lacking_among(context.services.store.as_ref(), copies).await {
        Ok(lacks) => lacks.map(|over_quota| match over_quota {
            OverQuota::Defer => RecipientRefusal::Full,
            OverQuota::Refuse => RecipientRefusal::OverQuota,
        }),
        Err(error) => {
            let address = path.mailbox().to_string();
            let detail = format!("how full its maildrop is cannot be told: {error}");
            events::resolve_failed(visit.present.id(), &address, &detail);
            Some(RecipientRefusal::Temporary)
        }
    }
}

fn policy(visit: &Visit, context: &Context) -> Policy {
    let settings = &context.intake;
    let dialect = if visit.service == Service::Smtp { Dialect::Smtp } else { Dialect::Lmtp };
    // Over a Unix socket there is nobody to hide from.
    let tls = matches!(visit.peer, Peer::Tcp(_)) && context.tls.is_some();
    Policy {
        tls: if tls { Tls::Offered } else { Tls::Unavailable },
        bare_line_ends: match settings.bare_line_ends {
            settings::BareLineEnds::Refuse => BareLineEnds::Refuse,
            settings::BareLineEnds::Repair => BareLineEnds::Repair,
        },
        bare_local_parts: settings.bare_local_parts,
        limits: Limits {
            recipients_max: settings.recipients_max,
            message_octets_max: settings.message_octets_max,
            idle: settings.idle,
            ..Limits::default()
        },
        ..Policy::new(dialect, context.hostname.clone())
    }
}

fn parts(mailbox: &Mailbox) -> (String, Option<String>) {
    (mailbox.local_part().to_owned(), mailbox.domain().map(str::to_owned))
}

/// A failure in words, for the log.
const fn refusal(failure: Failure) -> &'static str {
    match failure {
        Failure::DiskFull => "no room on the disk",
        Failure::Temporary => "the store could not take it",
        Failure::MaildropFull | Failure::OverQuota => "the maildrop is full",
        Failure::TooLarge => "too large",
        Failure::Loop => "it goes round in a loop: too many Received lines",
        Failure::Returned => "it goes round in a loop: Delivered-To names the recipient",
        Failure::Message => "its header or one of its lines is too long",
    }
}

/// The machine's clock is the driver's.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}
