//! A server on free loopback ports, its accounts, and the peers that talk to it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail_wire::{Credentials, Form, MaildropId};
use restante_directory::{
    Account, Destination, Directory, Kept, LoginDelay, Origin, Pending, ResolveError, Rules,
    Spread, Unavailable, VerifyError,
};
use restante_server::guard::leases::LeaseSettings;
use restante_server::guard::limits::Limits;
use restante_server::guard::presence::Sessions;
use restante_server::net::listen::{Bind, Listener};
use restante_server::net::service::{Address, Service};
use restante_server::net::tls::TlsSettings;
use restante_server::session::settings::{IntakeSettings, Pop3Settings};
use restante_server::{Handle, Server, Services, Settings};
use restante_store::memory::MemoryStore;
use restante_store::{Incoming, Provenance, Recipient, Store, View};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing here takes this long; it keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct House {
    pub(crate) handle: Handle,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) people: Arc<People>,
    pub(crate) folder: tempfile::TempDir,
    addresses: Vec<(Service, Address)>,
    running: JoinHandle<()>,
}

/// What a test wants to be otherwise.
pub(crate) struct Plan {
    pub(crate) store: Arc<dyn Store>,
    /// Another directory than [`People`].
    pub(crate) directory: Option<Arc<dyn Directory>>,
    pub(crate) pop3: Pop3Settings,
    pub(crate) intake: IntakeSettings,
    pub(crate) limits: Limits,
    pub(crate) sessions: Sessions,
    pub(crate) tls: bool,
    /// The proxies in front of all TCP listeners.
    pub(crate) proxies: Vec<ipnet::IpNet>,
    pub(crate) drain: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            directory: None,
            pop3: Pop3Settings::default(),
            intake: IntakeSettings::default(),
            limits: Limits { connections_max: Some(1000), ..Limits::default() },
            sessions: Sessions::Exclusive { lock_wait: Duration::ZERO },
            tls: true,
            proxies: Vec::new(),
            drain: Duration::from_mins(1),
        }
    }
}

/// Anna (password `geheim`, maildrop 7), Bert (`geheim`, 8); `both` leads to the two of them,
/// `example.org` is ours.
#[derive(Default)]
pub(crate) struct People {
    state: Mutex<State>,
    asked: AtomicI64,
}

#[derive(Default)]
struct State {
    broken: bool,
    disabled: Vec<String>,
    versions: HashMap<String, i64>,
    rules: HashMap<MaildropId, Rules>,
}

pub(crate) const ANNAS: MaildropId = MaildropId::new(7);
pub(crate) const BERTS: MaildropId = MaildropId::new(8);

impl People {
    pub(crate) fn disable(&self, name: &str) {
        self.state.lock().unwrap().disabled.push(name.to_owned());
    }

    pub(crate) fn break_down(&self, broken: bool) {
        self.state.lock().unwrap().broken = broken;
    }

    pub(crate) fn change_password(&self, name: &str) {
        *self.state.lock().unwrap().versions.entry(name.to_owned()).or_default() += 1;
    }

    /// How Anna's maildrop is kept from now on, or Bert's.
    pub(crate) fn keep(&self, maildrop: MaildropId, rules: Rules) {
        self.state.lock().unwrap().rules.insert(maildrop, rules);
    }

    fn rules(&self, maildrop: MaildropId) -> Rules {
        self.state.lock().unwrap().rules.get(&maildrop).copied().unwrap_or_default()
    }

    fn destination(&self, maildrop: MaildropId) -> Destination {
        let rules = self.rules(maildrop);
        Destination { maildrop, quota: rules.keeping.quota, over_quota: rules.over_quota }
    }

    fn account(&self, name: &str) -> Option<Account> {
        let (id, maildrop) = match name {
            "anna" | "anna@example.org" => (1, ANNAS),
            "bert" | "bert@example.org" => (2, BERTS),
            _ => return None,
        };
        let name = name.split('@').next().unwrap().to_owned();
        let version = self.state.lock().unwrap().versions.get(&name).copied().unwrap_or(0);
        let rules = self.rules(maildrop);
        let (keeping, login_delay) = (rules.keeping, rules.login_delay.0);
        Some(Account { version, keeping, login_delay, ..Account::new(id, name, maildrop) })
    }
}

impl Directory for People {
    fn verify(
        &self,
        credentials: Credentials,
        _: Origin,
    ) -> Pending<'_, Result<Account, VerifyError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.state.lock().unwrap().broken {
                return Err(VerifyError::Unavailable { detail: "broken for a test".to_owned() });
            }
            let refused = |reason| Err(VerifyError::Credentials { reason });
            let Credentials::Password { name, password, .. } = credentials else {
                return refused("no such mechanism");
            };
            let name = String::from_utf8_lossy(&name).into_owned();
            match self.account(&name) {
                None => refused("no such account"),
                Some(account) if self.state.lock().unwrap().disabled.contains(&account.name) => {
                    refused("account disabled")
                }
                Some(account)
                    if password.expose() == b"geheim" || password.expose() == b"a b  " =>
                {
                    Ok(account)
                }
                Some(_) => refused("wrong password"),
            }
        })
    }

    fn resolve(
        &self,
        local_part: String,
        domain: Option<String>,
    ) -> Pending<'_, Result<Vec<Destination>, ResolveError>> {
        Box::pin(async move {
            if self.state.lock().unwrap().broken {
                return Err(ResolveError::Unavailable { detail: "broken for a test".to_owned() });
            }
            if domain.is_some_and(|domain| !domain.eq_ignore_ascii_case("example.org")) {
                return Err(ResolveError::Foreign);
            }
            match local_part.to_ascii_lowercase().as_str() {
                "anna" | "postmaster" => {
                    if self.state.lock().unwrap().disabled.contains(&"anna".to_owned()) {
                        return Err(ResolveError::Disabled);
                    }
                    Ok(vec![self.destination(ANNAS)])
                }
                "bert" => Ok(vec![self.destination(BERTS)]),
                "both" => Ok(vec![self.destination(ANNAS), self.destination(BERTS)]),
                _ => Err(ResolveError::Unknown),
            }
        })
    }

    fn kept(&self, after: Option<MaildropId>) -> Pending<'_, Result<Vec<Kept>, Unavailable>> {
        let behind = |maildrop: &MaildropId| after.is_none_or(|after| *maildrop > after);
        let kept = [ANNAS, BERTS].into_iter().filter(behind).map(|maildrop| {
            let keeping = self.rules(maildrop).keeping;
            Kept { maildrop, keeping }
        });
        Box::pin(std::future::ready(Ok(kept.collect())))
    }

    fn spread(&self) -> Pending<'_, Result<Spread, Unavailable>> {
        let [anna, bert] = [ANNAS, BERTS].map(|maildrop| self.rules(maildrop));
        let delays = [anna, bert].map(|rules| rules.login_delay);
        let days = [anna, bert].map(|rules| rules.keeping.retention.map(|kept| kept.days));
        let LoginDelay(login_delay) = delays.into_iter().max_by_key(|delay| delay.0).unwrap();
        Box::pin(std::future::ready(Ok(Spread {
            login_delay,
            login_delay_differs: delays[0] != delays[1],
            days: days.into_iter().flatten().min(),
            days_differ: days[0] != days[1],
            ..Spread::default()
        })))
    }

    fn still_valid(&self, account: &Account) -> bool {
        let now = self.account(&account.name);
        now.is_some_and(|now| now.version == account.version)
            && !self.state.lock().unwrap().disabled.contains(&account.name)
    }
}

impl House {
    pub(crate) async fn build() -> Self {
        Self::with(Plan::default()).await
    }

    pub(crate) async fn with(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let people = Arc::new(People::default());
        let tls = plan.tls.then(|| write_certificate(folder.path(), &["localhost"]));
        let mut services = vec![Service::Pop3, Service::Lmtp, Service::Smtp];
        if plan.tls {
            services.push(Service::Pop3s);
        }
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listeners: Vec<Listener> = services
            .into_iter()
            .map(|service| Listener {
                service,
                at: Bind::Tcp(loopback),
                cleartext_from: vec![],
                proxy_from: plan.proxies.clone(),
            })
            .collect();
        listeners.push(Listener {
            service: Service::Lmtp,
            at: Bind::Unix { path: folder.path().join("lmtp.sock"), mode: 0o660 },
            cleartext_from: vec![],
            proxy_from: vec![],
        });
        let settings = Settings {
            hostname: "mail.example.org".to_owned(),
            listeners,
            tls,
            pop3: plan.pop3,
            intake: plan.intake,
            limits: plan.limits,
            sessions: plan.sessions,
            leases: LeaseSettings::default(),
            deaths_max: 5,
            drain: plan.drain,
        };
        let directory = plan.directory.unwrap_or_else(|| people.clone());
        let services = Services { store: Arc::clone(&plan.store), directory };
        let server = Server::bind(settings, services).await.unwrap();
        let addresses = server.addresses().to_vec();
        let handle = server.handle();
        let running = tokio::spawn(server.run());
        Self { handle, store: plan.store, people, folder, addresses, running }
    }

    pub(crate) fn port(&self, service: Service) -> SocketAddr {
        let found = self.addresses.iter().find(|(offered, _)| *offered == service);
        found.and_then(|(_, address)| address.tcp()).unwrap()
    }

    /// A peer that has just connected, and nothing read yet.
    pub(crate) async fn connect(&self, service: Service) -> Peer<TcpStream> {
        let stream = TcpStream::connect(self.port(service)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Peer::new(stream)
    }

    /// A peer that has read the greeting.
    pub(crate) async fn greeted(&self, service: Service) -> Peer<TcpStream> {
        let mut peer = self.connect(service).await;
        let greeting = peer.line().await;
        assert!(greeting.starts_with("+OK ") || greeting.starts_with("220 "), "{greeting}");
        peer
    }

    /// A peer that has logged in as Anna, in the clear on loopback.
    pub(crate) async fn anna(&self) -> Peer<TcpStream> {
        let mut peer = self.greeted(Service::Pop3).await;
        peer.expect("USER anna", "+OK").await;
        peer.expect("PASS geheim", "+OK").await;
        peer
    }

    /// Puts a message into a maildrop, past the server.
    pub(crate) async fn put(&self, maildrop: MaildropId, text: &[u8]) {
        put(self.store.as_ref(), maildrop, text).await;
    }

    /// How many messages a maildrop holds, past the server.
    pub(crate) async fn held(&self, maildrop: MaildropId) -> usize {
        self.store.open(maildrop, View::default()).await.unwrap().listing().len()
    }

    /// The value of a number.
    pub(crate) fn number(&self, name: &str) -> u64 {
        let text = self.handle.metrics();
        let row =
            text.lines().find(|row| row.strip_prefix(name).is_some_and(|r| r.starts_with(' ')));
        row.unwrap_or_else(|| panic!("no {name} in {text}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(self) {
        timeout(PATIENCE, self.running).await.unwrap().unwrap();
    }

    /// Waits until so many connections are open.
    pub(crate) async fn until_open(&self, count: usize) {
        until(|| self.handle.sessions().len() == count).await;
    }
}

/// Waits, without sleeping, until something holds.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    timeout(PATIENCE, async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it comes to hold");
}

pub(crate) async fn put(store: &dyn Store, maildrop: MaildropId, text: &[u8]) {
    let recipients = vec![Recipient::new(maildrop, Vec::new())];
    let incoming =
        Incoming { recipients, form: Form::Text, utf8: false, provenance: Provenance::default() };
    let mut delivery = store.deliver(incoming).await.unwrap();
    delivery.write(text).unwrap();
    delivery.commit().await.into_iter().for_each(|stored| drop(stored.unwrap()));
}

/// A fresh certificate for these names, in place of whatever was there.
pub(crate) fn write_certificate(folder: &std::path::Path, names: &[&str]) -> TlsSettings {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let settings =
        TlsSettings { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    std::fs::write(&settings.certificate, made.cert.pem()).unwrap();
    std::fs::write(&settings.key, made.signing_key.serialize_pem()).unwrap();
    settings
}

/// The other end of a connection: lines in, lines out.
pub(crate) struct Peer<S> {
    pub(crate) stream: S,
    received: Vec<u8>,
    /// How much of it has been read as lines.
    taken: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, received: Vec::new(), taken: 0 }
    }

    pub(crate) async fn send(&mut self, octets: &[u8]) {
        timeout(PATIENCE, self.stream.write_all(octets)).await.unwrap().unwrap();
    }

    /// The next line, without its CRLF.
    pub(crate) async fn line(&mut self) -> String {
        String::from_utf8_lossy(&self.line_or_end().await.expect("a line, not the end"))
            .into_owned()
    }

    /// The next line, or `None` at a clean end.
    pub(crate) async fn line_or_end(&mut self) -> Option<Vec<u8>> {
        loop {
            let unread = &self.received[self.taken..];
            if let Some(end) = unread.windows(2).position(|pair| pair == b"\r\n") {
                let line = unread[..end].to_vec();
                self.taken += end + 2;
                return Some(line);
            }
            self.received.drain(..self.taken);
            self.taken = 0;
            if self.more().await == 0 {
                assert!(self.received.is_empty(), "half a line: {:?}", self.received);
                return None;
            }
        }
    }

    /// Says a line and reads one.
    pub(crate) async fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.line().await
    }

    /// Says a line, and reads one that begins so.
    pub(crate) async fn expect(&mut self, line: &str, begins: &str) -> String {
        let answer = self.ask(line).await;
        assert!(answer.starts_with(begins), "{line}: {answer}, not {begins}");
        answer
    }

    /// The lines of a multi-line response up to its end, stuffing kept.
    pub(crate) async fn rows(&mut self) -> Vec<String> {
        let mut rows = Vec::new();
        loop {
            match self.line().await {
                row if row == "." => return rows,
                row => rows.push(row),
            }
        }
    }

    /// Everything up to the end, clean or not.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut self.received)).await.unwrap();
        drop(read);
        std::mem::take(&mut self.received).split_off(std::mem::take(&mut self.taken))
    }

    /// Reads to the end, which is clean and has nothing before it.
    pub(crate) async fn ends(&mut self) {
        let line = self.line_or_end().await;
        assert!(line.is_none(), "{:?}", String::from_utf8_lossy(&line.unwrap()));
    }

    async fn more(&mut self) -> usize {
        let read = self.stream.read_buf(&mut self.received);
        timeout(PATIENCE, read).await.expect("the server answers").unwrap_or(0)
    }
}
