//! When each credential was last used: noted in memory, written each minute and at the end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::params;

use super::database::Database;
use crate::directory::Account;

/// All uses since the start, one a credential: about 60 octets each. They are kept when they are
/// written, too: who was active is asked at each login.
#[derive(Default)]
pub(super) struct LastUses(Mutex<HashMap<(i64, i64), Use>>);

struct Use {
    at: i64,
    from: IpAddr,
    written: bool,
}

impl LastUses {
    /// Notes a login; no I/O.
    pub(super) fn note(&self, account: &Account, from: IpAddr, now: i64) {
        let used = Use { at: now, from: from.to_canonical(), written: false };
        self.uses().insert((account.id, account.credential), used);
    }

    /// When a credential was last used, if it was since the start.
    pub(super) fn noted(&self, account: i64, credential: i64) -> Option<i64> {
        self.uses().get(&(account, credential)).map(|used| used.at)
    }

    /// Writes what was noted. If that fails it is written the next time.
    pub(super) fn flush(&self, database: &Database) -> rusqlite::Result<()> {
        let noted: Vec<(i64, i64, i64, IpAddr)> = self
            .uses()
            .iter()
            .filter(|(_, used)| !used.written)
            .map(|(&(account, credential), used)| (account, credential, used.at, used.from))
            .collect();
        if noted.is_empty() {
            return Ok(());
        }
        database.write(|transaction| {
            let mut main = transaction.prepare_cached(
                "UPDATE account SET last_used = ?1, last_from = ?2 WHERE id = ?3",
            )?;
            let mut app = transaction.prepare_cached(
                "UPDATE app_password SET last_used = ?1, last_from = ?2 WHERE id = ?3",
            )?;
            for (account, credential, at, from) in &noted {
                let (statement, id) =
                    if *credential == 0 { (&mut main, account) } else { (&mut app, credential) };
                statement.execute(params![at, from.to_string(), id])?;
            }
            Ok::<_, rusqlite::Error>(())
        })?;
        let mut uses = self.uses();
        for (account, credential, at, from) in noted {
            if let Some(used) = uses.get_mut(&(account, credential)) {
                // Another use may have come meanwhile.
                used.written = (used.at, used.from) == (at, from);
            }
        }
        Ok(())
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<(i64, i64), Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
