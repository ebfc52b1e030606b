//! Decides what a deed writes, from what is there now.

use std::collections::BTreeMap;

use mail_wire::{Delete, Views};

use crate::error::StoreError;
use crate::log::actor::Actor;
use crate::log::deed::{Act, Decision, Deed};
use crate::log::entry::Entry;
use crate::log::mark::{ASIDE, DEATHS, HELD, HIDDEN, Mark, RETRIEVED, Said, Spot};
use crate::log::meta::Destroyed;
use crate::log::over::{self, Clock};
use crate::log::shard::Shard;

/// Decides what this deed writes. Only the writer may ask, and only when all that it wrote is
/// known.
pub(crate) fn decide(shard: &Shard, deed: &Deed) -> Result<Decision, StoreError> {
    let Deed { maildrop, actor, .. } = deed;
    let entries = present(shard, deed)?;
    let present = Present { shard, maildrop: *maildrop, actor, entries };
    let count = present.entries.len() as u64;
    Ok(match &deed.act {
        Act::Delete { credential, delete, views, others } => {
            let delete = Deletion { credential: *credential, delete: *delete };
            match views {
                Views::Shared => delete.for_all(&present, &present.ids())?,
                Views::PerCredential => delete.for_one(&present, others)?,
            }
        }
        Act::Restore => restore(&present, count)?,
        Act::Release => {
            let held = present.filter(|id| Spot::of(HELD, id), |said| said.value != 0)?;
            present.destroyed(&held)
        }
        Act::SetAside(reason) => {
            let new = present.filter(|id| Spot::of(ASIDE, id), |said| said.value != *reason)?;
            Decision { answer: count, ..present.marked(ASIDE, *reason, new) }
        }
        Act::Died => {
            let before = present.said(|id| Spot::of(DEATHS, id))?;
            let most = before.iter().map(|said| said.value).max().unwrap_or_default();
            let deaths = most.saturating_add(1);
            let answer = if count == 0 { 0 } else { deaths };
            Decision { answer, ..present.marked(DEATHS, deaths, present.ids()) }
        }
        Act::Survived => {
            let counted = present.filter(|id| Spot::of(DEATHS, id), |said| said.value != 0)?;
            present.marked(DEATHS, 0, counted)
        }
        Act::Retrieved(at) => {
            let first = present.filter(|id| Spot::of(RETRIEVED, id), |said| said.value == 0)?;
            present.marked(RETRIEVED, (*at).max(1), first)
        }
        Act::Lay(said) => lay(&present, said)?,
        Act::Expire(retention) => {
            let mut said = BTreeMap::new();
            for aspect in [HELD, ASIDE, RETRIEVED] {
                let all = present.said(|id| Spot::of(aspect, id))?;
                let spots = present.entries.iter().map(|entry| Spot::of(aspect, entry.id));
                said.extend(spots.zip(all));
            }
            let clock = Clock { now: shard.time(), retention: *retention };
            present.destroyed(&over::over(shard, &present.entries, &said, clock)?)
        }
    })
}

/// The messages that a deed is about and that are there.
struct Present<'a> {
    shard: &'a Shard,
    maildrop: u64,
    actor: &'a Actor,
    entries: Vec<Entry>,
}

/// From so many on all between the first and the last is read at once.
const ONE_BY_ONE_MAX: usize = 16;

fn present(shard: &Shard, deed: &Deed) -> Result<Vec<Entry>, StoreError> {
    let mut ids = deed.ids.clone();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > ONE_BY_ONE_MAX {
        let (first, last) = (ids.first().copied(), ids.last().copied());
        let between = first.unwrap_or_default()..=last.unwrap_or_default();
        let mut entries = shard.entries_in(deed.maildrop, between)?;
        entries.retain(|entry| ids.binary_search(&entry.id).is_ok());
        return Ok(entries);
    }
    let mut entries = Vec::with_capacity(ids.len());
    for id in ids {
        entries.extend(shard.index.entry(deed.maildrop, id, &shard.overlay)?);
    }
    Ok(entries)
}

impl Present<'_> {
    fn ids(&self) -> Vec<u64> {
        self.entries.iter().map(|entry| entry.id).collect()
    }

    /// What was said of each there.
    fn said(&self, spot: impl Fn(u64) -> Spot) -> Result<Vec<Said>, StoreError> {
        let spots: Vec<_> = self.entries.iter().map(|entry| spot(entry.id)).collect();
        self.shard.index.said(self.maildrop, &spots, &self.shard.overlay)
    }

    /// The ids of those of which this was said.
    fn filter(
        &self,
        spot: impl Fn(u64) -> Spot,
        wanted: impl Fn(&Said) -> bool,
    ) -> Result<Vec<u64>, StoreError> {
        let said = self.said(spot)?;
        let wanted = self.entries.iter().zip(said).filter(|(_, said)| wanted(said));
        Ok(wanted.map(|(entry, _)| entry.id).collect())
    }

    fn marked(&self, aspect: u8, value: u64, ids: Vec<u64>) -> Decision {
        let answer = ids.len() as u64;
        let mark = Mark::new(self.maildrop, aspect, value, ids).by(self.actor);
        let marks = Some(mark).filter(|mark| !mark.ids.is_empty()).into_iter().collect();
        Decision { marks, destroyed: None, answer }
    }

    /// These, which are in order, are destroyed.
    fn destroyed(&self, ids: &[u64]) -> Decision {
        let chosen = self.entries.iter().filter(|entry| ids.binary_search(&entry.id).is_ok());
        let copies: Vec<_> = chosen.map(|entry| (entry.id, entry.segment)).collect();
        let answer = copies.len() as u64;
        let destroyed = Destroyed::new(self.maildrop, copies).by(self.actor);
        let destroyed = Some(destroyed).filter(|destroyed| !destroyed.copies.is_empty());
        Decision { marks: Vec::new(), destroyed, answer }
    }
}

/// What a credential's deletion does.
#[derive(Clone, Copy)]
struct Deletion {
    credential: u64,
    delete: Delete,
}

impl Deletion {
    /// These are deleted, for everyone.
    fn for_all(self, present: &Present<'_>, ids: &[u64]) -> Result<Decision, StoreError> {
        Ok(match self.delete {
            Delete::Destroy => present.destroyed(ids),
            Delete::Ignore => Decision { answer: ids.len() as u64, ..Decision::default() },
            Delete::Hold(time) => {
                let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                let until = present.shard.time().saturating_add(millis).max(1);
                // Who deleted it first said how long it is held.
                let held = present.filter(|id| Spot::of(HELD, id), |said| said.value == 0)?;
                let new = held.into_iter().filter(|id| ids.binary_search(id).is_ok());
                present.marked(HELD, until, new.collect())
            }
        })
    }

    /// All are hidden from this credential; those that are hidden from all others too are
    /// deleted.
    fn for_one(self, present: &Present<'_>, others: &[u64]) -> Result<Decision, StoreError> {
        let mut by_all = present.ids();
        for other in others.iter().filter(|other| **other != self.credential) {
            let hidden = present.filter(|id| Spot::hidden(*other, id), |said| said.value != 0)?;
            by_all.retain(|id| hidden.binary_search(id).is_ok());
        }
        if self.delete == Delete::Ignore {
            // It stays where it is, and this credential has seen enough of it.
            by_all.clear();
        }
        let seen =
            present.filter(|id| Spot::hidden(self.credential, id), |said| said.value == 0)?;
        let hidden = seen.into_iter().filter(|id| by_all.binary_search(id).is_err()).collect();
        let mut decided = self.for_all(present, &by_all)?;
        let hidden = present.marked(HIDDEN, 1, hidden).marks.into_iter();
        decided.marks.extend(hidden.map(|mark| mark.of(self.credential)));
        Ok(decided)
    }
}

/// What is not said yet is said, as few marks as it takes.
fn lay(present: &Present<'_>, wanted: &[(Spot, u64)]) -> Result<Decision, StoreError> {
    let ids = present.ids();
    let mut marks: BTreeMap<(u8, u64, u64), Vec<u64>> = BTreeMap::new();
    let there = wanted.iter().filter(|(spot, _)| ids.binary_search(&spot.id).is_ok());
    let (spots, values): (Vec<Spot>, Vec<u64>) = there.copied().unzip();
    let said = present.shard.index.said(present.maildrop, &spots, &present.shard.overlay)?;
    for ((spot, value), said) in spots.into_iter().zip(values).zip(said) {
        if said.value != value {
            marks.entry((spot.aspect, spot.credential, value)).or_default().push(spot.id);
        }
    }
    let mark = |((aspect, credential, value), ids)| {
        Mark::new(present.maildrop, aspect, value, ids).of(credential).by(present.actor)
    };
    let marks = marks.into_iter().map(mark).collect();
    Ok(Decision { marks, destroyed: None, answer: ids.len() as u64 })
}

/// All that is laid over them is taken away: also what is counted against them.
fn restore(present: &Present<'_>, count: u64) -> Result<Decision, StoreError> {
    let (_, said) = present.shard.entries_and_marks(present.maildrop)?;
    let ids = present.ids();
    let mut marks: BTreeMap<(u8, u64), Vec<u64>> = BTreeMap::new();
    for (Spot { aspect, credential, id }, said) in said {
        let is_laid_over = matches!(aspect, HIDDEN | HELD | ASIDE | DEATHS) && said.value != 0;
        if is_laid_over && ids.binary_search(&id).is_ok() {
            marks.entry((aspect, credential)).or_default().push(id);
        }
    }
    let off = |((aspect, credential), ids)| {
        Mark::new(present.maildrop, aspect, 0, ids).of(credential).by(present.actor)
    };
    Ok(Decision { marks: marks.into_iter().map(off).collect(), destroyed: None, answer: count })
}

#[cfg(test)]
mod tests {
    use crate::custody::{Aside, Custody, Note, Noted, Offer};
    use crate::log::store::LogStore;
    use crate::log::trial::{contents, deliver, open, small, text};
    use crate::maildir::scratch::quick;
    use crate::store::Store;
    use crate::view::View;
    use mail_wire::{Delete, MaildropId, MessageId, MessageNumber};
    use std::time::Duration;

    const OURS: MaildropId = MaildropId::new(1);

    async fn add(store: &LogStore, number: usize) -> MessageId {
        let mut stored = deliver(store, &[OURS], &text(number, 50)).await.unwrap();
        stored.pop().unwrap().unwrap().id
    }

    async fn listed(store: &LogStore) -> usize {
        store.open(OURS, View::default()).await.unwrap().listing().len()
    }

    // custody.rs, Custody::set_aside, and product §6: out of every listing until it is restored;
    // who asks for it again is told the same
    #[tokio::test]
    async fn a_message_may_be_set_aside_twice() {
        let folder = quick();
        let store = open(folder.path(), &small()).unwrap();
        let id = add(&store, 1).await;
        for reason in [Aside::Asked, Aside::Asked, Aside::Deaths] {
            store.set_aside(OURS, id, reason).await.unwrap();
            assert_eq!(store.withheld(OURS).await.unwrap()[0].set_aside, Some(reason));
            assert_eq!(listed(&store).await, 0);
        }
    }

    // product §5, delete = "ignore": whoever deletes, all stays and is listed
    #[tokio::test]
    async fn what_a_deletion_ignores_stays() {
        let folder = quick();
        let store = open(folder.path(), &small()).unwrap();
        for number in 0..3 {
            add(&store, number).await;
        }
        let before = contents(&store, OURS).await.unwrap();
        let view = View { delete: Delete::Ignore, ..View::default() };
        let mut maildrop = store.open(OURS, view).await.unwrap();
        let numbers = [1, 3].map(|number| MessageNumber::new(number).unwrap());
        maildrop.commit(&numbers).await.unwrap();
        assert_eq!(contents(&store, OURS).await.unwrap(), before);
        assert!(store.withheld(OURS).await.unwrap().is_empty());
    }

    // custody.rs: a restoration is of the messages that are named, and of no others; release
    // destroys those that are held, and leaves others alone
    #[tokio::test]
    async fn of_those_that_are_named_and_no_others() {
        let folder = quick();
        let store = open(folder.path(), &small()).unwrap();
        let mut ids = Vec::new();
        // More than are looked up one by one, and fewer.
        for number in 0..40 {
            ids.push(add(&store, number).await);
        }
        let view = View { delete: Delete::Hold(Duration::from_hours(24)), ..View::default() };
        let mut maildrop = store.open(OURS, view).await.unwrap();
        let all: Vec<_> = (0..30).filter_map(MessageNumber::from_index).collect();
        maildrop.commit(&all).await.unwrap();
        drop(maildrop);
        store.set_aside(OURS, ids[35], Aside::Asked).await.unwrap();
        assert_eq!(listed(&store).await, 9);
        store.restore(OURS, ids[..2].to_vec(), Offer::AsItWas).await.unwrap();
        assert_eq!(listed(&store).await, 11);
        store.restore(OURS, ids[2..22].to_vec(), Offer::AsItWas).await.unwrap();
        assert_eq!(listed(&store).await, 31);
        assert_eq!(store.release(OURS, ids[20..24].to_vec()).await.unwrap(), 2);
        assert_eq!(store.release(OURS, ids.clone()).await.unwrap(), 6);
        let withheld = store.withheld(OURS).await.unwrap();
        assert_eq!((withheld.len(), withheld[0].id), (1, ids[35]));
        assert_eq!(contents(&store, OURS).await.unwrap().len(), 31);
    }

    // product §5: so many days after the first complete RETR. That a message was held and restored
    // since does not begin them anew.
    #[tokio::test]
    async fn a_message_that_is_restored_was_retrieved_when_it_was() {
        let folder = quick();
        let store = open(folder.path(), &small()).unwrap();
        let id = add(&store, 1).await;
        let view = View { notes_retrieval: true, ..View::default() };
        let session = store.open(OURS, view).await.unwrap();
        let what = Noted::Retrieved { octets: 50, complete: true };
        store.note(OURS, Note { message: Some(id), credential: 7, peer: None, what });
        drop(session);
        store.set_aside(OURS, id, Aside::Asked).await.unwrap();
        store.restore(OURS, vec![id], Offer::AsItWas).await.unwrap();
        let after = mail_wire::After::Retrieval;
        let retention = Some(mail_wire::Retention { days: 0, after });
        assert_eq!(store.expire(OURS, retention).await.unwrap(), 1);
    }
}
