//! What was asked of the store and is not answered yet.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use restante_store::log::Compacted;
use restante_store::{Maildrop, Removed, StoreError, Stored};

use crate::disk::SimDisk;

/// What comes back.
pub(crate) enum Answer {
    Delivered(Result<Vec<Result<Stored, StoreError>>, StoreError>),
    /// With the session that asked.
    Committed(Box<dyn Maildrop>, Result<Removed, StoreError>),
    Removed(Result<(), StoreError>),
    Compacted(Result<Compacted, StoreError>),
    /// Something of custody.
    Done(Result<(), StoreError>),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered(outcome) => outcome.fmt(f),
            Self::Committed(_, outcome) => outcome.fmt(f),
            Self::Removed(outcome) | Self::Done(outcome) => outcome.fmt(f),
            Self::Compacted(outcome) => outcome.fmt(f),
        }
    }
}

/// Something that is under way.
pub(crate) struct Flying {
    /// What the model calls it: one for each shard.
    pub(crate) asked: Vec<usize>,
    /// The session that waits for it.
    pub(crate) session: Option<u64>,
    work: Pin<Box<dyn Future<Output = Answer> + Send>>,
    woken: Arc<Woken>,
}

impl fmt::Debug for Flying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flying").field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// Notes when it was told to look again: that is when the answer was given.
struct Woken {
    disk: SimDisk,
    at: AtomicU64,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.at.store(self.disk.calls(), Ordering::Relaxed);
    }
}

impl Flying {
    /// Work that was not begun.
    pub(crate) fn new(
        disk: &SimDisk,
        asked: Vec<usize>,
        session: Option<u64>,
        work: impl Future<Output = Answer> + Send + 'static,
    ) -> Self {
        let woken = Woken { disk: disk.clone(), at: AtomicU64::new(0) };
        Self { asked, session, work: Box::pin(work), woken: Arc::new(woken) }
    }

    /// Goes on as far as it can; the answer comes with the time at which it was given.
    pub(crate) fn poll(&mut self) -> Option<(u64, Answer)> {
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => None,
            Poll::Ready(answer) => {
                let at = match self.woken.at.load(Ordering::Relaxed) {
                    0 => self.woken.disk.calls(),
                    at => at,
                };
                Some((at, answer))
            }
        }
    }
}
