//! How the rest of the server reaches a connection that waits for its peer.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// What a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Word {
    /// The server is stopping.
    Drain = 1,
    /// Others need the place, and nobody has logged in here.
    MakeRoom = 2,
    /// Somebody with the same account wants in: is your peer still there?
    Suspected = 4,
}

/// One for each connection; said words stay said, so none is lost between two waits.
#[derive(Debug, Default)]
pub(crate) struct Nudge {
    said: AtomicU8,
    notify: Notify,
}

impl Nudge {
    /// Says it, and wakes the connection.
    pub(crate) fn say(&self, word: Word) {
        self.said.fetch_or(word as u8, Ordering::AcqRel);
        self.notify.notify_one();
    }

    /// Whether it was said.
    pub(crate) fn was_said(&self, word: Word) -> bool {
        self.said.load(Ordering::Acquire) & word as u8 != 0
    }

    /// Takes it back: it has been dealt with.
    pub(crate) fn forget(&self, word: Word) {
        self.said.fetch_and(!(word as u8), Ordering::AcqRel);
    }

    /// Waits until something is said.
    pub(crate) async fn heard(&self) {
        self.notify.notified().await;
    }
}
