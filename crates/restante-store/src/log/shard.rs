//! One shard, as everybody sees it: its segments, what its maildrops hold, its queue.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::UNIX_EPOCH;

use mail_wire::Uidl;

use crate::arrivals::Arrivals;
use crate::body::{Body, Wait};
use crate::error::StoreError;
use crate::log::apply::apply;
use crate::log::batch::Batch;
use crate::log::bugs::{self, Bug};
use crate::log::disk::{Disk, Lock, read_exact_at};
use crate::log::entry::{Entry, NAMED};
use crate::log::epochs::IdSource;
use crate::log::identity::{Tags, id_of};
use crate::log::index::Index;
use crate::log::listings::Listings;
use crate::log::mark::{Said, Spot};
use crate::log::notes::Notes;
use crate::log::noting::Noting;
use crate::log::overlay::Overlay;
use crate::log::queue::Queue;
use crate::log::read::{self, Place};
use crate::log::record::{HEAD_OCTETS, Head, offset};
use crate::log::segments::Segments;
use crate::log::settings::Settings;
use crate::log::snapshots::Snapshots;
use crate::log::tagged::Tagged;
use crate::log::usages::{Sum, Usages};
use crate::log::walk::Sink;
use crate::log::withheld::Eyes;
use crate::store::Usage;

/// One shard of a store.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: String,
    pub(crate) number: u16,
    pub(crate) store: [u8; 16],
    pub(crate) tags: Tags,
    pub(crate) settings: Settings,
    pub(crate) segments: Segments,
    pub(crate) index: Index,
    /// What the index does not know yet. Only the writer changes it.
    pub(crate) overlay: RwLock<Overlay>,
    pub(crate) ids: IdSource,
    pub(crate) queue: Queue,
    pub(crate) snapshots: Snapshots,
    /// How much maildrops hold.
    pub(crate) usages: Usages,
    /// How they were listed lately.
    pub(crate) listings: Listings,
    /// In which maildrops a first retrieval is to be written down.
    pub(crate) noting: Noting,
    /// How often messages were moved: what was listed before may stand elsewhere by now.
    pub(crate) moves: AtomicU64,
    /// Who waits for mail.
    pub(crate) arrivals: Arrivals,
    /// What is damaged and not repaired, so that maildrops may lack messages, or have some that
    /// were removed; nobody can know which.
    pub(crate) doubt: Option<String>,
    /// What was noted and is not written yet.
    pub(crate) notes: Notes,
    /// The store is locked for as long as anything of it is in use.
    pub(crate) _lock: Arc<dyn Lock>,
}

impl Shard {
    /// The seed of the checksums of heads.
    pub(crate) fn seed(&self) -> u32 {
        crc32c::crc32c(&self.store)
    }

    /// The time of day in milliseconds since 1970.
    pub(crate) fn time(&self) -> u64 {
        let time = self.disk.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether what is shown of this shard is all that is there (P-056). Asked before anything
    /// is listed or withheld, and before messages go by themselves.
    pub(crate) fn certain(&self) -> Result<(), StoreError> {
        match &self.doubt {
            None => Ok(()),
            Some(detail) => Err(StoreError::Doubtful { detail: detail.clone() }),
        }
    }

    /// What happened before this is kept no more, milliseconds since 1970.
    pub(crate) fn keep_from(&self) -> u64 {
        let keep = u64::try_from(self.settings.journal_keep.as_millis()).unwrap_or(u64::MAX);
        self.time().saturating_sub(keep)
    }

    /// What a maildrop holds, in delivery order.
    pub(crate) fn entries(&self, maildrop: u64) -> Result<Vec<Entry>, StoreError> {
        self.entries_in(maildrop, 0..=u64::MAX)
    }

    /// The same of these ids alone: no more is read than is needed.
    pub(crate) fn entries_in(
        &self,
        maildrop: u64,
        ids: RangeInclusive<u64>,
    ) -> Result<Vec<Entry>, StoreError> {
        self.index.entries(maildrop, ids, &self.overlay)
    }

    /// Tells what of a maildrop these eyes see, in delivery order. With `stand_ins`, messages are told as they
    /// are for who may not see raw UTF-8.
    pub(crate) fn walk_for(
        &self,
        maildrop: u64,
        eyes: Eyes,
        stand_ins: bool,
        sink: &mut impl Sink,
    ) -> Result<(), StoreError> {
        let mut told = Tagged { tags: &self.tags, sink };
        self.index.walk_for(maildrop, eyes, stand_ins, &self.overlay, &mut told)
    }

    /// What a maildrop holds, and all that was said of its messages, or of others that are gone.
    pub(crate) fn entries_and_marks(
        &self,
        maildrop: u64,
    ) -> Result<(Vec<Entry>, BTreeMap<Spot, Said>), StoreError> {
        self.index.entries_and_marks(maildrop, &self.overlay)
    }

    /// What was said last at these spots.
    pub(crate) fn said(&self, maildrop: u64, spots: &[Spot]) -> Result<Vec<Said>, StoreError> {
        self.index.said(maildrop, spots, &self.overlay)
    }

    /// How much a maildrop holds, but for what is held or set aside.
    pub(crate) fn usage(&self, maildrop: u64) -> Result<Usage, StoreError> {
        match self.usages.known(maildrop) {
            Ok(usage) => Ok(usage),
            Err(counting) => {
                let mut sum = Sum::default();
                self.walk_for(maildrop, Eyes::Any, false, &mut sum)?;
                self.usages.counted(maildrop, &counting, sum.0);
                Ok(sum.0)
            }
        }
    }

    /// What these records say is visible when this is dropped. Only for the writer.
    pub(crate) fn show(&self, batch: &Batch) -> RwLockWriteGuard<'_, Overlay> {
        let mut overlay = self.overlay.write().unwrap_or_else(PoisonError::into_inner);
        for (head, meta) in batch.records() {
            apply(&mut overlay, head, meta);
        }
        // While nobody can see it: nobody lists what was, and takes it for what is.
        let touched = overlay.take_touched().into_iter();
        self.listings.forget(touched.filter(|_| !bugs::is_on(Bug::ListingKept)));
        overlay
    }

    /// When the first of what is held may be over, in milliseconds since 1970.
    pub(crate) fn first_due(&self) -> Result<Option<u64>, StoreError> {
        let recent = {
            let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner);
            overlay.first_due()
        };
        Ok(self.index.first_due()?.into_iter().chain(recent).min())
    }

    /// When a message was accepted, in milliseconds since 1970, as its record says.
    pub(crate) fn accepted(&self, entry: &Entry) -> Result<u64, StoreError> {
        let mut octets = [0; HEAD_OCTETS];
        let file = self.segments.file(entry.segment)?;
        read_exact_at(&*file, &mut octets, offset(entry.place))
            .map_err(|fault| StoreError::disk("read when a message was accepted", fault))?;
        let head = Head::decode(&octets, self.seed());
        let head = head.filter(|head| (head.segment, head.place) == (entry.segment, entry.place));
        head.map(|head| head.time).ok_or_else(|| StoreError::Damaged {
            detail: format!("segment {:08x}: the head of a message is not right", entry.segment),
        })
    }

    /// The unique-id that an id has by itself.
    pub(crate) fn native_uidl(&self, id: u64) -> Uidl {
        self.tags.of(id).uidl(id)
    }

    /// Whether a message of this maildrop has this unique-id.
    pub(crate) fn has_uidl(&self, maildrop: u64, uidl: &str) -> Result<bool, StoreError> {
        let there = |id| self.index.entry(maildrop, id, &self.overlay);
        if let Some(id) = id_of(uidl)
            && self.native_uidl(id).as_str() == uidl
            && there(id)?.is_some_and(|entry| entry.flags & NAMED == 0)
        {
            return Ok(true);
        }
        let recent = {
            let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner);
            overlay.named(maildrop, uidl.as_bytes())
        };
        let named = match recent {
            None => self.index.named(maildrop, uidl.as_bytes())?,
            recent => recent,
        };
        Ok(match named {
            Some(id) => there(id)?.is_some(),
            None => false,
        })
    }

    /// The unique-id of a message.
    pub(crate) fn uidl(&self, maildrop: u64, entry: &Entry) -> Result<Uidl, StoreError> {
        if entry.flags & NAMED == 0 {
            return Ok(self.native_uidl(entry.id));
        }
        let known = {
            let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner);
            overlay.uidl(maildrop, entry.id).map(<[u8]>::to_vec)
        };
        let known = match known {
            None => self.index.uidl(maildrop, entry.id)?,
            known => known,
        };
        let damaged = |detail: String| StoreError::Damaged { detail };
        let uidl = known.ok_or_else(|| damaged("a unique-id is not in the index".into()))?;
        Uidl::new(&uidl).map_err(|wrong| damaged(format!("a unique-id: {wrong}")))
    }

    /// The message of an entry; `None` if the disk must be waited for, and may not be.
    pub(crate) fn message(&self, entry: &Entry, wait: Wait) -> Result<Option<Body>, StoreError> {
        let place = Place {
            disk: &*self.disk,
            folder: &self.folder,
            segments: &self.segments,
            seed: self.seed(),
        };
        read::message(place, entry, wait)
    }
}
