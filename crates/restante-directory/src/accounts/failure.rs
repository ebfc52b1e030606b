//! What the database says, in the words of those who asked.

use crate::directory::{ResolveError, VerifyError};
use crate::refusal::ManageError;

impl From<rusqlite::Error> for ManageError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable { detail: error.to_string() }
    }
}

impl From<rusqlite::Error> for VerifyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable { detail: error.to_string() }
    }
}

impl From<rusqlite::Error> for ResolveError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable { detail: error.to_string() }
    }
}
