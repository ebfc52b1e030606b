//! A maildrop as one session sees it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mail_wire::{Delete, Listing, MaildropId, MessageNumber, Octets, Views};
use tokio::sync::oneshot;

use crate::body::{Body, Wait};
use crate::custody::Cause;
use crate::error::StoreError;
use crate::log::actor::Actor;
use crate::log::deed::{Act, Deed};
use crate::log::entry::{Entry, NAMED};
use crate::log::front::Front;
use crate::log::listings::{Listed, Looking, Viewer};
use crate::log::meta::Destroyed;
use crate::log::origin::origin;
use crate::log::queue::Job;
use crate::log::rows::{News, Rows};
use crate::log::shard::Shard;
use crate::log::withheld::Eyes;
use crate::pending::Pending;
use crate::store::{Maildrop, Origin, Removed};
use crate::view::View;

/// A maildrop as it was at login.
#[derive(Debug)]
pub(crate) struct Snapshot {
    front: Arc<Front>,
    began: Began,
    maildrop: MaildropId,
    view: View,
    /// How often messages had been moved when this was first listed.
    moves: u64,
    /// What stood on the count of arrivals when it was last listed.
    seen: u64,
    listed: Arc<Listed>,
}

/// What is listed stays readable until this is dropped.
#[derive(Debug)]
pub(crate) struct Began {
    shard: Arc<Shard>,
    at: u64,
    /// The maildrop in which retrievals are written down meanwhile.
    notes: Option<u64>,
}

impl Began {
    /// From now on, in a shard.
    pub(crate) fn new(shard: Arc<Shard>, notes: Option<u64>) -> Self {
        if let Some(maildrop) = notes {
            shard.noting.begin(maildrop);
        }
        Self { at: shard.snapshots.begin(), shard, notes }
    }
}

impl Drop for Began {
    fn drop(&mut self) {
        if let Some(maildrop) = self.notes {
            self.shard.noting.end(maildrop);
        }
        if self.shard.snapshots.end(self.at) {
            self.shard.queue.nudge();
        }
    }
}

impl Snapshot {
    /// Lists a maildrop. If it was listed lately and did not change since, that is shared; else
    /// files are read, on a thread that may wait for them.
    pub(crate) async fn open(
        front: &Arc<Front>,
        maildrop: MaildropId,
        view: View,
    ) -> Result<Self, StoreError> {
        let shard = Arc::clone(front.shard(maildrop)?);
        shard.certain()?;
        let began = Began::new(shard, view.notes_retrieval.then_some(maildrop.get()));
        let shard = &began.shard;
        // Before the listing: rather looked up once too often.
        let moves = shard.moves.load(Ordering::Acquire);
        let seen = shard.arrivals.count(maildrop);
        let viewer = Viewer { eyes: eyes(&view), stand_ins: !view.utf8 };
        let listed = match shard.listings.known(maildrop.get(), viewer) {
            Ok(listed) => listed,
            Err(looking) => {
                let shard = Arc::clone(shard);
                let list = move || list(&shard, maildrop.get(), viewer, &looking);
                front.pool.run(list).await??
            }
        };
        Ok(Self { front: Arc::clone(front), began, maildrop, view, moves, seen, listed })
    }

    /// What is there now and not listed here.
    async fn unlisted(&self) -> Result<News, StoreError> {
        let (shard, maildrop) = (Arc::clone(&self.began.shard), self.maildrop.get());
        let (eyes, stand_ins) = (eyes(&self.view), !self.view.utf8);
        let listing = Arc::clone(&self.listed.listing);
        self.front
            .pool
            .run(move || {
                let mut news = News::of(&listing);
                shard.walk_for(maildrop, eyes, stand_ins, &mut news)?;
                Ok(news)
            })
            .await?
    }

    fn entry(&self, number: MessageNumber) -> Result<Entry, StoreError> {
        let absent = || StoreError::Absent { detail: format!("message number {number}") };
        let listed = self.listed.listing.get(number).ok_or_else(absent)?;
        let row = self.listed.rows.get(number.index()).ok_or_else(absent)?;
        Ok(Entry {
            id: listed.id.get(),
            octets: listed.octets.get(),
            segment: row.segment,
            place: row.place,
            recipient: row.recipient,
            flags: row.flags & !NAMED,
            day: 0,
        })
    }
}

/// Lists a maildrop, and keeps that for those who come next. Reads files.
fn list(
    shard: &Shard,
    maildrop: u64,
    viewer: Viewer,
    looking: &Looking,
) -> Result<Arc<Listed>, StoreError> {
    let mut rows = Rows::new(shard.tags.now.naming());
    shard.walk_for(maildrop, viewer.eyes, viewer.stand_ins, &mut rows)?;
    let (listing, rows) = rows.finish()?;
    let listed = Arc::new(Listed { listing: Arc::new(listing), rows });
    shard.listings.listed(maildrop, looking, viewer, &listed);
    Ok(listed)
}

impl Snapshot {
    /// Does with these, durably, what the view says of a deletion.
    async fn delete(&self, marked: &[Entry]) -> Result<(), StoreError> {
        let (queue, maildrop) = (&self.began.shard.queue, self.maildrop.get());
        let View { credential, delete, views, others, .. } = &self.view;
        let actor = Actor::of(&self.view, Some(Cause::Deleted));
        match (delete, views) {
            (Delete::Ignore, Views::Shared) => Ok(()),
            (Delete::Destroy, Views::Shared) => {
                let copies = marked.iter().map(|entry| (entry.id, entry.segment)).collect();
                let destroyed = Destroyed::new(maildrop, copies).by(&actor);
                let (answer, answered) = oneshot::channel();
                queue.push(Job::Destroy(destroyed, self.moves, answer))?;
                answered.await.map_err(|_| StoreError::Unavailable)?
            }
            // What others deleted meanwhile matters: the writer decides.
            _ => {
                let act = Act::Delete {
                    credential: *credential,
                    delete: *delete,
                    views: *views,
                    others: others.clone(),
                };
                let ids = marked.iter().map(|entry| entry.id).collect();
                queue.done(Deed::new(maildrop, ids, act).by(actor)).await.map(drop)
            }
        }
    }
}

/// Who looks with this view.
const fn eyes(view: &View) -> Eyes {
    if view.everything { Eyes::Everything } else { Eyes::Credential(view.credential) }
}

impl Maildrop for Snapshot {
    fn listing(&self) -> &Arc<Listing> {
        &self.listed.listing
    }

    fn refresh(&mut self) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            // Before the listing: rather looked at once too often.
            let seen = self.began.shard.arrivals.count(self.maildrop);
            let news = self.unlisted().await?;
            let before = self.listed.rows.len();
            if !news.is_empty() {
                // Others may have the old one; they keep it.
                let mut rows = Rows::after(Listing::clone(&self.listed.listing));
                news.tell(&mut rows);
                let (listing, new) = rows.finish()?;
                let rows = [self.listed.rows.as_slice(), new.as_slice()].concat();
                self.listed = Arc::new(Listed { listing: Arc::new(listing), rows });
            }
            self.seen = seen;
            Ok(self.listed.rows.len().saturating_sub(before))
        })
    }

    fn arrival(&mut self) -> Pending<'_, ()> {
        Box::pin(async move {
            loop {
                let count = self.began.shard.arrivals.after(self.maildrop, self.seen).await;
                // What cannot be looked at now is said by the next refresh.
                if !self.unlisted().await.is_ok_and(|new| new.is_empty()) {
                    return;
                }
                self.seen = count;
            }
        })
    }

    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>> {
        Box::pin(async move {
            let entry = self.entry(number)?;
            if let Some(body) = self.began.shard.message(&entry, Wait::No)? {
                return Ok(body);
            }
            let shard = Arc::clone(&self.began.shard);
            let body = self.front.pool.run(move || shard.message(&entry, Wait::Yes)).await??;
            body.ok_or(StoreError::Unavailable)
        })
    }

    fn origin(&self, number: MessageNumber) -> Pending<'_, Result<Origin, StoreError>> {
        Box::pin(async move {
            let entry = self.entry(number)?;
            let shard = Arc::clone(&self.began.shard);
            self.front.pool.run(move || origin(&shard, &entry)).await?
        })
    }

    fn commit<'a>(
        &'a mut self,
        deletions: &'a [MessageNumber],
    ) -> Pending<'a, Result<Removed, StoreError>> {
        Box::pin(async move {
            let mut marked = deletions
                .iter()
                .map(|number| self.entry(*number))
                .collect::<Result<Vec<_>, _>>()?;
            marked.sort_unstable_by_key(|entry| entry.id);
            marked.dedup_by_key(|entry| entry.id);
            let octets = marked.iter().map(|entry| Octets::new(entry.octets)).sum();
            let removed = Removed { messages: marked.len(), octets };
            if marked.is_empty() {
                return Ok(removed);
            }
            self.delete(&marked).await?;
            Ok(removed)
        })
    }
}
