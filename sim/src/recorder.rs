//! A store that notes what it was asked and what it answered.

use std::sync::Arc;
use std::time::SystemTime;

use mail_wire::{Listing, MaildropId, MessageId, MessageNumber, Retention, Uidl};
use restante_store::custody::{Aside, Custody, JournalEntry, Laid, Note, Offer, WithheldMessage};
use restante_store::log::LogStore;
use restante_store::{
    Body, Delivery, Incoming, Maildrop, Pending, Promises, Removed, Store, StoreError, Stored,
    Surrogate, Usage, View,
};

use crate::fate::Effect;
use crate::noted::Records;

/// The store.
pub(crate) struct Recorder {
    pub(crate) store: LogStore,
    pub(crate) records: Records,
}

impl Recorder {
    /// What is asked is noted before, and what is answered behind.
    async fn noting<T>(
        &self,
        of: MaildropId,
        ids: Option<&[MessageId]>,
        effect: Effect,
        asked: Pending<'_, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let number = self.records.want(of, ids, &effect);
        let outcome = asked.await;
        self.records.done(number, &outcome);
        outcome
    }

    async fn telling<T>(&self, asked: Pending<'_, Result<T, StoreError>>) -> Result<T, StoreError> {
        let outcome = asked.await;
        self.records.tell(&outcome);
        outcome
    }
}

impl Store for Recorder {
    fn promises(&self) -> Promises {
        self.store.promises()
    }

    fn open(
        &self,
        maildrop: MaildropId,
        view: View,
    ) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>> {
        Box::pin(async move {
            let inner = self.telling(self.store.open(maildrop, view.clone())).await?;
            let records = self.records.clone();
            Ok(Box::new(Session { inner, maildrop, view, records }) as Box<dyn Maildrop>)
        })
    }

    fn deliver(&self, incoming: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>> {
        Box::pin(async move {
            let inner = self.telling(self.store.deliver(incoming.clone())).await?;
            let records = self.records.clone();
            let under_way =
                UnderWay { inner, incoming, octets: Vec::new(), surrogate: None, records };
            Ok(Box::new(under_way) as Box<dyn Delivery>)
        })
    }

    fn remove(&self, maildrop: MaildropId) -> Pending<'_, Result<(), StoreError>> {
        let removing = self.store.remove(maildrop);
        Box::pin(self.noting(maildrop, None, Effect::Destroy, removing))
    }

    fn usage(&self, maildrop: MaildropId) -> Pending<'_, Result<Usage, StoreError>> {
        Box::pin(self.telling(self.store.usage(maildrop)))
    }

    fn custody(&self) -> Option<&dyn Custody> {
        Some(self)
    }
}

impl Custody for Recorder {
    fn withheld(
        &self,
        maildrop: MaildropId,
    ) -> Pending<'_, Result<Vec<WithheldMessage>, StoreError>> {
        Box::pin(self.telling(self.store.withheld(maildrop)))
    }

    fn laid(
        &self,
        maildrop: MaildropId,
    ) -> Pending<'_, Result<Vec<(MessageId, Laid)>, StoreError>> {
        Box::pin(self.telling(self.store.laid(maildrop)))
    }

    /// Whoever copies a store has no history to be held against: it is not noted.
    fn lay(
        &self,
        maildrop: MaildropId,
        laid: Vec<(MessageId, Laid)>,
    ) -> Pending<'_, Result<(), StoreError>> {
        self.store.lay(maildrop, laid)
    }

    fn restore(
        &self,
        maildrop: MaildropId,
        messages: Vec<MessageId>,
        offer: Offer,
    ) -> Pending<'_, Result<Vec<Uidl>, StoreError>> {
        Box::pin(async move {
            let ids = messages.clone();
            let restoring = self.store.restore(maildrop, messages, offer);
            if offer == Offer::AsItWas {
                return self.noting(maildrop, Some(&ids), Effect::Restore, restoring).await;
            }
            let asked = self.records.renew(maildrop, &ids);
            let outcome = restoring.await;
            self.records.renewed(asked, &outcome);
            outcome
        })
    }

    fn release(
        &self,
        maildrop: MaildropId,
        messages: Vec<MessageId>,
    ) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let releasing = self.store.release(maildrop, messages.clone());
            self.noting(maildrop, Some(&messages), Effect::Release, releasing).await
        })
    }

    fn set_aside(
        &self,
        maildrop: MaildropId,
        message: MessageId,
        reason: Aside,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let setting = self.store.set_aside(maildrop, message, reason);
            self.noting(maildrop, Some(&[message]), Effect::SetAside(reason), setting).await
        })
    }

    fn died(
        &self,
        maildrop: MaildropId,
        message: MessageId,
    ) -> Pending<'_, Result<u32, StoreError>> {
        Box::pin(async move {
            let counting = self.store.died(maildrop, message);
            self.noting(maildrop, Some(&[message]), Effect::Died, counting).await
        })
    }

    fn survived(
        &self,
        maildrop: MaildropId,
        message: MessageId,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let counting = self.store.survived(maildrop, message);
            self.noting(maildrop, Some(&[message]), Effect::Survived, counting).await
        })
    }

    fn note(&self, maildrop: MaildropId, note: Note) {
        self.store.note(maildrop, note);
    }

    fn expire(
        &self,
        maildrop: MaildropId,
        retention: Option<Retention>,
    ) -> Pending<'_, Result<usize, StoreError>> {
        let expiring = self.store.expire(maildrop, retention);
        Box::pin(self.noting(maildrop, None, Effect::Expire(retention), expiring))
    }

    fn journal(
        &self,
        maildrop: MaildropId,
        since: Option<SystemTime>,
    ) -> Pending<'_, Result<Vec<JournalEntry>, StoreError>> {
        Box::pin(self.telling(self.store.journal(maildrop, since)))
    }
}

struct Session {
    inner: Box<dyn Maildrop>,
    maildrop: MaildropId,
    view: View,
    records: Records,
}

impl Maildrop for Session {
    fn listing(&self) -> &Arc<Listing> {
        self.inner.listing()
    }

    fn refresh(&mut self) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let outcome = self.inner.refresh().await;
            self.records.tell(&outcome);
            outcome
        })
    }

    fn arrival(&mut self) -> Pending<'_, ()> {
        self.inner.arrival()
    }

    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>> {
        let (reading, records) = (self.inner.read(number), self.records.clone());
        Box::pin(async move {
            let outcome = reading.await;
            records.tell(&outcome);
            outcome
        })
    }

    fn commit<'a>(
        &'a mut self,
        deletions: &'a [MessageNumber],
    ) -> Pending<'a, Result<Removed, StoreError>> {
        Box::pin(async move {
            let listing = Arc::clone(self.inner.listing());
            let entries = deletions.iter().filter_map(|number| listing.get(*number));
            let ids: Vec<MessageId> = entries.map(|entry| entry.id).collect();
            let effect = Effect::Delete(Box::new(self.view.clone()));
            let asked = self.records.want(self.maildrop, Some(&ids), &effect);
            let outcome = self.inner.commit(deletions).await;
            self.records.committed(asked, &outcome);
            outcome
        })
    }
}

struct UnderWay {
    inner: Box<dyn Delivery>,
    incoming: Incoming,
    octets: Vec<u8>,
    surrogate: Option<Surrogate>,
    records: Records,
}

impl Delivery for UnderWay {
    fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        self.octets.extend_from_slice(octets);
        let outcome = self.inner.write(octets);
        self.records.tell(&outcome);
        outcome
    }

    fn surrogate(&mut self, surrogate: Surrogate) -> Result<(), StoreError> {
        self.surrogate = Some(surrogate.clone());
        let outcome = self.inner.surrogate(surrogate);
        self.records.tell(&outcome);
        outcome
    }

    fn commit(self: Box<Self>) -> Pending<'static, Vec<Result<Stored, StoreError>>> {
        Box::pin(async move {
            let Self { inner, incoming, octets, surrogate, records } = *self;
            let asked = records.deliver(&incoming, &octets, surrogate.as_ref());
            let outcomes = inner.commit().await;
            records.delivered(asked, &outcomes);
            outcomes
        })
    }
}
