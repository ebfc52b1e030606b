//! A maildrop through a lease: a worker's session sees what it was given, under numbers of its
//! own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mail_wire::{Listing, ListingBuilder, MaildropId, MessageId, MessageNumber, Octets, Uidl};
use restante_store::{Body, Maildrop, Pending, Removed, Store, StoreError, View};
use tokio::time::Instant;

use crate::guard::leases::Lease;

/// What one worker session sees.
pub(crate) struct Leased {
    store: Arc<dyn Store>,
    maildrop: MaildropId,
    view: View,
    lease: Arc<Lease>,
    /// By generation, the newest last: one, unless another session removed a message that this
    /// one still has.
    snapshots: BTreeMap<u32, Box<dyn Maildrop>>,
    /// Where each message of the listing is; `None`: removed by this session.
    places: Vec<Option<Place>>,
    listing: Arc<Listing>,
}

#[derive(Clone, Copy)]
struct Place {
    generation: u32,
    number: MessageNumber,
}

impl Leased {
    /// Opens a maildrop and takes what the lease gives.
    pub(crate) async fn open(
        store: Arc<dyn Store>,
        maildrop: MaildropId,
        view: View,
        lease: Arc<Lease>,
    ) -> Result<Self, StoreError> {
        let mut leased = Self {
            store,
            maildrop,
            view,
            lease,
            snapshots: BTreeMap::new(),
            places: Vec::new(),
            listing: Arc::default(),
        };
        leased.take().await?;
        Ok(leased)
    }

    /// Makes a new snapshot and lists what the lease gives of it; answers how many messages.
    ///
    /// A new one each time: an old one still lists what other workers have finished since.
    async fn take(&mut self) -> Result<usize, StoreError> {
        let look = self.lease.look();
        let snapshot = self.store.open(self.maildrop, self.view.clone()).await?;
        let numbers = self.lease.take(look, snapshot.listing(), Instant::now());
        let generation =
            self.snapshots.last_key_value().map_or(0, |(newest, _)| newest.wrapping_add(1));
        self.move_to(generation, snapshot.listing());
        let mut listing = ListingBuilder::after(Listing::clone(&self.listing));
        for number in &numbers {
            let Some(entry) = snapshot.listing().get(*number) else { continue };
            let uidl = Uidl::new(entry.uidl.as_bytes())
                .map_err(|wrong| StoreError::Damaged { detail: wrong.to_string() })?;
            listing
                .push(entry.id, entry.octets, &uidl, entry.utf8)
                .map_err(|full| StoreError::Damaged { detail: full.to_string() })?;
            self.places.push(Some(Place { generation, number: *number }));
        }
        self.listing = Arc::new(listing.finish());
        self.snapshots.insert(generation, snapshot);
        let places = &self.places;
        self.snapshots.retain(|kept, _| {
            *kept == generation || places.iter().flatten().any(|place| place.generation == *kept)
        });
        Ok(numbers.len())
    }

    /// What the new snapshot has is read from there, so that the old ones can go.
    fn move_to(&mut self, generation: u32, fresh: &Listing) {
        let listed = self.listing.iter().zip(&mut self.places);
        let mut mine: HashMap<MessageId, &mut Place> = listed
            .filter_map(|(entry, place)| place.as_mut().map(|place| (entry.id, place)))
            .collect();
        if mine.is_empty() {
            return;
        }
        for entry in fresh.iter() {
            if let Some(place) = mine.remove(&entry.id) {
                *place = Place { generation, number: entry.number };
                // Mostly these are the first ones.
                if mine.is_empty() {
                    return;
                }
            }
        }
    }

    fn place(&self, number: MessageNumber) -> Result<(Place, &dyn Maildrop), StoreError> {
        let place = self.places.get(number.index()).copied().flatten();
        let found = place.and_then(|place| {
            let snapshot = self.snapshots.get(&place.generation)?;
            Some((place, snapshot.as_ref()))
        });
        found.ok_or_else(|| StoreError::Absent { detail: format!("message number {number}") })
    }
}

impl Maildrop for Leased {
    fn listing(&self) -> &Arc<Listing> {
        &self.listing
    }

    fn refresh(&mut self) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(self.take())
    }

    fn arrival(&mut self) -> Pending<'_, ()> {
        let lease = Arc::clone(&self.lease);
        let newest = self.snapshots.values_mut().next_back();
        Box::pin(async move {
            let arrival = async {
                match newest {
                    Some(newest) => newest.arrival().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = arrival => {}
                () = lease.due() => {}
            }
        })
    }

    fn read(&self, number: MessageNumber) -> Pending<'_, Result<Body, StoreError>> {
        match self.place(number) {
            Ok((place, snapshot)) => snapshot.read(place.number),
            Err(error) => Box::pin(async move { Err(error) }),
        }
    }

    fn commit<'a>(
        &'a mut self,
        deletions: &'a [MessageNumber],
    ) -> Pending<'a, Result<Removed, StoreError>> {
        Box::pin(async move {
            let mut by_snapshot: BTreeMap<u32, Vec<(MessageNumber, MessageNumber)>> =
                BTreeMap::new();
            let mut removed = Removed { messages: 0, octets: Octets::ZERO };
            for number in deletions {
                // A commit that failed half-way is tried again: what is gone counts as removed.
                if matches!(self.places.get(number.index()), Some(None)) {
                    removed.messages = removed.messages.saturating_add(1);
                    continue;
                }
                let (place, _) = self.place(*number)?;
                by_snapshot.entry(place.generation).or_default().push((*number, place.number));
            }
            for (generation, numbers) in by_snapshot {
                let Some(snapshot) = self.snapshots.get_mut(&generation) else { continue };
                let inner: Vec<MessageNumber> = numbers.iter().map(|(_, inner)| *inner).collect();
                let part = snapshot.commit(&inner).await?;
                removed.messages = removed.messages.saturating_add(part.messages);
                removed.octets = removed.octets.plus(part.octets);
                self.finish(numbers.iter().map(|(number, _)| *number));
            }
            Ok(removed)
        })
    }
}

impl Leased {
    fn finish(&mut self, numbers: impl Iterator<Item = MessageNumber>) {
        let mut finished = Vec::new();
        for number in numbers {
            finished.extend(self.listing.get(number).map(|entry| entry.id));
            if let Some(place) = self.places.get_mut(number.index()) {
                *place = None;
            }
        }
        let stays = self.view.delete == mail_wire::Delete::Ignore;
        self.lease.finished(&finished, stays, Instant::now());
    }
}
