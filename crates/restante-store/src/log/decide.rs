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

/// From so many on the whole maildrop is read at once.
const ONE_BY_ONE_MAX: usize = 16;

fn present(shard: &Shard, deed: &Deed) -> Result<Vec<Entry>, StoreError> {
    let mut ids = deed.ids.clone();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > ONE_BY_ONE_MAX {
        let mut entries = shard.entries(deed.maildrop)?;
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
