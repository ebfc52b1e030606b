//! A maildrop as one session sees it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mail_wire::{Listing, ListingBuilder, MaildropId, MessageId, MessageNumber, Octets};

use crate::body::{Body, Wait};
use crate::error::StoreError;
use crate::log::entry::{Entry, NAMED, UTF8};
use crate::log::front::Front;
use crate::log::meta::Destroyed;
use crate::log::queue::Job;
use crate::log::shard::Shard;
use crate::pending::Pending;
use crate::store::{Maildrop, Removed};

/// A maildrop as it was at login.
#[derive(Debug)]
pub(crate) struct Snapshot {
    front: Arc<Front>,
    began: Began,
    maildrop: MaildropId,
    /// How often messages had been moved when this was listed.
    moves: u64,
    listing: Arc<Listing>,
    /// Where the messages are, in the order of the listing.
    rows: Vec<Row>,
}

/// What the listing does not say of an entry.
#[derive(Clone, Copy, Debug)]
struct Row {
    segment: u32,
    place: u32,
    recipient: u32,
    flags: u8,
}

/// What is listed stays readable until this is dropped.
#[derive(Debug)]
struct Began {
    shard: Arc<Shard>,
    at: u64,
}

impl Drop for Began {
    fn drop(&mut self) {
        if self.shard.snapshots.end(self.at) {
            self.shard.queue.nudge();
        }
    }
}

impl Snapshot {
    /// Lists a maildrop. Reads files.
    pub(crate) fn open(front: Arc<Front>, maildrop: MaildropId) -> Result<Self, StoreError> {
        let shard = Arc::clone(front.shard(maildrop)?);
        let began = Began { at: shard.snapshots.begin(), shard };
        let shard = &began.shard;
        // Before the listing: rather looked up once too often.
        let moves = shard.moves.load(Ordering::Acquire);
        let entries = shard.entries(maildrop.get())?;
        let mut listing = ListingBuilder::with_capacity(entries.len());
        let mut rows = Vec::with_capacity(entries.len());
        for entry in &entries {
            let Entry { id, octets, segment, place, recipient, flags } = *entry;
            let uidl = shard.uidl(maildrop.get(), entry)?;
            listing
                .push(MessageId::new(id), Octets::new(octets), &uidl, flags & UTF8 != 0)
                .map_err(|full| StoreError::Damaged { detail: full.to_string() })?;
            rows.push(Row { segment, place, recipient, flags });
        }
        Ok(Self { front, began, maildrop, moves, listing: Arc::new(listing.finish()), rows })
    }

    fn entry(&self, number: MessageNumber) -> Result<Entry, StoreError> {
        let absent = || StoreError::Absent { detail: format!("message number {number}") };
        let listed = self.listing.get(number).ok_or_else(absent)?;
        let row = self.rows.get(number.index()).ok_or_else(absent)?;
        Ok(Entry {
            id: listed.id.get(),
            octets: listed.octets.get(),
            segment: row.segment,
            place: row.place,
            recipient: row.recipient,
            flags: row.flags & !NAMED,
        })
    }
}

impl Maildrop for Snapshot {
    fn listing(&self) -> &Arc<Listing> {
        &self.listing
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
            let copies = marked.iter().map(|entry| (entry.id, entry.segment)).collect();
            let destroyed = Destroyed { maildrop: self.maildrop.get(), copies };
            let (answer, answered) = tokio::sync::oneshot::channel();
            self.began.shard.queue.push(Job::Destroy(destroyed, self.moves, answer))?;
            answered.await.map_err(|_| StoreError::Unavailable)??;
            Ok(removed)
        })
    }
}
