//! When room is given back: which segment is being given up, how fast, and who asked for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::sync::oneshot::Sender;

use crate::error::StoreError;
use crate::log::bugs::{self, Bug};
use crate::log::compact::Compaction;
use crate::log::compacted::Compacted;
use crate::log::shard::Shard;
use crate::log::snapshots::Doomed;
use crate::log::tail::Tail;
use crate::log::victim::{is_wide, needed_by, victim};

/// Who waits for one segment to be given up.
pub(crate) type Asker = Sender<Result<Option<Compacted>, StoreError>>;

/// What a writer knows of its segments that are to go.
#[derive(Debug, Default)]
pub(crate) struct GiveBack {
    running: Option<Compaction>,
    askers: VecDeque<Asker>,
    /// Segments that may hold second copies: messages were copied from there.
    sources: BTreeSet<u32>,
    /// Segments that are not looked at again before the next start: given up already, damaged,
    /// or on a disk that fails.
    spared: BTreeSet<u32>,
    /// Segments that stay for as long as another is there, which their headers speak of.
    later: BTreeMap<u32, u32>,
    /// Whether the index has been brought up to date since the last look.
    is_news: bool,
    /// How much was delivered that nothing was copied for yet, in octets.
    credit: u64,
}

/// While others wait, so much of a step is done at once.
const STEP_SHARE_WHEN_BUSY: u64 = 4;

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many octets were written; there may be more to do.
    Copied(u64),
    /// All that is needed of the segment was copied: it can go once the index knows.
    Done,
}

impl GiveBack {
    /// Messages were copied from these segments before.
    pub(crate) fn new(sources: BTreeSet<u32>) -> Self {
        let sources = if bugs::is_on(Bug::SourceForgotten) { BTreeSet::new() } else { sources };
        Self { sources, is_news: true, ..Self::default() }
    }

    /// The segments that may hold second copies.
    pub(crate) const fn sources(&self) -> &BTreeSet<u32> {
        &self.sources
    }

    /// One more waits for a segment to be given up.
    pub(crate) fn ask(&mut self, asker: Asker) {
        self.askers.push_back(asker);
    }

    /// How many wait.
    #[cfg(feature = "simulation")]
    pub(crate) fn asked(&self) -> usize {
        self.askers.len()
    }

    /// Whether there is something to be done at once, and not only when somebody comes.
    pub(crate) fn is_at_work(&self) -> bool {
        self.running.is_some() || !self.askers.is_empty()
    }

    /// The index was brought up to date: another segment may be worth it.
    pub(crate) const fn news(&mut self) {
        self.is_news = true;
    }

    /// So much was written for others.
    pub(crate) const fn delivered(&mut self, octets: u64) {
        self.credit = self.credit.saturating_add(octets);
    }

    /// Whether a segment is to be looked for: somebody asks for it.
    pub(crate) fn is_asked_for_one(&self) -> bool {
        self.running.is_none() && !self.askers.is_empty()
    }

    /// Begins with the segment that is worth it most, if there is one, and if it is time.
    pub(crate) fn begin(&mut self, shard: &Shard, last: u32) {
        let is_own = shard.settings.compacts_by_itself && std::mem::take(&mut self.is_news);
        if self.running.is_some() || !(is_own || self.is_asked_for_one()) {
            return;
        }
        match self.find(shard, last) {
            Ok(Some(found)) => {
                // From here on it may hold second copies.
                self.sources.insert(found.number);
                self.running = Some(found);
            }
            Ok(None) => self.answer(Ok(None)),
            Err(fault) => self.answer(Err(fault)),
        }
    }

    fn find(&mut self, shard: &Shard, last: u32) -> Result<Option<Compaction>, StoreError> {
        let fills = shard.index.fills()?;
        let there = shard.segments.all();
        self.later.retain(|_, other| there.contains_key(other));
        loop {
            let spared = self.spared.iter().chain(self.later.keys()).copied().collect();
            let Some((number, end)) = victim(shard, &fills, last, &spared) else {
                return Ok(None);
            };
            match needed_by(shard, number) {
                Ok(None) => return Ok(Some(Compaction::new(number, end))),
                Ok(Some(other)) => drop(self.later.insert(number, other)),
                Err(fault) => {
                    self.spared.insert(number);
                    return Err(fault);
                }
            }
        }
    }

    /// Does a bit of what is to be done, so that others wait for a bit at most; nothing if they
    /// are many, and there is room enough.
    pub(crate) fn step(&mut self, shard: &Shard, tail: &mut Tail, is_busy: bool) -> Option<Step> {
        let hurries = !is_busy || !self.askers.is_empty() || !is_wide(shard);
        let whole = shard.settings.step_octets;
        let octets_max = if is_busy { whole.div_ceil(STEP_SHARE_WHEN_BUSY) } else { whole };
        if self.running.is_none() || (!hurries && self.credit < octets_max) {
            return None;
        }
        let running = self.running.as_mut()?;
        match running.step(shard, tail, octets_max) {
            Ok(copied) => {
                self.credit = self.credit.saturating_sub(copied.max(octets_max));
                Some(if running.is_done() { Step::Done } else { Step::Copied(copied) })
            }
            Err(fault) => {
                self.give_up(fault);
                Some(Step::Copied(0))
            }
        }
    }

    /// The index knows all that was copied: the file can go when nobody lists anything in it.
    pub(crate) fn finish(&mut self, shard: &Shard, is_indexed: Result<(), StoreError>) {
        let Some(Compaction { number, end, copied, .. }) = self.running else { return };
        let checked = is_indexed.and_then(|()| {
            let fills = shard.index.fills()?;
            if fills.get(&number).is_some_and(|fill| fill.live > 0) {
                return Err(StoreError::Damaged {
                    detail: format!(
                        "segment {number:08x} has not all that the index says: it stays"
                    ),
                });
            }
            Ok(())
        });
        if let Err(fault) = checked {
            self.give_up(fault);
            return;
        }
        self.running = None;
        self.spared.insert(number);
        shard.snapshots.doom(Doomed::Segment(number));
        self.is_news = true;
        self.answer(Ok(Some(Compacted { segments: 1, freed: end, copied })));
    }

    /// What was begun stays as it is: a source. It is found again when there is room, or at the
    /// next start.
    fn give_up(&mut self, fault: StoreError) {
        if let Some(Compaction { number, .. }) = self.running.take()
            && !matches!(fault, StoreError::Full { .. })
        {
            self.spared.insert(number);
        }
        self.answer(Err(fault));
    }

    /// Nobody can be helped now.
    pub(crate) fn refuse(&mut self, fault: StoreError) {
        self.answer(Err(fault));
    }

    /// The file of a segment is gone, durably.
    pub(crate) fn buried(&mut self, number: u32) {
        self.sources.remove(&number);
        self.spared.remove(&number);
        self.is_news = true;
    }

    fn answer(&mut self, outcome: Result<Option<Compacted>, StoreError>) {
        // Whoever asked first; nobody may be waiting any more.
        if let Some(asker) = self.askers.pop_front() {
            let _ = asker.send(outcome);
        }
    }
}
