//! The writer of a shard: takes all that is queued, writes it at once, syncs once, answers all.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use std::time::Duration;

use mail_wire::MaildropId;

use crate::custody::Cause;
use crate::error::StoreError;
use crate::log::actor::Actor;
use crate::log::batch::Batch;
use crate::log::bugs::{self, Bug};
use crate::log::deed::{Act, Deed};
use crate::log::give_back::{GiveBack, Step};
use crate::log::holds::Holds;
use crate::log::meta::Destroyed;
use crate::log::moment::Moment;
use crate::log::overlay::Overlay;
use crate::log::prepare::prepare;
use crate::log::queue::Job;
use crate::log::read::big_path;
use crate::log::reserve::Reserve;
use crate::log::shard::Shard;
use crate::log::snapshots::Doomed;
use crate::log::tail::Tail;
use crate::log::writing::Writing;

/// The only one who writes the segments and the index of a shard.
#[derive(Debug)]
pub(crate) struct Writer {
    shard: Arc<Shard>,
    reserve: Reserve,
    tail: Tail,
    /// What was logged since the index was brought up to date, in octets.
    octets: u64,
    /// With how many changes that is tried again.
    changes_max: usize,
    /// What is to be given back.
    room: GiveBack,
    /// Segments that are gone, which the index does not know yet.
    gone: Vec<u32>,
    /// When to look for what was held.
    holds: Holds,
}

/// The index is this much behind, in multiples of what is usual, when messages are refused:
/// all of it is in memory.
const BEHIND_MAX: usize = 64;

/// So many messages that were held are destroyed at once.
const DUE_MAX: usize = 10_000;

impl Writer {
    /// The writer of a shard whose log ends there; `sources` are the segments that messages were
    /// copied from.
    pub(crate) fn new(shard: Arc<Shard>, tail: Tail, sources: BTreeSet<u32>) -> Self {
        let path = format!("{}/reserve", shard.folder);
        let reserve = Reserve::new(Arc::clone(&shard.disk), path, shard.settings.reserve_octets);
        let changes_max = shard.settings.checkpoint_messages;
        let (room, gone) = (GiveBack::new(sources), Vec::new());
        Self { shard, reserve, tail, octets: 0, changes_max, room, gone, holds: Holds::default() }
    }

    /// Its shard.
    pub(crate) const fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let _abandon = Abandon(Arc::clone(&self.shard));
        self.begin();
        while let Some(jobs) = self.shard.queue.take(self.patience()) {
            self.work(jobs);
        }
        self.end();
    }

    /// What it does before anything is asked of it.
    pub(crate) fn begin(&mut self) {
        if self.changes() > 0 {
            self.checkpoint();
        }
        if self.shard.certain().is_ok() {
            self.holds.held(self.first_due());
        }
    }

    /// Does these jobs, and what is due.
    pub(crate) fn work(&mut self, jobs: Vec<Job>) {
        let is_busy = jobs.iter().any(|job| !matches!(job, Job::Compact(_)));
        let mut together = Vec::with_capacity(jobs.len());
        let mut touched = BTreeSet::new();
        for job in jobs {
            // What came before these must be known for them.
            if job.depends() && job.touches().is_some_and(|maildrop| touched.contains(&maildrop)) {
                self.commit(std::mem::take(&mut together));
                touched.clear();
            }
            touched.extend(job.touches());
            match job {
                Job::Remove(maildrop, answer) => {
                    self.commit(std::mem::take(&mut together));
                    let _ = answer.send(self.remove(maildrop));
                }
                Job::Compact(answer) => {
                    self.commit(std::mem::take(&mut together));
                    self.room.ask(answer);
                }
                Job::Still(answer) => {
                    self.commit(std::mem::take(&mut together));
                    let _ = answer.send(self.still());
                }
                job => together.push(job),
            }
        }
        self.commit(together);
        if bugs::is_on(Bug::AnsweredBeforeSync) {
            self.tail.sync_late();
        }
        self.look_after();
        self.write_notes();
        if self.changes() >= self.changes_max
            || self.octets >= self.shard.settings.checkpoint_octets
        {
            self.checkpoint();
        }
        self.give_back(is_busy);
        self.bury();
    }

    /// What it does when nothing is asked of it any more.
    pub(crate) fn end(&mut self) {
        let _ = self.write(&mut []);
        self.tail.seal();
        if self.changes() > 0 || self.shard.index.applied() != self.tail.position() {
            self.checkpoint();
        }
        self.bury();
    }

    /// Writes the jobs in one batch, and answers all.
    fn commit(&mut self, mut jobs: Vec<Job>) {
        let is_addition = |job: &Job| matches!(job, Job::Add(..));
        if jobs.iter().any(is_addition) {
            let refusal = if !self.reserve.is_held() {
                Some(StoreError::Full {
                    detail: "what is left of the disk is kept for deletions".into(),
                    quota: false,
                })
            } else if self.changes()
                > self.shard.settings.checkpoint_messages.saturating_mul(BEHIND_MAX)
            {
                Some(StoreError::Unavailable)
            } else {
                None
            };
            if let Some(refusal) = refusal {
                refuse(jobs.extract_if(.., |job| is_addition(job)), &refusal);
            }
        }
        let mut jobs = prepare(&self.shard, jobs);
        if jobs.is_empty() {
            return;
        }
        let mut outcome = self.write(&mut jobs);
        if outcome.is_err() && bugs::is_on(Bug::RefusedAnswered) && !jobs.is_empty() {
            accept(jobs.remove(0));
        }
        if let Err(fault @ StoreError::Full { .. }) = &outcome
            && self.reserve.release()
        {
            refuse(jobs.extract_if(.., |job| is_addition(job)), fault);
            outcome = self.write(&mut jobs);
        }
        match outcome {
            Ok(()) => {
                let held = jobs.iter().filter_map(|job| match job {
                    Job::Deed(deed, _) => deed.decided.held_until(),
                    _ => None,
                });
                self.holds.held(held.min());
                self.announce(&jobs);
                jobs.into_iter().for_each(accept);
            }
            Err(fault) => refuse(jobs.into_iter(), &fault),
        }
    }

    /// Tells those who wait for what was added.
    fn announce(&self, jobs: &[Job]) {
        let added = jobs.iter().filter_map(|job| match job {
            Job::Add(addition, _) => Some(addition.shares.iter().map(|share| share.maildrop)),
            _ => None,
        });
        let shown = jobs.iter().filter_map(|job| match job {
            Job::Deed(deed, _) if deed.decided.shows() => Some(MaildropId::new(deed.maildrop)),
            _ => None,
        });
        self.shard.arrivals.announce(added.flatten().chain(shown));
    }

    /// Makes the jobs durable, then visible, and what was noted with them.
    fn write(&mut self, jobs: &mut [Job]) -> Result<(), StoreError> {
        let (notes, count) = self.notes();
        if jobs.is_empty() && count == 0 {
            return Ok(());
        }
        let outcome = self.write_all(jobs, &notes);
        match &outcome {
            Ok(()) => self.shard.notes.written(count),
            Err(_) => self.shard.notes.drop_first(count),
        }
        outcome
    }

    /// What was noted, as the meta of an EVENT, and how much that is. Where room is short it is
    /// given up.
    fn notes(&mut self) -> (Vec<u8>, usize) {
        let (notes, count) = self.shard.notes.meta();
        if count > 0 && !self.reserve.is_held() {
            self.shard.notes.drop_first(count);
            return (Vec::new(), 0);
        }
        (notes, count)
    }

    fn write_all(&mut self, jobs: &mut [Job], notes: &[u8]) -> Result<(), StoreError> {
        let now = self.shard.moves.load(Ordering::Acquire);
        for job in jobs.iter_mut() {
            let destroyed = match job {
                Job::Destroy(destroyed, moves, _) => Some((destroyed, *moves)),
                Job::Deed(deed, _) => deed.decided.destroyed.as_mut().map(|gone| (gone, now)),
                Job::Add(addition, _) => addition.replaces.as_mut().map(|gone| (gone, now)),
                Job::Remove(..) | Job::Compact(_) | Job::Still(_) => None,
            };
            if let Some((destroyed, moves)) = destroyed {
                self.name_copies(destroyed, moves)?;
            }
        }
        let mut taken = HashSet::new();
        for job in jobs.iter_mut() {
            if let Job::Add(addition, _) = job {
                addition.keep_uidls(|maildrop, uidl| {
                    Ok::<_, StoreError>(
                        !taken.insert((maildrop, uidl.clone()))
                            || self.shard.has_uidl(maildrop.get(), uidl.as_str())?,
                    )
                })?;
            }
        }
        let size = jobs.iter().map(Job::size).fold(notes.len() as u64, u64::saturating_add);
        let (batch, epoch) = (self.tail.batch(size)?, self.tail.epoch);
        let mut writing = Writing { batch, ids: &self.shard.ids, epoch };
        // They were noted before any of this is.
        writing.noted(notes)?;
        for job in jobs.iter_mut() {
            match job {
                Job::Add(addition, _) => writing.add(addition)?,
                Job::Destroy(destroyed, ..) => writing.destroy(destroyed)?,
                Job::Deed(deed, _) => writing.decided(&mut deed.decided)?,
                Job::Remove(..) | Job::Compact(_) | Job::Still(_) => {}
            }
        }
        let Writing { batch, epoch, .. } = writing;
        if bugs::is_on(Bug::VisibleBeforeDurable) {
            drop(self.show(&batch));
        }
        self.tail.write(&batch)?;
        self.tail.epoch = epoch;
        let octets = batch.octets().len() as u64;
        self.octets = self.octets.saturating_add(octets);
        self.room.delivered(octets);
        let _unseen = self.show(&batch);
        // While nobody can see it.
        for job in jobs.iter() {
            self.count(job);
        }
        Ok(())
    }

    /// What these records say is visible from now on.
    fn show(&self, batch: &Batch) -> RwLockWriteGuard<'_, Overlay> {
        self.shard.show(batch)
    }

    /// What a job did is in the numbers from now on.
    fn count(&self, job: &Job) {
        let usages = &self.shard.usages;
        if let Job::Add(addition, _) = job {
            for share in addition.shares.iter().filter(|share| !share.is_refused) {
                usages.added(share.maildrop.get(), share.octets);
            }
        }
        let is_other = match job {
            Job::Deed(deed, _) => deed.decided.counts(),
            _ => true,
        };
        let is_other = is_other && !bugs::is_on(Bug::UsageKept);
        if let Some(maildrop) = job.touches().filter(|_| is_other) {
            usages.forget(maildrop);
        }
    }

    /// Destroys what was held and whose time is over.
    fn look_after(&mut self) {
        let now = self.shard.time();
        // Where nobody knows what is lacking, nothing goes by itself.
        let waits = !self.shard.settings.expires_by_itself || !self.holds.is_time(now);
        if waits || self.shard.certain().is_err() {
            return;
        }
        // What cannot be looked at now is looked at the next time.
        let due = self.shard.index.due(now, DUE_MAX, &self.shard.overlay).unwrap_or_default();
        let is_all = due.len() < DUE_MAX;
        let mut by_maildrop: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (maildrop, id) in due.into_iter().take(DUE_MAX) {
            by_maildrop.entry(maildrop).or_default().push(id);
        }
        let expire = |(maildrop, ids)| {
            // Nobody waits for an answer.
            let (answer, _) = tokio::sync::oneshot::channel();
            Job::Deed(Box::new(Deed::new(maildrop, ids, Act::Expire(None))), answer)
        };
        self.commit(by_maildrop.into_iter().map(expire).collect());
        if !is_all {
            // The next look must not find the same ones again.
            self.checkpoint();
        }
        self.holds.looked(now, self.first_due());
    }

    /// When the next is over of what is held; now, if nobody can say.
    fn first_due(&self) -> Option<u64> {
        self.shard.first_due().unwrap_or_else(|_| Some(self.shard.time()))
    }

    /// Removes all messages of a maildrop.
    fn remove(&mut self, maildrop: u64) -> Result<(), StoreError> {
        let entries = self.shard.entries(maildrop)?;
        if entries.is_empty() {
            return Ok(());
        }
        let copies = entries.iter().map(|entry| (entry.id, entry.segment)).collect();
        let destroyed = Destroyed::new(maildrop, copies).by(&Actor::nobody(Cause::Removed));
        let (answer, mut answered) = tokio::sync::oneshot::channel();
        let moves = self.shard.moves.load(Ordering::Acquire);
        self.commit(vec![Job::Destroy(destroyed, moves, answer)]);
        answered.try_recv().unwrap_or(Err(StoreError::Unavailable))
    }

    /// Names every segment that holds a copy of what is destroyed.
    fn name_copies(&self, destroyed: &mut Destroyed, moves: u64) -> Result<(), StoreError> {
        let has_moved = moves != self.shard.moves.load(Ordering::Acquire);
        if has_moved && !bugs::is_on(Bug::StaleCopyNamed) {
            let entries = self.shard.entries(destroyed.maildrop)?;
            let now: HashMap<u64, u32> =
                entries.iter().map(|entry| (entry.id, entry.segment)).collect();
            for (id, segment) in &mut destroyed.copies {
                *segment = now.get(id).copied().unwrap_or(*segment);
            }
        }
        // Which of the messages were copied from there is not known: rather named once too often.
        let ids: Vec<u64> = destroyed.copies.iter().map(|(id, _)| *id).collect();
        let sources = self.room.sources().iter();
        for source in sources.filter(|_| !bugs::is_on(Bug::SourceNotNamed)) {
            destroyed.copies.extend(ids.iter().map(|id| (*id, *source)));
        }
        destroyed.copies.sort_unstable();
        destroyed.copies.dedup();
        Ok(())
    }

    /// The shard as it is now, with an index that knows all of it.
    fn still(&mut self) -> Result<Moment, StoreError> {
        self.index_all()?;
        let (upto, mut segments) = (self.tail.position(), self.shard.segments.all());
        // What is written is longer by now than when it was begun.
        if let Some(end) = segments.get_mut(&upto.segment) {
            *end = upto.offset;
        }
        // What is in them was copied, and they may go while somebody looks.
        self.shard.snapshots.leave(&mut segments);
        let is_reserve_held = self.reserve.is_held();
        Ok(Moment { index: self.shard.index.view()?, segments, is_reserve_held })
    }

    /// How many wait for room to be given back.
    #[cfg(feature = "simulation")]
    pub(crate) fn asked(&self) -> usize {
        self.room.asked()
    }

    /// Does a bit of what gives room back.
    fn give_back(&mut self, is_busy: bool) {
        if self.room.is_asked_for_one()
            && let Err(fault) = self.index_all()
        {
            self.room.refuse(fault);
            return;
        }
        self.room.begin(&self.shard, self.tail.position().segment);
        match self.room.step(&self.shard, &mut self.tail, is_busy) {
            None => {}
            Some(Step::Copied(octets)) => self.octets = self.octets.saturating_add(octets),
            Some(Step::Done) => {
                // The index goes on from a place that stays.
                let is_indexed = self.index_all();
                self.room.finish(&self.shard, is_indexed);
            }
        }
    }

    /// Writes what was noted, if nothing took it along for a while.
    fn write_notes(&mut self) {
        if self.shard.notes.due_in(self.shard.time()) == Some(0) {
            // What cannot be written is counted there.
            let _ = self.write(&mut []);
        }
    }

    /// How long to wait for a job before there is something else to be done.
    fn patience(&self) -> Option<Duration> {
        if self.room.is_at_work() {
            return Some(Duration::ZERO);
        }
        let now = self.shard.time();
        let notes = self.shard.notes.due_in(now).map(Duration::from_millis);
        notes.into_iter().chain(self.holds.patience(now)).min()
    }

    /// Brings the index up to date, or says that it cannot be done now.
    fn index_all(&mut self) -> Result<(), StoreError> {
        if self.changes() > 0 || self.shard.index.applied() != self.tail.position() {
            self.checkpoint();
        }
        if self.shard.index.applied() == self.tail.position() {
            Ok(())
        } else {
            Err(StoreError::Unavailable)
        }
    }

    fn changes(&self) -> usize {
        self.shard.overlay.read().unwrap_or_else(PoisonError::into_inner).changes()
    }

    /// Brings the index up to date. If that fails, what it does not know stays in memory, and
    /// it is tried again later.
    pub(crate) fn checkpoint(&mut self) {
        self.octets = 0;
        let shard = &self.shard;
        let folded = {
            let overlay = shard.overlay.read().unwrap_or_else(PoisonError::into_inner);
            shard.index.fold(&overlay, &self.gone, self.tail.position())
        };
        let Ok(folded) = folded else {
            self.changes_max = self.changes().saturating_mul(2).max(1);
            if bugs::is_on(Bug::OverlayDropped) {
                *shard.overlay.write().unwrap_or_else(PoisonError::into_inner) = Overlay::default();
            }
            return;
        };
        self.changes_max = shard.settings.checkpoint_messages;
        self.gone.clear();
        self.room.news();
        *shard.overlay.write().unwrap_or_else(PoisonError::into_inner) = Overlay::default();
        for file in folded.files {
            shard.snapshots.doom(Doomed::Big(file));
        }
    }

    /// Removes the files that nobody needs. One that cannot be removed is swept at the next
    /// start.
    fn bury(&mut self) {
        for doomed in self.shard.snapshots.due() {
            match doomed {
                Doomed::Big(file) => {
                    let _ = self.shard.disk.unlink(&big_path(&self.shard.folder, file));
                }
                Doomed::Segment(number) => {
                    let shard = &self.shard;
                    let gone = shard.disk.unlink(&shard.segments.path(number));
                    // Until that is durable it counts as there: the file may come back, and
                    // what was destroyed must not.
                    let is_early = bugs::is_on(Bug::GoneBeforeDurable);
                    let sync =
                        || if is_early { Ok(()) } else { shard.disk.sync_dir(&shard.folder) };
                    if gone.and_then(|()| sync()).is_ok() {
                        shard.segments.remove(number);
                        self.room.buried(number);
                        self.gone.push(number);
                    }
                }
            }
        }
    }
}

/// However the writer ends: nobody waits for it any more.
struct Abandon(Arc<Shard>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}

fn accept(job: Job) {
    // Nobody may be waiting any more; it is done all the same.
    match job {
        Job::Add(addition, answer) => drop(answer.send(Ok(addition.given()))),
        Job::Destroy(_, _, answer) | Job::Remove(_, answer) => drop(answer.send(Ok(()))),
        Job::Deed(deed, answer) => drop(answer.send(Ok(deed.decided.answer))),
        Job::Compact(answer) => drop(answer.send(Ok(None))),
        Job::Still(_) => {}
    }
}

fn refuse(jobs: impl Iterator<Item = Job>, fault: &StoreError) {
    for job in jobs {
        match job {
            Job::Add(_, answer) => drop(answer.send(Err(fault.again()))),
            Job::Destroy(_, _, answer) | Job::Remove(_, answer) => {
                drop(answer.send(Err(fault.again())));
            }
            Job::Deed(_, answer) => drop(answer.send(Err(fault.again()))),
            Job::Compact(answer) => drop(answer.send(Err(fault.again()))),
            Job::Still(answer) => drop(answer.send(Err(fault.again()))),
        }
    }
}
