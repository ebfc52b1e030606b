//! The one place that names every backend: from settings to what runs.

use std::fmt::Display;
use std::fs::DirBuilder;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pop3_proto::server::policy::Utf8Legacy;
use restante_directory::{
    Accounts, Batch, Clock, Directory, Guarded, GuessKeeper, GuessSettings, LoginDelay, Manage,
    Notices, Rules,
};
use restante_server::Services;
use restante_server::guard::leases::LeaseSettings;
use restante_server::guard::limits::Limits;
use restante_server::guard::presence::Sessions;
use restante_server::net::listen::{Bind, Listener};
use restante_server::net::service::Service;
use restante_server::net::tls::TlsSettings;
use restante_server::session::settings::{BareLineEnds, IntakeSettings, Pop3Settings};
use restante_store::copy::{Begun, Beyond, Survey, Target, survey};
use restante_store::log::LogStore;
use restante_store::maildir::MaildirStore;
use restante_store::{Damage, Recovered, Repaired, Stats, Store, StoreError, Upkeep, Watch};

use crate::keepable::{self, beyond_custody};
use crate::operations::binding;
use crate::operations::{BindMaildir, Executor, Guarding};
use crate::output::Failure;
use crate::runtime::block_on;
use crate::settings::intake::BareLineEndsSetting;
use crate::settings::kinds::listener::{At, ListenerSetting};
use crate::settings::load::Settings;
use crate::settings::site::{SessionsSetting, Utf8LegacySetting};
use crate::settings::store::Backend;
use crate::standing::{Place, Standing, folder, made, standing};

/// The accounts' database in the state folder.
const ACCOUNTS: &str = "accounts.db";
/// Guess control's file there.
const GUESSES: &str = "guesses";

/// The files of a configuration, open and locked.
pub(crate) struct Backends {
    /// Where messages are kept.
    pub(crate) store: Arc<dyn Store>,
    /// Who is it, and where is theirs.
    pub(crate) directory: Arc<dyn Directory>,
    /// The acts on accounts.
    pub(crate) manage: Arc<dyn Manage>,
    /// Who has tried too often.
    guesses: Arc<GuessKeeper>,
    /// Which store it is.
    stands: Standing,
    /// What the mechanisms in use should remind of.
    reminders: Vec<String>,
    /// Makes an existing Maildir a maildrop.
    bind: Option<BindMaildir>,
}

impl Backends {
    /// Opens them; the state folder is made if only it is missing.
    #[expect(clippy::unused_async, reason = "other backends are reached over a network")]
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let state = &settings.site.state;
        make_state(state)?;
        let stands = standing(settings)?;
        let options = directory_settings(settings, stands.backend);
        let accounts = Accounts::open(&state.join(ACCOUNTS), options)
            .map_err(|error| unopened("accounts", state, &error))?;
        let accounts = Arc::new(accounts);
        let store = open_store(settings, stands.backend, &stands.path)?;
        let bind = match stands.backend {
            Backend::Maildir => Some(binding::into_store(stands.path.clone())),
            Backend::Log => {
                made(settings)?;
                None
            }
        };
        let (guesses, guesses_word) =
            GuessKeeper::open(&state.join(GUESSES), guess_settings(settings), Clock::system())
                .map_err(|error| unopened("guess control", state, &error))?;
        let guarded = Guarded::new(
            Arc::clone(&accounts) as Arc<dyn Directory>,
            Arc::clone(guesses.guesses()),
            Clock::system(),
            restante_server::guesses_told,
        );
        let (directory, guesses) = (Arc::new(guarded), Arc::new(guesses));
        let reminders = settings.mechanisms.words().into_iter().chain(guesses_word).collect();
        Ok(Self { store, directory, manage: accounts, guesses, stands, reminders, bind })
    }

    /// What the operator should know of how the mail is kept and reached, a sentence each.
    pub(crate) fn words(&self) -> Vec<String> {
        let damage = self.store.upkeep().map(Upkeep::damage).unwrap_or_default();
        let damaged = damage.iter().map(damaged);
        let kept = self.stands.word().into_iter().chain(damaged);
        kept.chain(self.reminders.iter().cloned()).collect()
    }

    /// Whether the store can keep maildrops as the accounts have it; else the server does not
    /// start: what is announced is enforced.
    pub(crate) async fn expect_keeping(&self) -> Result<(), Failure> {
        if self.store.promises().custody {
            return Ok(());
        }
        match beyond_custody(self.directory.as_ref()).await {
            Ok(None) => Ok(()),
            Ok(Some(asked)) => Err(Failure::new(asked).hint(keepable::HINT)),
            Err(error) => Err(Failure::new(format!("the accounts cannot be looked at: {error}"))),
        }
    }

    /// Leaves the files in good order, when nobody uses them any more.
    pub(crate) fn close(&self) {
        // Who is blocked is forgotten otherwise: a nuisance, and no reason to fail.
        let _written = self.guesses.write();
        if let Some(upkeep) = self.store.upkeep() {
            upkeep.close();
        }
    }

    /// What sessions need.
    pub(crate) fn services(&self) -> Services {
        Services { store: Arc::clone(&self.store), directory: Arc::clone(&self.directory) }
    }

    /// What does the commands' acts.
    pub(crate) fn executor(&self) -> Executor {
        let guarding = Guarding::new(Arc::clone(&self.guesses));
        Executor::new(
            Arc::clone(&self.manage),
            Arc::clone(&self.store),
            guarding,
            self.bind.clone(),
        )
    }
}

/// Opens the store of this backend in a folder, and makes it if there is none.
fn open_store(
    settings: &Settings,
    backend: Backend,
    path: &Path,
) -> Result<Arc<dyn Store>, Failure> {
    let unopened = |error: StoreError| unopened("store", &settings.site.state, &error);
    Ok(match backend {
        Backend::Log => Arc::new(LogStore::open(path, &log_settings(settings)).map_err(unopened)?),
        Backend::Maildir => {
            Arc::new(MaildirStore::open(path, maildir_settings(settings)).map_err(unopened)?)
        }
    })
}

/// Deals with what is damaged in the log store, which nobody may have open.
pub(crate) fn repair(settings: &Settings, watch: &dyn Watch) -> Result<Repaired, Failure> {
    let path = log_store(settings)?;
    LogStore::repair(&path, &log_settings(settings), watch).map_err(|error| failed(&error))
}

/// Makes the index of the log store anew, which nobody may have open.
pub(crate) fn rebuild_index(settings: &Settings, watch: &dyn Watch) -> Result<Stats, Failure> {
    let path = log_store(settings)?;
    LogStore::rebuild_index(&path, &log_settings(settings), watch).map_err(|error| failed(&error))
}

/// Makes the log store out of a backup, where there is none.
pub(crate) fn recover_from(
    settings: &Settings,
    backup: &Path,
    watch: &dyn Watch,
) -> Result<Recovered, Failure> {
    make_state(&settings.site.state)?;
    let path = folder(&settings.site.state, Backend::Log);
    let recovered = LogStore::recover_from(backup, &path, &log_settings(settings), watch)
        .map_err(|error| failed(&error))?;
    made(settings)?;
    Ok(recovered)
}

/// What was copied, how many of these messages were there already, and whether an interrupted
/// copy went on.
pub(crate) struct Copied {
    pub(crate) survey: Survey,
    pub(crate) there_before: u64,
    pub(crate) goes_on: bool,
}

/// Copies one store into another, which nobody may have open, and compares them.
pub(crate) fn copy(
    settings: &Settings,
    (from, to): (&Place, &Place),
    leaves_out: bool,
    watch: &dyn Watch,
) -> Result<Copied, Failure> {
    let failed = |error: StoreError| failed(&error);
    if from.path == to.path {
        return Err(Failure::new("FROM and TO are the same folder"));
    }
    expect_store(from)?;
    // Nothing moves or goes by itself meanwhile.
    let log = restante_store::log::Settings {
        compacts_by_itself: false,
        expires_by_itself: false,
        ..log_settings(settings)
    };
    let files = || maildir_settings(settings);
    let source: Arc<dyn Store> = match from.backend {
        Backend::Log => Arc::new(LogStore::open(&from.path, &log).map_err(failed)?),
        Backend::Maildir => Arc::new(MaildirStore::open(&from.path, files()).map_err(failed)?),
    };
    let promises = match to.backend {
        Backend::Log => LogStore::PROMISES,
        Backend::Maildir => MaildirStore::PROMISES,
    };
    let survey = block_on(survey(&source, promises, watch))?.map_err(failed)?;
    if survey.beyond != Beyond::default() && !leaves_out {
        let name = to.backend.name();
        return Err(Failure::new(format!(
            "a {name} store cannot keep all of it: {}; nothing was written",
            survey.beyond
        ))
        .hint("`restante hold list` shows them; --leave-out copies all that can be kept"));
    }
    let words = format!("{} {}", from.backend.name(), from.path.display());
    let Begun { target, goes_on } = Target::begin(&to.path, &words).map_err(failed)?;
    let copy_to: Arc<dyn Store> = match to.backend {
        Backend::Log => Arc::new(LogStore::open_unfinished(&to.path, &log).map_err(failed)?),
        Backend::Maildir => {
            Arc::new(MaildirStore::open_unfinished(&to.path, files()).map_err(failed)?)
        }
    };
    let done = block_on(restante_store::copy::copy(&source, &copy_to, &survey, watch))?;
    for store in [source, copy_to] {
        if let Some(upkeep) = store.upkeep() {
            upkeep.close();
        }
    }
    let there_before = done.map_err(failed)?;
    target.finish().map_err(failed)?;
    Ok(Copied { survey, there_before, goes_on })
}

/// Whoever opens a store makes it; what is to be copied has to be there.
fn expect_store(from: &Place) -> Result<(), Failure> {
    let Place { backend, path } = from;
    let is_there = match backend {
        Backend::Log => path.join("FORMAT").exists(),
        Backend::Maildir => path.is_dir(),
    };
    if is_there {
        return Ok(());
    }
    let (name, path) = (backend.name(), path.display());
    Err(Failure::new(format!("there is no {name} store in {path}")))
}

/// Where the log store is.
fn log_store(settings: &Settings) -> Result<PathBuf, Failure> {
    let stands = standing(settings)?;
    match stands.backend {
        Backend::Log => Ok(stands.path),
        Backend::Maildir => Err(Failure::new("the mail of this site is in Maildirs")
            .hint("they need none of this: each message is a file of its own")),
    }
}

fn failed(error: &StoreError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        StoreError::Interrupted => failure.hint("it can be begun again").exit(130),
        StoreError::Locked { .. } => failure.hint("stop whatever has it open, and try again"),
        StoreError::Full { .. } => failure.hint("make room on the disk, and try again"),
        _ => failure,
    }
}

fn log_settings(settings: &Settings) -> restante_store::log::Settings {
    restante_store::log::Settings {
        journal_keep: settings.store.journal_keep,
        ..restante_store::log::Settings::default()
    }
}

fn maildir_settings(settings: &Settings) -> restante_store::maildir::Settings {
    restante_store::maildir::Settings {
        host: settings.site.hostname.clone(),
        ..restante_store::maildir::Settings::default()
    }
}

/// What does the commands' acts on files that no server has open.
pub(crate) async fn executor(settings: &Settings) -> Result<Executor, Failure> {
    Ok(Backends::open(settings).await?.executor())
}

/// What is not wrong with the accounts but will surprise, a sentence each. Nothing where there
/// are no accounts yet; the failure is that of files that cannot be opened.
pub(crate) async fn concerns(settings: &Settings) -> Result<Vec<String>, Failure> {
    let path = settings.site.state.join(ACCOUNTS);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let unknown =
        |error: &dyn Display| Failure::new(format!("the accounts cannot be looked at: {error}"));
    let backend = standing(settings)?.backend;
    let options = directory_settings(settings, backend);
    let accounts = Accounts::open(&path, options).map_err(|error| unknown(&error))?;
    let mut concerns = accounts.concerns().await.map_err(|error| unknown(&error))?;
    if backend == Backend::Maildir {
        let asked = beyond_custody(&accounts).await.map_err(|error| unknown(&error))?;
        concerns.extend(asked);
    }
    Ok(concerns)
}

/// What is noted as damaged in the store, a sentence each. Opens nothing, so that it may be
/// asked while a server runs.
pub(crate) fn noted_damage(stands: &Standing) -> Result<Vec<String>, Failure> {
    match stands.backend {
        Backend::Log if stands.path.is_dir() => {
            let damage = LogStore::noted_damage(&stands.path);
            let damage = damage.map_err(|error| unopened("store", &stands.path, &error))?;
            Ok(damage.iter().map(damaged).collect())
        }
        Backend::Log | Backend::Maildir => Ok(Vec::new()),
    }
}

fn damaged(damage: &Damage) -> String {
    format!(
        "the store is damaged: {damage}; maildrops near that cannot be opened until \
         `restante store repair` was run"
    )
}

/// The server's settings; sockets from systemd take the place of what is written.
pub(crate) fn server_settings(
    settings: &Settings,
    inherited: Vec<(Service, OwnedFd)>,
) -> restante_server::Settings {
    let site = &settings.site;
    restante_server::Settings {
        hostname: site.hostname.clone(),
        listeners: listeners(settings, inherited),
        tls: settings
            .tls
            .as_ref()
            .map(|tls| TlsSettings { certificate: tls.certificate.clone(), key: tls.key.clone() }),
        pop3: Pop3Settings {
            idle: settings.timeouts.idle,
            last: site.last,
            extensions: site.extensions.iter().map(|extension| extension.0).collect(),
            utf8_legacy: match site.utf8_legacy {
                Utf8LegacySetting::Downgrade => Utf8Legacy::Downgrade,
                Utf8LegacySetting::Refuse => Utf8Legacy::Refuse,
                Utf8LegacySetting::Raw => Utf8Legacy::Raw,
            },
            ..Pop3Settings::default()
        },
        intake: IntakeSettings {
            message_octets_max: settings.intake.message_size,
            recipients_max: room(Some(settings.intake.recipients)),
            bare_line_ends: match settings.intake.bare_line_ends {
                BareLineEndsSetting::Refuse => BareLineEnds::Refuse,
                BareLineEndsSetting::Repair => BareLineEnds::Repair,
            },
            idle: settings.timeouts.intake,
            bare_local_parts: false,
            lmtp_beyond_loopback: settings.intake.lmtp_beyond_loopback,
        },
        limits: limits(settings),
        // The directory says whose sessions overlap.
        sessions: Sessions::Exclusive { lock_wait: site.lock_wait },
        leases: LeaseSettings {
            back_off: settings.workers.back_off,
            back_off_max: settings.workers.back_off_max,
        },
        deaths_max: settings.workers.set_aside_after,
        drain: settings.timeouts.drain,
    }
}

fn directory_settings(settings: &Settings, backend: Backend) -> restante_directory::Settings {
    restante_directory::Settings {
        domains: settings.site.domains.clone(),
        plus_separator: settings.intake.plus_separator,
        local_parts_case_sensitive: settings.intake.case_sensitive,
        postmaster: settings.intake.postmaster.clone(),
        main_password_over_pop3: settings.site.main_password_over_pop3,
        scram: settings.mechanisms.scram,
        scram_main: settings.mechanisms.scram_main,
        recoverable: settings.mechanisms.recoverable_app_passwords,
        anonymous: settings.mechanisms.anonymous.clone(),
        rules: rules(settings),
        custody: backend == Backend::Log,
        chain: settings.accounts.chain.clone(),
        notices: Notices::to(|word| tracing::warn!("{word}")),
        ..restante_directory::Settings::default()
    }
}

fn guess_settings(settings: &Settings) -> GuessSettings {
    let guard = &settings.guard;
    let count = |count: Option<u64>| count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    GuessSettings {
        failures_per_minute: count(guard.failures_per_minute),
        failures_per_day: count(guard.failures_per_day),
        account_failures_per_hour: count(guard.account_failures_per_hour),
        never: guard.never.clone(),
        exempt_loopback: settings.limits.exempt_loopback,
        memory: room(Some(guard.memory)),
        ..GuessSettings::default()
    }
}

/// How maildrops are kept and used where the account does not say.
fn rules(settings: &Settings) -> Rules {
    let (site, keeping) = (&settings.site, settings.keeping);
    Rules {
        keeping: keeping.keeping,
        over_quota: keeping.over_quota,
        sessions: match site.sessions {
            SessionsSetting::Exclusive => restante_directory::Sessions::Exclusive,
            SessionsSetting::Snapshot => restante_directory::Sessions::Snapshot,
        },
        login_delay: LoginDelay(site.login_delay),
        batch: Batch(settings.workers.batch),
    }
}

fn limits(settings: &Settings) -> Limits {
    let limits = &settings.limits;
    let handshake = settings.timeouts.tls_handshake;
    Limits {
        connections_max: limits.connections.map(|count| room(Some(count))),
        connections_per_address_max: room(limits.connections_per_address),
        unauthenticated_max: limits.unauthenticated.map(|count| room(Some(count))),
        unauthenticated_per_address_max: room(limits.unauthenticated_per_address),
        unauthenticated_per_network_max: room(limits.unauthenticated_per_network),
        sessions_per_account_max: room(limits.sessions_per_account),
        exempt_loopback: limits.exempt_loopback,
        tls_handshake: handshake,
        // rulings 3: 30 s, 10 s under pressure
        tls_handshake_under_pressure: handshake.checked_div(3).unwrap_or(handshake),
        write: settings.timeouts.write,
    }
}

/// A count for the server; `None` is unlimited.
fn room(count: Option<u64>) -> usize {
    count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX)
}

fn listeners(settings: &Settings, inherited: Vec<(Service, OwnedFd)>) -> Vec<Listener> {
    let listen = &settings.listen;
    let mut listeners = Vec::new();
    for (service, written) in [
        (Service::Pop3, &listen.pop3),
        (Service::Pop3s, &listen.pop3s),
        (Service::Lmtp, &listen.lmtp),
        (Service::Smtp, &listen.smtp),
    ] {
        if inherited.iter().all(|(other, _)| *other != service) {
            listeners.extend(written.iter().map(|one| listener(service, one)));
        }
    }
    for (service, socket) in inherited {
        let written = match service {
            Service::Pop3 => &listen.pop3,
            Service::Pop3s => &listen.pop3s,
            Service::Lmtp => &listen.lmtp,
            Service::Smtp => &listen.smtp,
        };
        listeners.push(Listener {
            service,
            at: Bind::Inherited(socket),
            cleartext_from: written.iter().flat_map(|one| one.cleartext_from.clone()).collect(),
            proxy_from: written.iter().flat_map(|one| one.proxy_from.clone()).collect(),
        });
    }
    listeners
}

fn listener(service: Service, written: &ListenerSetting) -> Listener {
    let at = match &written.at {
        At::Tcp(address) => Bind::Tcp(*address),
        At::Unix { path, mode } => Bind::Unix { path: path.clone(), mode: *mode },
    };
    Listener {
        service,
        at,
        cleartext_from: written.cleartext_from.clone(),
        proxy_from: written.proxy_from.clone(),
    }
}

fn unopened(what: &str, state: &Path, error: &dyn Display) -> Failure {
    let failure = Failure::new(format!("cannot open the {what}: {error}"));
    // SQLite calls a full disk an input/output error at times.
    match rustix::fs::statvfs(state) {
        Ok(disk) if disk.f_bavail == 0 => {
            failure.hint(format!("the disk that holds {} is full", state.display()))
        }
        _ => failure,
    }
}

fn make_state(state: &Path) -> Result<(), Failure> {
    match DirBuilder::new().mode(0o700).create(state) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Failure::new(format!("cannot make the state folder {}: {error}", state.display()))
                .hint("make it, and give it to the user that the server runs as"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::document::Document;
    use crate::settings::load::read;

    fn settings(more: &str) -> Settings {
        let text = format!("hostname = \"mail.example.org\"\ndomains = [\"example.org\"]\n{more}");
        let reading = read(&Document { path: PathBuf::from("/etc/restante/restante.toml"), text });
        reading.settings().expect("no problems")
    }

    // What the reference calls the default is what the server's own defaults are.
    #[test]
    fn the_defaults_are_those_of_the_server() {
        let composed = server_settings(&settings("[listen]\npop3s = \"off\"\n"), Vec::new());
        let shown = |value: &dyn std::fmt::Debug| format!("{value:?}");
        assert_eq!(shown(&composed.limits), shown(&Limits::default()));
        assert_eq!(shown(&composed.pop3), shown(&Pop3Settings::default()));
        assert_eq!(shown(&composed.intake), shown(&IntakeSettings::default()));
        assert_eq!(composed.sessions, Sessions::default());
        assert_eq!(composed.leases, LeaseSettings::default());
        assert_eq!(composed.deaths_max, restante_server::DEATHS_MAX);
    }

    #[test]
    fn a_socket_from_systemd_takes_the_place_of_what_is_written() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let text = "[listen]\npop3 = \"127.0.0.1:110\"\npop3s = \"off\"\nlmtp = \"127.0.0.1:24\"\n";
        let composed = server_settings(&settings(text), vec![(Service::Pop3, socket.into())]);
        let kinds: Vec<_> = composed
            .listeners
            .iter()
            .map(|one| (one.service, matches!(one.at, Bind::Inherited(_))))
            .collect();
        assert_eq!(kinds, [(Service::Lmtp, false), (Service::Pop3, true)]);
    }
}
