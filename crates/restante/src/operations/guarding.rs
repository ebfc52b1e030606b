//! Guess control, for commands: who is blocked, why, and letting them in again.

use std::sync::Arc;

use restante_directory::{Allowed, GuessKeeper, Shown, Subject};

use crate::operations::answer::GuardList;
use crate::operations::refusal::Refusal;

/// More on one list would help nobody, and a message of the control socket has its limit.
const SHOWN_MAX: usize = 10_000;

/// Asks guess control, and changes it.
pub(crate) struct Guarding {
    keeper: Arc<GuessKeeper>,
}

impl Guarding {
    pub(crate) const fn new(keeper: Arc<GuessKeeper>) -> Self {
        Self { keeper }
    }

    pub(super) fn list(&self) -> GuardList {
        let (guesses, now) = (self.keeper.guesses(), self.keeper.now());
        GuardList { failures: guesses.list(SHOWN_MAX, now), allowed: guesses.allowed(now) }
    }

    pub(super) fn why(&self, subject: &str) -> Vec<Shown> {
        self.keeper.guesses().why(&Subject::parse(subject), self.keeper.now())
    }

    pub(super) fn allow(&self, allowed: Allowed) -> Result<Vec<Allowed>, Refusal> {
        let now = self.keeper.now();
        if !self.keeper.guesses().allow(allowed, now) {
            let why = "1024 networks are allowed already; clear some, or write them into the \
                       configuration: [guard] never";
            return Err(Refusal::Request { why: why.to_owned() });
        }
        self.written()?;
        Ok(self.keeper.guesses().allowed(now))
    }

    pub(super) fn clear(&self, subject: &str) -> Result<usize, Refusal> {
        let cleared = self.keeper.guesses().clear(&Subject::parse(subject), self.keeper.now());
        self.written()?;
        Ok(cleared)
    }

    /// What an operator decided is not lost with the next crash.
    fn written(&self) -> Result<(), Refusal> {
        self.keeper.write().map_err(|error| Refusal::Request {
            why: format!("it holds now, but cannot be written for the next start: {error}"),
        })
    }
}
