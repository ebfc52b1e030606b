//! Which messages have been kept for as long as they were to be.

use std::collections::BTreeMap;

use mail_wire::{After, Retention};

use crate::error::StoreError;
use crate::log::entry::Entry;
use crate::log::mark::{ASIDE, HELD, RETRIEVED, Said, Spot};
use crate::log::shard::Shard;

/// By when, and how long they are to be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// The time of day in milliseconds since 1970.
    pub(crate) now: u64,
    pub(crate) retention: Option<Retention>,
}

const DAY_MILLIS: u64 = 86_400_000;

/// The ids of those whose time is over, in order. What is held goes by its own time alone, and
/// what is set aside waits for people.
pub(crate) fn over(
    shard: &Shard,
    entries: &[Entry],
    said: &BTreeMap<Spot, Said>,
    clock: Clock,
) -> Result<Vec<u64>, StoreError> {
    let value = |aspect, id| said.get(&Spot::of(aspect, id)).map_or(0, |said| said.value);
    let mut over = Vec::new();
    for entry in entries {
        let held = value(HELD, entry.id);
        let is_over = if held != 0 {
            held <= clock.now
        } else if value(ASIDE, entry.id) != 0 {
            false
        } else {
            match clock.retention {
                None => false,
                Some(Retention { days, after: After::Retrieval }) => {
                    let retrieved = value(RETRIEVED, entry.id);
                    let for_days = clock.now.saturating_sub(retrieved) / DAY_MILLIS;
                    retrieved != 0 && for_days >= u64::from(days)
                }
                Some(Retention { days, after: After::Delivery }) => {
                    is_kept_since(shard, entry, clock.now)? >= u64::from(days)
                }
            }
        };
        if is_over {
            over.push(entry.id);
        }
    }
    Ok(over)
}

/// For how many whole days, at least, a message has been there.
fn is_kept_since(shard: &Shard, entry: &Entry, now: u64) -> Result<u64, StoreError> {
    if entry.day != 0 {
        // Some time on that day: so the day it was accepted does not count (RFC 2449 §6.7: the
        // minimum is announced).
        let days = (now / DAY_MILLIS).saturating_sub(u64::from(entry.day));
        return Ok(days.saturating_sub(1));
    }
    let accepted = match shard.accepted(entry) {
        // Nobody knows: it stays.
        Err(StoreError::Damaged { .. }) => return Ok(0),
        outcome => outcome?,
    };
    Ok(now.saturating_sub(accepted) / DAY_MILLIS)
}
