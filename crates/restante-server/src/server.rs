//! The server: binds everything or nothing, accepts, and drains.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::chores::look_after;
use crate::guard::leases::{LeaseSettings, Leases};
use crate::guard::limits::{Gate, Limits};
use crate::guard::nudge::Nudge;
use crate::guard::penalty::Penalties;
use crate::guard::presence::Sessions;
use crate::ledger::events;
use crate::ledger::roll::SessionSummary;
use crate::ledger::stats::Stats;
use crate::net::listen::{self, Listener};
use crate::net::service::{Address, Peer, Service};
use crate::net::socket::Socket;
use crate::net::tls::{Certificate, Tls, TlsError, TlsSettings};
use crate::net::watch_files::FilesChanged;
use crate::session::accepted::{Accepted, serve, turn_away};
use crate::session::context::Context;
use crate::session::proxied::{Door, contains, serve_proxied};
use crate::session::services::Services;
use crate::session::settings::{IntakeSettings, Pop3Settings};

/// The pause after the system could not hand over a connection: somebody has to close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the certificate's files are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(5);
/// How often a certificate that does not hold is complained about.
const COMPLAIN_EVERY: Duration = Duration::from_hours(1);

/// After how many deaths running a message is set aside, where nothing else is said.
pub const DEATHS_MAX: u32 = 5;

/// The settings of a server.
#[derive(Debug)]
pub struct Settings {
    /// The name in greetings and Received lines: a domain or an address literal.
    pub hostname: String,
    /// Where to listen, and what to speak there.
    pub listeners: Vec<Listener>,
    /// Where certificate and key are; without them there is no STLS and no pop3s.
    pub tls: Option<TlsSettings>,
    /// How POP3 is spoken.
    pub pop3: Pop3Settings,
    /// How mail is taken in.
    pub intake: IntakeSettings,
    /// How many connections there may be, and how long they may take.
    pub limits: Limits,
    /// Whether sessions of one maildrop exclude each other.
    pub sessions: Sessions,
    /// How messages are leased to workers.
    pub leases: LeaseSettings,
    /// The poison guard (`product` §6): after so many sessions running that died at a message,
    /// or workers that never finished it, it is set aside for workers; for devices only
    /// reported.
    pub deaths_max: u32,
    /// How long sessions may go on after [`Handle::drain`].
    pub drain: Duration,
}

/// A server that is bound and not running yet.
pub struct Server {
    context: Arc<Context>,
    listeners: Vec<Bound>,
    addresses: Vec<(Service, Address)>,
    drain: Duration,
}

struct Bound {
    service: Service,
    socket: listen::Socket,
    cleartext_from: Arc<[ipnet::IpNet]>,
    proxy_from: Arc<[ipnet::IpNet]>,
}

/// Reaches a server while it runs. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    context: Arc<Context>,
}

/// Why a server could not start: every problem there is, not only the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// The certificate cannot be used.
    pub tls: Option<TlsError>,
    /// Listeners that cannot be opened.
    pub listeners: Vec<BindError>,
}

/// Why a listener cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot listen for {service} on {at}: {problem}")]
pub struct BindError {
    /// What was to be spoken.
    pub service: Service,
    /// Where.
    pub at: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = self.tls.iter().map(ToString::to_string);
        let problems: Vec<String> =
            tls.chain(self.listeners.iter().map(ToString::to_string)).collect();
        f.write_str(&problems.join("\n"))
    }
}

impl std::error::Error for StartError {}

impl Server {
    /// Binds everything, or nothing.
    ///
    /// # Errors
    /// Every listener that cannot be opened and what is wrong with the certificate, at once.
    #[expect(clippy::unused_async, reason = "sockets need the runtime that runs the server")]
    pub async fn bind(settings: Settings, services: Services) -> Result<Self, StartError> {
        let (tls, tls_problem) = match settings.tls.map(Tls::new).transpose() {
            Ok(tls) => (tls.map(Arc::new), None),
            Err(problem) => (None, Some(problem)),
        };
        let mut problems = Vec::new();
        let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
        for Listener { service, at, cleartext_from, proxy_from } in settings.listeners {
            let shown = at.to_string();
            let opened = if service == Service::Pop3s && tls.is_none() && tls_problem.is_none() {
                // P-125: without a certificate port 995 is not opened.
                Err("there is no certificate: set [tls] certificate and key".to_owned())
            } else {
                listen::open(service, at, settings.intake.lmtp_beyond_loopback)
            };
            match opened {
                Ok((socket, address)) => {
                    addresses.push((service, address));
                    let (cleartext_from, proxy_from) = (cleartext_from.into(), proxy_from.into());
                    listeners.push(Bound { service, socket, cleartext_from, proxy_from });
                }
                Err(problem) => problems.push(BindError { service, at: shown, problem }),
            }
        }
        if tls_problem.is_some() || !problems.is_empty() {
            return Err(StartError { tls: tls_problem, listeners: problems });
        }
        let stats = Arc::new(Stats::default());
        let context = Context {
            hostname: settings.hostname,
            pop3: settings.pop3,
            intake: settings.intake,
            gate: Arc::new(Gate::new(settings.limits.clone())),
            limits: settings.limits,
            sessions: settings.sessions,
            services,
            tls,
            presence: Arc::default(),
            leases: Arc::new(Leases::new(settings.leases, Arc::clone(&stats.messages_leased))),
            deaths: Arc::default(),
            shown: Arc::default(),
            deaths_max: settings.deaths_max.max(1),
            penalties: Penalties::default(),
            roll: Arc::default(),
            stats,
            draining: watch::Sender::new(false),
            accounts_changed: watch::Sender::default(),
        };
        if let Some(tls) = &context.tls {
            context.certificate_in_use(&tls.certificate());
        }
        Ok(Self { context: Arc::new(context), listeners, addresses, drain: settings.drain })
    }

    /// What is listened on, with the real ports.
    pub fn addresses(&self) -> &[(Service, Address)] {
        &self.addresses
    }

    /// A way to reach the server while it runs.
    pub fn handle(&self) -> Handle {
        Handle { context: Arc::clone(&self.context) }
    }

    /// Serves until [`Handle::drain`], and then until every session has ended or the time for
    /// that is over.
    pub async fn run(self) {
        let mut draining = self.context.draining.subscribe();
        let mut listeners = JoinSet::new();
        for (bound, (service, address)) in self.listeners.into_iter().zip(&self.addresses) {
            events::listening(*service, address);
            listeners.spawn(accept_all(bound, Arc::clone(&self.context), self.drain));
        }
        let mut chores = JoinSet::new();
        if let Some(tls) = &self.context.tls {
            chores.spawn(watch_certificate(Arc::clone(tls), Arc::clone(&self.context)));
        }
        chores.spawn(look_after(Arc::clone(&self.context)));
        begun(&mut draining).await;
        events::draining(self.context.roll.summaries().len());
        self.context.roll.drain();
        let mut cut = 0_usize;
        while let Some(left) = listeners.join_next().await {
            cut = cut.saturating_add(left.unwrap_or_default());
        }
        events::stopped(cut);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({:?})", self.addresses)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.context.hostname)
    }
}

impl Handle {
    /// No new connections; the present ones end: idle ones at once, a message that is being
    /// sent or received is brought to its end, for at most `Settings::drain`. Nothing is
    /// removed without QUIT (P-060).
    pub fn drain(&self) {
        self.context.draining.send_replace(true);
        self.context.roll.drain();
    }

    /// Reads certificate and key again, now.
    ///
    /// # Errors
    /// What is wrong with them; the old ones stay in use.
    pub fn reload_certificate(&self) -> Result<Certificate, TlsError> {
        let tls = self.context.tls.as_ref().ok_or(TlsError::Absent)?;
        reload(tls, &self.context)
    }

    /// Everyone who is connected.
    pub fn sessions(&self) -> Vec<SessionSummary> {
        self.context.roll.summaries()
    }

    /// An account was changed, disabled or removed: its sessions end at their next command,
    /// if the directory says that they may not go on.
    pub fn account_changed(&self, account_id: i64) {
        // All sessions ask: it is cheap, and an alias or a list of networks that changed may
        // concern others than this one.
        self.context.account_changed(account_id);
    }

    /// All numbers, one by one.
    pub fn stats(&self) -> &Stats {
        &self.context.stats
    }

    /// All numbers, as OpenMetrics text.
    pub fn metrics(&self) -> String {
        self.context.stats.render()
    }
}

/// Accepts until the drain begins, then waits for what was accepted; answers how many had to
/// be cut.
async fn accept_all(bound: Bound, context: Arc<Context>, drain: Duration) -> usize {
    let mut draining = context.draining.subscribe();
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = begun(&mut draining) => break,
            accepted = accept(&bound.socket) => match accepted {
                Ok((socket, peer)) => admit(socket, peer, &bound, &context, &mut sessions),
                Err(error) => {
                    // Out of file descriptors, most likely (R3): trying at once would only
                    // burn time until somebody closes.
                    context.stats.accept_failures.increment();
                    events::accept_failed(bound.service, &error);
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = sessions.join_next() => {}
        }
    }
    // Closed before the wait, so that whoever connects now is refused by the system and tries
    // another server.
    drop(bound);
    // Whoever was let in while everyone was being told has not heard it yet.
    context.roll.drain();
    let all_ended = async { while sessions.join_next().await.is_some() {} };
    let _in_time = timeout(drain, all_ended).await;
    sessions.len()
}

/// Waits until the drain has begun.
async fn begun(draining: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone; the context holds it.
    let _begun = draining.wait_for(|draining| *draining).await;
}

async fn accept(socket: &listen::Socket) -> io::Result<(Socket, Peer)> {
    match socket {
        listen::Socket::Tcp(listener) => accept_tcp(listener).await,
        listen::Socket::Unix(listener) => accept_unix(listener).await,
    }
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<(Socket, Peer)> {
    let (stream, address) = listener.accept().await?;
    Ok((Socket::Tcp(stream), Peer::at(address)))
}

async fn accept_unix(listener: &UnixListener) -> io::Result<(Socket, Peer)> {
    let (stream, _) = listener.accept().await?;
    let uid = stream.peer_cred().ok().map(|credentials| credentials.uid());
    Ok((Socket::Unix(stream), Peer::Local { uid }))
}

fn admit(
    socket: Socket,
    peer: Peer,
    bound: &Bound,
    context: &Arc<Context>,
    sessions: &mut JoinSet<()>,
) {
    let service = bound.service;
    let is_proxied = !bound.proxy_from.is_empty();
    if is_proxied && !contains(&bound.proxy_from, peer) {
        // P-230: nothing is said.
        let why = "it is none of the proxies that the listener names";
        context.stats.connections_refused.of(service).increment();
        events::connection_refused(service, peer, why);
        return;
    }
    let nudge = Arc::new(Nudge::default());
    let address = match peer {
        Peer::Tcp(address) if !is_proxied => Some(address.ip()),
        Peer::Tcp(_) | Peer::Local { .. } => None,
    };
    let trusted = service == Service::Lmtp;
    match context.gate.admit(address, trusted, &nudge, Instant::now()) {
        Ok(admission) => {
            context.stats.connections.of(service).increment();
            let door = Door { service, cleartext_from: Arc::clone(&bound.cleartext_from) };
            let context = Arc::clone(context);
            if is_proxied {
                sessions.spawn(serve_proxied(socket, peer, door, (admission, nudge), context));
            } else {
                let cleartext = door.takes_cleartext(peer);
                let present = context.roll.enter(service, peer, &nudge);
                let tls_at_proxy = false;
                sessions.spawn(serve(
                    Accepted {
                        socket,
                        peer,
                        service,
                        cleartext,
                        tls_at_proxy,
                        admission,
                        present,
                        nudge,
                    },
                    context,
                ));
            }
        }
        Err(why) => {
            context.stats.connections_refused.of(service).increment();
            events::connection_refused(service, peer, why.text());
            // A proxy has not said yet who calls, and what.
            if !is_proxied {
                turn_away(&socket, service, why);
            }
        }
    }
}

fn reload(tls: &Tls, context: &Context) -> Result<Certificate, TlsError> {
    let reloaded = tls.reload();
    match &reloaded {
        Ok(certificate) => {
            context.stats.certificate_reloads.increment();
            context.certificate_in_use(certificate);
        }
        Err(error) => {
            context.stats.certificate_reloads_failed.increment();
            events::certificate_refused(error);
        }
    }
    reloaded
}

/// Reads the certificate again when its files change, and complains while it does not hold
/// (T14).
async fn watch_certificate(tls: Arc<Tls>, context: Arc<Context>) {
    let mut files = FilesChanged::new(&tls.files());
    let mut complained = Instant::now();
    loop {
        sleep(CERTIFICATE_EVERY).await;
        if files.look() {
            let _told = reload(&tls, &context);
        }
        let certificate = tls.certificate();
        if complained.elapsed() >= COMPLAIN_EVERY {
            complained = Instant::now();
            if !certificate.holds_at(jiff::Timestamp::now()) {
                events::certificate_out_of_date(&certificate);
            }
        }
    }
}
