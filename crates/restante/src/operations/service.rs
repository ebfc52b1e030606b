//! `ControlService`: answers the control socket with an `Executor`.

use std::sync::Arc;

use restante_server::control::{Control, Peer, Pending, Told};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operations::executor::Executor;
use crate::operations::refusal::Refusal;
use crate::operations::request::Request;

/// The server's end of the control socket.
pub(crate) struct ControlService {
    executor: Arc<Executor>,
}

/// What an answer is: done, or refused for a reason that the command can read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// What the request's answer is.
    Done(Value),
    /// Why not.
    Refused(Refusal),
}

impl ControlService {
    /// Answers with this executor.
    pub(crate) const fn new(executor: Arc<Executor>) -> Self {
        Self { executor }
    }
}

impl Control for ControlService {
    fn call(&self, peer: Peer, request: Value, told: Told) -> Pending<'_, Result<Value, String>> {
        Box::pin(async move {
            // What serde says may quote a value; it goes back to who sent it, and into no log.
            let request: Request = serde_json::from_value(request)
                .map_err(|error| format!("this request is not understood: {error}"))?;
            tracing::debug!(uid = peer.uid, pid = peer.pid, ?request, "control request");
            let outcome = match self.executor.execute(request, told).await {
                Ok(answer) => Outcome::Done(answer),
                Err(refusal) => Outcome::Refused(refusal),
            };
            serde_json::to_value(outcome).map_err(|error| error.to_string())
        })
    }
}
