//! The SQLite file: who may open it, one connection that writes, a few that read.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::schema::{self, Mismatch, STEPS};
use crate::refusal::OpenError;

/// The open database. As long as it lives no other process has it.
pub(super) struct Database {
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    returned: Condvar,
    _lock: File,
}

/// How long SQLite waits for a lock: only a copy being made from outside can hold one.
const BUSY_WAIT: Duration = Duration::from_secs(5);

impl Database {
    /// Opens or makes the database. `path` gets the mode 0600, as do SQLite's files beside it.
    pub(super) fn open(path: &Path, readers: usize, now: i64) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        protect(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        let mut writer = connect(path).map_err(|error| refused(path, Mismatch::Sql(error)))?;
        schema::migrate(&mut writer, STEPS, now).map_err(|why| refused(path, why))?;
        let readers = (0..readers.clamp(1, 64))
            .map(|_| {
                let reader = connect(path)?;
                reader.pragma_update(None, "query_only", true)?;
                Ok(reader)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refused(path, Mismatch::Sql(error)))?;
        Ok(Self {
            writer: Mutex::new(writer),
            readers: Mutex::new(readers),
            returned: Condvar::new(),
            _lock: lock,
        })
    }

    /// Runs work in one transaction. `Ok`: it is on disk. `Err`: nothing happened.
    pub(super) fn write<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }

    /// Runs work in one transaction and undoes it.
    pub(super) fn rehearse<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.rollback()?;
        Ok(result)
    }

    /// Runs work that reads, over one snapshot. Waits if all readers are busy.
    pub(super) fn read<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let reader = Borrowed::from(self);
        let Some(connection) = &reader.connection else {
            return Err(E::from(rusqlite::Error::InvalidQuery));
        };
        let snapshot = connection.unchecked_transaction()?;
        let result = work(&snapshot)?;
        snapshot.finish()?;
        Ok(result)
    }
}

/// A reader on loan; goes back when dropped, also by a panic.
struct Borrowed<'a> {
    database: &'a Database,
    connection: Option<Connection>,
}

impl<'a> From<&'a Database> for Borrowed<'a> {
    fn from(database: &'a Database) -> Self {
        let readers = database.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut readers = database
            .returned
            .wait_while(readers, |readers| readers.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        Self { database, connection: readers.pop() }
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut readers = self.database.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.extend(self.connection.take());
        self.database.returned.notify_one();
    }
}

/// Takes `<path>.lock`: the kernel gives it back however this process ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let io = |source| OpenError::Io { path: lock_path.clone(), source };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// Makes the file before SQLite does, so that it is never readable by others, not even empty;
/// tightens one that is. Anything but a regular file is refused.
fn protect(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        }
        Err(error) => Err(error),
        Ok(found) if !found.is_file() => Err(io::Error::other("it is not a regular file")),
        Ok(found) if found.mode() & 0o077 != 0 => {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o600))
        }
        Ok(_) => Ok(()),
    }
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW,
    )?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What an act has answered must be there after a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The file may come from a backup: its schema is input like any other.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

fn refused(path: &Path, why: Mismatch) -> OpenError {
    let path = path.to_owned();
    match why {
        Mismatch::NotOurs(why) => OpenError::NotOurs { path, why },
        Mismatch::Newer { found, known } => OpenError::Newer { path, found, known },
        Mismatch::Sql(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) =>
        {
            OpenError::NotOurs { path, why: "it is no SQLite database".to_owned() }
        }
        Mismatch::Sql(error) => OpenError::Database { path, detail: error.to_string() },
    }
}
