//! The requests that keep a store in order, with how far they have come told on the way.

use std::sync::Arc;

use mail_wire::MaildropId;
use restante_server::control::Told;
use restante_store::{Advance, Progress, Store, StoreError, Upkeep, View, Watch};
use serde::Serialize;
use serde_json::Value;

use crate::operations::condition::{
    Advanced, BackedUp, Freed, MaildropVerdict, Purged, Stats, Verdict,
};
use crate::operations::refusal::Refusal;

/// A message is read in pieces of this many octets.
const PIECE_OCTETS: usize = 256 * 1024;

/// Does what keeps a store in order.
pub(super) struct KeepingOrder {
    store: Arc<dyn Store>,
}

impl KeepingOrder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    pub(super) async fn stats(&self) -> Result<Stats, Refusal> {
        Ok(self.upkeep(Told::nobody(), |upkeep, _| upkeep.stats()).await?.into())
    }

    pub(super) async fn verify(&self, told: Told) -> Result<Verdict, Refusal> {
        Ok(self.upkeep(told, |upkeep, watch| upkeep.verify(watch)).await?.into())
    }

    pub(super) async fn compact(
        &self,
        maildrop: Option<MaildropId>,
        told: Told,
    ) -> Result<Freed, Refusal> {
        let freed = self.upkeep(told, move |upkeep, watch| upkeep.compact(maildrop, watch)).await?;
        Ok(freed.into())
    }

    pub(super) async fn backup(
        &self,
        to: std::path::PathBuf,
        told: Told,
    ) -> Result<BackedUp, Refusal> {
        if !to.is_absolute() {
            let why = format!("{} is no absolute path", to.display());
            return Err(Refusal::Request { why });
        }
        Ok(self.upkeep(told, move |upkeep, watch| upkeep.backup(&to, watch)).await?.into())
    }

    /// Reads all that one maildrop shows, to the last octet.
    pub(super) async fn verify_maildrop(
        &self,
        maildrop: MaildropId,
        told: Told,
    ) -> Result<MaildropVerdict, Refusal> {
        let opened = self.store.open(maildrop, View::default()).await?;
        let listing = Arc::clone(opened.listing());
        let watch = Telling(told);
        let all = listing.total().get();
        let mut done = 0_u64;
        let mut verdict = MaildropVerdict { messages: 0, octets: all, findings: Vec::new() };
        for entry in listing.iter() {
            let what = match read_through(opened.read(entry.number)).await {
                Ok(octets) if octets == entry.octets.get() => None,
                Ok(octets) => {
                    Some(format!("it has {octets} octets, and is listed with {}", entry.octets))
                }
                Err(error @ (StoreError::Damaged { .. } | StoreError::Absent { .. })) => {
                    Some(error.to_string())
                }
                Err(other) => return Err(other.into()),
            };
            verdict.messages = verdict.messages.saturating_add(1);
            if let Some(what) = what {
                verdict.findings.push(crate::operations::condition::Finding {
                    maildrop: Some(maildrop.get()),
                    uidl: Some(entry.uidl.to_string()),
                    what,
                });
            }
            done = done.saturating_add(entry.octets.get());
            if !watch.goes_on(&Advance { what: "read", done, all }) {
                return Err(StoreError::Interrupted.into());
            }
        }
        Ok(verdict)
    }

    /// Destroys what is held in a maildrop, now, whether or not its days are over.
    pub(super) async fn purge(&self, maildrop: MaildropId) -> Result<Purged, Refusal> {
        let Some(custody) = self.store.custody() else {
            let why = "this store holds nothing back: what is removed is gone".to_owned();
            return Err(Refusal::Request { why });
        };
        let withheld = custody.withheld(maildrop).await?;
        let held: Vec<_> =
            withheld.iter().filter(|one| one.held_until.is_some()).map(|one| one.id).collect();
        let messages = if held.is_empty() { 0 } else { custody.release(maildrop, held).await? };
        Ok(Purged { messages: u64::try_from(messages).unwrap_or(u64::MAX) })
    }

    async fn upkeep<T: Send + 'static>(
        &self,
        told: Told,
        work: impl FnOnce(&dyn Upkeep, &dyn Watch) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || {
            let upkeep = store.upkeep().ok_or_else(|| Refusal::Request {
                why:
                    "Maildirs need none of this, which is for the log store; back them up as files"
                        .to_owned(),
            })?;
            Ok(work(upkeep, &Telling(told))?)
        });
        done.await.map_err(|error| Refusal::Store { detail: error.to_string() })?
    }
}

async fn read_through(
    reading: restante_store::Pending<'_, Result<restante_store::Body, StoreError>>,
) -> Result<u64, StoreError> {
    let mut body = reading.await?;
    let mut unstuffer = mail_wire::dot::Unstuffer::default();
    let (mut octets, mut stored, mut text) = (0_u64, Vec::new(), Vec::new());
    loop {
        stored.clear();
        text.clear();
        if body.read(&mut stored, PIECE_OCTETS).await? == Progress::Ended {
            return Ok(octets);
        }
        let piece = match body.form() {
            mail_wire::Form::Text => stored.len(),
            mail_wire::Form::Wire => {
                let mut wire = stored.as_slice();
                unstuffer.unstuff(&mut wire, &mut text);
                text.len()
            }
        };
        octets = octets.saturating_add(u64::try_from(piece).unwrap_or(u64::MAX));
    }
}

/// Tells whoever asked how far it has come; ends the work where nobody listens any more.
pub(crate) struct Telling(pub(crate) Told);

impl Watch for Telling {
    fn goes_on(&self, advance: &Advance) -> bool {
        self.0.tell(value(&Advanced::from(*advance)))
    }
}

fn value(advanced: &impl Serialize) -> Value {
    serde_json::to_value(advanced).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mail_wire::{Delete, Form, MessageId, MessageNumber, Views};
    use restante_store::custody::{Aside, Custody};
    use restante_store::log::LogStore;
    use restante_store::memory::MemoryStore;
    use restante_store::{Incoming, Provenance, Recipient};

    use super::*;

    const OURS: MaildropId = MaildropId::new(1);

    async fn deliver(store: &dyn Store) -> MessageId {
        let recipients = vec![Recipient::new(OURS, Vec::new())];
        let provenance = Provenance::default();
        let incoming = Incoming { recipients, form: Form::Text, utf8: false, provenance };
        let mut delivery = store.deliver(incoming).await.unwrap();
        delivery.write(b"A: b\r\n\r\n").unwrap();
        delivery.commit().await.pop().unwrap().unwrap().id
    }

    async fn delete(store: &dyn Store, message: MessageId, view: View) {
        let mut session = store.open(OURS, view).await.unwrap();
        let place = session.listing().iter().position(|entry| entry.id == message).unwrap();
        session.commit(&[MessageNumber::from_index(place).unwrap()]).await.unwrap();
    }

    /// What is left, and what is withheld of it.
    async fn left(store: &dyn Store, custody: &dyn Custody) -> (Vec<MessageId>, usize) {
        let everything = View { everything: true, ..View::default() };
        let session = store.open(OURS, everything).await.unwrap();
        let all = session.listing().iter().map(|entry| entry.id).collect();
        (all, custody.withheld(OURS).await.unwrap().len())
    }

    // issue: `restante maildrop purge`: what is held goes, whatever else is laid over it, and
    // nothing else
    #[tokio::test]
    async fn only_what_is_held_is_purged() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogStore::open(folder.path(), &restante_store::log::Settings::default()).unwrap();
        for store in [Arc::new(MemoryStore::new()) as Arc<dyn Store>, Arc::new(log)] {
            let custody = store.custody().unwrap();
            let mut all = Vec::new();
            for _ in 0..8 {
                all.push(deliver(&*store).await);
            }
            let [plain, held, again, aside, both, hidden, dead, gone] = all[..] else { panic!() };
            let holding =
                View { delete: Delete::Hold(Duration::from_hours(24)), ..View::default() };
            for message in [held, both, again] {
                delete(&*store, message, holding.clone()).await;
            }
            let again = custody.restore(OURS, vec![again], restante_store::custody::Offer::AsNew);
            again.await.unwrap();
            for message in [aside, both] {
                custody.set_aside(OURS, message, Aside::Asked).await.unwrap();
            }
            let own = View { credential: 3, views: Views::PerCredential, ..holding.clone() };
            delete(&*store, hidden, View { others: vec![4], ..own }).await;
            custody.died(OURS, dead).await.unwrap();
            delete(&*store, gone, View::default()).await;
            let before = left(&*store, custody).await;
            assert_eq!((before.0.len(), before.1), (7, 4));

            let order = KeepingOrder::new(Arc::clone(&store));
            assert_eq!(order.purge(OURS).await.unwrap().messages, 2, "held; held and set aside");
            let after = left(&*store, custody).await;
            let stays = |id: &MessageId| ![held, both].contains(id);
            let expected: Vec<_> = before.0.into_iter().filter(stays).collect();
            assert_eq!(after, (expected, 2), "set aside and hidden stay so");
            assert!(after.0.contains(&plain) && after.0.contains(&dead));
            assert_eq!(order.purge(OURS).await.unwrap().messages, 0);
            assert_eq!(order.purge(MaildropId::new(2)).await.unwrap().messages, 0);
        }
    }
}
