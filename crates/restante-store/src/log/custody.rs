//! What the log store remembers of messages: withheld from whom, and what happened to them.

use std::sync::Arc;
use std::time::SystemTime;

use mail_wire::{Form, MaildropId, MessageId, Octets, Retention, Uidl};
use tokio::sync::oneshot;

use crate::body::{Progress, Wait};
use crate::custody::{Aside, Custody, JournalEntry, Laid, Note, Noted, Offer, WithheldMessage};
use crate::error::StoreError;
use crate::log::deed::{Act, Deed};
use crate::log::deliver::OnItsWay;
use crate::log::entry::{Entry, SURROGATE, UTF8};
use crate::log::laid::{laid, said};
use crate::log::mark::{DEATHS, Spot, number_of};
use crate::log::meta::message;
use crate::log::origin::origin;
use crate::log::over::{self, Clock};
use crate::log::queue::Job;
use crate::log::record::offset;
use crate::log::scan::Scan;
use crate::log::shard::Shard;
use crate::log::snapshot::Began;
use crate::log::store::LogStore;
use crate::log::surrogate::StandIn;
use crate::pending::Pending;
use crate::store::{Delivery, Incoming, Recipient, Surrogate};

impl Custody for LogStore {
    fn withheld(
        &self,
        maildrop: MaildropId,
    ) -> Pending<'_, Result<Vec<WithheldMessage>, StoreError>> {
        Box::pin(async move {
            let shard = Arc::clone(self.front.shard(maildrop)?);
            shard.certain()?;
            self.front.pool.run(move || withheld(&shard, maildrop.get())).await?
        })
    }

    fn laid(
        &self,
        maildrop: MaildropId,
    ) -> Pending<'_, Result<Vec<(MessageId, Laid)>, StoreError>> {
        Box::pin(async move {
            let shard = Arc::clone(self.front.shard(maildrop)?);
            shard.certain()?;
            let look = move || {
                let (entries, said) = shard.entries_and_marks(maildrop.get())?;
                let laid = laid(&entries, said).into_iter();
                Ok::<_, StoreError>(laid.map(|(id, laid)| (MessageId::new(id), laid)).collect())
            };
            self.front.pool.run(look).await?
        })
    }

    fn lay(
        &self,
        maildrop: MaildropId,
        laid: Vec<(MessageId, Laid)>,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            for some in laid.chunks(LAID_AT_ONCE) {
                let ids: Vec<MessageId> = some.iter().map(|(message, _)| *message).collect();
                let said = some.iter().flat_map(|(message, laid)| said(*message, laid)).collect();
                self.deed(maildrop, &ids, Act::Lay(said)).await?;
            }
            Ok(())
        })
    }

    fn restore(
        &self,
        maildrop: MaildropId,
        messages: Vec<MessageId>,
        offer: Offer,
    ) -> Pending<'_, Result<Vec<Uidl>, StoreError>> {
        Box::pin(async move {
            match offer {
                Offer::AsItWas => self.as_it_was(maildrop, messages).await,
                Offer::AsNew => {
                    let mut uidls = Vec::with_capacity(messages.len());
                    let mut absent = None;
                    for message in messages {
                        match self.as_new(maildrop, message.get()).await {
                            Ok(uidl) => uidls.push(uidl),
                            Err(gone @ StoreError::Absent { .. }) => absent = Some(gone),
                            Err(fault) => return Err(fault),
                        }
                    }
                    absent.map_or(Ok(uidls), Err)
                }
            }
        })
    }

    fn release(
        &self,
        maildrop: MaildropId,
        messages: Vec<MessageId>,
    ) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let released = self.deed(maildrop, &messages, Act::Release).await?;
            Ok(usize::try_from(released).unwrap_or(usize::MAX))
        })
    }

    fn set_aside(
        &self,
        maildrop: MaildropId,
        message: MessageId,
        reason: Aside,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let act = Act::SetAside(number_of(reason));
            match self.deed(maildrop, &[message], act).await? {
                0 => Err(absent()),
                _ => Ok(()),
            }
        })
    }

    fn died(
        &self,
        maildrop: MaildropId,
        message: MessageId,
    ) -> Pending<'_, Result<u32, StoreError>> {
        Box::pin(async move {
            match self.deed(maildrop, &[message], Act::Died).await? {
                0 => Err(absent()),
                deaths => Ok(u32::try_from(deaths).unwrap_or(u32::MAX)),
            }
        })
    }

    fn survived(
        &self,
        maildrop: MaildropId,
        message: MessageId,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let shard = Arc::clone(self.front.shard(maildrop)?);
            let spots = [Spot::of(DEATHS, message.get())];
            let said = self.front.pool.run(move || shard.said(maildrop.get(), &spots)).await??;
            if said.iter().any(|said| said.value != 0) {
                self.deed(maildrop, &[message], Act::Survived).await?;
            }
            Ok(())
        })
    }

    /// The first retrieval to the end is kept durably, in maildrops with a session that wants it
    /// ([`crate::View::notes_retrieval`]).
    fn note(&self, maildrop: MaildropId, note: Note) {
        self.write_down(maildrop, &note);
        let Note { message: Some(message), what: Noted::Retrieved { complete: true, .. }, .. } =
            note
        else {
            return;
        };
        let Ok(shard) = self.front.shard(maildrop) else { return };
        if shard.noting.is_wanted(maildrop.get()) {
            let act = Act::Retrieved(shard.time());
            let deed = Deed::new(maildrop.get(), vec![message.get()], act);
            // Nobody waits for it; where too much waits, it is left out.
            let (answer, _) = oneshot::channel();
            let _ = shard.queue.push(Job::Deed(Box::new(deed), answer));
        }
    }

    fn expire(
        &self,
        maildrop: MaildropId,
        retention: Option<Retention>,
    ) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let shard = Arc::clone(self.front.shard(maildrop)?);
            shard.certain()?;
            let over = move || {
                let (entries, said) = shard.entries_and_marks(maildrop.get())?;
                let clock = Clock { now: shard.time(), retention };
                over::over(&shard, &entries, &said, clock)
            };
            let over = self.front.pool.run(over).await??;
            let queue = &self.front.shard(maildrop)?.queue;
            let mut gone = 0_u64;
            for some in over.chunks(EXPIRED_AT_ONCE) {
                let deed = Deed::new(maildrop.get(), some.to_vec(), Act::Expire(retention));
                gone = gone.saturating_add(queue.done(deed).await?);
            }
            Ok(usize::try_from(gone).unwrap_or(usize::MAX))
        })
    }

    fn journal(
        &self,
        maildrop: MaildropId,
        since: Option<SystemTime>,
    ) -> Pending<'_, Result<Vec<JournalEntry>, StoreError>> {
        Box::pin(self.told(maildrop, since))
    }
}

impl LogStore {
    async fn deed(
        &self,
        maildrop: MaildropId,
        messages: &[MessageId],
        act: Act,
    ) -> Result<u64, StoreError> {
        let ids = messages.iter().map(|message| message.get()).collect();
        self.front.shard(maildrop)?.queue.done(Deed::new(maildrop.get(), ids, act)).await
    }

    async fn as_it_was(
        &self,
        maildrop: MaildropId,
        messages: Vec<MessageId>,
    ) -> Result<Vec<Uidl>, StoreError> {
        let shard = Arc::clone(self.front.shard(maildrop)?);
        let ids: Vec<u64> = messages.iter().map(|message| message.get()).collect();
        let look = move || {
            let mut uidls = Vec::with_capacity(ids.len());
            for id in ids {
                let entry = shard.index.entry(maildrop.get(), id, &shard.overlay)?;
                let uidl = entry.map(|entry| shard.uidl(maildrop.get(), &entry)).transpose()?;
                uidls.extend(uidl);
            }
            Ok::<_, StoreError>(uidls)
        };
        let uidls = self.front.pool.run(look).await??;
        let mut ids = messages.clone();
        ids.sort_unstable();
        ids.dedup();
        let restored = self.deed(maildrop, &messages, Act::Restore).await?;
        // What was destroyed has no unique-id any more.
        if uidls.len() == messages.len() && restored == ids.len() as u64 {
            Ok(uidls)
        } else {
            Err(absent())
        }
    }

    /// A copy at the end, durable with the end of the old one.
    async fn as_new(&self, maildrop: MaildropId, id: u64) -> Result<Uidl, StoreError> {
        let shard = Arc::clone(self.front.shard(maildrop)?);
        // Where it stands stays until it is read.
        let _began = Began::new(Arc::clone(&shard), None);
        let look = move || {
            let entry = shard.index.entry(maildrop.get(), id, &shard.overlay)?;
            let entry = entry.ok_or_else(absent)?;
            let body = shard.message(&entry, Wait::Yes)?.ok_or(StoreError::Unavailable)?;
            let origin = origin(&shard, &entry)?;
            Ok::<(Entry, _, _, _), StoreError>((entry, body, surrogate(&shard, &entry)?, origin))
        };
        let (entry, mut body, surrogate, origin) = self.front.pool.run(look).await??;
        let incoming = Incoming {
            recipients: vec![Recipient {
                address: origin.address,
                ..Recipient::new(maildrop, Vec::new())
            }],
            form: Form::Wire,
            utf8: entry.flags & UTF8 != 0,
            // It came from where the old one did.
            provenance: origin.provenance,
        };
        let delivery = OnItsWay::new(Arc::clone(&self.front), incoming)?;
        let mut delivery = Box::new(delivery.in_place_of(id));
        if let Some(surrogate) = surrogate {
            delivery.surrogate(surrogate)?;
        }
        let mut piece = Vec::new();
        while body.read(&mut piece, PIECE_OCTETS).await? != Progress::Ended {
            delivery.write(&piece)?;
            piece.clear();
        }
        let outcome = delivery.commit().await.pop().unwrap_or(Err(StoreError::Unavailable));
        outcome.map(|stored| stored.uidl)
    }
}

/// So many messages expire at once: whoever delivers does not wait for more.
const EXPIRED_AT_ONCE: usize = 2000;

/// What is laid over so many messages is laid at once.
const LAID_AT_ONCE: usize = 2000;

/// How much of a message is copied at once.
const PIECE_OCTETS: usize = 64 << 10;

fn absent() -> StoreError {
    StoreError::Absent { detail: "it was destroyed, or never there".into() }
}

/// The stand-in for a message's header, if it has one.
fn surrogate(shard: &Shard, entry: &Entry) -> Result<Option<Surrogate>, StoreError> {
    if entry.flags & SURROGATE == 0 {
        return Ok(None);
    }
    let file = shard.segments.file(entry.segment)?;
    let scan = Scan { file: &*file, number: entry.segment, seed: shard.seed(), end: u64::MAX };
    let fault = |fault| StoreError::disk("read a message", fault);
    let Some(record) = scan.record(offset(entry.place)).map_err(fault)? else { return Ok(None) };
    let message = message(&record.head, &record.meta);
    Ok(message.and_then(|message| {
        let row = message.rows.get(usize::try_from(entry.recipient).ok()?)?;
        Some(StandIn::find(message.extensions, entry.recipient, row.prefix)?.alone())
    }))
}

fn withheld(shard: &Shard, maildrop: u64) -> Result<Vec<WithheldMessage>, StoreError> {
    let (entries, said) = shard.entries_and_marks(maildrop)?;
    let mut laid = laid(&entries, said);
    let mut all = Vec::new();
    for entry in &entries {
        let Some(laid) = laid.remove(&entry.id) else { continue };
        if !laid.is_withheld() && laid.hidden_from.is_empty() {
            continue;
        }
        let Laid { held_until, set_aside, hidden_from, deaths, .. } = laid;
        all.push(WithheldMessage {
            id: MessageId::new(entry.id),
            uidl: shard.uidl(maildrop, entry)?,
            octets: Octets::new(entry.octets),
            held_until,
            set_aside,
            hidden_from,
            deaths,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::trial::{contents, deliver, open, read, remove, small, text};
    use crate::maildir::scratch::quick;
    use crate::store::{Provenance, Store};
    use crate::view::View;
    use mail_wire::MessageNumber;

    // custody.rs, Offer::AsNew: every client fetches it; also one that may not see raw UTF-8
    #[tokio::test]
    async fn a_message_that_is_offered_as_new_keeps_its_stand_in() {
        let (folder, ours) = (quick(), MaildropId::new(1));
        let store = open(folder.path(), &small()).unwrap();
        let incoming = Incoming {
            recipients: vec![Recipient::new(ours, "X: \u{e9}\r\n".into())],
            form: Form::Text,
            utf8: true,
            provenance: Provenance::default(),
        };
        let mut delivery = store.deliver(incoming).await.unwrap();
        delivery.write("A: \u{e9}\r\n\r\n.body\r\n".as_bytes()).unwrap();
        let header = b"A: =?utf-8?Q?=C3=A9?=\r\n.B: c\r\n\r\n".to_vec();
        let prefixes = vec![b"X: ?\r\n".to_vec()];
        delivery.surrogate(Surrogate { header, prefixes }).unwrap();
        let id = delivery.commit().await.pop().unwrap().unwrap().id;
        let first = MessageNumber::from_index(0).unwrap();
        let seen = async |utf8| {
            let session = store.open(ours, View { utf8, ..View::default() }).await.unwrap();
            (read(&*session, first).await.unwrap(), session.listing().get(first).unwrap().utf8)
        };
        let before = (seen(true).await, seen(false).await);
        assert_ne!(before.0, before.1);
        let mut waiting = store.open(ours, View { utf8: false, ..View::default() }).await.unwrap();
        store.restore(ours, vec![id], Offer::AsNew).await.unwrap();
        assert_eq!((seen(true).await, seen(false).await), before);
        // extensions, XREFRESH: what is listed later is shown to a session as what it began with
        assert_eq!(waiting.refresh().await.unwrap(), 1);
        let last = MessageNumber::from_index(1).unwrap();
        assert_eq!(read(&*waiting, last).await.unwrap(), before.1.0);
    }

    // custody.rs, Custody::restore: an error if one of them was destroyed; the others are restored
    // by then. And what is restored as new is as it was (I1), and no more UTF-8 than before.
    #[tokio::test]
    async fn of_several_that_are_restored_one_may_be_gone() {
        for offer in [Offer::AsItWas, Offer::AsNew] {
            let (folder, ours) = (quick(), MaildropId::new(1));
            let store = open(folder.path(), &small()).unwrap();
            let mut ids = Vec::new();
            for number in 0..3 {
                let stored = deliver(&store, &[ours], &text(number, 100)).await.unwrap();
                ids.push(stored.into_iter().next().unwrap().unwrap().id);
            }
            let before = contents(&store, ours).await.unwrap();
            for id in &ids {
                store.set_aside(ours, *id, Aside::Asked).await.unwrap();
            }
            let held = View { delete: mail_wire::Delete::Destroy, ..View::default() };
            assert_eq!(store.open(ours, held).await.unwrap().listing().len(), 0);
            store.restore(ours, vec![ids[1]], Offer::AsItWas).await.unwrap();
            remove(&store, ours, &[before[1].0.clone()]).await.unwrap();
            let outcome = store.restore(ours, ids.clone(), offer).await;
            assert!(matches!(outcome, Err(StoreError::Absent { .. })), "{offer:?}: {outcome:?}");
            let after = contents(&store, ours).await.unwrap();
            let texts = |all: &[(String, String)]| {
                all.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>()
            };
            let kept = [before[0].clone(), before[2].clone()];
            assert_eq!(texts(&after), texts(&kept), "{offer:?}");
            let session = store.open(ours, View::default()).await.unwrap();
            assert!(session.listing().iter().all(|entry| !entry.utf8), "{offer:?}");
        }
    }
}
