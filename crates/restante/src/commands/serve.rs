//! `restante serve`: the server for real, from a configuration that was checked first.

use std::process::ExitCode;

use restante_server::Handle;
use restante_server::net::service::Service;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::check::{Checked, check};
use crate::logging::{self, LevelHandle};
use crate::output::{Failure, Output};
use crate::runtime;
use crate::settings::document::Document;
use crate::settings::load::{Reading, read};
use crate::settings::locate::ConfigArg;
use crate::settings::log::LogFormat;
use crate::settings::problem::Severity;
use crate::settings::report::Report;
use crate::start::{Started, start};
use crate::systemd::{self, State};

/// EX_CONFIG of sysexits.h: starting again changes nothing.
const EX_CONFIG: u8 = 78;

/// How to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// The form of log lines, in place of what the configuration says
    #[arg(long, value_name = "FORMAT")]
    log: Option<LogFormat>,
}

/// Serves until SIGTERM or SIGINT; SIGHUP reloads.
pub(crate) fn run(args: &Args, output: Output) -> Result<ExitCode, Failure> {
    let path = args.config.path();
    if !path.exists() {
        return Err(nothing_to_serve(&path.display().to_string()));
    }
    let document = Document::read(&path).map_err(|failure| failure.exit(EX_CONFIG))?;
    let inherited = systemd::inherited()?;
    let services: Vec<Service> = inherited.iter().map(|(service, _)| *service).collect();
    let Checked { settings, report } = check(&document, &services);
    if !report.is_empty() {
        output.note(report.render(output.colour_of_errors()));
    }
    let Some(settings) = settings else {
        return Err(
            Failure::new(format!("not started: {}", report.count(Severity::Error))).exit(EX_CONFIG)
        );
    };
    let level = logging::start(args.log.unwrap_or(settings.log.format), settings.log.level)?;
    runtime::all_cores(async {
        let started = start(&settings, inherited, false).await?;
        for concern in started.backends.manage.concerns().await.unwrap_or_default() {
            tracing::warn!("{concern}");
        }
        serve(started, Reloader { document, level }).await
    })?
}

async fn serve(started: Started, mut reloader: Reloader) -> Result<ExitCode, Failure> {
    let unheard = |error| Failure::new(format!("signals cannot be heard: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(unheard)?;
    let handle = started.handle.clone();
    let mut server = tokio::spawn(started.run());
    systemd::notify(State::Ready);
    loop {
        tokio::select! {
            ended = &mut server => return ending(ended),
            _ = hang_up.recv() => reloader.reload(&handle),
            () = either(&mut terminate, &mut interrupt) => break,
        }
    }
    systemd::notify(State::Stopping);
    handle.drain();
    tokio::select! {
        ended = &mut server => ending(ended),
        // Asked twice: at once. Nothing is lost by it, sessions just end.
        () = either(&mut terminate, &mut interrupt) => Ok(ExitCode::SUCCESS),
    }
}

fn ending(ended: Result<(), tokio::task::JoinError>) -> Result<ExitCode, Failure> {
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Failure::new(format!("the server broke down: {error}"))
            .hint("this is a fault of ours; please report it with the log")),
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// What a reload changes: the certificate's files are read again, and `log.level` holds. What
/// else was changed is named, and waits for the next start.
struct Reloader {
    document: Document,
    level: LevelHandle,
}

impl Reloader {
    /// A configuration with an error changes nothing, nor does a certificate that is no good.
    fn reload(&mut self, handle: &Handle) {
        systemd::notify(State::Reloading);
        self.reload_settings();
        // The server says itself what became of it.
        let _told = handle.reload_certificate();
        systemd::notify(State::Ready);
    }

    fn reload_settings(&mut self) {
        let document = match Document::read(&self.document.path) {
            Ok(document) => document,
            Err(error) => {
                tracing::error!(%error, "the old configuration stays in use");
                return;
            }
        };
        let reading = read(&document);
        let later = changed_for_later(&self.document, &document, &reading);
        let problems = reading.findings.problems.clone();
        let Some(settings) = reading.settings() else {
            let report = Report::new(&document, problems);
            tracing::error!(
                "the old configuration stays in use: the new one has {}\n{}",
                report.count(Severity::Error),
                report.render(false)
            );
            return;
        };
        self.level.set(settings.log.level);
        if later.is_empty() {
            tracing::info!("the configuration was read again");
            self.document = document;
        } else {
            // They are compared with what runs, so the old document stays.
            tracing::warn!(settings = later.join(" "), "these take effect at the next start");
        }
    }
}

/// The settings that differ and that no reload changes.
fn changed_for_later(old: &Document, new: &Document, reading: &Reading) -> Vec<String> {
    let before = read(old).findings.places;
    let mut later = Vec::new();
    for section in &reading.findings.sections {
        for setting in section.settings.iter().filter(|setting| !setting.definition.reloads) {
            let name = match section.name {
                "" => setting.definition.name.to_owned(),
                table => format!("{table}.{}", setting.definition.name),
            };
            let said = |document: &Document, span: Option<&std::ops::Range<usize>>| {
                span.and_then(|span| document.text.get(span.clone())).map(str::to_owned)
            };
            let (was, is) = (before.get(&name), reading.findings.places.get(&name));
            if said(old, was) != said(new, is) {
                later.push(name);
            }
        }
    }
    later
}

fn nothing_to_serve(path: &str) -> Failure {
    let explanation = format!(
        "there is no configuration at {path}; these lines are enough:\n\
         \x20 hostname = \"mail.example.org\"\n\
         \x20 domains = [\"example.org\"]\n\
         \x20 tls = {{ certificate = \"/etc/ssl/mail.pem\", key = \"/etc/ssl/mail.key\" }}\n\
         \x20 listen = {{ lmtp = \"unix:/run/restante/lmtp.sock\" }}"
    );
    Failure::new(explanation)
        .hint("`restante check` says what is wrong with it; `restante try` needs none at all")
        .exit(EX_CONFIG)
}
