//! What redb says went wrong, as errors of a store.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::TableError;

use crate::error::StoreError;

/// A table, or `None` where it was never written to.
pub(crate) fn there<T>(table: Result<T, TableError>) -> Result<Option<T>, StoreError> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(fault) => Err(failed(fault)),
    }
}

pub(crate) fn failed(fault: impl Into<redb::Error>) -> StoreError {
    match fault.into() {
        redb::Error::Io(fault) => StoreError::disk("use the index", fault),
        other => StoreError::Damaged { detail: format!("the index: {other}") },
    }
}

/// An index whose octets are not those written may be more than redb expects.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(StoreError::Damaged {
            detail: "the index makes no sense: it is made anew at the next start".into(),
        })
    })
}
