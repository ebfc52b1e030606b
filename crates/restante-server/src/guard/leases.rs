//! Leases: which worker session has which messages (`product` §6).
//!
//! They live in memory and end with the process, which offers everything again (`rulings` 19).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail_wire::{Listing, MaildropId, MessageId, MessageNumber};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::guard::queue::{BackOff, Group, Queue};
use crate::ledger::stats::Gauge;

/// How long it is remembered that a message was handed out in vain, after it could have been
/// fetched again.
const MEMORY: Duration = Duration::from_hours(24);

/// How messages are leased to workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseSettings {
    /// How long a message that was not completed waits before it is offered again.
    pub back_off: Duration,
    /// The longest that it waits, after doubling with each try.
    pub back_off_max: Duration,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self { back_off: Duration::from_mins(1), back_off_max: Duration::from_hours(1) }
    }
}

/// All leases of one server.
#[derive(Debug)]
pub(crate) struct Leases {
    back_off: BackOff,
    slots: Mutex<HashMap<MaildropId, Arc<Slot>>>,
    held: Arc<Gauge>,
}

#[derive(Debug, Default)]
struct Slot {
    queue: Mutex<Queue>,
    changed: Notify,
}

/// What one worker session has. What it has not finished when it is dropped is offered to
/// others after a back-off.
#[derive(Debug)]
pub(crate) struct Lease {
    leases: Arc<Leases>,
    maildrop: MaildropId,
    group: Group,
    batch: usize,
    slot: Arc<Slot>,
    /// What it has, and whether that was retrieved.
    messages: Mutex<BTreeMap<MessageId, bool>>,
    /// When it last took what was free.
    taken_at: Mutex<Instant>,
}

/// A message that a session had retrieved and left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    pub(crate) message: MessageId,
    /// In how many sessions running.
    pub(crate) tries: u32,
}

/// What became of a lease when its session ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GivenBack {
    /// How many messages are offered again.
    pub(crate) messages: usize,
    /// Those of them that had been retrieved.
    pub(crate) unfinished: Vec<Unfinished>,
}

/// A snapshot that is being made, or was made and nothing was taken from it yet.
#[derive(Debug)]
pub(crate) struct Look {
    slot: Arc<Slot>,
    number: u64,
}

impl Leases {
    pub(crate) fn new(settings: LeaseSettings, held: Arc<Gauge>) -> Self {
        let back_off = BackOff { first: settings.back_off, longest: settings.back_off_max };
        Self { back_off, slots: Mutex::default(), held }
    }

    /// A lease on nothing yet, for a worker session of this maildrop. `group`: the credential,
    /// where its deletions count for it alone.
    pub(crate) fn begin(
        self: &Arc<Self>,
        maildrop: MaildropId,
        group: Option<u64>,
        batch: usize,
    ) -> Lease {
        let slot = Arc::clone(self.slots().entry(maildrop).or_default());
        let leases = Arc::clone(self);
        let group = Group(group.unwrap_or_default());
        let taken_at = Mutex::new(Instant::now());
        Lease { leases, maildrop, group, batch, slot, messages: Mutex::default(), taken_at }
    }

    /// Forgets what nobody has come for in a long time.
    pub(crate) fn forget_old(&self, now: Instant) {
        self.slots().retain(|_, slot| {
            let mut queue = slot.queue();
            queue.forget_older(MEMORY, now);
            Arc::strong_count(slot) > 1 || !queue.is_idle()
        });
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<MaildropId, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// To be called before a snapshot is made that is to be taken from.
    pub(crate) fn look(&self) -> Look {
        Look { slot: Arc::clone(&self.slot), number: self.slot.queue().look() }
    }

    /// Takes what is free, up to the batch with what it has already: numbers of the listing,
    /// ascending.
    pub(crate) fn take(&self, look: Look, listing: &Listing, now: Instant) -> Vec<MessageNumber> {
        let mut messages = self.messages();
        let room = self.batch.saturating_sub(messages.len());
        let numbers = self.slot.queue().take(self.group, look.number, listing, room, now);
        let taken = numbers.iter().filter_map(|number| listing.get(*number));
        messages.extend(taken.map(|entry| (entry.id, false)));
        self.leases.held.raise_by(numbers.len());
        *self.taken_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
        drop(look);
        numbers
    }

    /// This message was sent to its end, or the session ended in the middle of it.
    pub(crate) fn retrieved(&self, message: MessageId) {
        if let Some(retrieved) = self.messages().get_mut(&message) {
            *retrieved = true;
        }
    }

    /// These are deleted, durably. `stays`: they are listed all the same.
    pub(crate) fn finished(&self, finished: &[MessageId], stays: bool, now: Instant) {
        let mut messages = self.messages();
        let mut queue = self.slot.queue();
        for message in finished.iter().filter(|message| messages.remove(message).is_some()) {
            if stays {
                queue.put_off(self.group, *message, self.leases.back_off, now);
            } else {
                queue.finish(self.group, *message);
            }
            self.leases.held.lower();
        }
    }

    /// The session has ended: what is left is offered again after a back-off.
    pub(crate) fn end(&self, now: Instant) -> GivenBack {
        let messages = std::mem::take(&mut *self.messages());
        let mut given_back = GivenBack { messages: messages.len(), ..GivenBack::default() };
        let mut queue = self.slot.queue();
        for (message, retrieved) in messages {
            let tries = queue.give_back(self.group, message, retrieved, self.leases.back_off, now);
            if retrieved {
                given_back.unfinished.push(Unfinished { message, tries });
            }
            self.leases.held.lower();
        }
        drop(queue);
        if given_back.messages > 0 {
            self.slot.changed.notify_waiters();
        }
        given_back
    }

    /// Its tries are forgotten: it was set aside, and begins anew when it is restored.
    pub(crate) fn forget(&self, message: MessageId) {
        self.slot.queue().forget(self.group, message);
    }

    /// Waits until a message may be had that had to wait when this lease took last; at once, if
    /// there is one.
    pub(crate) async fn due(&self) {
        loop {
            let changed = self.slot.changed.notified();
            let taken_at = *self.taken_at.lock().unwrap_or_else(PoisonError::into_inner);
            let due = self.slot.queue().next_due(taken_at);
            match due {
                Some(due) => tokio::select! {
                    () = sleep_until(due) => return,
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    fn messages(&self) -> MutexGuard<'_, BTreeMap<MessageId, bool>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end(Instant::now());
        let mut slots = self.leases.slots();
        // The map's own and ours: clones are made under the map's lock alone.
        if Arc::strong_count(&self.slot) <= 2 && self.slot.queue().is_idle() {
            slots.remove(&self.maildrop);
        }
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.slot.queue().looked(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use mail_wire::{ListingBuilder, Octets, Uidl};
    use proptest::prelude::*;

    use super::*;

    const ANNAS: MaildropId = MaildropId::new(7);
    const BATCH: usize = 5;

    fn leases() -> Arc<Leases> {
        Arc::new(Leases::new(LeaseSettings::default(), Arc::default()))
    }

    fn listing(ids: &BTreeSet<u64>) -> Listing {
        let mut builder = ListingBuilder::default();
        for &id in ids {
            let uidl = Uidl::new(format!("u{id}").as_bytes()).unwrap();
            builder.push(MessageId::new(id), Octets::new(1), &uidl, false).unwrap();
        }
        builder.finish()
    }

    /// A session, and the snapshot it made, if it has not taken from it yet.
    struct Session {
        lease: Lease,
        snapshot: Option<(Look, Listing)>,
        has: BTreeSet<u64>,
    }

    /// The maildrop, its sessions, and what must hold.
    struct World {
        leases: Arc<Leases>,
        now: Instant,
        live: BTreeSet<u64>,
        arrived: u64,
        done: BTreeSet<u64>,
        given_back: HashMap<u64, Instant>,
        sessions: HashMap<u8, Session>,
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Arrive(u8),
        Look(u8),
        Take(u8),
        Retrieve(u8),
        Finish(u8, u8),
        End(u8),
        Wait(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        let who = 0..6_u8;
        prop_oneof![
            2 => (1..8_u8).prop_map(Step::Arrive),
            4 => who.clone().prop_map(Step::Look),
            5 => who.clone().prop_map(Step::Take),
            2 => who.clone().prop_map(Step::Retrieve),
            3 => (who.clone(), 1..6_u8).prop_map(|(who, count)| Step::Finish(who, count)),
            2 => who.prop_map(Step::End),
            2 => (0..4000_u16).prop_map(Step::Wait),
        ]
    }

    impl World {
        fn new() -> Self {
            Self {
                leases: leases(),
                now: Instant::now(),
                live: BTreeSet::new(),
                arrived: 0,
                done: BTreeSet::new(),
                given_back: HashMap::new(),
                sessions: HashMap::new(),
            }
        }

        fn arrive(&mut self, count: u64) {
            for _ in 0..count {
                self.arrived += 1;
                self.live.insert(self.arrived);
            }
        }

        fn look(&mut self, who: u8) {
            let session = self.sessions.entry(who).or_insert_with(|| Session {
                lease: self.leases.begin(ANNAS, None, BATCH),
                snapshot: None,
                has: BTreeSet::new(),
            });
            let look = session.lease.look();
            session.snapshot = Some((look, listing(&self.live)));
        }

        fn take(&mut self, who: u8) -> usize {
            let Some(session) = self.sessions.get_mut(&who) else { return 0 };
            let Some((look, listing)) = session.snapshot.take() else { return 0 };
            let numbers = session.lease.take(look, &listing, self.now);
            let taken: Vec<u64> =
                numbers.iter().map(|number| listing.get(*number).unwrap().id.get()).collect();
            session.has.extend(&taken);
            assert!(session.has.len() <= BATCH, "more than the batch");
            for id in &taken {
                let holders = self.sessions.values().filter(|one| one.has.contains(id)).count();
                assert_eq!(holders, 1, "message {id} is in {holders} live leases");
                assert!(!self.done.contains(id), "message {id} was finished, and is back");
                let waited = self.given_back.get(id).map(|at| self.now - *at);
                assert!(waited.is_none_or(|waited| waited.as_secs() >= 60), "{id}: {waited:?}");
            }
            taken.len()
        }

        fn finish(&mut self, who: u8, chosen: impl Fn(&u64) -> bool, count: usize) {
            let Some(session) = self.sessions.get_mut(&who) else { return };
            let some: Vec<u64> = session.has.iter().copied().filter(chosen).take(count).collect();
            for id in &some {
                session.has.remove(id);
                self.live.remove(id);
                self.done.insert(*id);
            }
            let some: Vec<MessageId> = some.into_iter().map(MessageId::new).collect();
            session.lease.finished(&some, false, self.now);
        }

        fn retrieve(&self, who: u8) {
            let Some(session) = self.sessions.get(&who) else { return };
            session.has.iter().for_each(|id| session.lease.retrieved(MessageId::new(*id)));
        }

        fn end(&mut self, who: u8) {
            let Some(session) = self.sessions.remove(&who) else { return };
            assert_eq!(session.lease.end(self.now).messages, session.has.len());
            let now = self.now;
            self.given_back.extend(session.has.into_iter().map(|id| (id, now)));
        }

        fn take_step(&mut self, step: Step) {
            match step {
                Step::Arrive(count) => self.arrive(u64::from(count)),
                Step::Look(who) => self.look(who),
                Step::Take(who) => drop(self.take(who)),
                Step::Retrieve(who) => self.retrieve(who),
                Step::Finish(who, count) => self.finish(who, |_| true, usize::from(count)),
                Step::End(who) => self.end(who),
                Step::Wait(seconds) => self.now += Duration::from_secs(u64::from(seconds)),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        // `product` §6: no message handed out twice at a time; what was not completed is
        // offered again; bounded memory
        #[test]
        fn many_workers_share_a_maildrop(steps in prop::collection::vec(step(), 1..200)) {
            let mut world = World::new();
            for step in steps {
                world.take_step(step);
            }
            (0..6).for_each(|who| world.end(who));
            // Some messages are never finished; the others are, whatever happened before.
            let poisonous = |id: &u64| id.is_multiple_of(3);
            let rounds = 4 * (world.live.len() / BATCH + 1);
            let mut offered: HashMap<u64, u32> = HashMap::new();
            for _ in 0..rounds {
                world.now += Duration::from_hours(1);
                world.look(0);
                world.take(0);
                world.retrieve(0);
                for id in &world.sessions[&0].has {
                    *offered.entry(*id).or_default() += 1;
                }
                world.finish(0, |id| !poisonous(id), BATCH);
                world.end(0);
            }
            prop_assert!(world.live.iter().all(poisonous), "starved: {:?}", world.live);
            let never = world.live.iter().find(|id| !offered.contains_key(id));
            prop_assert!(never.is_none(), "starved: {never:?}");
            world.live.clear();
            world.look(0);
            world.take(0);
            world.end(0);
            prop_assert_eq!(world.leases.held.value(), 0);
            prop_assert!(world.leases.slots().is_empty(), "nothing is kept of what is gone");
        }
    }

    // `product` §6: a worker that dies is a session that ends in another way
    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_dropped_is_given_back_after_a_minute() {
        let leases = leases();
        let mail = listing(&BTreeSet::from([1, 2]));
        let first = leases.begin(ANNAS, None, 50);
        assert_eq!(first.take(first.look(), &mail, Instant::now()).len(), 2);
        let second = leases.begin(ANNAS, None, 50);
        assert!(second.take(second.look(), &mail, Instant::now()).is_empty());
        drop(first);
        let started = Instant::now();
        second.due().await;
        assert_eq!(started.elapsed().as_secs(), 60);
        assert_eq!(second.take(second.look(), &mail, Instant::now()).len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_comes_for_is_forgotten() {
        let leases = leases();
        let first = leases.begin(ANNAS, None, 50);
        first.take(first.look(), &listing(&BTreeSet::from([1])), Instant::now());
        drop(first);
        leases.forget_old(Instant::now());
        assert_eq!(leases.slots().len(), 1);
        tokio::time::advance(Duration::from_hours(26)).await;
        leases.forget_old(Instant::now());
        assert!(leases.slots().is_empty());
    }
}
