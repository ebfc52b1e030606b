//! Holds the index against what the segments say, and every octet against its checksum.

use std::collections::{BTreeMap, BTreeSet};

use mail_wire::MaildropId;

use crate::error::StoreError;
use crate::log::apply::{Applied, apply};
use crate::log::entry::{Entry, NAMED};
use crate::log::overlay::{Change, Overlay};
use crate::log::quarantine::{self, Stretch};
use crate::log::standstill::Standstill;
use crate::log::upkeep::beside;
use crate::log::upkeep::meter::Meter;
use crate::log::upkeep::walk::{Body, Read, walk};
use crate::upkeep::{Finding, Verdict, Watch};

/// Looks at all of it.
pub(super) fn verify(stills: &[Standstill], watch: &dyn Watch) -> Result<Verdict, StoreError> {
    let all = stills.iter().fold(0_u64, |sum, still| sum.saturating_add(still.octets()));
    let mut meter = Meter::new(watch, "verified", all);
    let mut verdict = Verdict { octets: all, ..Verdict::default() };
    for still in stills {
        let seen = Seen::read(still, &mut meter, &mut verdict)?;
        seen.compare(still, &mut verdict)?;
    }
    Ok(verdict)
}

/// What the segments say.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) folded: Overlay,
    /// Records whose bodies are not what was written, by segment and place.
    pub(super) wrong: BTreeMap<(u32, u32), Body>,
}

impl Seen {
    /// Reads all segments of a shard.
    pub(super) fn read(
        still: &Standstill,
        meter: &mut Meter<'_>,
        verdict: &mut Verdict,
    ) -> Result<Self, StoreError> {
        let mut seen = Self::default();
        // What a repair has dealt with is no news.
        let shard = still.shard();
        let dealt_with = quarantine::all(&*shard.disk)?.seen;
        walk(still, meter, &mut |read| {
            match read {
                Read::Record(record, body) => {
                    verdict.records = verdict.records.saturating_add(1);
                    let head = &record.head;
                    if body != Body::Right {
                        seen.wrong.insert((head.segment, head.place), body);
                    }
                    match apply(&mut seen.folded, head, &record.meta) {
                        Applied::Done | Applied::Epoch(_) => {}
                        Applied::Senseless | Applied::Unknown => {
                            let path = still.shard().segments.path(head.segment);
                            let what = format!("{path} at {}: a record makes no sense", record.at);
                            verdict.findings.push(Finding { maildrop: None, uidl: None, what });
                        }
                    }
                }
                Read::Nothing { segment, from, to } => {
                    let stretch = Stretch { shard: shard.number, segment, from };
                    if !dealt_with.contains(&stretch) {
                        let path = shard.segments.path(segment);
                        let what = format!("{path}, octets {from} to {to}: no record is there");
                        verdict.findings.push(Finding { maildrop: None, uidl: None, what });
                    }
                }
            }
            Ok(())
        })?;
        Ok(seen)
    }

    /// Holds the index against it (I8, I10, I11).
    fn compare(&self, still: &Standstill, verdict: &mut Verdict) -> Result<(), StoreError> {
        let mut listed = BTreeSet::new();
        let mut live: BTreeMap<u32, u64> = BTreeMap::new();
        still.moment.index.maildrops(|maildrop, entries| {
            listed.insert(maildrop);
            verdict.messages = verdict.messages.saturating_add(entries.len() as u64);
            for entry in entries {
                let live = live.entry(entry.segment).or_default();
                *live = live.saturating_add(entry.in_segment());
            }
            self.compare_one(still, maildrop, entries, verdict)
        })?;
        let nothing = Vec::new();
        for (maildrop, _) in self.folded.maildrops().filter(|(one, _)| !listed.contains(one)) {
            self.compare_one(still, maildrop, &nothing, verdict)?;
        }
        beside::compare(&self.folded, still, verdict)?;
        for (number, said) in still.moment.index.live()? {
            let is = live.get(&number).copied().unwrap_or_default();
            if still.moment.segments.contains_key(&number) && said != is {
                let path = still.shard().segments.path(number);
                let what = format!("{path}: the index says {said} octets are live, and {is} are");
                verdict.findings.push(Finding { maildrop: None, uidl: None, what });
            }
        }
        Ok(())
    }

    fn compare_one(
        &self,
        still: &Standstill,
        maildrop: u64,
        entries: &[Entry],
        verdict: &mut Verdict,
    ) -> Result<(), StoreError> {
        let of = MaildropId::new(maildrop);
        let mut find = |uidl: Option<String>, what: String| {
            verdict.findings.push(Finding { maildrop: Some(of), uidl, what });
        };
        let octets = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.octets));
        let sum = (entries.len() as u64, octets);
        let said = still.moment.index.sum(maildrop)?;
        if said != sum {
            find(None, format!("its sum is {sum:?} messages and octets, the index says {said:?}"));
        }
        let empty = BTreeMap::new();
        let changes = self.folded.changes_of(maildrop).map_or(&empty, |changes| &**changes);
        let mut known = BTreeSet::new();
        for entry in entries {
            known.insert(entry.id);
            let uidl = Some(name(still, maildrop, entry)?);
            match changes.get(&entry.id) {
                Some(Change::Added(is, named)) if same_message(is, entry) => {
                    let wanted = still.moment.index.uidl(maildrop, entry.id)?.unwrap_or_default();
                    if entry.flags & NAMED != 0 && wanted != *named {
                        find(uidl.clone(), "its unique-id is not the one it came with".to_owned());
                    }
                }
                Some(Change::Destroyed) => {
                    find(uidl.clone(), "it is listed, and was removed".to_owned());
                }
                _ => find(
                    uidl.clone(),
                    format!("its record is not where the index says, {}", at(still, entry)),
                ),
            }
            if let Some(body) = self.wrong.get(&(entry.segment, entry.place)) {
                find(uidl, told(*body, still, entry));
            }
        }
        for (id, change) in changes {
            if let Change::Added(entry, _) = change
                && !known.contains(id)
            {
                find(None, format!("a message is not in the index: {}", at(still, entry)));
            }
        }
        Ok(())
    }
}

/// What of an entry the segments decide.
fn same_message(one: &Entry, other: &Entry) -> bool {
    (one.id, one.octets, one.segment, one.place, one.recipient)
        == (other.id, other.octets, other.segment, other.place, other.recipient)
        && one.flags == other.flags
        // Of entries from before it was kept it is not known.
        && (one.day == other.day || other.day == 0)
}

/// What is wrong with a body.
pub(super) fn told(body: Body, still: &Standstill, entry: &Entry) -> String {
    let at = at(still, entry);
    match body {
        Body::Missing => format!("the file of its body is missing: {at}"),
        Body::Right | Body::Wrong => format!("its body is not what was written: {at}"),
    }
}

/// The unique-id of an entry, for people.
pub(super) fn name(still: &Standstill, maildrop: u64, entry: &Entry) -> Result<String, StoreError> {
    let brought = if entry.flags & NAMED == 0 {
        None
    } else {
        still.moment.index.uidl(maildrop, entry.id)?
    };
    Ok(match brought {
        Some(octets) => String::from_utf8_lossy(&octets).into_owned(),
        None => still.shard().native_uidl(entry.id).as_str().to_owned(),
    })
}

/// Where an entry is, for people.
pub(super) fn at(still: &Standstill, entry: &Entry) -> String {
    let path = still.shard().segments.path(entry.segment);
    format!("{path} at {}", crate::log::record::offset(entry.place))
}
