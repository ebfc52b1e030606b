//! The database's shape, and how an older one becomes today's.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a SQLite file as ours: `RSTA`.
const APPLICATION_ID: i64 = 0x5253_5441;

/// Each step leads from the version before it to its own, counted from 1.
pub(super) const STEPS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
];

/// Why a database cannot be used.
#[derive(Debug)]
pub(super) enum Mismatch {
    /// It is somebody else's; says whose.
    NotOurs(String),
    /// A later version of us made it.
    Newer {
        /// The version that it has.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// SQLite said no.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Mismatch {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Brings a database to the newest of these steps, all or nothing, or says why not.
pub(super) fn migrate(
    connection: &mut Connection,
    steps: &[&str],
    now: i64,
) -> Result<(), Mismatch> {
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let pragma = |name: &str| -> Result<i64, rusqlite::Error> {
        transaction.pragma_query_value(None, name, |row| row.get(0))
    };
    let application = pragma("application_id")?;
    let found = pragma("user_version")?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || found != 0 || tables != 0) {
        return Err(Mismatch::NotOurs("it is a SQLite database of another program".to_owned()));
    }
    if found > known {
        return Err(Mismatch::Newer { found, known });
    }
    if found == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.execute_batch(
            "CREATE TABLE migration (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL) STRICT",
        )?;
    }
    for (version, step) in (1i64..).zip(steps).filter(|(version, _)| *version > found) {
        transaction.execute_batch(step)?;
        transaction
            .execute("INSERT INTO migration (version, applied) VALUES (?1, ?2)", (version, now))?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    // an older database becomes today's with what is in it, and each step is taken once
    #[test]
    fn steps_are_taken_once_and_in_order() {
        let steps = [STEPS[0], "ALTER TABLE account ADD COLUMN note TEXT"];
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &steps[..1], 1).unwrap();
        connection.execute("INSERT INTO maildrop (id) VALUES (7)", []).unwrap();
        connection
            .execute("INSERT INTO account (name, maildrop, created) VALUES ('a@b', 7, 1)", [])
            .unwrap();
        for _ in 0..2 {
            migrate(&mut connection, &steps, 2).unwrap();
            assert_eq!(version(&connection), 2);
        }
        let note: Option<String> = connection
            .query_row("SELECT note FROM account WHERE name = 'a@b'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(note, None);
        let applied: Vec<(i64, i64)> = connection
            .prepare("SELECT version, applied FROM migration ORDER BY version")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(applied, [(1, 1), (2, 2)]);
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_database() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &STEPS[..1], 1).unwrap();
        let broken = [STEPS[0], "CREATE TABLE x (y INTEGER); CREATE TABLE account (z)"];
        assert!(matches!(migrate(&mut connection, &broken, 2), Err(Mismatch::Sql(_))));
        assert_eq!(version(&connection), 1);
        let left: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'x'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 0);
    }

    // security M15, C4: a newer one, or another program's, is left alone
    #[test]
    fn what_is_newer_or_not_ours_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, STEPS, 1).unwrap();
        let ours = version(&connection);
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(
            migrate(&mut connection, STEPS, 1),
            Err(Mismatch::Newer { found: 99, known }) if known == ours
        ));
        let mut other = Connection::open_in_memory().unwrap();
        other.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
        assert!(matches!(migrate(&mut other, STEPS, 1), Err(Mismatch::NotOurs(_))));
        assert_eq!(version(&other), 0);
    }
}
