//! When each credential was last used: noted in memory, written each minute and at the end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use rusqlite::params;

use super::database::Database;
use crate::directory::Account;

/// Uses that are not in the database yet. At most one a credential.
#[derive(Default)]
pub(super) struct LastUses(Mutex<HashMap<(i64, i64), (i64, IpAddr)>>);

impl LastUses {
    /// Notes a login; no I/O.
    pub(super) fn note(&self, account: &Account, from: IpAddr, now: i64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((account.id, account.credential), (now, from.to_canonical()));
    }

    /// Writes what was noted. If that fails it is kept for the next time.
    pub(super) fn flush(&self, database: &Database) -> rusqlite::Result<()> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return Ok(());
        }
        let written = database.write(|transaction| {
            let mut main = transaction.prepare_cached(
                "UPDATE account SET last_used = ?1, last_from = ?2 WHERE id = ?3",
            )?;
            let mut app = transaction.prepare_cached(
                "UPDATE app_password SET last_used = ?1, last_from = ?2 WHERE id = ?3",
            )?;
            for ((account, credential), (at, from)) in &noted {
                let (statement, id) =
                    if *credential == 0 { (&mut main, account) } else { (&mut app, credential) };
                statement.execute(params![at, from.to_string(), id])?;
            }
            Ok::<_, rusqlite::Error>(())
        });
        if written.is_err() {
            let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (credential, noted) in noted {
                now.entry(credential).or_insert(noted);
            }
        }
        written
    }
}
