//! The acts on accounts.

use mail_wire::Secret;
use rusqlite::{Connection, OptionalExtension, params};

use super::insert::AccountRow;
use super::own_rules;
use super::parts::Parts;
use super::scram_rows::FreshKeys;
use super::show;
use crate::app_password::AppPassword;
use crate::domain::Domain;
use crate::network::Networks;
use crate::password::{Forms, PASSWORD_OCTETS_MAX};
use crate::records::{AccountChange, AccountRecord, Filter, NewAccount, Page, RemovedAccount};
use crate::refusal::ManageError;

impl Parts {
    pub(super) fn add_account(
        &self,
        new: &NewAccount,
        hash: Option<&Secret<String>>,
    ) -> Result<AccountRecord, ManageError> {
        let fresh = self.fresh_main_keys(new)?;
        let networks = Networks::parse(&new.networks)?.stored();
        let (local, domain) = self.naming.new_name(&new.name)?;
        let record = self.database.write(|transaction| {
            let row = AccountRow {
                local: &local,
                domain: &domain,
                hash: hash.map(|hash| hash.expose().as_str()),
                imported: None,
                allow_clear_text: new.allow_clear_text,
                networks: &networks,
                main_password_over_pop3: new.main_password_over_pop3,
                created: self.clock.now(),
            };
            let id = match self.adopted(transaction, &row)? {
                Some(id) => id,
                None => self.naming.insert_account(transaction, &row)?,
            };
            if let Some(fresh) = &fresh {
                fresh.keep(transaction, id, None)?;
            }
            for address in &new.addresses {
                self.naming.give_address(transaction, address, id)?;
            }
            for (rule, text) in &new.keeping {
                own_rules::set(transaction, id, (*rule, Some(text)), self.custody)?;
            }
            self.shown(transaction, id)
        })?;
        self.memory.forget_all();
        Ok(record)
    }

    pub(super) fn accounts(&self, filter: &Filter) -> Result<Page<AccountRecord>, ManageError> {
        self.flush()?;
        let limit = limit(filter)?;
        let domain = filter.domain.as_deref().map(domain).transpose()?;
        self.database.read(|connection| {
            let only = match &filter.account {
                Some(name) => Some(self.naming.account(connection, name)?),
                None => None,
            };
            let ids: Vec<i64> = connection
                .prepare_cached(
                    "SELECT id FROM account
                     WHERE name > ?1
                       AND (?2 IS NULL OR instr(lower(name), lower(?2)) > 0)
                       AND (?3 IS NULL OR substr(name, instr(name, '@') + 1) = ?3)
                       AND (?4 IS NULL OR enabled = ?4)
                       AND (?5 IS NULL OR id = ?5)
                     ORDER BY name LIMIT ?6",
                )?
                .query_map(
                    params![
                        // Before all names, so that the index is entered at the right place.
                        filter.after.as_deref().unwrap_or_default(),
                        filter.contains,
                        domain.as_ref().map(Domain::as_str),
                        filter.enabled,
                        only,
                        limit.saturating_add(1)
                    ],
                    |row| row.get(0),
                )?
                .collect::<Result<_, _>>()?;
            page(ids, limit, |id| self.shown(connection, id), |record| record.name.clone())
        })
    }

    pub(super) fn show_account(&self, name: &str) -> Result<AccountRecord, ManageError> {
        self.flush()?;
        self.database
            .read(|connection| self.shown(connection, self.naming.account(connection, name)?))
    }

    pub(super) fn change_account(
        &self,
        name: &str,
        change: &AccountChange,
    ) -> Result<AccountRecord, ManageError> {
        let networks = change.networks.as_deref().map(Networks::parse).transpose()?;
        let record = self.database.write(|transaction| {
            let id = self.naming.account(transaction, name)?;
            transaction
                .prepare_cached(
                    "UPDATE account SET
                         enabled = coalesce(?2, enabled),
                         allow_clear_text = coalesce(?3, allow_clear_text),
                         networks = coalesce(?4, networks),
                         main_password_over_pop3 = iif(?5, ?6, main_password_over_pop3)
                     WHERE id = ?1",
                )?
                .execute(params![
                    id,
                    change.enabled,
                    change.allow_clear_text,
                    networks.map(|networks| networks.stored()),
                    change.main_password_over_pop3.is_some(),
                    change.main_password_over_pop3.flatten()
                ])?;
            for (rule, text) in &change.keeping {
                own_rules::set(transaction, id, (*rule, text.as_deref()), self.custody)?;
            }
            self.shown(transaction, id)
        })?;
        // Where mail goes, and what fits, depends on this too.
        self.memory.forget_all();
        Ok(record)
    }

    pub(super) fn set_hash(
        &self,
        name: &str,
        password: Option<&Secret<String>>,
        hash: Option<&Secret<String>>,
    ) -> Result<AccountRecord, ManageError> {
        let fresh = match password.filter(|_| self.scram_main) {
            Some(password) => self.fresh_keys(name, password.expose())?,
            None => None,
        };
        let record = self.database.write(|transaction| {
            let id = self.naming.account(transaction, name)?;
            self.refuse_in_file(transaction, id, false)?;
            transaction
                .prepare_cached(
                    "UPDATE account SET hash = ?2, version = version + 1 WHERE id = ?1",
                )?
                .execute(params![id, hash.map(|hash| hash.expose().as_str())])?;
            // The keys of the old password are gone: schema 3 sees to it.
            if let Some(fresh) = &fresh {
                fresh.keep(transaction, id, None)?;
            }
            self.shown(transaction, id)
        })?;
        self.memory.forget_credentials(record.id);
        self.verified.forget(record.id);
        Ok(record)
    }

    /// SCRAM's keys of a new account's main password, where main passwords get some.
    fn fresh_main_keys(&self, new: &NewAccount) -> Result<Option<FreshKeys>, ManageError> {
        let Some(password) = new.password.as_ref().filter(|_| self.scram_main) else {
            return Ok(None);
        };
        let (local, domain) = self.naming.new_name(&new.name)?;
        let salt = self.salt_of_name(&format!("{}@{domain}", local.given()));
        Ok(FreshKeys::of(password.expose(), salt))
    }

    pub(super) fn remove_account(&self, name: &str) -> Result<RemovedAccount, ManageError> {
        let removed = self.database.write(|transaction| {
            let id = self.naming.account(transaction, name)?;
            // Its line would make another account of this name at once.
            self.refuse_in_file(transaction, id, true)?;
            let (name, maildrop): (String, i64) = transaction.query_row(
                "SELECT name, maildrop FROM account WHERE id = ?1",
                [id],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            // Addresses that led to it alone go too; their links go by the foreign keys.
            transaction.execute(
                "DELETE FROM address WHERE id IN (SELECT address FROM address_target WHERE account = ?1)
                   AND (SELECT count(*) FROM address_target t WHERE t.address = address.id) = 1",
                [id],
            )?;
            // Its own name is free again, also where it led to others besides.
            transaction.execute(
                "DELETE FROM address WHERE own AND local || '@' || domain = ?2
                   AND id IN (SELECT address FROM address_target WHERE account = ?1)",
                params![id, name],
            )?;
            transaction.execute("DELETE FROM account WHERE id = ?1", [id])?;
            transaction.execute(
                "UPDATE maildrop SET removed = ?2 WHERE id = ?1",
                [maildrop, self.clock.now()],
            )?;
            let maildrop = u64::try_from(maildrop).map_err(|_| ManageError::Unavailable {
                detail: format!("maildrop {maildrop} is no number"),
            })?;
            Ok::<_, ManageError>(RemovedAccount { id, name, maildrop })
        })?;
        self.memory.forget_all();
        self.verified.forget(removed.id);
        Ok(removed)
    }

    pub(super) fn removed_maildrops(&self) -> Result<Vec<u64>, ManageError> {
        self.database.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT id FROM maildrop WHERE removed IS NOT NULL ORDER BY id")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?)
        })
    }

    pub(super) fn maildrop_destroyed(&self, maildrop: u64) -> Result<(), ManageError> {
        let gone = self.database.write(|transaction| {
            let there: Option<bool> = transaction
                .query_row(
                    "SELECT removed IS NOT NULL FROM maildrop WHERE id = ?1",
                    [maildrop],
                    |row| row.get(0),
                )
                .optional()?;
            if there == Some(true) {
                transaction.execute("DELETE FROM maildrop WHERE id = ?1", [maildrop])?;
            }
            Ok::<_, ManageError>(there)
        })?;
        match gone {
            Some(false) => Err(ManageError::BadRequest {
                why: format!("maildrop {maildrop} belongs to an account; remove that first"),
            }),
            // Saying it twice is harmless.
            Some(true) | None => Ok(()),
        }
    }

    /// A new main password's hash; the slow part of an act, on the bounded pool.
    pub(super) async fn hash(
        &self,
        password: Secret<String>,
    ) -> Result<Secret<String>, ManageError> {
        check_password(password.expose())?;
        let hasher = self.hasher.clone();
        self.pool
            .run(move |bench| {
                let form = Forms::to_store(password.expose().as_bytes());
                form.map_or_else(
                    || Err("the password is empty or too long".to_owned()),
                    |form| hasher.hash(form.expose(), bench),
                )
            })
            .await
            .map_err(|full| full.0.to_owned())
            .flatten()
            .map(Secret::new)
            .map_err(|detail| ManageError::Unavailable { detail })
    }

    fn shown(&self, connection: &Connection, id: i64) -> Result<AccountRecord, ManageError> {
        let mut record = show::account(connection, id, self.rules, self.clock.now())?;
        self.tell_source(connection, &mut record)?;
        Ok(record)
    }

    pub(super) fn flush(&self) -> Result<(), ManageError> {
        Ok(self.last_uses.flush(&self.database)?)
    }
}

/// Whether this can be a main password.
pub(super) fn check_password(password: &str) -> Result<(), ManageError> {
    let bad = |why: String| Err(ManageError::BadPassword { why });
    if password.is_empty() {
        return bad("it is empty; use at least one character".to_owned());
    }
    if password.len() > PASSWORD_OCTETS_MAX {
        return bad(format!(
            "it has {} octets; at most {PASSWORD_OCTETS_MAX} are taken",
            password.len()
        ));
    }
    if password.contains(['\0', '\r', '\n']) {
        return bad("it holds a line end or NUL, which no client can send".to_owned());
    }
    if AppPassword::parse(password.as_bytes()).is_some() {
        return bad(
            "it has the shape of an app password, which are always generated; choose another"
                .to_owned(),
        );
    }
    Ok(())
}

/// The page's length, if it makes sense.
pub(super) fn limit(filter: &Filter) -> Result<u32, ManageError> {
    match filter.limit {
        1..=10_000 => Ok(filter.limit),
        limit => Err(ManageError::BadRequest {
            why: format!("a page has 1 to 10000 records, not {limit}"),
        }),
    }
}

/// A domain to filter by; ours or not.
pub(super) fn domain(given: &str) -> Result<Domain, ManageError> {
    Domain::fold(given).map_err(|why| ManageError::BadRequest {
        why: format!("`{}` is no domain: {why}", crate::address::shown(given)),
    })
}

/// Makes a page of one number more than fits: that one says that there is a next page.
pub(super) fn page<T>(
    mut ids: Vec<i64>,
    limit: u32,
    load: impl Fn(i64) -> Result<T, ManageError>,
    token: impl Fn(&T) -> String,
) -> Result<Page<T>, ManageError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = ids.len() > limit;
    ids.truncate(limit);
    let records = ids.into_iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let next = records.last().filter(|_| more).map(token);
    Ok(Page { records, next })
}
