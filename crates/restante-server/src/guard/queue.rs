//! One maildrop as a queue: which message is with a worker, and which has to wait for another
//! try. Pure: time comes in as `now`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use mail_wire::{Listing, MessageId, MessageNumber};
use tokio::time::Instant;

/// How many messages of one maildrop are remembered to have been handed out in vain; beyond
/// that the one that waits least is forgotten, which offers it sooner. One is 40 octets.
const TRIED_MAX: usize = 64 * 1024;
/// Every so many messages that are handed out, one that was tried before goes first: neither
/// mail that keeps coming nor mail that keeps failing holds up the other.
const TURNS: u64 = 4;

/// For whom a message is finished: workers of one credential share what they have done, and
/// under shared views all workers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group(pub(super) u64);

/// How long a message waits after it was handed out in vain.
#[derive(Clone, Copy, Debug)]
pub(super) struct BackOff {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl BackOff {
    /// The wait after so many tries: doubling.
    fn after(self, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

/// The state of one maildrop's queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// With a worker now.
    held: HashSet<MessageId>,
    /// Handed out in vain.
    tried: HashMap<(Group, MessageId), Tried>,
    /// Finished while somebody was making a snapshot that may still list it, and the number of
    /// the last look that had begun by then.
    finished: Vec<(u64, Group, MessageId)>,
    /// Looks that have begun and not ended.
    looking: BTreeSet<u64>,
    looks: u64,
    handed_out: u64,
}

#[derive(Clone, Copy, Debug)]
struct Tried {
    tries: u32,
    not_before: Instant,
    /// The last look that had begun when this was written: a later one lists the message, or
    /// it is gone.
    known_since: u64,
}

impl Queue {
    /// Somebody is about to make a snapshot. Until the look ends it is remembered what others
    /// finish: the snapshot may list it all the same.
    pub(super) fn look(&mut self) -> u64 {
        self.looks = self.looks.saturating_add(1);
        self.looking.insert(self.looks);
        self.looks
    }

    /// The snapshot has been dealt with, or could not be made.
    pub(super) fn looked(&mut self, look: u64) {
        self.looking.remove(&look);
        match self.looking.first().copied() {
            None => self.finished = Vec::new(),
            Some(oldest) => self.finished.retain(|(last, ..)| *last >= oldest),
        }
    }

    /// Hands out at most so many messages of a snapshot that was made after the look began:
    /// their numbers there, ascending.
    pub(super) fn take(
        &mut self,
        group: Group,
        look: u64,
        listing: &Listing,
        room: usize,
        now: Instant,
    ) -> Vec<MessageNumber> {
        let finished: HashSet<MessageId> = self
            .finished
            .iter()
            .filter(|(last, whose, _)| *last >= look && *whose == group)
            .map(|(_, _, id)| *id)
            .collect();
        let mut fresh = Vec::new();
        let mut due = Vec::new();
        let mut listed = HashSet::new();
        let waiting = self.tried.keys().filter(|(whose, _)| *whose == group).count();
        for entry in listing.iter() {
            // There is enough, and nothing that was tried stands further on: of a million
            // messages only the first are looked at.
            if fresh.len() >= room && listed.len() >= waiting {
                break;
            }
            let tried = self.tried.get(&(group, entry.id));
            if tried.is_some() {
                listed.insert(entry.id);
            }
            if self.held.contains(&entry.id) || finished.contains(&entry.id) {
                continue;
            }
            match tried {
                Some(tried) if tried.not_before <= now => {
                    due.push((tried.not_before, entry.number, entry.id));
                }
                None if fresh.len() < room => fresh.push((entry.number, entry.id)),
                // It has to wait, or there is enough.
                Some(_) | None => {}
            }
        }
        self.tried.retain(|(whose, id), tried| {
            *whose != group || tried.known_since >= look || listed.contains(id)
        });
        due.sort_unstable();
        let due = due.into_iter().map(|(_, number, id)| (number, id));
        self.hand_out(fresh.into_iter(), due, room)
    }

    fn hand_out(
        &mut self,
        mut fresh: impl Iterator<Item = (MessageNumber, MessageId)>,
        mut due: impl Iterator<Item = (MessageNumber, MessageId)>,
        room: usize,
    ) -> Vec<MessageNumber> {
        let mut numbers = Vec::new();
        while numbers.len() < room {
            let next = if self.handed_out.rem_euclid(TURNS) == 0 {
                due.next().or_else(|| fresh.next())
            } else {
                fresh.next().or_else(|| due.next())
            };
            let Some((number, id)) = next else { break };
            // A listing names a message once; if it did not, the second is not handed out.
            if self.held.insert(id) {
                self.handed_out = self.handed_out.wrapping_add(1);
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        numbers
    }

    /// A worker is done with this message.
    pub(super) fn finish(&mut self, group: Group, message: MessageId) {
        self.held.remove(&message);
        self.tried.remove(&(group, message));
        if !self.looking.is_empty() {
            self.finished.push((self.looks, group, message));
        }
    }

    /// A worker is done with this message, and it stays in the maildrop all the same: it is
    /// not offered again for the longest time.
    pub(super) fn put_off(
        &mut self,
        group: Group,
        message: MessageId,
        back_off: BackOff,
        now: Instant,
    ) {
        self.held.remove(&message);
        self.wait(group, message, 0, back_off.longest, now);
    }

    /// A worker leaves this message unfinished. One that it had retrieved was tried: its wait
    /// doubles with each try. Answers how often it was tried.
    pub(super) fn give_back(
        &mut self,
        group: Group,
        message: MessageId,
        retrieved: bool,
        back_off: BackOff,
        now: Instant,
    ) -> u32 {
        self.held.remove(&message);
        let before = self.tried.get(&(group, message)).map_or(0, |tried| tried.tries);
        let tries = before.saturating_add(u32::from(retrieved));
        self.wait(group, message, tries, back_off.after(tries), now);
        tries
    }

    fn wait(
        &mut self,
        group: Group,
        message: MessageId,
        tries: u32,
        pause: Duration,
        now: Instant,
    ) {
        if self.tried.len() >= TRIED_MAX {
            let soonest = self.tried.iter().min_by_key(|(_, tried)| tried.not_before);
            if let Some(key) = soonest.map(|(key, _)| *key) {
                self.tried.remove(&key);
            }
        }
        let not_before = now.checked_add(pause).unwrap_or(now);
        let wait = Tried { tries, not_before, known_since: self.looks };
        self.tried.insert((group, message), wait);
    }

    /// Nothing is remembered of how often this message was tried.
    pub(super) fn forget(&mut self, group: Group, message: MessageId) {
        self.tried.remove(&(group, message));
    }

    /// When the first of the messages that waited at `then` is offered again; `None`: none did.
    pub(super) fn next_due(&self, then: Instant) -> Option<Instant> {
        self.tried
            .iter()
            .filter(|((_, id), tried)| tried.not_before > then && !self.held.contains(id))
            .map(|(_, tried)| tried.not_before)
            .min()
    }

    /// Whether nothing is remembered.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.tried.is_empty() && self.looking.is_empty()
    }

    /// Forgets what could have been fetched again for so long, and was not.
    pub(super) fn forget_older(&mut self, age: Duration, now: Instant) {
        self.tried.retain(|_, tried| now.saturating_duration_since(tried.not_before) < age);
    }
}

#[cfg(test)]
mod tests {
    use mail_wire::{ListingBuilder, Octets, Uidl};

    use super::*;

    const US: Group = Group(0);
    const BACK_OFF: BackOff =
        BackOff { first: Duration::from_mins(1), longest: Duration::from_hours(1) };

    fn listing(ids: &[u64]) -> Listing {
        let mut builder = ListingBuilder::default();
        for &id in ids {
            let uidl = Uidl::new(format!("u{id}").as_bytes()).unwrap();
            builder.push(MessageId::new(id), Octets::new(1), &uidl, false).unwrap();
        }
        builder.finish()
    }

    fn ids(listing: &Listing, numbers: &[MessageNumber]) -> Vec<u64> {
        numbers.iter().map(|number| listing.get(*number).unwrap().id.get()).collect()
    }

    fn take(queue: &mut Queue, listed: &[u64], room: usize, now: Instant) -> Vec<u64> {
        let look = queue.look();
        let listing = listing(listed);
        let numbers = queue.take(US, look, &listing, room, now);
        queue.looked(look);
        ids(&listing, &numbers)
    }

    // `product` §6: no message handed out twice at a time; §3: order is delivery order
    #[test]
    fn messages_are_handed_out_in_order_and_once() {
        let mut queue = Queue::default();
        let now = Instant::now();
        assert_eq!(take(&mut queue, &[1, 2, 3, 4, 5], 2, now), [1, 2]);
        assert_eq!(take(&mut queue, &[1, 2, 3, 4, 5], 2, now), [3, 4]);
        assert_eq!(take(&mut queue, &[1, 2, 3, 4, 5], 2, now), [5]);
    }

    // `product` §6: after a back-off, 1 min doubling to 1 h
    #[test]
    fn a_message_that_is_given_back_waits_twice_as_long_each_time() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        let mut minutes = Vec::new();
        for _ in 0..8 {
            assert_eq!(take(&mut queue, &[7], 9, now), [7]);
            queue.give_back(US, MessageId::new(7), true, BACK_OFF, now);
            let due = queue.next_due(now).unwrap();
            minutes.push((due - now).as_secs() / 60);
            assert!(take(&mut queue, &[7], 9, due - Duration::from_secs(1)).is_empty());
            now = due;
        }
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    // `product` §6: offered again; what a worker never looked at is no failure of it
    #[test]
    fn what_was_not_retrieved_waits_no_longer_than_the_first_time() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        for _ in 0..5 {
            assert_eq!(take(&mut queue, &[7], 9, now), [7]);
            assert_eq!(queue.give_back(US, MessageId::new(7), false, BACK_OFF, now), 0);
            now += Duration::from_mins(1);
        }
    }

    // a snapshot that was made before another worker was done lists what that one removed
    #[test]
    fn what_was_finished_during_a_look_is_not_handed_out() {
        let mut queue = Queue::default();
        let now = Instant::now();
        assert_eq!(take(&mut queue, &[1, 2], 1, now), [1]);
        let look = queue.look();
        let stale = listing(&[1, 2]);
        queue.finish(US, MessageId::new(1));
        let numbers = queue.take(US, look, &stale, 9, now);
        assert_eq!(ids(&stale, &numbers), [2]);
        queue.looked(look);
        assert!(queue.finished.is_empty());
    }

    // bounded memory: what is gone from the maildrop is forgotten, and what arrived after the
    // snapshot was made is not taken for gone
    #[test]
    fn waits_are_forgotten_with_their_messages_alone() {
        let mut queue = Queue::default();
        let now = Instant::now();
        let early = queue.look();
        assert_eq!(take(&mut queue, &[1, 2], 9, now), [1, 2]);
        queue.give_back(US, MessageId::new(2), true, BACK_OFF, now);
        queue.finish(US, MessageId::new(1));
        assert!(queue.take(US, early, &listing(&[]), 9, now).is_empty());
        queue.looked(early);
        assert!(queue.next_due(now).is_some(), "the early snapshot knows nothing of it");
        assert!(take(&mut queue, &[], 9, now).is_empty());
        assert!(queue.is_idle());
    }

    // none is starved: neither by mail that keeps coming nor by mail that keeps failing
    #[test]
    fn old_and_new_take_turns() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        let failing: Vec<u64> = (1..=50).collect();
        assert_eq!(take(&mut queue, &failing, 50, now).len(), 50);
        for id in &failing {
            queue.give_back(US, MessageId::new(*id), true, BACK_OFF, now);
        }
        now += Duration::from_hours(1);
        let all: Vec<u64> = (1..=150).collect();
        let batch = take(&mut queue, &all, 40, now);
        let old = batch.iter().filter(|id| **id <= 50).count();
        assert!(old >= 8 && batch.len() - old >= 8, "{old} old of {}", batch.len());
    }

    #[test]
    fn credentials_with_views_of_their_own_finish_for_themselves() {
        let mut queue = Queue::default();
        let now = Instant::now();
        let listing = listing(&[1]);
        let look = queue.look();
        assert_eq!(queue.take(Group(1), look, &listing, 9, now).len(), 1);
        assert!(queue.take(Group(2), look, &listing, 9, now).is_empty(), "not two at a time");
        queue.finish(Group(1), MessageId::new(1));
        assert!(queue.take(Group(1), look, &listing, 9, now).is_empty());
        assert_eq!(queue.take(Group(2), look, &listing, 9, now).len(), 1);
    }
}
