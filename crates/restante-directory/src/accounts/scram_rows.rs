//! What is kept of passwords for SCRAM: rows, and how new ones are made.

use mail_wire::prepared::saslprep;
use mail_wire::sasl::scram::{Hash, Keys, Salt};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::refusal::ManageError;

/// How many iterations new keys have. App passwords hold 128 bits and need none; main passwords
/// are better guarded by argon2id. Clients compute this at each login, on telephones too (RFC
/// 7677 §4 asks for 4096 at least).
pub(super) const ITERATIONS: u32 = 10_000;
/// Octets of a salt.
pub(super) const SALT_OCTETS: usize = 16;

/// An account's keys. Credential 0 is the main password.
#[derive(Default)]
pub(super) struct ScramRows {
    pub(super) salt: Option<Salt>,
    keys: Vec<(i64, Keys)>,
}

/// Keys of a new password, one a hash function.
pub(super) struct FreshKeys {
    salt: Salt,
    keys: Vec<Keys>,
}

impl ScramRows {
    /// Two indexed reads.
    pub(super) fn load(connection: &Connection, account: i64) -> rusqlite::Result<Self> {
        let salt = salt(connection, account)?;
        let keys = connection
            .prepare_cached(
                "SELECT coalesce(app_password, 0), hash, stored, server FROM scram_key
                 WHERE account = ?1",
            )?
            .query_map([account], |row| {
                let name: String = row.get(1)?;
                let hash = Hash::ALL.into_iter().find(|hash| hash.name() == name);
                let (stored, server) = (row.get(2)?, row.get(3)?);
                // What is damaged proves nothing.
                Ok(hash
                    .and_then(|hash| Keys::new(hash, stored, server))
                    .map(|keys| (row.get(0), keys)))
            })?
            .filter_map(Result::transpose)
            .map(|row| row.and_then(|(credential, keys)| Ok((credential?, keys))))
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self { salt, keys })
    }

    /// The keys over this hash, with the credential that each is of.
    pub(super) fn over(&self, hash: Hash) -> impl Iterator<Item = (i64, &Keys)> {
        self.keys
            .iter()
            .filter(move |(_, keys)| keys.hash() == hash)
            .map(|(credential, keys)| (*credential, keys))
    }
}

impl FreshKeys {
    /// Keys of a password; `None` where SASLprep does not pass: SCRAM has nothing else (`rulings`
    /// 9). Takes some milliseconds.
    pub(super) fn of(password: &str, salt: Salt) -> Option<Self> {
        let prepared = mail_wire::Secret::new(saslprep(password)?);
        let keys = Hash::ALL.map(|hash| Keys::of(prepared.expose().as_bytes(), &salt, hash));
        Some(Self { salt, keys: keys.into() })
    }

    /// Keeps them as those of an app password, or of the main password.
    pub(super) fn keep(
        &self,
        transaction: &Transaction<'_>,
        account: i64,
        app_password: Option<i64>,
    ) -> Result<(), ManageError> {
        transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO scram_salt (account, salt, iterations) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![account, self.salt.octets, self.salt.iterations])?;
        if salt(transaction, account)?.as_ref() != Some(&self.salt) {
            let detail = "the account was made anew at this moment; try again".to_owned();
            return Err(ManageError::Unavailable { detail });
        }
        for keys in &self.keys {
            transaction
                .prepare_cached(
                    "INSERT INTO scram_key (account, app_password, hash, stored, server)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    account,
                    app_password,
                    keys.hash().name(),
                    keys.stored().expose(),
                    keys.server().expose()
                ])?;
        }
        Ok(())
    }
}

/// The salt that an account has.
pub(super) fn salt(connection: &Connection, account: i64) -> rusqlite::Result<Option<Salt>> {
    connection
        .prepare_cached("SELECT salt, iterations FROM scram_salt WHERE account = ?1")?
        .query_row([account], |row| Ok(Salt { octets: row.get(0)?, iterations: row.get(1)? }))
        .optional()
}
