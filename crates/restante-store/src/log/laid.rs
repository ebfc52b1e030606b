//! What is laid over messages, told by marks, and marks that lay it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use mail_wire::MessageId;

use crate::custody::Laid;
use crate::log::entry::Entry;
use crate::log::mark::{ASIDE, DEATHS, HELD, HIDDEN, RETRIEVED, Said, Spot, number_of, reason_of};
use crate::log::telling::time;

/// What is laid over these messages, of each over which anything is.
pub(crate) fn laid(entries: &[Entry], said: BTreeMap<Spot, Said>) -> BTreeMap<u64, Laid> {
    let mut all: BTreeMap<u64, Laid> = BTreeMap::new();
    for (spot, Said { value, .. }) in said {
        let is_there = || entries.binary_search_by_key(&spot.id, |entry| entry.id).is_ok();
        if value == 0 || !is_there() {
            continue;
        }
        let laid = all.entry(spot.id).or_default();
        match spot.aspect {
            HIDDEN => laid.hidden_from.push(spot.credential),
            HELD => laid.held_until = Some(time(value)),
            ASIDE => laid.set_aside = Some(reason_of(value)),
            DEATHS => laid.deaths = u32::try_from(value).unwrap_or(u32::MAX),
            RETRIEVED => laid.retrieved = Some(time(value)),
            _ => {}
        }
    }
    all.retain(|_, laid| *laid != Laid::default());
    all
}

/// What has to be said so that this is laid over a message.
pub(crate) fn said(message: MessageId, laid: &Laid) -> Vec<(Spot, u64)> {
    let of = |aspect, value| (Spot::of(aspect, message.get()), value);
    let hidden = laid.hidden_from.iter().map(|one| (Spot::hidden(*one, message.get()), 1));
    hidden
        .chain(laid.held_until.map(|until| of(HELD, millis(until))))
        .chain(laid.set_aside.map(|reason| of(ASIDE, number_of(reason))))
        .chain(laid.retrieved.map(|at| of(RETRIEVED, millis(at))))
        .chain(Some(of(DEATHS, u64::from(laid.deaths))).filter(|(_, deaths)| *deaths != 0))
        .collect()
}

/// Milliseconds since 1970; never 0, which is nothing.
pub(crate) fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1)
}
