//! What a session keeps of a maildrop: the listing, and where the messages are.

use mail_wire::{Listing, ListingBuilder, MessageId, Naming, Octets, Uidl};

use crate::error::StoreError;
use crate::log::entry::{Entry, UTF8};
use crate::log::walk::Sink;

/// What the listing does not say of an entry: 16 octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) segment: u32,
    pub(crate) place: u32,
    pub(crate) recipient: u32,
    pub(crate) flags: u8,
}

/// Lists what it is told, without a copy between.
#[derive(Debug)]
pub(crate) struct Rows {
    listing: ListingBuilder,
    places: Vec<Row>,
    fault: Option<StoreError>,
}

impl Rows {
    /// None yet, of messages that are named like this.
    pub(crate) fn new(naming: Naming) -> Self {
        Self::after(ListingBuilder::with_naming(naming, 0).finish())
    }

    /// Those that come behind a listing.
    pub(crate) fn after(listing: Listing) -> Self {
        Self { listing: ListingBuilder::after(listing), places: Vec::new(), fault: None }
    }

    /// The whole listing, and the rows of what was told.
    pub(crate) fn finish(mut self) -> Result<(Listing, Vec<Row>), StoreError> {
        self.places.shrink_to_fit();
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok((self.listing.finish(), self.places)),
        }
    }

    #[expect(clippy::inline_always, reason = "a million times for one listing")]
    #[inline(always)]
    fn push(&mut self, entry: &Entry, uidl: Option<&[u8]>) -> Result<(), StoreError> {
        let damaged = |detail: String| StoreError::Damaged { detail };
        let Entry { id, octets, segment, place, recipient, flags, .. } = *entry;
        let (id, octets, utf8) = (MessageId::new(id), Octets::new(octets), flags & UTF8 != 0);
        let pushed = match uidl {
            None => self.listing.push_native(id, octets, utf8),
            Some(uidl) => {
                let uidl = Uidl::new(uidl);
                let uidl = uidl.map_err(|wrong| damaged(format!("a unique-id: {wrong}")))?;
                self.listing.push(id, octets, &uidl, utf8)
            }
        };
        pushed.map_err(|full| damaged(full.to_string()))?;
        self.places.push(Row { segment, place, recipient, flags });
        Ok(())
    }
}

impl Sink for Rows {
    fn expect(&mut self, entries: usize) {
        self.listing.reserve(entries);
        self.places.reserve_exact(entries);
    }

    #[expect(clippy::inline_always, reason = "a million times for one listing")]
    #[inline(always)]
    fn entry(&mut self, entry: &Entry, uidl: Option<&[u8]>) {
        if self.fault.is_none() {
            self.fault = self.push(entry, uidl).err();
        }
    }
}

/// Keeps of what it is told what is not listed yet.
#[derive(Debug)]
pub(crate) struct News {
    /// The ids of what is listed, rising; those that were told already are gone.
    listed: std::iter::Peekable<std::vec::IntoIter<u64>>,
    new: Vec<(Entry, Option<Box<[u8]>>)>,
}

impl News {
    /// Nothing yet, behind this listing.
    pub(crate) fn of(listing: &Listing) -> Self {
        let mut listed: Vec<u64> = listing.iter().map(|entry| entry.id.get()).collect();
        // In order already, but for what was listed late.
        listed.sort_unstable();
        Self { listed: listed.into_iter().peekable(), new: Vec::new() }
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.new.is_empty()
    }

    /// Tells it on.
    pub(crate) fn tell(&self, sink: &mut impl Sink) {
        sink.expect(self.new.len());
        for (entry, uidl) in &self.new {
            sink.entry(entry, uidl.as_deref());
        }
    }
}

impl Sink for News {
    fn expect(&mut self, _entries: usize) {}

    fn entry(&mut self, entry: &Entry, uidl: Option<&[u8]>) {
        while self.listed.next_if(|id| *id < entry.id).is_some() {}
        if self.listed.peek() != Some(&entry.id) {
            self.new.push((*entry, uidl.map(Into::into)));
        }
    }
}
