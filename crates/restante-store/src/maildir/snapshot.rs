//! A session's view of one maildrop: the listing of its login, reading, and removal at its end.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mail_wire::{Listing, MaildropId, MessageNumber, Octets};
use tokio::runtime::Handle;
use tokio::time;

use crate::body::{Body, Progress};
use crate::disk::{Disk, Links, Status};
use crate::error::StoreError;
use crate::maildir::contents::{Contents, Row};
use crate::maildir::drawer::{Drawer, State};
use crate::maildir::folders::{Folders, REMOVED, sweep};
use crate::maildir::ground::Ground;
use crate::maildir::measure::{Stamp, measure};
use crate::maildir::names::Identity;
use crate::maildir::origin::{LOOKED_AT_OCTETS, accepted, origin};
use crate::pending::Pending;
use crate::store::{Maildrop, Origin, Removed};

/// A snapshot. It holds its folders open, so nothing is looked up by a path again.
#[derive(Debug)]
pub(crate) struct Snapshot {
    held: Arc<Held>,
    contents: Arc<Contents>,
    /// What stood on the count of arrivals when it was last listed.
    seen: u64,
}

/// What a snapshot holds; when the last of a maildrop is dropped, the messages that only they
/// could still read go.
#[derive(Debug)]
struct Held {
    ground: Arc<Ground>,
    drawer: Arc<Drawer>,
    folders: Arc<Folders>,
}

impl Snapshot {
    /// Opens the maildrop, and makes it if it was never there.
    pub(crate) async fn open(ground: Arc<Ground>, id: MaildropId) -> Result<Self, StoreError> {
        let drawer = ground.drawer(id);
        // Before the listing: rather looked at once too often.
        let seen = ground.arrivals.count(id);
        let mut state = Arc::clone(&drawer.state).lock_owned().await;
        let pool = Arc::clone(&ground);
        pool.pool
            .run(move || {
                let folders = Arc::new(Folders::open(&ground.disk, &ground.root, id)?);
                let contents = state.now(&ground, &drawer, &folders)?;
                drawer.snapshots.fetch_add(1, Ordering::AcqRel);
                Ok(Self { held: Arc::new(Held { ground, drawer, folders }), contents, seen })
            })
            .await?
    }

    /// What the maildrop holds now.
    async fn now(&self) -> Result<Arc<Contents>, StoreError> {
        let held = Arc::clone(&self.held);
        let mut state = Arc::clone(&held.drawer.state).lock_owned().await;
        let ground = Arc::clone(&held.ground);
        ground.pool.run(move || state.now(&held.ground, &held.drawer, &held.folders)).await?
    }

    fn row(&self, number: MessageNumber) -> Result<(&Row, Octets), StoreError> {
        let row = self.contents.rows.get(number.index());
        let entry = self.contents.listing.get(number);
        row.zip(entry.map(|entry| entry.octets)).ok_or_else(|| StoreError::Absent {
            detail: format!("maildrop {}: message number {number}", self.held.drawer.id),
        })
    }
}

impl Maildrop for Snapshot {
    fn listing(&self) -> &Arc<Listing> {
        &self.contents.listing
    }

    fn refresh(&mut self) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            // Before the listing: rather looked at once too often.
            let seen = self.held.ground.arrivals.count(self.held.drawer.id);
            let before = self.contents.rows.len();
            if let Some(contents) = self.contents.with_new(&*self.now().await?)? {
                self.contents = Arc::new(contents);
            }
            self.seen = seen;
            Ok(self.contents.rows.len().saturating_sub(before))
        })
    }

    fn arrival(&mut self) -> Pending<'_, ()> {
        Box::pin(async move {
            let Ground { arrivals, settings, .. } = &*self.held.ground;
            let mut looked = Arc::clone(&self.contents);
            loop {
                // What cannot be looked at now is said by the next refresh.
                let Ok(now) = self.now().await else { return };
                if !Arc::ptr_eq(&now, &looked) && self.contents.missing(&now).next().is_some() {
                    return;
                }
                looked = now;
                // Other programs deliver too, and tell nobody.
                let ours = arrivals.after(self.held.drawer.id, self.seen);
                if let Ok(count) = time::timeout(settings.look_every, ours).await {
                    self.seen = count;
                }
            }
        })
    }

    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>> {
        Box::pin(async move {
            let (row, octets) = self.row(number)?;
            let Held { ground, folders, .. } = &*self.held;
            // Where the kernel has the file at hand, no other thread is needed.
            if let Ok((file, status)) =
                ground.disk.open_file_cached(folders.side(row.side), &row.name)
                && row.stamp == Some(status.into())
            {
                return Ok(Body::stored(Arc::new(file), status.size, octets));
            }
            let held = Arc::clone(&self.held);
            let contents = Arc::clone(&self.contents);
            let mut state = Arc::clone(&held.drawer.state).lock_owned().await;
            ground
                .pool
                .run(move || match contents.rows.get(number.index()) {
                    Some(row) => held.read(&mut state, row, octets),
                    None => Err(held.gone(number.get())),
                })
                .await?
        })
    }

    fn origin(&self, number: MessageNumber) -> Pending<'_, Result<Origin, StoreError>> {
        Box::pin(async move {
            let accepted = accepted(self.row(number)?.0);
            let mut body = self.read(number).await?;
            let mut text = Vec::new();
            while text.len() < LOOKED_AT_OCTETS
                && body.read(&mut text, LOOKED_AT_OCTETS).await? != Progress::Ended
            {}
            Ok(origin(accepted, &text))
        })
    }

    fn commit<'a>(
        &'a mut self,
        deletions: &'a [MessageNumber],
    ) -> Pending<'a, Result<Removed, StoreError>> {
        Box::pin(async move {
            let mut numbers = deletions.to_vec();
            numbers.sort_unstable();
            numbers.dedup();
            let mut octets = Octets::ZERO;
            for number in &numbers {
                octets = octets.plus(self.row(*number)?.1);
            }
            if numbers.is_empty() {
                return Ok(Removed { messages: 0, octets });
            }
            let messages = numbers.len();
            let held = Arc::clone(&self.held);
            let contents = Arc::clone(&self.contents);
            let mut state = Arc::clone(&held.drawer.state).lock_owned().await;
            let ground = Arc::clone(&held.ground);
            ground.pool.run(move || held.take_out(&mut state, &contents, &numbers)).await??;
            Ok(Removed { messages, octets })
        })
    }
}

impl State {
    fn now(
        &mut self,
        ground: &Ground,
        drawer: &Drawer,
        folders: &Folders,
    ) -> Result<Arc<Contents>, StoreError> {
        self.contents(drawer, &ground.disk, folders, ground.settings.tmp_age_max)
    }
}

/// How often a message is looked for again that another program keeps renaming.
const TRIES_MAX: usize = 4;

impl Held {
    /// Reads a message that is not at hand: not in the kernel's memory, renamed, or removed by
    /// another session meanwhile.
    fn read(&self, state: &mut State, row: &Row, octets: Octets) -> Result<Body, StoreError> {
        let (file, status) = self.open(state, row)?;
        if row.stamp == Some(status.into()) {
            return Ok(Body::stored(Arc::new(file), status.size, octets));
        }
        // Another file than the one that was measured. If it comes out with the same number of
        // octets, the listing is still true.
        let measured = measure(&self.ground.disk, &file, status);
        let measured = measured.map_err(|fault| self.failed("read a message", fault))?;
        if measured.octets == octets {
            return Ok(Body::stored(Arc::new(file), status.size, octets));
        }
        state.distrust();
        Err(StoreError::Absent {
            detail: format!(
                "maildrop {}: {:?} has {} octets and not the {octets} that were listed; the next \
                 login lists it anew",
                self.drawer.id, row.identity, measured.octets
            ),
        })
    }

    fn open(&self, state: &mut State, row: &Row) -> Result<(File, Status), StoreError> {
        let Self { ground, folders, .. } = self;
        let is_gone = |fault: &io::Error| fault.kind() == io::ErrorKind::NotFound;
        let failed = |fault| self.failed("open a message", fault);
        let opened = ground.disk.open_file(folders.side(row.side), &row.name);
        match opened {
            Err(fault) if is_gone(&fault) => {}
            opened => return opened.map_err(failed),
        }
        // P-222: flags have changed, or it was moved to `cur`: the unique part is the same.
        for _ in 0..TRIES_MAX {
            let contents = state.now(ground, &self.drawer, folders)?;
            let Some(row) = contents.find(&row.identity) else { break };
            match ground.disk.open_file(folders.side(row.side), &row.name) {
                Err(fault) if is_gone(&fault) => {}
                opened => return opened.map_err(failed),
            }
        }
        // Another session has removed it, and kept it for us.
        let removed = ground.disk.open_folder(&folders.base, REMOVED, Links::Refuse);
        let kept = removed
            .and_then(|folder| ground.disk.open_file(folder, kept_name(&row.identity).as_bytes()));
        match kept {
            // Without the stamp it could be anything; what was removed was measured before.
            Ok((file, status)) if row.stamp == Some(Stamp::from(status)) => Ok((file, status)),
            _ => Err(self.gone(&row.identity)),
        }
    }

    /// Takes messages out, durably. What fails does not keep the others from being tried; then
    /// the first failure is the answer.
    fn take_out(
        &self,
        state: &mut State,
        contents: &Contents,
        numbers: &[MessageNumber],
    ) -> Result<(), StoreError> {
        let Self { ground, drawer, folders } = self;
        let keep = if drawer.snapshots.load(Ordering::Acquire) > 1 { self.keep() } else { None };
        let mut latest = None;
        let mut outcome = Ok(());
        for number in numbers {
            let Some(row) = contents.rows.get(number.index()) else { continue };
            let taken = self.take_out_one(state, row, keep.as_ref(), &mut latest);
            outcome = outcome.and(taken);
        }
        // P-063: durable before the answer, also what an earlier try has removed.
        for folder in [&folders.new, &folders.cur] {
            let synced = ground.disk.sync(folder);
            outcome = outcome.and(synced.map_err(|fault| self.failed("sync the removal", fault)));
        }
        outcome
    }

    fn take_out_one(
        &self,
        state: &mut State,
        row: &Row,
        keep: Option<&OwnedFd>,
        latest: &mut Option<Arc<Contents>>,
    ) -> Result<(), StoreError> {
        let failed = |fault| self.failed("remove a message", fault);
        if self.unlink(row, keep).map_err(failed)? {
            return Ok(());
        }
        // P-222: renamed, or gone. One look serves all messages that were renamed before it.
        if let Some(row) = latest.as_ref().and_then(|contents| contents.find(&row.identity))
            && self.unlink(row, keep).map_err(failed)?
        {
            return Ok(());
        }
        for _ in 0..TRIES_MAX {
            let contents = state.now(&self.ground, &self.drawer, &self.folders)?;
            let contents = latest.insert(contents);
            let Some(row) = contents.find(&row.identity) else { return Ok(()) };
            if self.unlink(row, keep).map_err(failed)? {
                return Ok(());
            }
        }
        Err(failed(io::Error::other("another program keeps renaming it")))
    }

    /// Takes a name away, and keeps the message for other snapshots where asked to. Answers
    /// whether it was there.
    fn unlink(&self, row: &Row, keep: Option<&OwnedFd>) -> io::Result<bool> {
        let disk = &self.ground.disk;
        let folder = self.folders.side(row.side);
        if let Some(keep) = keep {
            let name = kept_name(&row.identity);
            match disk.rename_new((folder, &row.name), (keep, name.as_bytes())) {
                Ok(()) => return Ok(true),
                Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(false),
                // It cannot be kept: that it goes is what was asked for.
                Err(_) => {}
            }
        }
        match disk.unlink(folder, &row.name) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }

    /// The folder for messages that other snapshots still list.
    fn keep(&self) -> Option<OwnedFd> {
        let (disk, base): (&Disk, _) = (&self.ground.disk, &self.folders.base);
        self.drawer.keeps_removed.store(true, Ordering::Release);
        disk.make_folder(base, REMOVED).ok()?;
        disk.open_folder(base, REMOVED, Links::Refuse).ok()
    }

    fn gone(&self, what: impl std::fmt::Debug) -> StoreError {
        StoreError::Absent { detail: format!("maildrop {}: {what:?}", self.drawer.id) }
    }

    fn failed(&self, action: &str, fault: io::Error) -> StoreError {
        StoreError::disk(format!("maildrop {}: {action}", self.drawer.id), fault)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let before = self.drawer.snapshots.fetch_sub(1, Ordering::AcqRel);
        if before > 1 || !self.drawer.keeps_removed.load(Ordering::Acquire) {
            return;
        }
        // Without a runtime the next start sweeps.
        let Ok(runtime) = Handle::try_current() else { return };
        let (ground, drawer) = (Arc::clone(&self.ground), Arc::clone(&self.drawer));
        let folders = Arc::clone(&self.folders);
        runtime.spawn_blocking(move || {
            let state = drawer.state.blocking_lock();
            if drawer.snapshots.load(Ordering::Acquire) == 0 {
                sweep(&ground.disk, &folders.base, REMOVED);
                drawer.keeps_removed.store(false, Ordering::Release);
            }
            drop(state);
        });
    }
}

/// The name under which a removed message is kept.
fn kept_name(identity: &Identity) -> String {
    format!("{:016x}", identity.id().get())
}
