//! The accounts of passwd files in the database: a row for each name, kept up with the files.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::chain::{Decided, Decision, Found};
use super::insert::AccountRow;
use super::parts::Parts;
use crate::files::{Meaning, Watched};
use crate::records::{AccountFile, AccountRecord};
use crate::refusal::{ManageError, OpenError};

/// An account's row, as far as files are concerned.
struct Row {
    id: i64,
    made: bool,
    decided: Option<[u8; 32]>,
    absent: Option<i64>,
}

/// So long after its line has gone an account's mail is deferred, not refused: a file may be
/// caught half written.
const GRACE_SECS: i64 = 3_600;

impl Parts {
    /// Takes up what has changed in passwd files. A few microseconds where nothing has. Blocks.
    pub(super) fn look(&self) {
        if !self.chain.has_files() {
            return;
        }
        let changed = self.chain.look(
            &self.meaning(),
            self.clock.now(),
            &|why| self.notices.tell(why),
            |found| {
                self.database.write(|transaction| self.take_files(transaction, found)).map_err(
                    |error| {
                        let again = matches!(error, ManageError::Unavailable { .. });
                        (error.to_string(), again)
                    },
                )
            },
        );
        if changed {
            self.memory.forget_all();
            self.verified.forget_all();
        }
    }

    /// The first look: what is wrong with a file is an error.
    pub(super) fn look_first(&self) -> Result<(), OpenError> {
        if !self.chain.has_files() {
            self.forget_files().map_err(|error| OpenError::PasswordFile {
                why: format!("the accounts of former passwd files: {error}"),
            })?;
        }
        self.look();
        match self.chain.files().find_map(Watched::unusable) {
            None => Ok(()),
            Some(why) => Err(OpenError::PasswordFile { why }),
        }
    }

    /// There are no files in the chain: what was theirs is nobody's.
    fn forget_files(&self) -> rusqlite::Result<()> {
        let theirs: bool = self.database.read(|connection| {
            connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM account
                                WHERE iif(made, decided IS NOT NULL, absent IS NULL))",
                [],
                |row| row.get(0),
            )
        })?;
        if !theirs {
            return Ok(());
        }
        self.database.write(|transaction| {
            transaction.execute(
                "UPDATE account SET version = version + made, absent = iif(made, NULL, ?1),
                        decided = iif(made, NULL, decided)
                 WHERE iif(made, decided IS NOT NULL, absent IS NULL)",
                [self.clock.now()],
            )?;
            Ok(())
        })
    }

    /// What an owner of the files should know.
    pub(super) fn chain_concerns(&self) -> Result<Vec<String>, ManageError> {
        let mut concerns: Vec<String> = self.chain.files().flat_map(Watched::concerns).collect();
        if !self.chain.has_files() {
            return Ok(concerns);
        }
        let made: Vec<String> = self.database.read(|connection| {
            Ok::<_, ManageError>(
                connection
                    .prepare_cached("SELECT name FROM account WHERE made ORDER BY name")?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<_, _>>()?,
            )
        })?;
        let twice = made.iter().filter_map(|name| Some((name, self.chain.anywhere(name)?)));
        for (name, (file, line)) in twice.take(10) {
            let first =
                if self.chain.place(name, true).is_some() { "the file" } else { "the database" };
            concerns.push(format!(
                "{name} is an account of the database and stands in {}:{line}; {first} decides",
                file.path().display()
            ));
        }
        Ok(concerns)
    }

    fn meaning(&self) -> Meaning<'_> {
        Meaning {
            domains: &self.naming.domains,
            case_sensitive: self.naming.case_sensitive,
            key: self.app_key.expose(),
        }
    }

    /// Brings the rows up with the files: all or nothing.
    fn take_files(
        &self,
        transaction: &Transaction<'_>,
        found: &Found<'_>,
    ) -> Result<(), ManageError> {
        let now = self.clock.now();
        let mut rows = self.rows(transaction)?;
        for (file, content) in &found.files {
            for (key, entry) in content.entries() {
                if rows.contains_key(key) {
                    continue;
                }
                let Some(domain) = &entry.name.domain else { continue };
                let row = AccountRow {
                    local: &entry.name.local,
                    domain,
                    hash: None,
                    imported: None,
                    allow_clear_text: false,
                    networks: "",
                    main_password_over_pop3: None,
                    created: now,
                };
                let id =
                    self.naming.insert_account(transaction, &row).map_err(|why| match why {
                        unavailable @ ManageError::Unavailable { .. } => unavailable,
                        why => ManageError::BadRequest {
                            why: format!("{}:{}: {why}", file.path().display(), entry.line),
                        },
                    })?;
                transaction.execute("UPDATE account SET made = 0 WHERE id = ?1", [id])?;
                rows.insert(key.clone(), Row { id, made: false, decided: None, absent: None });
            }
        }
        for (key, row) in &rows {
            let decided = self.chain.decided(found, key, row.made);
            let (decided, absent) = match decided {
                Decided::Own => (None, None),
                Decided::By(digest) => (Some(digest), None),
                // Who comes back with the same password is as before.
                Decided::Nobody => (row.decided, row.absent.or(Some(now))),
            };
            if decided != row.decided || absent != row.absent {
                transaction
                    .prepare_cached(
                        "UPDATE account SET version = version + (decided IS NOT ?2),
                                decided = ?2, absent = ?3 WHERE id = ?1",
                    )?
                    .execute(params![row.id, decided, absent])?;
            }
        }
        Ok(())
    }

    fn rows(&self, connection: &Connection) -> Result<HashMap<String, Row>, ManageError> {
        let mut statement =
            connection.prepare("SELECT name, id, made, decided, absent FROM account")?;
        let rows = statement.query_map([], |row| {
            let made = Row {
                id: row.get(1)?,
                made: row.get(2)?,
                decided: row.get(3)?,
                absent: row.get(4)?,
            };
            Ok((row.get::<_, String>(0)?, made))
        })?;
        let mut found = HashMap::new();
        for row in rows {
            let (name, row) = row?;
            if let Some(key) = self.chain.key(&name) {
                found.insert(key, row);
            }
        }
        Ok(found)
    }

    /// Says in a record where the account is from.
    pub(super) fn tell_source(
        &self,
        connection: &Connection,
        record: &mut AccountRecord,
    ) -> Result<(), ManageError> {
        let made = made(connection, record.id)?;
        if let Some((file, line)) = self.chain.place(&record.name, made) {
            let entry = self.chain.key(&record.name);
            let content = file.content();
            let entry = entry.as_ref().and_then(|key| content.entry(key));
            record.has_password = entry.is_some_and(|entry| entry.password.is_some());
            record.file = Some(AccountFile { path: file.path().display().to_string(), line });
        }
        record.gone = !made && record.file.is_none();
        Ok(())
    }

    /// Refuses to change what only a file can.
    pub(super) fn refuse_in_file(
        &self,
        connection: &Connection,
        id: i64,
        anywhere: bool,
    ) -> Result<(), ManageError> {
        let name: String =
            connection
                .query_row("SELECT name FROM account WHERE id = ?1", [id], |row| row.get(0))?;
        let made = !anywhere && made(connection, id)?;
        match self.chain.place(&name, made) {
            None => Ok(()),
            Some((file, line)) => {
                Err(ManageError::InFile { name, path: file.path().display().to_string(), line })
            }
        }
    }

    /// The account of this name that was not made here, if it can be: its line has gone, or
    /// this database is asked before the files are.
    pub(super) fn adopted(
        &self,
        transaction: &Transaction<'_>,
        row: &AccountRow<'_>,
    ) -> Result<Option<i64>, ManageError> {
        let Some(address) = self.naming.address(transaction, row.domain, row.local)? else {
            return Ok(None);
        };
        let id: Option<i64> = transaction
            .query_row(
                "SELECT c.id FROM address a JOIN account c ON c.name = a.local || '@' || a.domain
                 WHERE a.id = ?1 AND a.own AND NOT c.made",
                [address],
                |row| row.get(0),
            )
            .optional()?;
        let Some(id) = id else { return Ok(None) };
        if !self.chain.own_first() {
            self.refuse_in_file(transaction, id, true)?;
        }
        transaction.execute(
            "UPDATE account SET made = 1, hash = ?2, imported = ?3, decided = NULL, absent = NULL,
                    version = version + 1, allow_clear_text = ?4, networks = ?5,
                    main_password_over_pop3 = coalesce(?6, main_password_over_pop3)
             WHERE id = ?1",
            params![
                id,
                row.hash,
                row.imported,
                row.allow_clear_text,
                row.networks,
                row.main_password_over_pop3
            ],
        )?;
        Ok(Some(id))
    }

    /// Why mail for an account goes nowhere now: `None`, it goes; `Some(true)`, its line has
    /// just gone; `Some(false)`, it went long ago.
    pub(super) fn gone(&self, connection: &Connection, id: i64) -> rusqlite::Result<Option<bool>> {
        let absent: Option<i64> = connection
            .prepare_cached("SELECT iif(made, NULL, coalesce(absent, iif(decided IS NULL, 0, NULL))) FROM account WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        Ok(absent.map(|since| self.clock.now().saturating_sub(since) < GRACE_SECS))
    }

    /// Whether somebody may know more names and cannot be asked.
    pub(super) fn out_of_reach(&self) -> Option<String> {
        match self.chain.decide(None) {
            Decision::Down(why) => Some(why),
            Decision::Own | Decision::File(_) | Decision::Nobody => None,
        }
    }
}

fn made(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT made FROM account WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
}
