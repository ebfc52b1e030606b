//! What was listed lately, so that a maildrop that did not change is not listed again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use mail_wire::Listing;

use crate::log::rows::Row;
use crate::log::withheld::Eyes;

/// A maildrop as it was listed.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) listing: Arc<Listing>,
    /// Where the messages are, in the order of the listing.
    pub(crate) rows: Vec<Row>,
}

impl Listed {
    /// How much memory it has, in octets.
    fn memory(&self) -> usize {
        let rows = self.rows.capacity().saturating_mul(size_of::<Row>());
        self.listing.memory().saturating_add(rows)
    }
}

/// By whom a maildrop is listed: who sees other messages of it, or sees them otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Viewer {
    pub(crate) eyes: Eyes,
    /// Whether stand-ins are shown, in the place of headers with raw UTF-8.
    pub(crate) stand_ins: bool,
}

/// What was listed lately of the maildrops of a shard.
#[derive(Debug)]
pub(crate) struct Listings {
    octets_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Of maildrops that did not change since somebody began to list them.
    slots: HashMap<u64, Slot>,
    /// How much memory what is kept has.
    octets: usize,
    /// How often something was asked for.
    now: u64,
}

#[derive(Debug)]
struct Slot {
    /// When somebody began to list it, the first after it changed.
    since: u64,
    lists: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    viewer: Viewer,
    /// When it was asked for last.
    used: u64,
    octets: usize,
    /// `None`: there is no room for it.
    here: Option<Arc<Listed>>,
    /// It can still be shared with the sessions that have it.
    shared: Weak<Listed>,
}

/// Somebody lists a maildrop: for [`Listings::listed`].
#[derive(Debug)]
pub(crate) struct Looking(u64);

/// So many maildrops are known at most; with more, all are listed again.
const SLOTS_MAX: usize = 1 << 16;

/// So many viewers of one maildrop.
const VIEWERS_MAX: usize = 8;

impl Listings {
    /// Keeps about so many octets at most.
    pub(crate) fn new(octets_max: usize) -> Self {
        Self { octets_max, state: Mutex::default() }
    }

    /// The maildrop as this one sees it, if that is known; else it is about to be listed.
    pub(crate) fn known(&self, maildrop: u64, viewer: Viewer) -> Result<Arc<Listed>, Looking> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = state.now.saturating_add(1);
        let now = state.now;
        if state.slots.len() >= SLOTS_MAX && !state.slots.contains_key(&maildrop) {
            (state.slots, state.octets) = (HashMap::new(), 0);
        }
        let new = || Slot { since: now, lists: Vec::new() };
        let slot = state.slots.entry(maildrop).or_insert_with(new);
        let known = slot.lists.iter_mut().find(|kept| kept.viewer == viewer);
        let shared = known.and_then(|kept| {
            kept.used = now;
            kept.shared.upgrade()
        });
        shared.ok_or(Looking(slot.since))
    }

    /// This is how it was listed; it is kept, unless it has changed since.
    pub(crate) fn listed(
        &self,
        maildrop: u64,
        looking: &Looking,
        viewer: Viewer,
        listed: &Arc<Listed>,
    ) {
        let octets = listed.memory();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { slots, octets: all, now } = &mut *state;
        let Some(slot) = slots.get_mut(&maildrop).filter(|slot| slot.since == looking.0) else {
            return;
        };
        slot.drop_lists(all, |kept| kept.viewer == viewer || kept.shared.strong_count() == 0);
        if slot.lists.len() >= VIEWERS_MAX {
            slot.drop_lists(all, |_| true);
        }
        let here = (octets <= self.octets_max).then(|| Arc::clone(listed));
        if here.is_some() {
            *all = all.saturating_add(octets);
        }
        slot.lists.push(Kept { viewer, used: *now, octets, here, shared: Arc::downgrade(listed) });
        while state.octets > self.octets_max {
            state.drop_oldest();
        }
    }

    /// These changed. To be told while nobody can see what they hold now.
    pub(crate) fn forget(&self, maildrops: impl Iterator<Item = u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { slots, octets, .. } = &mut *state;
        for maildrop in maildrops {
            if let Some(mut slot) = slots.remove(&maildrop) {
                slot.drop_lists(octets, |_| true);
            }
        }
    }
}

impl State {
    /// Lets go of what was not asked for longest; whoever has it may still share it.
    fn drop_oldest(&mut self) {
        let lists = self.slots.values_mut().flat_map(|slot| &mut slot.lists);
        let oldest = lists.filter(|kept| kept.here.is_some()).min_by_key(|kept| kept.used);
        let Some(oldest) = oldest else {
            self.octets = 0;
            return;
        };
        oldest.here = None;
        self.octets = self.octets.saturating_sub(oldest.octets);
    }
}

impl Slot {
    fn drop_lists(&mut self, octets: &mut usize, which: impl Fn(&Kept) -> bool) {
        for gone in self.lists.extract_if(.., |kept| which(kept)) {
            if gone.here.is_some() {
                *octets = octets.saturating_sub(gone.octets);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_wire::{ListingBuilder, MessageId, Octets};

    const ONE: Viewer = Viewer { eyes: Eyes::Credential(1), stand_ins: false };
    const OTHER: Viewer = Viewer { eyes: Eyes::Credential(2), ..ONE };

    fn of(messages: u64) -> Arc<Listed> {
        let mut listing = ListingBuilder::default();
        for id in 0..messages {
            listing.push_native(MessageId::new(id), Octets::new(1), false).unwrap();
        }
        Arc::new(Listed { listing: Arc::new(listing.finish()), rows: Vec::new() })
    }

    // I1, I3: whoever opens it after an acknowledgement sees what was acknowledged
    #[test]
    fn what_changed_is_listed_again_also_if_it_changed_while_it_was_listed() {
        let listings = Listings::new(1 << 20);
        let looking = listings.known(7, ONE).unwrap_err();
        let listed = of(3);
        listings.listed(7, &looking, ONE, &listed);
        assert!(Arc::ptr_eq(&listings.known(7, ONE).unwrap(), &listed));
        listings.known(7, OTHER).unwrap_err();
        listings.known(7, Viewer { stand_ins: true, ..ONE }).unwrap_err();
        listings.known(7, Viewer { eyes: Eyes::Everything, ..ONE }).unwrap_err();
        listings.known(8, ONE).unwrap_err();
        listings.forget([8, 7].into_iter());
        let looking = listings.known(7, ONE).unwrap_err();
        let other = listings.known(7, OTHER).unwrap_err();
        listings.forget([7].into_iter());
        listings.listed(7, &looking, ONE, &listed);
        let again = listings.known(7, ONE).unwrap_err();
        listings.listed(7, &other, OTHER, &listed);
        listings.known(7, OTHER).unwrap_err();
        listings.listed(7, &again, ONE, &listed);
        listings.known(7, ONE).unwrap();
        listings.known(7, OTHER).unwrap_err();
    }

    // issue 3: memory is bounded
    #[test]
    fn what_is_kept_has_a_limit_and_what_a_session_has_is_shared_beyond_it() {
        let each = of(10).memory();
        assert!(each >= 160);
        let listings = Listings::new(each * 2);
        let list = |maildrop, listed: &Arc<Listed>| {
            let looking = listings.known(maildrop, ONE).unwrap_err();
            listings.listed(maildrop, &looking, ONE, listed);
        };
        list(1, &of(10));
        list(2, &of(10));
        listings.known(1, ONE).unwrap();
        let third = of(10);
        list(3, &third);
        assert!(listings.known(1, ONE).is_ok(), "asked for later than the second");
        listings.known(2, ONE).unwrap_err();
        let large = of(100);
        list(4, &large);
        assert!(Arc::ptr_eq(&listings.known(4, ONE).unwrap(), &large));
        drop(large);
        listings.known(4, ONE).unwrap_err();
        assert!(listings.known(1, ONE).is_ok());
        list(2, &of(10));
        list(5, &of(10));
        assert!(Arc::ptr_eq(&listings.known(3, ONE).unwrap(), &third), "a session has it");
        let octets = listings.state.lock().unwrap().octets;
        assert!(octets <= each * 2, "{octets}");
        listings.forget(1..=5);
        assert_eq!(listings.state.lock().unwrap().octets, 0);
    }
}
