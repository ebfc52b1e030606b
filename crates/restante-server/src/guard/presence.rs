//! Who holds which maildrop: the exclusive-access lock of RFC 1939 §4, as a claim in memory.
//!
//! A claim lives in its session and ends with it, however that ends. Whoever waits is woken
//! when it ends; nobody polls, and no file is left behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use mail_wire::MaildropId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::guard::nudge::{Nudge, Word};
use crate::net::service::Peer;

/// Whether sessions of one maildrop exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// RFC 1939 §4: one at a time.
    Exclusive {
        /// How long a second login waits for the first session to end.
        lock_wait: Duration,
    },
    /// Each over its own snapshot.
    Snapshot,
}

impl Default for Sessions {
    fn default() -> Self {
        // Robots give up after 4 seconds.
        Self::Exclusive { lock_wait: Duration::from_secs(3) }
    }
}

/// All claims of one server.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    slots: Mutex<HashMap<MaildropId, Arc<Slot>>>,
}

#[derive(Debug)]
struct Slot {
    place: Arc<Semaphore>,
    holder: Mutex<Option<Holder>>,
}

/// Who holds a maildrop.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// From where.
    pub(crate) peer: Peer,
    /// Since when.
    pub(crate) since: Timestamp,
    /// How to reach its connection.
    pub(crate) nudge: Arc<Nudge>,
}

impl Holder {
    /// What to tell the account's owner (`product` §4).
    pub(crate) fn describe(&self) -> String {
        format!("since {} UTC from {}", self.since.strftime("%H:%M:%S"), self.peer)
    }
}

/// The exclusive-access lock on one maildrop. Dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Claim {
    // The order matters: the holder's name goes before the place does.
    _signature: Signature,
    _place: OwnedSemaphorePermit,
    _interest: Interest,
}

impl Presence {
    /// Claims the maildrop, waiting for its holder to end for so long. The holder's connection
    /// is asked at once whether its peer is still there (`rulings` 4).
    ///
    /// # Errors
    /// Who holds it.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        maildrop: MaildropId,
        newcomer: Holder,
        lock_wait: Duration,
    ) -> Result<Claim, Option<Holder>> {
        let interest = self.interest(maildrop);
        let place = Arc::clone(&interest.slot.place);
        let permit = if let Ok(permit) = Arc::clone(&place).try_acquire_owned() {
            permit
        } else {
            if let Some(holder) = interest.slot.holder().as_ref() {
                holder.nudge.say(Word::Suspected);
            }
            match timeout(lock_wait, place.acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                // The semaphore is never closed.
                Ok(Err(_)) | Err(_) => return Err(interest.slot.holder().clone()),
            }
        };
        newcomer.nudge.forget(Word::Suspected);
        *interest.slot.holder() = Some(newcomer);
        let signature = Signature(Arc::clone(&interest.slot));
        Ok(Claim { _signature: signature, _place: permit, _interest: interest })
    }

    fn interest(self: &Arc<Self>, maildrop: MaildropId) -> Interest {
        let slot = Arc::clone(self.slots().entry(maildrop).or_insert_with(|| {
            Arc::new(Slot { place: Arc::new(Semaphore::new(1)), holder: Mutex::default() })
        }));
        Interest { presence: Arc::clone(self), maildrop, slot }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<MaildropId, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn holder(&self) -> MutexGuard<'_, Option<Holder>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The holder's name on a slot, wiped when the claim ends.
#[derive(Debug)]
struct Signature(Arc<Slot>);

impl Drop for Signature {
    fn drop(&mut self) {
        *self.0.holder() = None;
    }
}

/// Somebody holds or waits; the last one takes the slot away, so the map holds only what is
/// in use.
#[derive(Debug)]
struct Interest {
    presence: Arc<Presence>,
    maildrop: MaildropId,
    slot: Arc<Slot>,
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut slots = self.presence.slots();
        // The map's own and ours: clones are made under the map's lock alone.
        if Arc::strong_count(&self.slot) <= 2 {
            slots.remove(&self.maildrop);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    const ANNAS: MaildropId = MaildropId::new(7);

    fn holder() -> Holder {
        Holder {
            peer: Peer::at(SocketAddr::from(([192, 0, 2, 7], 1))),
            since: "2026-03-01T14:02:11Z".parse().unwrap(),
            nudge: Arc::default(),
        }
    }

    // P-022: entering TRANSACTION takes an exclusive-access lock
    #[tokio::test(start_paused = true)]
    async fn a_second_claim_waits_and_is_told_who_holds_it() {
        let presence = Arc::new(Presence::default());
        let me = holder();
        let _first = presence.claim(ANNAS, me.clone(), Duration::ZERO).await.unwrap();
        let started = tokio::time::Instant::now();
        let refused = presence.claim(ANNAS, holder(), Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(started.elapsed().as_secs(), 3);
        assert_eq!(refused.unwrap().describe(), "since 14:02:11 UTC from 192.0.2.7");
        assert!(me.nudge.was_said(Word::Suspected), "asked whether its peer is still there");
        presence.claim(MaildropId::new(8), holder(), Duration::ZERO).await.unwrap();
    }

    // P-024: released however the session ends; `product` §4: woken, not polled
    #[tokio::test(start_paused = true)]
    async fn a_waiting_login_is_let_in_when_the_claim_ends() {
        let presence = Arc::new(Presence::default());
        let first = presence.claim(ANNAS, holder(), Duration::ZERO).await.unwrap();
        let waiting = tokio::spawn({
            let presence = Arc::clone(&presence);
            async move { presence.claim(ANNAS, holder(), Duration::from_secs(3)).await.is_ok() }
        });
        let panicked = tokio::spawn(async move {
            tokio::task::yield_now().await;
            let _held = first;
            panic!("a session fails");
        });
        assert!(panicked.await.is_err());
        let started = tokio::time::Instant::now();
        assert!(waiting.await.unwrap());
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_kept_of_maildrops_that_nobody_holds() {
        let presence = Arc::new(Presence::default());
        let first = presence.claim(ANNAS, holder(), Duration::ZERO).await.unwrap();
        assert!(presence.claim(ANNAS, holder(), Duration::from_millis(1)).await.is_err());
        drop(first);
        assert!(presence.slots().is_empty());
    }
}
