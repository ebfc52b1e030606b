//! `Refusal`: why an act was refused, as it travels.

use restante_directory::ManageError;
use restante_store::StoreError;
use serde::{Deserialize, Serialize};

/// Why an act was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Refusal {
    /// By the directory.
    #[error(transparent)]
    Accounts(#[from] ManageError),
    /// By the store.
    #[error("the store cannot do it: {detail}")]
    Store {
        /// What happened.
        detail: String,
    },
    /// Something that was named is not there.
    #[error("{what}")]
    Absent {
        /// What, in a sentence.
        what: String,
    },
    /// What was asked makes no sense.
    #[error("{why}")]
    Request {
        /// Why, and what would.
        why: String,
    },
    /// Only a running server can answer that.
    #[error("no server runs, so there is nothing to say")]
    Stopped,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Absent { detail } => Self::Absent { what: detail },
            other => Self::Store { detail: other.to_string() },
        }
    }
}
