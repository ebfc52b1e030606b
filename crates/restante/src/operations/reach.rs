//! `Reach`: how a command reaches the accounts and the mail: through the running server, or
//! through the files when none runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use restante_server::control::{self, CallError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::operations::executor::Executor;
use crate::operations::refusal::Refusal;
use crate::operations::request::Request;
use crate::operations::service::Outcome;
use crate::output::{Failure, Output};

/// How long an answer may take before the person is told that it is waited for. Some acts take
/// minutes, so there is no limit.
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// The answer is of another version.
    #[error("the server's answer is not understood: {0}")]
    Answer(#[from] serde_json::Error),
}

impl Reach {
    /// Asks, and waits for the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, Unanswered> {
        let answer = match self {
            Self::Stopped(executor) => executor.execute(request).await?,
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
    match serde_json::from_value(answer?)? {
        Outcome::Done(answer) => Ok(answer),
        Outcome::Refused(refusal) => Err(refusal.into()),
    }
}

impl From<Unanswered> for Failure {
    fn from(error: Unanswered) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            Unanswered::Refused(_) => failure,
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
