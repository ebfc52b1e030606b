//! The command that runs beside a trial: in a process group of its own, so that all of it can
//! be told to stop.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use rustix::termios::tcsetpgrp;
use tokio::time::timeout;

use crate::output::Failure;

/// How long a command may take to stop before it is made to.
const GRACE: Duration = Duration::from_secs(5);
/// How long what it left behind may take.
const GRACE_OF_THE_REST: Duration = Duration::from_secs(1);
/// What shells answer for a command that cannot be run, and for one that is not found.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// A command that runs.
#[derive(Debug)]
pub(crate) struct Child {
    process: tokio::process::Child,
    group: Option<Pid>,
}

impl Child {
    /// Runs a command with these variables beside those of this process.
    pub(crate) fn start(
        command: &[OsString],
        environment: &[(&'static str, String)],
    ) -> Result<Self, Failure> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(Failure::new("there is no command to run"));
        };
        let process = tokio::process::Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                let exit = match error.kind() {
                    std::io::ErrorKind::NotFound => NOT_FOUND,
                    _ => CANNOT_RUN,
                };
                let program = program.to_string_lossy();
                Failure::new(format!("cannot run `{program}`: {error}")).exit(exit)
            })?;
        let raw = process.id().and_then(|id| i32::try_from(id).ok());
        let child = Self { process, group: raw.and_then(Pid::from_raw) };
        child.give_terminal();
        Ok(child)
    }

    /// Its exit code once it has ended; 128 and the signal's number where a signal ended it.
    pub(crate) async fn ended(&mut self) -> Result<ExitCode, Failure> {
        let status = self.process.wait().await;
        status.map(exit_code).map_err(|error| Failure::new(format!("cannot wait: {error}")))
    }

    /// Passes a signal on to all of it, and waits until it has ended.
    pub(crate) async fn stop(mut self, signal: Signal) -> Result<ExitCode, Failure> {
        self.tell(signal);
        let ended = timeout(GRACE, self.ended()).await;
        // What the command left behind may not have heard: shells start background commands
        // with SIGINT ignored.
        self.tell(Signal::TERM);
        let _ = timeout(GRACE_OF_THE_REST, self.none_left()).await;
        self.tell(Signal::KILL);
        match ended {
            Ok(code) => code,
            Err(_) => self.ended().await,
        }
    }

    async fn none_left(&self) {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        while self.group.is_some_and(|group| test_kill_process_group(group).is_ok()) {
            pause.tick().await;
        }
    }

    fn tell(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It may have ended meanwhile.
            let _ = kill_process_group(group, signal);
        }
    }

    /// A terminal belongs to one group at a time: with it come reading and Ctrl-C.
    fn give_terminal(&self) {
        let stdin = std::io::stdin();
        if let (Some(group), true) = (self.group, stdin.is_terminal())
            && tcsetpgrp(&stdin, group).is_ok()
        {
            // It may have tried to read before the terminal was its own.
            self.tell(Signal::CONT);
        }
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let signalled = status.signal().map(|signal| signal.saturating_add(128));
    let code = status.code().or(signalled).and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}
