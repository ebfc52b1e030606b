//! What waits for the writer of a shard.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot::{self, Sender};

use crate::error::StoreError;
use crate::log::addition::{Addition, Given};
use crate::log::bugs::{self, Bug};
use crate::log::compacted::Compacted;
use crate::log::deed::Deed;
use crate::log::meta::Destroyed;
use crate::log::moment::Moment;

/// Something to be made durable, and whom to tell.
#[derive(Debug)]
pub(crate) enum Job {
    /// A message; the answer is what its copies were given.
    Add(Box<Addition>, Sender<Result<Vec<Given>, StoreError>>),
    /// Messages of a maildrop are gone. They stood where this says when messages had been moved
    /// so often.
    Destroy(Destroyed, u64, Sender<Result<(), StoreError>>),
    /// Something that is decided by what is there when its turn comes; the answer is a number.
    Deed(Box<Deed>, Sender<Result<u64, StoreError>>),
    /// All messages of a maildrop are gone.
    Remove(u64, Sender<Result<(), StoreError>>),
    /// Room is to be given back: of one segment, if one is worth it.
    Compact(Sender<Result<Option<Compacted>, StoreError>>),
    /// The shard is to be looked at as it is at one moment.
    Still(Sender<Result<Moment, StoreError>>),
}

impl Job {
    /// The maildrop of whose messages it changes something.
    pub(crate) fn touches(&self) -> Option<u64> {
        match self {
            Self::Add(addition, _) => addition.replaces.as_ref().map(|gone| gone.maildrop),
            Self::Destroy(destroyed, ..) => Some(destroyed.maildrop),
            Self::Deed(deed, _) => Some(deed.maildrop),
            Self::Remove(maildrop, _) => Some(*maildrop),
            Self::Compact(_) | Self::Still(_) => None,
        }
    }

    /// Whether what it does depends on what others did there before.
    pub(crate) fn depends(&self) -> bool {
        match self {
            Self::Add(addition, _) => addition.replaces.is_some(),
            Self::Deed(..) => !bugs::is_on(Bug::DeedOutOfTurn),
            Self::Destroy(..) | Self::Remove(..) | Self::Compact(_) | Self::Still(_) => false,
        }
    }

    /// About how much memory it has, in octets, and at least how much it adds to the log.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Add(addition, _) => addition.size(),
            Self::Destroy(destroyed, ..) => destroyed.size(),
            Self::Deed(deed, _) => deed.size(),
            Self::Remove(..) | Self::Compact(_) | Self::Still(_) => 96,
        }
    }
}

/// Jobs in the order in which they came.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    octets_max: u64,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    octets: u64,
    is_closed: bool,
    is_nudged: bool,
}

/// One write holds about so much at most.
const BATCH_OCTETS: u64 = 8 << 20;

impl Queue {
    pub(crate) fn new(octets_max: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), octets_max: octets_max as u64 }
    }

    /// Puts a job in, unless too much waits already. One that is too large by itself goes in
    /// alone.
    pub(crate) fn push(&self, job: Job) -> Result<(), StoreError> {
        let size = job.size();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let octets = state.octets.saturating_add(size);
        if state.is_closed || (octets > self.octets_max && !state.jobs.is_empty()) {
            return Err(StoreError::Unavailable);
        }
        state.octets = octets;
        state.jobs.push_back(job);
        self.filled.notify_one();
        Ok(())
    }

    /// Puts a deed in, and waits until it is done.
    pub(crate) async fn done(&self, deed: Deed) -> Result<u64, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.push(Job::Deed(Box::new(deed), answer))?;
        answered.await.map_err(|_| StoreError::Unavailable)?
    }

    /// Takes what is there, as much as one write should hold, and waits if it is nothing.
    /// Nothing at all when nudged, or when it waited for so long; `None` when closed and empty.
    pub(crate) fn take(&self, patience: Option<Duration>) -> Option<Vec<Job>> {
        let mut is_over = false;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut taken = Vec::new();
            let mut octets = 0_u64;
            while octets < BATCH_OCTETS
                && let Some(job) = state.jobs.pop_front()
            {
                octets = octets.saturating_add(job.size());
                taken.push(job);
            }
            state.octets = state.octets.saturating_sub(octets);
            if !taken.is_empty() {
                return Some(taken);
            }
            if state.is_closed {
                return None;
            }
            if std::mem::take(&mut state.is_nudged) || is_over {
                return Some(taken);
            }
            state = match patience {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let waited = self.filled.wait_timeout(state, patience);
                    let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                    is_over = waited.timed_out();
                    state
                }
            };
        }
    }

    /// Takes what is there, so many jobs at most, without waiting.
    #[cfg(feature = "simulation")]
    pub(crate) fn take_now(&self, jobs_max: usize) -> Vec<Job> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let count = jobs_max.min(state.jobs.len());
        let taken: Vec<Job> = state.jobs.drain(..count).collect();
        let octets = taken.iter().map(Job::size).fold(0, u64::saturating_add);
        state.octets = state.octets.saturating_sub(octets);
        state.is_nudged = false;
        taken
    }

    /// How many jobs wait.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).jobs.len()
    }

    /// The writer shall look around.
    pub(crate) fn nudge(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_nudged = true;
        self.filled.notify_one();
    }

    /// Nothing more goes in.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.filled.notify_one();
    }

    /// Nothing more goes in, and what waits is given up: the writer is gone.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_closed = true;
        state.jobs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job of 96 octets, and who waits for it.
    fn job() -> (Job, oneshot::Receiver<Result<Option<Compacted>, StoreError>>) {
        let (answer, answered) = oneshot::channel();
        (Job::Compact(answer), answered)
    }

    fn is_refused(queue: &Queue) -> bool {
        matches!(queue.push(job().0), Err(StoreError::Unavailable))
    }

    // settings.rs, queue_octets_max: so much may wait before more is refused, in octets
    #[test]
    fn more_than_may_wait_is_refused_until_there_is_room() {
        let queue = Queue::new(192);
        assert!(!is_refused(&queue) && !is_refused(&queue), "192 octets");
        assert!(is_refused(&queue), "288 octets");
        assert_eq!(queue.take(None).unwrap().len(), 2);
        assert!(!is_refused(&queue), "there is room again");
    }

    // A message that is larger than all that may wait is taken when nothing else waits.
    #[test]
    fn what_is_too_large_by_itself_goes_in_alone() {
        let queue = Queue::new(10);
        assert!(!is_refused(&queue));
        assert!(is_refused(&queue));
        assert_eq!(queue.take(None).unwrap().len(), 1);
        assert!(!is_refused(&queue));
    }

    // Whoever waits is told when the writer is gone, and nobody waits for it any more.
    #[test]
    fn what_waits_for_a_writer_that_is_gone_is_given_up() {
        let queue = Queue::new(1000);
        let (job, mut answered) = job();
        queue.push(job).unwrap();
        queue.abandon();
        assert_eq!(answered.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        assert!(is_refused(&queue));
        assert!(queue.take(None).is_none());
    }

    // At the end all that waits is done first, and nothing more is taken.
    #[test]
    fn what_waits_at_the_end_is_done() {
        let queue = Queue::new(1000);
        queue.push(job().0).unwrap();
        queue.close();
        assert!(is_refused(&queue));
        assert_eq!(queue.take(None).unwrap().len(), 1);
        assert!(queue.take(None).is_none());
    }
}
