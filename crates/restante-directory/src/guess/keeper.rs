//! Keeps guess control's file: read at the start, written each minute and at the end.

use std::fs::{OpenOptions, rename};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::file::FileError;
use super::guesses::Guesses;
use super::settings::GuessSettings;
use crate::clock::Clock;

/// What a kill may lose (`rulings` 19).
const WRITE_EVERY: Duration = Duration::from_mins(1);

/// Guess control, and the file that it survives in. Dropping it writes the file.
pub struct GuessKeeper {
    file: Arc<File>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why guess control could not begin.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The system has no random octets, or no thread.
    #[error("{0}")]
    System(String),
}

struct File {
    guesses: Arc<Guesses>,
    clock: Clock,
    path: PathBuf,
}

impl GuessKeeper {
    /// Takes up what the file at `path` says, and keeps it from now on. A file that cannot be
    /// used is a sentence for the operator, and no reason not to start: what it says ends by
    /// itself anyway.
    ///
    /// # Errors
    /// The system has no random octets, or no thread.
    pub fn open(
        path: &Path,
        settings: GuessSettings,
        clock: Clock,
    ) -> Result<(Self, Option<String>), KeeperError> {
        let guesses = Arc::new(Guesses::new(settings).map_err(KeeperError::System)?);
        let file = Arc::new(File { guesses, clock, path: path.to_owned() });
        let word = file.read();
        let (stop, stopped) = mpsc::channel();
        let kept = Arc::downgrade(&file);
        let thread = std::thread::Builder::new()
            .name("guesses".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(WRITE_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                    let Some(file) = kept.upgrade() else { return };
                    // What cannot be written now is written in the next minute.
                    let _ = file.write();
                }
            })
            .map_err(|error| KeeperError::System(error.to_string()))?;
        Ok((Self { file, stop: Some(stop), thread: Some(thread) }, word))
    }

    /// Everyone's attempts.
    #[must_use]
    pub fn guesses(&self) -> &Arc<Guesses> {
        &self.file.guesses
    }

    /// Milliseconds since 1970, as [`Guesses`] counts them.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.file.now()
    }

    /// Writes what has changed, now.
    ///
    /// # Errors
    /// The disk.
    pub fn write(&self) -> io::Result<()> {
        self.file.write()
    }
}

impl Drop for GuessKeeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // Nobody is left to tell; what is lost is the last minute.
        let _ = self.file.write();
    }
}

impl File {
    /// Takes up what is there; answers what is wrong with it.
    fn read(&self) -> Option<String> {
        let taken = match std::fs::read(&self.path) {
            Ok(octets) => self.guesses.take_up(&octets, self.now()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => return Some(self.unread(&error.to_string())),
        };
        taken.err().map(|error: FileError| self.unread(&error.to_string()))
    }

    fn unread(&self, why: &str) -> String {
        format!(
            "{}: who is blocked for guessing passwords cannot be read: {why}; everybody begins \
             anew",
            self.path.display()
        )
    }

    /// In place of the old file, whole or not at all. It is not synced: what it says ends by
    /// itself.
    fn write(&self) -> io::Result<()> {
        let Some(octets) = self.guesses.to_write(self.now()) else { return Ok(()) };
        let beside = self.path.with_extension("new");
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(&octets))
            .and_then(|()| rename(&beside, &self.path));
        if written.is_err() {
            self.guesses.changed();
        }
        written
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.now()).unwrap_or(0).saturating_mul(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guess::{Begun, Outcome};

    fn open(path: &Path) -> (GuessKeeper, Option<String>) {
        let settings = GuessSettings { memory: 1 << 20, ..GuessSettings::default() };
        GuessKeeper::open(path, settings, Clock::system()).unwrap()
    }

    fn is_blocked(keeper: &GuessKeeper, password: &[u8]) -> bool {
        let address = "192.0.2.7".parse().unwrap();
        match keeper.guesses().begin("anna", Some(password), address, None, keeper.now()) {
            Begun::Go(attempt) => {
                keeper.guesses().end(attempt, Outcome::Wrong(None), keeper.now());
                false
            }
            _ => true,
        }
    }

    // A29, rulings 19: at exit
    #[test]
    fn blocks_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guesses");
        let (keeper, word) = open(&path);
        assert_eq!(word, None);
        let blocked = (0..50_u8).filter(|turn| is_blocked(&keeper, &[*turn])).count();
        assert_eq!(blocked, 40);
        drop(keeper);
        let (keeper, word) = open(&path);
        assert_eq!(word, None);
        assert!(is_blocked(&keeper, b"another"));
    }

    // `security` §1: a file by mistake is no reason not to start, and is said
    #[test]
    fn rubbish_is_told_of_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guesses");
        std::fs::write(&path, "rubbish").unwrap();
        let (keeper, word) = open(&path);
        assert!(word.unwrap().contains("guesses: who is blocked"));
        assert!(!is_blocked(&keeper, b"x"));
        drop(keeper);
        assert_eq!(open(&path).1, None);
    }
}
