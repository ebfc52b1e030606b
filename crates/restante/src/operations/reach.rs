//! `Reach`: how a command reaches the accounts and the mail: through the running server, or
//! through the files when none runs.

use std::path::PathBuf;

use restante_server::control::{self, CallError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::operations::executor::Executor;
use crate::operations::refusal::Refusal;
use crate::operations::request::Request;
use crate::operations::service::Outcome;
use crate::output::Failure;

/// Where requests go.
pub(crate) enum Reach {
    /// A server runs; this is its control socket. Nothing here opens its files.
    Running(PathBuf),
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
            Self::Running(socket) => through(socket, &request).await?,
        };
        Ok(serde_json::from_value(answer)?)
    }
}

async fn through(socket: &std::path::Path, request: &Request) -> Result<Value, Unanswered> {
    let request = serde_json::to_value(request)?;
    match serde_json::from_value(control::call(socket, &request).await?)? {
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
