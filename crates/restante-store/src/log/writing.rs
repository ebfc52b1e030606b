//! Jobs become records of a batch.

use crate::error::StoreError;
use crate::log::addition::Addition;
use crate::log::batch::Batch;
use crate::log::bugs::{self, Bug};
use crate::log::deed::Decision;
use crate::log::epochs::IdSource;
use crate::log::mark::Mark;
use crate::log::meta::Destroyed;
use crate::log::record::{FLAG_CONTINUES, Head, Kind};

/// A batch that is being filled.
pub(crate) struct Writing<'a> {
    pub(crate) batch: Batch,
    pub(crate) ids: &'a IdSource,
    /// The epoch that the log has said last.
    pub(crate) epoch: u32,
}

impl Writing<'_> {
    /// What was noted, if anything was.
    pub(crate) fn noted(&mut self, notes: &[u8]) -> Result<(), StoreError> {
        if notes.is_empty() {
            return Ok(());
        }
        self.batch.push_plain(Kind::Event, notes).ok_or_else(too_large)
    }

    /// A message, with ids of its own; and with it what it takes the place of goes.
    pub(crate) fn add(&mut self, addition: &mut Addition) -> Result<(), StoreError> {
        let wanted = addition.shares.iter().filter(|share| !share.is_refused).count();
        let mut fresh = self.take(wanted)?.into_iter();
        let ids = addition
            .shares
            .iter()
            .map(|share| if share.is_refused { 0 } else { fresh.next().unwrap_or_default() });
        addition.ids = ids.collect();
        addition.meta.set_ids(&addition.ids);
        let continues = if addition.replaces.is_some() { FLAG_CONTINUES } else { 0 };
        let head = Head { flags: addition.head.flags | continues, ..addition.head };
        self.batch.push(&head, &addition.meta.octets, &addition.body).ok_or_else(too_large)?;
        addition.replaces.as_ref().map_or(Ok(()), |replaced| self.destroy(replaced))
    }

    /// Messages are gone.
    pub(crate) fn destroy(&mut self, destroyed: &Destroyed) -> Result<(), StoreError> {
        if bugs::is_on(Bug::UpdateSplit)
            && let [first, rest @ ..] = &*destroyed.copies
            && !rest.is_empty()
        {
            let part = |copies: Vec<_>| Destroyed { copies, ..destroyed.clone() };
            self.destroy(&part(vec![*first]))?;
            return self.destroy(&part(rest.to_vec()));
        }
        let meta = destroyed.encode().ok_or_else(too_large)?;
        self.batch.push_plain(Kind::Destroy, &meta).ok_or_else(too_large)
    }

    /// All that was decided, together or not at all.
    pub(crate) fn decided(&mut self, decision: &mut Decision) -> Result<(), StoreError> {
        let Decision { marks, destroyed, .. } = decision;
        let stamps = self.take(marks.len())?;
        let last = marks.len().saturating_sub(1);
        for ((place, mark), stamp) in marks.iter_mut().enumerate().zip(stamps) {
            mark.said.stamp = stamp;
            let continues =
                (place < last || destroyed.is_some()) && !bugs::is_on(Bug::GroupNotBound);
            self.mark(mark, if continues { FLAG_CONTINUES } else { 0 })?;
        }
        destroyed.as_ref().map_or(Ok(()), |destroyed| self.destroy(destroyed))
    }

    fn mark(&mut self, mark: &Mark, flags: u8) -> Result<(), StoreError> {
        let meta = mark.encode().ok_or_else(too_large)?;
        self.batch.push_flagged(Kind::Mark, flags, &meta).ok_or_else(too_large)
    }

    /// So many ids; if they are of another epoch, the log says so before.
    fn take(&mut self, count: usize) -> Result<Vec<u64>, StoreError> {
        let (ids, epoch) = self.ids.take(count)?;
        if epoch != self.epoch {
            self.epoch = epoch;
            self.batch.push_plain(Kind::Epoch, &epoch.to_le_bytes()).ok_or_else(too_large)?;
        }
        Ok(ids)
    }
}

const fn too_large() -> StoreError {
    StoreError::TooLarge { octets_max: u32::MAX as u64 }
}
