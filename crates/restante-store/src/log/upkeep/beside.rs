//! Holds what the index keeps beside the messages against what the segments say: what is laid
//! over them, when they are due, stand-ins, unique-ids, and where the journal begins.

use std::collections::BTreeMap;

use mail_wire::MaildropId;

use crate::error::StoreError;
use crate::log::entry::{Entry, NAMED, SURROGATE};
use crate::log::index_view::Beside;
use crate::log::mark::{HELD, Said, Spot};
use crate::log::overlay::{Change, Overlay};
use crate::log::record::offset;
use crate::log::standstill::Standstill;
use crate::upkeep::{Finding, Verdict};

/// Compares one shard.
pub(super) fn compare(
    folded: &Overlay,
    still: &Standstill,
    verdict: &mut Verdict,
) -> Result<(), StoreError> {
    let comparing = Comparing { folded, still };
    let is = still.moment.index.beside()?;
    let wanted = comparing.wanted();
    let mut find = |maildrop, id, what: &str| {
        verdict.findings.push(comparing.finding(maildrop, id, what));
    };
    for key in differing(&wanted.marks, &is.marks) {
        find(key.0, key.1.id, "what is laid over it is not what the index says");
    }
    for key in wanted.due.symmetric_difference(&is.due) {
        find(key.1, key.2, "the index says otherwise until when it is held");
    }
    for key in differing(&wanted.surrogates, &is.surrogates) {
        find(key.0, key.1, "the index says another size with the stand-in for its header");
    }
    for key in differing(&wanted.names, &is.names) {
        let id = wanted.names.get(key).or_else(|| is.names.get(key)).copied().unwrap_or_default();
        find(key.0, id, "the index does not find it, or another, by its unique-id");
    }
    for ((segment, maildrop), place) in folded.written().first() {
        // One that is too early costs time; one that is too late hides what happened.
        let is_late = is.journal.get(&(segment, maildrop)).is_none_or(|said| *said > place);
        if is_late && still.moment.segments.contains_key(&segment) {
            let (path, at) = (still.shard().segments.path(segment), offset(place));
            let what = format!("{path} at {at}: the index does not lead to what happened there");
            let maildrop = Some(MaildropId::new(maildrop));
            verdict.findings.push(Finding { maildrop, uidl: None, what });
        }
    }
    Ok(())
}

struct Comparing<'a> {
    folded: &'a Overlay,
    still: &'a Standstill,
}

impl Comparing<'_> {
    /// What the index should keep, but for where the journal begins.
    fn wanted(&self) -> Beside {
        let mut wanted = Beside::default();
        for (maildrop, said) in self.folded.marks() {
            for (spot, said) in said {
                if self.entry(maildrop, spot.id).is_some() {
                    wanted.mark(maildrop, *spot, *said);
                }
            }
        }
        for (maildrop, changes) in self.folded.maildrops() {
            for (id, change) in changes {
                let Change::Added(entry, uidl) = change else { continue };
                if entry.flags & NAMED != 0 {
                    wanted.names.insert((maildrop, uidl.clone()), *id);
                }
                let octets = self.folded.surrogates().get(&(maildrop, *id));
                if let Some(octets) = octets.filter(|_| entry.flags & SURROGATE != 0) {
                    wanted.surrogates.insert((maildrop, *id), *octets);
                }
            }
        }
        wanted
    }

    fn entry(&self, maildrop: u64, id: u64) -> Option<(&Entry, &[u8])> {
        match self.folded.changes_of(maildrop)?.get(&id)? {
            Change::Added(entry, uidl) => Some((entry, uidl)),
            Change::Destroyed => None,
        }
    }

    fn finding(&self, maildrop: u64, id: u64, what: &str) -> Finding {
        let uidl = self.entry(maildrop, id).map(|(entry, uidl)| match uidl {
            [] => self.still.shard().native_uidl(entry.id).as_str().to_owned(),
            brought => String::from_utf8_lossy(brought).into_owned(),
        });
        let maildrop = Some(MaildropId::new(maildrop));
        let gone = if uidl.is_none() { " (it is not there)" } else { "" };
        Finding { maildrop, uidl, what: format!("{what}{gone}") }
    }
}

impl Beside {
    /// This was said of a message that is there.
    pub(crate) fn mark(&mut self, maildrop: u64, spot: Spot, said: Said) {
        // 0 is as if nothing had ever been said.
        if said.value != 0 {
            self.marks.insert((maildrop, spot), said);
            if spot.aspect == HELD {
                self.due.insert((said.value, maildrop, spot.id));
            }
        }
    }
}

/// The keys at which two maps are not alike.
fn differing<'a, K: Ord, V: PartialEq>(
    one: &'a BTreeMap<K, V>,
    other: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = &'a K> {
    let changed = one.iter().filter(|(key, value)| other.get(key) != Some(value));
    let more = other.keys().filter(|key| !one.contains_key(key));
    changed.map(|(key, _)| key).chain(more)
}
