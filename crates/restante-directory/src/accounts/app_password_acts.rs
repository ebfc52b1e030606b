//! The acts on app passwords.

use rusqlite::{Transaction, params};

use super::parts::Parts;
use super::scram_rows::{self, FreshKeys};
use super::show;
use crate::address::shown;
use crate::app_password::AppPassword;
use crate::directory::Scope;
use crate::kind::Kind;
use crate::near::nearest;
use crate::network::Networks;
use crate::records::{AppPasswordChange, AppPasswordRecord, GeneratedAppPassword, NewAppPassword};
use crate::refusal::ManageError;

/// Each login by an app password looks at all of its account; nobody has so many devices.
pub(super) const APP_PASSWORDS_MAX: u32 = 100;
/// Characters of a label.
const LABEL_CHARACTERS_MAX: usize = 64;

impl Parts {
    pub(super) fn add_app_password(
        &self,
        request: &NewAppPassword,
    ) -> Result<GeneratedAppPassword, ManageError> {
        let label = check_label(&request.label)?;
        let networks = Networks::parse(&request.networks)?.stored();
        if request.scopes.is_empty() {
            return Err(ManageError::BadRequest {
                why: "an app password without a scope is good for nothing; name `pop3`, \
                      `submission` or `web`"
                    .to_owned(),
            });
        }
        self.refuse_past(request.expires)?;
        let generated =
            AppPassword::generate().map_err(|detail| ManageError::Unavailable { detail })?;
        let text = generated.text();
        let fresh = self.fresh_keys(&request.account, text.expose())?;
        let record = self.database.write(|transaction| {
            let account = self.naming.account(transaction, &request.account)?;
            let there = show::app_passwords(transaction, account)?;
            if let Some(same) = there.iter().find(|app| app.label == label) {
                return Err(ManageError::LabelExists {
                    account: same.account.clone(),
                    label: label.to_owned(),
                });
            }
            if there.len() >= usize::try_from(APP_PASSWORDS_MAX).unwrap_or(usize::MAX) {
                let account = there.first().map(|app| app.account.clone()).unwrap_or_default();
                return Err(ManageError::TooManyAppPasswords { account, limit: APP_PASSWORDS_MAX });
            }
            transaction
                .prepare_cached(
                    "INSERT INTO app_password (account, label, kind, scope_pop3,
                         scope_submission, scope_web, networks, expires, digest, created)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute(params![
                    account,
                    label,
                    match request.kind {
                        Kind::Device => "device",
                        Kind::Worker => "worker",
                    },
                    request.scopes.contains(&Scope::Pop3),
                    request.scopes.contains(&Scope::Submission),
                    request.scopes.contains(&Scope::Web),
                    networks,
                    request.expires,
                    generated.digest(&self.app_key).octets(),
                    self.clock.now()
                ])?;
            let id = transaction.last_insert_rowid();
            if let Some(fresh) = &fresh {
                fresh.keep(transaction, account, Some(id))?;
            }
            if let Some(sealer) = &self.sealer {
                let sealed = sealer
                    .seal(id, text.expose().as_bytes())
                    .map_err(|detail| ManageError::Unavailable { detail })?;
                transaction.execute(
                    "INSERT INTO recoverable (app_password, sealed) VALUES (?1, ?2)",
                    params![id, sealed],
                )?;
            }
            record(transaction, account, id)
        })?;
        self.memory.forget_credentials(record.account_id);
        Ok(GeneratedAppPassword { record, secret: text })
    }

    /// SCRAM's keys of a new password of this account. Some milliseconds, outside of any
    /// transaction.
    pub(super) fn fresh_keys(
        &self,
        account: &str,
        password: &str,
    ) -> Result<Option<FreshKeys>, ManageError> {
        let salt = self.database.read(|connection| {
            let account = self.naming.account(connection, account)?;
            let kept = scram_rows::salt(connection, account)?;
            let name: String = connection
                .prepare_cached("SELECT name FROM account WHERE id = ?1")?
                .query_row([account], |row| row.get(0))?;
            Ok::<_, ManageError>(kept.unwrap_or_else(|| self.salt_of_name(&name)))
        })?;
        Ok(FreshKeys::of(password, salt))
    }

    pub(super) fn app_passwords(
        &self,
        account: &str,
    ) -> Result<Vec<AppPasswordRecord>, ManageError> {
        self.flush()?;
        self.database.read(|connection| {
            show::app_passwords(connection, self.naming.account(connection, account)?)
        })
    }

    pub(super) fn change_app_password(
        &self,
        account: &str,
        which: &str,
        change: &AppPasswordChange,
    ) -> Result<AppPasswordRecord, ManageError> {
        let networks = change.networks.as_deref().map(Networks::parse).transpose()?;
        self.refuse_past(change.expires.flatten())?;
        let record = self.database.write(|transaction| {
            let found = self.which(transaction, account, which)?;
            transaction
                .prepare_cached(
                    "UPDATE app_password SET networks = coalesce(?2, networks),
                                             expires = iif(?3, ?4, expires)
                     WHERE id = ?1",
                )?
                .execute(params![
                    found.id,
                    networks.map(|networks| networks.stored()),
                    change.expires.is_some(),
                    change.expires.flatten()
                ])?;
            record(transaction, found.account_id, found.id)
        })?;
        self.memory.forget_credentials(record.account_id);
        Ok(record)
    }

    pub(super) fn revoke_app_password(
        &self,
        account: &str,
        which: &str,
    ) -> Result<AppPasswordRecord, ManageError> {
        self.flush()?;
        let revoked = self.database.write(|transaction| {
            let found = self.which(transaction, account, which)?;
            transaction.execute("DELETE FROM app_password WHERE id = ?1", [found.id])?;
            Ok::<_, ManageError>(found)
        })?;
        self.memory.forget_credentials(revoked.account_id);
        Ok(revoked)
    }

    /// By label; where no label is so, by number.
    fn which(
        &self,
        transaction: &Transaction<'_>,
        account: &str,
        which: &str,
    ) -> Result<AppPasswordRecord, ManageError> {
        let id = self.naming.account(transaction, account)?;
        let there = show::app_passwords(transaction, id)?;
        let number = which.parse::<i64>().ok();
        there
            .iter()
            .find(|app| app.label == which)
            .or_else(|| there.iter().find(|app| Some(app.id) == number))
            .cloned()
            .ok_or_else(|| ManageError::NoSuchAppPassword {
                account: shown(account),
                which: shown(which),
                near: nearest(which, there.into_iter().map(|app| app.label)),
            })
    }

    fn refuse_past(&self, expires: Option<i64>) -> Result<(), ManageError> {
        if expires.is_some_and(|expires| expires <= self.clock.now()) {
            return Err(ManageError::BadRequest {
                why: "the app password would have expired already; name a time to come".to_owned(),
            });
        }
        Ok(())
    }
}

fn record(
    transaction: &Transaction<'_>,
    account: i64,
    id: i64,
) -> Result<AppPasswordRecord, ManageError> {
    show::app_passwords(transaction, account)?
        .into_iter()
        .find(|app| app.id == id)
        .ok_or_else(|| ManageError::Unavailable { detail: format!("app password {id} has gone") })
}

fn check_label(label: &str) -> Result<&str, ManageError> {
    let bad = |why: &str| ManageError::BadLabel { label: shown(label), why: why.to_owned() };
    let trimmed = label.trim();
    if trimmed.is_empty() {
        return Err(bad("it is empty; call it what it is for, as in `laptop`"));
    }
    if trimmed.chars().count() > LABEL_CHARACTERS_MAX {
        return Err(bad("it has more than 64 characters"));
    }
    // Labels come out in logs and on terminals.
    if shown(trimmed) != trimmed {
        return Err(bad("it holds control characters"));
    }
    Ok(trimmed)
}
