//! What jobs come to is decided, one after the other, before they are written together.

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::log::addition::{Addition, Given};
use crate::log::decide::decide;
use crate::log::queue::Job;
use crate::log::shard::Shard;
use crate::log::snapshots::Doomed;
use crate::store::Usage;

/// Decides what these jobs write. Those that have nothing to write are answered, and left out.
/// Only the writer may ask, and only when all that it wrote is known.
pub(crate) fn prepare(shard: &Shard, jobs: Vec<Job>) -> Vec<Job> {
    let mut room = Room { shard, used: BTreeMap::new() };
    let mut prepared = Vec::with_capacity(jobs.len());
    for job in jobs {
        match job {
            Job::Deed(mut deed, answer) => match decide(shard, &deed) {
                Ok(decided) if decided.is_empty() => drop(answer.send(Ok(decided.answer))),
                Ok(decided) => {
                    deed.decided = decided;
                    prepared.push(Job::Deed(deed, answer));
                }
                Err(fault) => drop(answer.send(Err(fault))),
            },
            Job::Add(mut addition, answer) => {
                let outcome = room.admit(&mut addition).and_then(|()| still(shard, &mut addition));
                let refused = match outcome {
                    Ok(()) if addition.shares.iter().any(|share| !share.is_refused) => {
                        prepared.push(Job::Add(addition, answer));
                        continue;
                    }
                    Ok(()) => Ok(vec![Given::NOTHING; addition.shares.len()]),
                    Err(fault) => Err(fault),
                };
                // No record will ever name it.
                if let Some(file_id) = addition.file_id {
                    shard.snapshots.doom(Doomed::Big(file_id));
                }
                drop(answer.send(refused));
            }
            job => prepared.push(job),
        }
    }
    prepared
}

/// How much room maildrops have, with what goes before into the same batch.
struct Room<'a> {
    shard: &'a Shard,
    used: BTreeMap<u64, Usage>,
}

impl Room<'_> {
    /// Refuses those shares whose maildrops have no room for them.
    fn admit(&mut self, addition: &mut Addition) -> Result<(), StoreError> {
        for share in &mut addition.shares {
            let maildrop = share.maildrop.get();
            let is_limited = share.quota != mail_wire::Quota::default();
            if !is_limited && !self.used.contains_key(&maildrop) {
                continue;
            }
            let used = match self.used.get(&maildrop) {
                Some(used) => *used,
                None => self.shard.usage(maildrop)?,
            };
            share.is_refused = !share.quota.has_room(used.messages, used.octets, share.octets);
            let used = if share.is_refused { used } else { used.plus(share.octets) };
            self.used.insert(maildrop, used);
        }
        Ok(())
    }
}

/// Looks where the message is that is replaced: it may be gone by now.
fn still(shard: &Shard, addition: &mut Addition) -> Result<(), StoreError> {
    let Some(replaced) = &mut addition.replaces else { return Ok(()) };
    for (id, segment) in &mut replaced.copies {
        let entry = shard.index.entry(replaced.maildrop, *id, &shard.overlay)?;
        let gone = || StoreError::Absent { detail: "it was destroyed meanwhile".into() };
        *segment = entry.ok_or_else(gone)?.segment;
    }
    Ok(())
}
