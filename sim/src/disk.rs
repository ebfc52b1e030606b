//! `SimDisk`: the disk that the log store is given. It counts every call, keeps a copy of itself
//! before each that changes something, and fails where it is told to.

use std::fmt::Display;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use restante_store::log::simulation::{Disk, DiskFile, Existence, Lock};

use crate::chance::Chance;
use crate::content::PAGE_OCTETS;
use crate::faults::{Call, Failure, Fault};
use crate::history::History;
use crate::persist::Part;
use crate::state::State;
use crate::watch::Watch;

/// A simulated disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct SimDisk(Arc<Mutex<Inner>>);

/// The disk as it was before a call.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// How many calls had been begun.
    pub(crate) calls: u64,
    /// Which call it was, for people.
    pub(crate) call: &'static str,
    pub(crate) state: State,
}

#[derive(Debug)]
struct Inner {
    state: State,
    calls: u64,
    chance: Chance,
    /// Kept before each call that changes something, if that is wanted.
    moments: Option<Vec<Moment>>,
    /// Of calls to an index, which are many and much alike, one of so many is kept.
    every_index_call: u64,
    fault: Option<Fault>,
    /// How often a fault struck.
    struck: u64,
    is_locked: bool,
    /// The process that used it was killed: nothing it still does counts.
    is_dead: bool,
    watch: Watch,
    history: Option<History>,
}

/// How many octets a file name's path has to tell an index by.
const INDEX: &str = "index.redb";

impl SimDisk {
    /// A disk on which this is, whose chance this seed decides.
    pub(crate) fn new(state: State, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            state,
            calls: 0,
            chance: Chance::new(seed),
            moments: None,
            every_index_call: 1,
            fault: None,
            struck: 0,
            is_locked: false,
            is_dead: false,
            watch: Watch::default(),
            history: None,
        })))
    }

    /// The disk of the process that comes next, on which this is: it counts on, and its history
    /// goes on.
    pub(crate) fn successor(&self, state: State, seed: u64) -> Self {
        let next = Self::new(state, seed);
        {
            let (mut inner, mut before) = (next.inner(), self.inner());
            inner.calls = before.calls.saturating_add(1);
            inner.history = before.history.take();
        }
        next
    }

    /// From now on all that happens is added to this.
    pub(crate) fn remember(&self, history: Option<History>) {
        self.inner().history = history;
    }

    /// What happened up to now.
    pub(crate) fn history(&self) -> Option<History> {
        self.inner().history
    }

    /// Something happened beside the disk.
    pub(crate) fn note(&self, what: &str, of: &dyn Display) {
        self.inner().note(what, of, [0, 0], &[]);
    }

    /// Keeps what is there before each call from now on; of calls to an index one of so many.
    pub(crate) fn keep_moments(&self, every_index_call: u64) {
        let mut inner = self.inner();
        inner.moments = Some(Vec::new());
        inner.every_index_call = every_index_call.max(1);
    }

    /// What was kept since this was asked last.
    pub(crate) fn moments(&self) -> Vec<Moment> {
        self.inner().moments.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// How many calls were begun.
    pub(crate) fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// What is on it now.
    pub(crate) fn state(&self) -> State {
        self.inner().state.clone()
    }

    /// Changes what is on it, from outside.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.inner().state);
    }

    /// These calls fail, and no others.
    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        self.inner().fault = fault;
    }

    /// How often a fault struck.
    pub(crate) fn struck(&self) -> u64 {
        self.inner().struck
    }

    /// The process that uses it is killed: nothing it still does counts.
    pub(crate) fn kill(&self) {
        self.inner().is_dead = true;
    }

    /// What was done to a segment that must never be done (I9).
    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.inner().watch.wrongs()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, file: u64, path: &str) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), file, path: path.to_owned() })
    }
}

impl Inner {
    fn note(&mut self, what: &str, of: &dyn Display, numbers: [u64; 2], octets: &[u8]) {
        if let Some(history) = &mut self.history
            && !self.is_dead
        {
            history.add(what, of, numbers, octets);
        }
    }

    /// A call begins that changes nothing.
    fn look(&mut self, call: &'static str, path: &str) -> io::Result<()> {
        self.note(call, &path, [self.calls, 0], &[]);
        self.begin(Call::Other)
    }

    /// A call begins that changes something.
    fn begin_change(&mut self, call: &'static str, path: &str) -> io::Result<()> {
        let calls = self.calls;
        self.note(call, &path, [calls, 0], &[]);
        if !self.is_dead
            && let Some(moments) = &mut self.moments
        {
            let is_index = path.ends_with(INDEX);
            if !is_index || calls.is_multiple_of(self.every_index_call) {
                moments.push(Moment { calls, call, state: self.state.clone() });
            }
        }
        self.begin(match call {
            "sync" => Call::Sync,
            "sync a folder" => Call::SyncFolder,
            "unlink" => Call::Unlink,
            _ => Call::Other,
        })
    }

    fn begin(&mut self, call: Call) -> io::Result<()> {
        if self.is_dead {
            return Err(io::Error::other("the process was killed"));
        }
        self.calls = self.calls.saturating_add(1);
        let strikes = self.fault.as_mut().is_some_and(|fault| fault.strikes(call));
        if strikes && let Some(fault) = self.fault {
            self.struck = self.struck.saturating_add(1);
            return Err(fault.failure.error());
        }
        Ok(())
    }

    /// Gives a file room up to here, or says that there is none.
    fn make_room(&mut self, file: u64, end: u64) -> io::Result<()> {
        let wanted = self.state.file(file)?.pages_for(end);
        if wanted > 0 {
            if wanted > self.state.pages_free() {
                return Err(Failure::Full.error());
            }
            self.state.file_mut(file)?.make_room(end);
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &str, existence: Existence) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner();
        let found = inner.state.find(path);
        let file = match (found, existence) {
            (Ok(_), Existence::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Ok(file), _) => {
                inner.look("open", path)?;
                file
            }
            (Err(missing), Existence::Old) => {
                inner.look("look for", path)?;
                return Err(missing);
            }
            (Err(missing), _) if missing.kind() != io::ErrorKind::NotFound => return Err(missing),
            (Err(_), _) => {
                inner.begin_change("make a file", path)?;
                let file = inner.state.make_file(path)?;
                inner.watch.made(path);
                file
            }
        };
        drop(inner);
        Ok(self.handle(file, path))
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.open(path, Existence::Either)?;
        let mut inner = self.inner();
        if std::mem::replace(&mut inner.is_locked, true) {
            return Ok(None);
        }
        Ok(Some(Box::new(Locked(self.clone()))))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut inner = self.inner();
        inner.look("list", folder)?;
        let mut names = inner.state.list(folder)?;
        // In no order.
        for last in (1..names.len()).rev() {
            let other = inner.chance.place(last.saturating_add(1));
            names.swap(last, other);
        }
        Ok(names)
    }

    fn mkdir(&self, folder: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin_change("make a folder", folder)?;
        inner.state.make_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin_change("rename", from)?;
        inner.state.rename(from, to)
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin_change("unlink", path)?;
        inner.state.unlink(path)
    }

    fn sync_dir(&self, folder: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.begin_change("sync a folder", folder)?;
        inner.state.sync_folder(folder)
    }

    fn free_space(&self) -> io::Result<u64> {
        let mut inner = self.inner();
        inner.look("ask for room", "")?;
        Ok(inner.state.pages_free().saturating_mul(PAGE_OCTETS))
    }

    fn now(&self) -> SystemTime {
        let inner = self.inner();
        let time = inner.state.clock.saturating_add(inner.calls);
        UNIX_EPOCH.checked_add(Duration::from_millis(time)).unwrap_or(UNIX_EPOCH)
    }

    fn draw(&self, octets: &mut [u8]) -> io::Result<()> {
        let mut inner = self.inner();
        inner.look("draw", "")?;
        for octet in octets {
            *octet = inner.chance.next().to_le_bytes()[0];
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Locked(SimDisk);

impl Lock for Locked {}

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.inner().is_locked = false;
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: u64,
    path: String,
}

impl DiskFile for SimFile {
    fn read_at(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        inner.look("read", &self.path)?;
        let length = inner.state.file(self.file)?.seen.read(octets, at);
        inner.note("octets", &length, [at, 0], octets.get(..length).unwrap_or_default());
        Ok(length)
    }

    fn read_cached(&self, octets: &mut [u8], at: u64) -> io::Result<usize> {
        self.read_at(octets, at)
    }

    fn write_at(&self, octets: &[u8], at: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        if !inner.is_dead {
            inner.watch.written(&self.path, at);
        }
        inner.note("octets", &octets.len(), [at, 0], octets);
        let outcome = inner.begin_change("write", &self.path);
        let outcome = outcome
            .and_then(|()| inner.make_room(self.file, at.saturating_add(octets.len() as u64)));
        if let Err(fault) = outcome {
            if !inner.is_dead {
                // Some of it may have been written.
                let some = inner.chance.place(octets.len());
                let end = at.saturating_add(some as u64);
                if inner.chance.percent(50) && inner.make_room(self.file, end).is_ok() {
                    let part = octets.get(..some).unwrap_or_default();
                    inner.state.file_mut(self.file)?.write(part, at);
                }
                inner.watch.failed(&self.path);
            }
            return Err(fault);
        }
        inner.state.file_mut(self.file)?.write(octets, at);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut inner = self.disk.inner();
        inner.look("ask for the length", &self.path)?;
        Ok(inner.state.file(self.file)?.seen.length())
    }

    fn set_len(&self, octets: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.note("length", &octets, [0, 0], &[]);
        inner.begin_change("set the length", &self.path)?;
        inner.state.file_mut(self.file)?.set_length(octets);
        Ok(())
    }

    fn preallocate(&self, at: u64, octets: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.note("room", &octets, [at, 0], &[]);
        inner.begin_change("give room", &self.path)?;
        let end = at.saturating_add(octets);
        inner.make_room(self.file, end)?;
        let file = inner.state.file_mut(self.file)?;
        if end > file.seen.length() {
            file.set_length(end);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        if let Err(fault) = inner.begin_change("sync", &self.path) {
            if !inner.is_dead {
                let mut part = Part::drawn(&mut inner.chance);
                inner.state.file_mut(self.file)?.lie(&mut part);
                inner.watch.failed(&self.path);
            }
            return Err(fault);
        }
        inner.state.file_mut(self.file)?.sync();
        Ok(())
    }
}
