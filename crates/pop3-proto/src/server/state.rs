//! Where a session stands, and what that place knows.

use std::time::Instant;

use super::ask::Reason;
use super::asked::Asked;
use super::authorization::Authorization;
use super::errand::Errand;
use super::progress::Stage;
use super::transaction::Transaction;

/// Where the session stands, and what that place knows.
#[derive(Debug)]
pub(super) enum State {
    Authorization(Authorization),
    /// The driver has a question before login to answer.
    Asking(Authorization, Asked),
    /// `Ask::Secure` is out.
    Securing,
    Transaction(Transaction),
    /// The driver does something for TRANSACTION.
    Away(Transaction, Errand),
    /// `Ask::Commit` is out: so many messages.
    Updating(u64),
    Ended(Reason),
}

impl State {
    /// Takes it out. What stays is our own fault, unless another state is put there.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Ended(Reason::WrongAnswer))
    }

    /// As the driver knows it.
    pub(super) const fn stage(&self) -> Stage {
        match self {
            Self::Authorization(_) | Self::Asking(..) | Self::Securing => Stage::Authorization,
            Self::Transaction(_) | Self::Away(..) => Stage::Transaction,
            Self::Updating(_) => Stage::Update,
            Self::Ended(_) => Stage::Ended,
        }
    }

    /// Whether the next line is a response of a SASL exchange.
    pub(super) const fn is_in_exchange(&self) -> bool {
        matches!(self, Self::Authorization(state) if state.is_in_exchange())
    }

    /// XWAIT is under way, until then.
    pub(super) const fn waits_until(&self) -> Option<Instant> {
        match self {
            Self::Away(_, Errand::Wait { until, .. }) => Some(*until),
            _ => None,
        }
    }
}
