//! `restante try`: a whole server in a folder of its own, in a second.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::logging::{self, LevelHandle};
use crate::output::{Failure, Output};
use crate::runtime;
use crate::settings::log::{LogFormat, LogLevel};
use crate::start::start;
use crate::trial::child::Child;
use crate::trial::deliver::deliver_samples;
use crate::trial::facts::Facts;
use crate::trial::folder::{ADDRESS, Folder};

/// What to try.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keep everything in this folder; by default it is a temporary one that goes at the end
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Print one JSON object on one line when ready
    #[arg(long)]
    json: bool,
    /// Run this command with RESTANTE_POP3, RESTANTE_USER, … set, and exit with its status
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// Runs until SIGINT or SIGTERM, or until the command ends.
pub(crate) fn run(args: &Args, output: Output) -> Result<ExitCode, Failure> {
    let folder = Folder::make(args.dir.as_deref())?;
    // Who gets ready has nothing to say yet, and beside a command its own output is what matters.
    let level = logging::start(LogFormat::Text, LogLevel::Warn)?;
    let code = runtime::all_cores(run_in(args, &folder, &level, output))??;
    folder.remove()?;
    Ok(code)
}

async fn run_in(
    args: &Args,
    folder: &Folder,
    level: &LevelHandle,
    output: Output,
) -> Result<ExitCode, Failure> {
    let unheard = |error| Failure::new(format!("signals cannot be heard: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    let started = start(&folder.settings(output)?, Vec::new(), true).await?;
    folder.write_addresses(&started.addresses)?;
    let password = folder.account(started.backends.manage.as_ref()).await?;
    let facts = Facts::new(folder.path(), &started.addresses, password)?;
    let handle = started.handle.clone();
    let mut server = tokio::spawn(started.run());
    if folder.is_new() {
        deliver_samples(facts.lmtp, ADDRESS).await?;
    }
    if args.json {
        output.json(&facts.json())?;
    } else if args.command.is_empty() {
        output.line(facts.instructions())?;
    }
    let mut child = if args.command.is_empty() {
        level.set(LogLevel::Info);
        None
    } else {
        Some(Child::start(&args.command, &facts.environment())?)
    };
    let told = tokio::select! {
        _ = &mut server => return Err(Failure::new("the server ended by itself")),
        code = ended(child.as_mut()) => Told::Ended(code?),
        _ = terminate.recv() => Told::Stop(Signal::TERM),
        _ = interrupt.recv() => Told::Stop(Signal::INT),
    };
    let code = match (told, child) {
        (Told::Ended(code), _) => code,
        (Told::Stop(signal), Some(child)) => child.stop(signal).await?,
        (Told::Stop(_), None) => ExitCode::SUCCESS,
    };
    handle.drain();
    // Whoever is still logged in is cut off after the time in the settings.
    let _ = server.await;
    Ok(code)
}

/// Why a trial is over.
enum Told {
    Ended(ExitCode),
    Stop(Signal),
}

/// Waits for the command, for ever where there is none.
async fn ended(child: Option<&mut Child>) -> Result<ExitCode, Failure> {
    match child {
        Some(child) => child.ended().await,
        None => std::future::pending().await,
    }
}
