//! `Reach`: how a command reaches the accounts and the mail: through the running server, or
//! through the files when none runs.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use restante_server::control::{self, CallError, Told};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use crate::operations::executor::Executor;
use crate::operations::refusal::Refusal;
use crate::operations::request::Request;
use crate::operations::service::Outcome;
use crate::output::{Failure, Output};
use crate::shown::Shown;

/// How long an answer may take before the person is told that it is waited for. Some acts take
/// minutes, so there is no limit.
const PATIENCE: Duration = Duration::from_secs(5);

/// What shells answer for a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Where requests go.
pub(crate) enum Reach {
    /// A server runs; this is its control socket, and where to say that it is slow. Nothing
    /// here opens its files.
    Running(PathBuf, Output),
    /// None runs: the files are ours, and locked.
    Stopped(Box<Executor>),
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The act was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The server could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Whoever asked wants it no more.
    #[error("interrupted; nothing is harmed, and it can be begun again")]
    Interrupted,
    /// The answer is of another version.
    #[error("the server's answer is not understood: {0}")]
    Answer(#[from] serde_json::Error),
}

impl Reach {
    /// Asks for something that takes long, shows how far it has come, and ends it at Ctrl-C.
    pub(crate) async fn ask_long<T: DeserializeOwned>(
        &self,
        request: Request,
        shown: &Shown,
    ) -> Result<T, Unanswered> {
        let asked = async {
            match self {
                Self::Stopped(executor) => {
                    let (told, heard) = Told::channel();
                    aloud(executor.execute(request, told), heard, shown).await
                }
                Self::Running(socket, _) => {
                    let request = serde_json::to_value(request)?;
                    let heard = |how_far| show(how_far, shown);
                    outcome(control::call_watching(socket, &request, heard).await?)
                }
            }
        };
        let answer = tokio::select! {
            answer = asked => answer,
            _ = tokio::signal::ctrl_c() => Err(Unanswered::Interrupted),
        };
        shown.finish();
        Ok(serde_json::from_value(answer?)?)
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, Unanswered> {
        let answer = match self {
            Self::Stopped(executor) => executor.execute(request, Told::nobody()).await?,
            Self::Running(socket, output) => through(socket, &request, *output).await?,
        };
        Ok(serde_json::from_value(answer)?)
    }
}

async fn through(socket: &Path, request: &Request, output: Output) -> Result<Value, Unanswered> {
    let request = serde_json::to_value(request)?;
    let mut called = std::pin::pin!(control::call(socket, &request));
    let in_time = tokio::time::timeout(PATIENCE, &mut called).await;
    let answer = if let Ok(answer) = in_time {
        answer
    } else {
        output.note("the server takes its time; Ctrl-C ends the wait, not what was asked for");
        called.await
    };
    outcome(answer?)
}

fn outcome(answer: Value) -> Result<Value, Unanswered> {
    match serde_json::from_value(answer)? {
        Outcome::Done(answer) => Ok(answer),
        Outcome::Refused(refusal) => Err(refusal.into()),
    }
}

/// Waits for work and shows how far it has come.
async fn aloud(
    work: impl Future<Output = Result<Value, Refusal>>,
    mut heard: watch::Receiver<Value>,
    shown: &Shown,
) -> Result<Value, Unanswered> {
    let mut work = std::pin::pin!(work);
    let mut is_telling = true;
    loop {
        tokio::select! {
            biased;
            changed = heard.changed(), if is_telling => match changed {
                Ok(()) => show(heard.borrow_and_update().clone(), shown),
                Err(_) => is_telling = false,
            },
            answer = &mut work => return Ok(answer?),
        }
    }
}

fn show(how_far: Value, shown: &Shown) {
    if let Ok(advanced) = serde_json::from_value(how_far) {
        shown.show(&advanced);
    }
}

impl From<Unanswered> for Failure {
    fn from(error: Unanswered) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            Unanswered::Refused(_) => failure,
            Unanswered::Interrupted => failure.exit(INTERRUPTED),
            Unanswered::Call(CallError::NotRunning) => {
                failure.hint("the server stopped meanwhile; try again")
            }
            Unanswered::Call(_) => {
                failure.hint("this needs root, or the user that the server runs as")
            }
            Unanswered::Answer(_) => {
                failure.hint("restart the server, so that it and the command are of one version")
            }
        }
    }
}
