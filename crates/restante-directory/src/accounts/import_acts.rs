//! The import of a batch of lines: one transaction; a line that cannot be taken hinders no other.

use std::sync::Arc;

use mail_wire::Secret;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::account_acts::check_password;
use super::insert::AccountRow;
use super::own_rules;
use super::parts::Parts;
use crate::import_line::{self, ImportEntry, ImportedPassword};
use crate::password::{Forms, Stored, read};
use crate::records::{ImportBatch, ImportReport};
use crate::refusal::ManageError;
use crate::rules::Rule;

/// What becomes of a line's password, after the slow part.
enum Prepared {
    None,
    Hash(Secret<String>),
    /// It came in clear and has just been hashed.
    Hashed(Secret<String>),
    /// It came in clear, and is the one that the account has.
    Same,
    /// It came in clear, and the account has another, or none.
    Different,
    /// It came in clear; a dry run does not hash.
    NotHashed,
}

/// What is there of a name.
enum Kept {
    /// No account.
    Nothing,
    /// An account, and the hash of its main password if it has one.
    Account(Option<Secret<String>>),
}

/// How a line was taken.
enum Taken {
    Added,
    Completed,
    Unchanged,
}

impl Parts {
    /// See [`Manage::import`](crate::Manage::import).
    pub(super) async fn import(
        self: &Arc<Self>,
        batch: ImportBatch,
    ) -> Result<ImportReport, ManageError> {
        let mut report = ImportReport::default();
        let mut lines = Vec::with_capacity(batch.lines.len());
        for line in &batch.lines {
            report.lines = report.lines.saturating_add(1);
            match import_line::parse(line.text.expose()) {
                Ok(None) => {}
                Err(why) => report.refuse(line.number, why),
                Ok(Some(entry)) => match self.prepare(&entry, batch.dry_run, &mut report).await {
                    Err(error @ ManageError::Unavailable { .. }) => return Err(error),
                    Err(error) => report.refuse(line.number, error.to_string()),
                    Ok(password) => lines.push((line.number, Owned::from(&entry), password)),
                },
            }
        }
        let parts = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let take = |transaction: &Transaction<'_>| {
                for (number, line, password) in &lines {
                    parts.take_line(transaction, *number, line, password, &mut report)?;
                }
                Ok::<_, ManageError>(report)
            };
            if batch.dry_run {
                return parts.database.rehearse(take);
            }
            let report = parts.database.write(take)?;
            parts.memory.forget_all();
            Ok(report)
        })
        .await
        .map_err(|error| ManageError::Unavailable { detail: error.to_string() })?
    }

    /// The slow part: hashes a password that came in clear, or sees that it is there already.
    async fn prepare(
        self: &Arc<Self>,
        entry: &ImportEntry<'_>,
        dry_run: bool,
        report: &mut ImportReport,
    ) -> Result<Prepared, ManageError> {
        let plain = match &entry.password {
            ImportedPassword::None => return Ok(Prepared::None),
            ImportedPassword::Hash(hash) => return Ok(Prepared::Hash(hash.clone())),
            ImportedPassword::Plain(plain) => plain.clone(),
        };
        check_password(plain.expose())?;
        let (parts, name) = (Arc::clone(self), entry.name.to_owned());
        let there = tokio::task::spawn_blocking(move || parts.kept_hash(&name))
            .await
            .map_err(|error| ManageError::Unavailable { detail: error.to_string() })??;
        let Kept::Account(kept) = there else {
            if dry_run {
                return Ok(Prepared::NotHashed);
            }
            report.hashed = report.hashed.saturating_add(1);
            return self.hash(plain).await.map(Prepared::Hashed);
        };
        let (Some(kept), Some(forms)) = (kept, Forms::of(plain.expose().as_bytes())) else {
            return Ok(Prepared::Different);
        };
        let fits = self
            .pool
            .run(move |bench| match read(kept.expose()) {
                Ok(Stored::Password(kept)) => forms.matching(&kept, bench).is_some(),
                Ok(Stored::Nothing) | Err(_) => false,
            })
            .await
            .map_err(|full| ManageError::Unavailable { detail: full.0.to_owned() })?;
        Ok(if fits { Prepared::Same } else { Prepared::Different })
    }

    fn kept_hash(&self, name: &str) -> Result<Kept, ManageError> {
        let (local, domain) = self.naming.new_name(name)?;
        self.database.read(|connection| {
            let Some(address) = self.naming.address(connection, &domain, &local)? else {
                return Ok(Kept::Nothing);
            };
            let Some((account, _)) = own_account(connection, address)? else {
                return Ok(Kept::Nothing);
            };
            let hash: Option<String> = connection.query_row(
                "SELECT hash FROM account WHERE id = ?1",
                [account],
                |row| row.get(0),
            )?;
            Ok(Kept::Account(hash.map(Secret::new)))
        })
    }

    fn take_line(
        &self,
        transaction: &Transaction<'_>,
        number: u64,
        line: &Owned,
        password: &Prepared,
        report: &mut ImportReport,
    ) -> Result<(), ManageError> {
        // A savepoint a line: what a refused line had made so far goes with it.
        transaction.prepare_cached("SAVEPOINT line")?.execute([])?;
        match self.take(transaction, line, password) {
            Ok(taken) => {
                transaction.prepare_cached("RELEASE line")?.execute([])?;
                let count = match taken {
                    Taken::Added => &mut report.added,
                    Taken::Completed => &mut report.completed,
                    Taken::Unchanged => &mut report.unchanged,
                };
                *count = count.saturating_add(1);
                Ok(())
            }
            Err(error @ ManageError::Unavailable { .. }) => Err(error),
            Err(error) => {
                transaction.execute_batch("ROLLBACK TO line; RELEASE line")?;
                report.refuse(number, error.to_string());
                Ok(())
            }
        }
    }

    fn take(
        &self,
        transaction: &Transaction<'_>,
        line: &Owned,
        password: &Prepared,
    ) -> Result<Taken, ManageError> {
        let (local, domain) = self.naming.new_name(&line.name)?;
        let there = match self.naming.address(transaction, &domain, &local)? {
            Some(address) => own_account(transaction, address)?,
            None => None,
        };
        let account = if let Some((account, imported)) = &there {
            self.refuse_other_password(transaction, *account, imported.as_ref(), password)?;
            *account
        } else {
            let row = AccountRow {
                local: &local,
                domain: &domain,
                hash: match password {
                    Prepared::Hash(hash) | Prepared::Hashed(hash) => Some(hash.expose()),
                    _ => None,
                },
                imported: match password {
                    Prepared::Hash(hash) => Some(self.imported_digest(hash)),
                    _ => None,
                },
                allow_clear_text: false,
                networks: &line.networks,
                main_password_over_pop3: None,
                created: self.clock.now(),
            };
            match self.adopted(transaction, &row)? {
                Some(id) => id,
                None => self.naming.insert_account(transaction, &row)?,
            }
        };
        let mut given = false;
        for address in &line.addresses {
            given |= self.naming.give_address(transaction, address, account)?;
        }
        for (rule, text) in &line.keeping {
            given |= own_rules::give(transaction, account, (*rule, text), self.custody)?;
        }
        Ok(match (there, given) {
            (None, _) => Taken::Added,
            (Some(_), true) => Taken::Completed,
            (Some(_), false) => Taken::Unchanged,
        })
    }

    /// An import never changes a password. A hash that was imported once stays known, so that a
    /// second run skips the line even if the hash was renewed or the password changed since.
    fn refuse_other_password(
        &self,
        transaction: &Transaction<'_>,
        account: i64,
        imported: Option<&[u8; 32]>,
        password: &Prepared,
    ) -> Result<(), ManageError> {
        let (name, kept): (String, Option<String>) = transaction
            .prepare_cached("SELECT name, hash FROM account WHERE id = ?1")?
            .query_row([account], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let same = match password {
            Prepared::None => kept.is_none(),
            Prepared::Hash(hash) => {
                kept.as_ref() == Some(hash.expose())
                    || imported == Some(&self.imported_digest(hash))
            }
            Prepared::Same | Prepared::NotHashed => true,
            // Hashed: the account was made between the two looks.
            Prepared::Hashed(_) | Prepared::Different => false,
        };
        if same {
            return Ok(());
        }
        Err(ManageError::BadRequest {
            why: format!(
                "`{name}` is there already with another password; an import changes none, use \
                 `restante account passwd`"
            ),
        })
    }

    /// What is kept of an imported hash; a digest of a slow hash is not easier to guess than it.
    fn imported_digest(&self, hash: &Secret<String>) -> [u8; 32] {
        *blake3::keyed_hash(self.app_key.expose(), hash.expose().as_bytes()).as_bytes()
    }
}

/// What a line says, its password apart.
struct Owned {
    name: String,
    addresses: Vec<String>,
    networks: String,
    keeping: Vec<(Rule, String)>,
}

impl From<&ImportEntry<'_>> for Owned {
    fn from(entry: &ImportEntry<'_>) -> Self {
        Self {
            name: entry.name.to_owned(),
            addresses: entry.addresses.iter().map(ToString::to_string).collect(),
            networks: entry.networks.stored(),
            keeping: entry.keeping.iter().map(|&(rule, text)| (rule, text.to_owned())).collect(),
        }
    }
}

/// The account whose own address this is, and what is kept of its imported hash.
fn own_account(
    connection: &Connection,
    address: i64,
) -> rusqlite::Result<Option<(i64, Option<[u8; 32]>)>> {
    connection
        .prepare_cached(
            "SELECT c.id, c.imported FROM address a
             JOIN account c ON c.name = a.local || '@' || a.domain
             WHERE a.id = ?1 AND a.own AND c.made",
        )?
        .query_row([address], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}
