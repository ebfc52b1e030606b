//! One life of a store: the acts of a plan, every crash point between them, and what must hold.
// tidy: long because the acts of a life and their crash points share its state; to be divided.

use std::future::Future;

use mail_wire::{Form, MaildropId, MessageId, MessageNumber};
use restante_store::log::simulation::Stepped;
use restante_store::{Incoming, Provenance, Recipient, Store, StoreError, View};

use crate::chance::Chance;
use crate::custody::{ask, note, view};
use crate::death;
use crate::disk::{Moment, SimDisk};
use crate::examine;
use crate::failure::Broken;
use crate::flying::{Answer, Flying};
use crate::judge;
use crate::laid::Effect;
use crate::message::{self, Kind};
use crate::model::Model;
use crate::persist::Choice;
use crate::plan::{Act, MAILDROPS, Plan};
use crate::session::{Fallen, Session};
use crate::state::State;
use crate::through::{Through, Watching};

/// How thoroughly a life is examined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Of so many moments one is examined; 0: none.
    pub(crate) every: u64,
    /// By how many random choices.
    pub(crate) random: u64,
}

/// What a life was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lived {
    /// Calls that changed something.
    pub(crate) moments: u64,
    /// Stores that were opened after a crash and judged.
    pub(crate) points: u64,
}

impl Lived {
    /// Both together.
    pub(crate) const fn plus(self, more: Self) -> Self {
        Self {
            moments: self.moments.saturating_add(more.moments),
            points: self.points.saturating_add(more.points),
        }
    }
}

/// A life that ended badly.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) broken: Broken,
    /// In which of the acts.
    pub(crate) act: usize,
    /// What was being done when the disk was left, if it was.
    pub(crate) call: String,
    pub(crate) lived: Lived,
}

/// Lives a plan to its end.
pub(crate) fn live(plan: &Plan, effort: Effort) -> Result<Lived, Box<Ended>> {
    let ended = |broken, act, call, lived| Box::new(Ended { broken, act, call, lived });
    let mut life = match Life::begin(plan, effort, None) {
        Ok(life) => life,
        Err(broken) => return Err(ended(broken, 0, String::new(), Lived::default())),
    };
    for (place, (number, act)) in plan.acts.iter().enumerate() {
        if let Err(broken) = life.act(*number, act) {
            return Err(ended(broken, place, life.call.clone(), life.lived));
        }
    }
    let last = plan.acts.len();
    life.finish().map_err(|broken| ended(broken, last, life.call.clone(), life.lived))?;
    Ok(life.lived)
}

/// Lives a plan to its end, and tells of every crash point from this act on, and of the end.
pub(crate) fn live_through(
    plan: &Plan,
    from: u64,
    watching: &mut Watching<'_>,
) -> Result<(), Box<Ended>> {
    let ended = |broken, act, call| Box::new(Ended { broken, act, call, lived: Lived::default() });
    let nobody = Effort { every: 0, random: 0 };
    let begun = Life::begin(plan, nobody, Some(Through { watching, from }));
    let mut life = begun.map_err(|broken| ended(broken, 0, String::new()))?;
    for (place, (number, act)) in plan.acts.iter().enumerate() {
        let outcome = life.act(*number, act);
        outcome.map_err(|broken| ended(broken, place, life.call.clone()))?;
    }
    let last = plan.acts.len();
    let outcome = life.tell(&[life.now("the end")]);
    outcome.map_err(|broken| ended(broken, last, life.call.clone()))?;
    life.through = None;
    life.finish().map_err(|broken| ended(broken, last, life.call.clone()))
}

struct Life<'p> {
    plan: &'p Plan,
    effort: Effort,
    disk: SimDisk,
    stepped: Option<Stepped>,
    model: Model,
    flying: Vec<Flying>,
    sessions: Vec<Session>,
    next_session: u64,
    /// The disk at each call of the act before.
    recent: Vec<Moment>,
    call: String,
    lived: Lived,
    is_full: bool,
    through: Option<Through<'p>>,
    /// The number of the act that is done.
    number: u64,
}

/// The numbers of what ends every life begin here.
const LAST: u64 = 1 << 40;

/// Of calls to an index one of so many is examined: they are many and much alike.
const EVERY_INDEX_CALL: u64 = 3;

impl<'p> Life<'p> {
    fn begin(plan: &'p Plan, effort: Effort, through: Option<Through<'p>>) -> Result<Self, Broken> {
        let disk = SimDisk::new(State::empty(), plan.seed);
        disk.keep_moments(if through.is_some() { 1 } else { EVERY_INDEX_CALL });
        let mut life = Self {
            plan,
            effort,
            disk,
            stepped: None,
            model: Model::new(usize::from(plan.settings.shards)),
            flying: Vec::new(),
            sessions: Vec::new(),
            next_session: 0,
            recent: Vec::new(),
            call: String::new(),
            lived: Lived::default(),
            is_full: false,
            through,
            number: 0,
        };
        life.open()?;
        life.examine(u64::MAX)?;
        Ok(life)
    }

    fn act(&mut self, number: u64, act: &Act) -> Result<(), Broken> {
        let mut chance = Chance::of(self.plan.seed, &[3, number]);
        self.number = number;
        match act {
            Act::Deliver { to, kind, wire } => self.deliver(to, *kind, *wire)?,
            Act::Open { maildrop } => {
                self.open_session(*maildrop, View::default(), Effect::Destroy)?;
            }
            Act::OpenAs { maildrop, device, how } => {
                let effect = Effect::Delete { by: *device, how: *how };
                self.open_session(*maildrop, view(*device, *how), effect)?;
            }
            Act::Custody { maildrop, effect, which } => {
                self.custody(*maildrop, *effect, *which)?;
            }
            Act::Note { maildrop } => note(&self.store()?, *maildrop, number),
            Act::Close { session } => {
                if let Some(place) = self.session(*session) {
                    drop(self.sessions.remove(place));
                }
            }
            Act::Read { session, message, octets } => {
                if let Some(place) = self.session(*session)
                    && let Some(session) = self.sessions.get_mut(place)
                {
                    let outcome = session.read(*message, *octets);
                    self.forgive(outcome)?;
                }
            }
            Act::Refresh { session } => self.refresh(*session)?,
            Act::Commit { session, which } => self.commit(*session, *which)?,
            Act::Remove { maildrop } => self.remove(*maildrop)?,
            Act::Compact => {
                let store = self.store()?;
                self.fly(
                    Vec::new(),
                    None,
                    async move { Answer::Compacted(store.compact().await) },
                )?;
            }
            Act::Step { shard, jobs } => self.step(*shard, *jobs)?,
            Act::Settle => self.settle()?,
            Act::Checkpoint { shard } => {
                if let Some(stepped) = &mut self.stepped {
                    stepped.checkpoint(*shard);
                }
            }
            Act::Restart { lose_index } => self.restart(*lose_index)?,
            Act::Crash { lose_index } => self.crash(*lose_index, &mut chance)?,
            Act::Clock { forward, by } => self.disk.change(|state| {
                let clock = state.clock;
                let set =
                    if *forward { clock.saturating_add(*by) } else { clock.saturating_sub(*by) };
                // Between 1970 and 2100.
                state.clock = set.min(4_102_444_800_000);
            }),
            Act::Fault(fault) => self.disk.set_fault(Some(*fault)),
            Act::Full(is_full) => {
                self.is_full = *is_full;
                self.disk.change(|state| {
                    state.pages_max = if *is_full { state.pages_used() } else { u64::MAX };
                });
            }
        }
        examine::wrongs(&self.disk)?;
        self.examine(number)
    }

    /// All that waits is done, all sessions are read once more, and all is judged a last time.
    fn finish(&mut self) -> Result<(), Broken> {
        self.disk.set_fault(None);
        self.act(LAST, &Act::Full(false))?;
        self.act(LAST | 1, &Act::Settle)?;
        for mut session in std::mem::take(&mut self.sessions) {
            let outcome = session.read_all();
            self.forgive(outcome)?;
        }
        self.act(LAST | 2, &Act::Restart { lose_index: false })?;
        self.act(LAST | 3, &Act::Compact)?;
        self.act(LAST | 4, &Act::Settle)?;
        self.act(LAST | 5, &Act::Restart { lose_index: true })
    }

    fn store(&self) -> Result<restante_store::log::LogStore, Broken> {
        let stepped = self.stepped.as_ref().ok_or_else(|| Broken::new(0, "no store is open"))?;
        Ok(stepped.store().clone())
    }

    fn session(&self, wanted: usize) -> Option<usize> {
        wanted.checked_rem(self.sessions.len())
    }

    fn deliver(&mut self, to: &[u64], kind: Kind, wire: bool) -> Result<(), Broken> {
        let store = self.store()?;
        let stepped = self.stepped.as_ref();
        let shard = |maildrop: u64| {
            stepped.map_or(0, |stepped| stepped.shard_of(MaildropId::new(maildrop)))
        };
        let body = message::body(self.model.copies.len(), kind);
        let mut asked = Vec::new();
        let mut copies = vec![0; to.len()];
        for number in 0..stepped.map_or(0, Stepped::shards) {
            let here: Vec<(u64, usize)> =
                to.iter().copied().zip(0..).filter(|(to, _)| shard(*to) == number).collect();
            if here.is_empty() {
                continue;
            }
            let text = |copy| [message::prefix(copy), body.clone()].concat();
            let (one, added) = self.model.add(&here, number, text);
            asked.push(one);
            for ((_, place), copy) in here.iter().zip(added) {
                if let Some(slot) = copies.get_mut(*place) {
                    *slot = copy;
                }
            }
        }
        let recipients = to
            .iter()
            .zip(&copies)
            .map(|(to, copy)| Recipient::new(MaildropId::new(*to), message::prefix(*copy)))
            .collect();
        let form = if wire { Form::Wire } else { Form::Text };
        let incoming =
            Incoming { recipients, form, utf8: false, provenance: Provenance::default() };
        let octets = if wire { message::stuffed(&body) } else { body };
        self.fly(asked, None, async move {
            let outcome = async {
                let mut delivery = store.deliver(incoming).await?;
                for piece in octets.chunks(700) {
                    delivery.write(piece)?;
                }
                Ok(delivery.commit().await)
            };
            Answer::Delivered(outcome.await)
        })
    }

    fn open_session(&mut self, maildrop: u64, view: View, deletion: Effect) -> Result<(), Broken> {
        if self.sessions.len() >= 8 {
            self.sessions.remove(0);
        }
        let store = self.store()?;
        self.next_session = self.next_session.saturating_add(1);
        let session = Session::open(&store, (maildrop, view, deletion), self.next_session);
        let (now, has_struck) = (self.disk.calls(), self.disk.struck() > 0);
        match session {
            Err(_) if has_struck => Ok(()),
            Err(fault) => Err(Broken::new(10, format!("{maildrop} cannot be opened: {fault}"))),
            Ok(session) => {
                let outcome = session.judge(&self.model, now);
                if session.credential == 0 {
                    examine::same_usage(&store, &session, has_struck)?;
                }
                // One that could not read everything does not know what it would delete.
                if outcome.is_ok() {
                    self.sessions.push(session);
                }
                self.forgive(outcome)
            }
        }
    }

    fn refresh(&mut self, session: usize) -> Result<(), Broken> {
        let now = self.disk.calls();
        let place = self.session(session);
        let Some(place) = place else { return Ok(()) };
        let outcome = match self.sessions.get_mut(place) {
            Some(session) => session.refresh(&self.model, now),
            None => Ok(()),
        };
        if outcome.is_err() {
            drop(self.sessions.remove(place));
        }
        self.forgive(outcome)
    }

    /// What a call that failed has made impossible is no broken promise; other octets are.
    fn forgive(&self, outcome: Result<(), Fallen>) -> Result<(), Broken> {
        match outcome {
            Err(Fallen::Impossible(_)) if self.disk.struck() > 0 => Ok(()),
            Err(Fallen::Impossible(broken) | Fallen::Wrong(broken)) => Err(broken),
            Ok(()) => Ok(()),
        }
    }

    fn commit(&mut self, session: usize, which: u64) -> Result<(), Broken> {
        let place = self.session(session);
        let Some(session) = place.and_then(|place| self.sessions.get_mut(place)) else {
            return Ok(());
        };
        let marked: Vec<usize> = (0..session.seen.len().min(64))
            .filter(|place| which >> (place & 63) & 1 == 1)
            .collect();
        let Some(mut maildrop) = session.maildrop.take() else { return Ok(()) };
        let copies: Vec<usize> = marked.iter().filter_map(|place| session.copy(*place)).collect();
        let (number, deletion) = (session.number, session.deletion);
        let stepped = self.stepped.as_ref();
        let shard = stepped.map_or(0, |stepped| stepped.shard_of(MaildropId::new(session.of)));
        let asked = if copies.is_empty() {
            Vec::new()
        } else {
            vec![self.model.want(deletion, copies, shard)]
        };
        let numbers: Vec<MessageNumber> =
            marked.iter().filter_map(|place| MessageNumber::from_index(*place)).collect();
        self.fly(asked, Some(number), async move {
            let outcome = maildrop.commit(&numbers).await;
            Answer::Committed(maildrop, outcome)
        })
    }

    fn remove(&mut self, maildrop: u64) -> Result<(), Broken> {
        let store = self.store()?;
        let stepped = self.stepped.as_ref();
        let shard = stepped.map_or(0, |stepped| stepped.shard_of(MaildropId::new(maildrop)));
        let copies = self.model.held(maildrop, self.disk.calls());
        let asked = if copies.is_empty() {
            Vec::new()
        } else {
            vec![self.model.want(Effect::Destroy, copies, shard)]
        };
        self.fly(asked, None, async move {
            Answer::Removed(store.remove(MaildropId::new(maildrop)).await)
        })
    }

    /// Something is laid over messages, or taken away, or what was held for long enough goes.
    fn custody(&mut self, maildrop: u64, effect: Effect, which: u64) -> Result<(), Broken> {
        let store = self.store()?;
        let of = MaildropId::new(maildrop);
        let shard = self.stepped.as_ref().map_or(0, |stepped| stepped.shard_of(of));
        let mut copies = self.model.held(maildrop, self.disk.calls());
        let id = |copy: &usize| self.model.copies.get(*copy).and_then(|copy| copy.id);
        if effect != Effect::Expire {
            copies.retain(|copy| id(copy).is_some() && which >> (copy & 63) & 1 == 1);
            if effect == Effect::SetAside {
                copies.truncate(1);
            }
        }
        let ids: Vec<MessageId> = copies.iter().filter_map(id).map(MessageId::new).collect();
        if copies.is_empty() {
            return Ok(());
        }
        let asked = self.model.want(effect, copies, shard);
        self.fly(vec![asked], None, ask(store, of, effect, ids))
    }

    /// Begins something, as far as it can go without a writer.
    fn fly(
        &mut self,
        asked: Vec<usize>,
        session: Option<u64>,
        work: impl Future<Output = Answer> + Send + 'static,
    ) -> Result<(), Broken> {
        self.flying.push(Flying::new(&self.disk, asked, session, work));
        self.poll()
    }

    fn step(&mut self, shard: usize, jobs: usize) -> Result<(), Broken> {
        if let Some(stepped) = &mut self.stepped {
            let shard = shard.checked_rem(stepped.shards()).unwrap_or_default();
            stepped.step(shard, jobs);
        }
        self.poll()
    }

    fn settle(&mut self) -> Result<(), Broken> {
        // Compaction asks again and again, once for each segment.
        for _ in 0..2000 {
            for shard in 0..usize::from(self.plan.settings.shards) {
                self.step(shard, usize::MAX)?;
            }
            if self.flying.is_empty() {
                return Ok(());
            }
        }
        Err(Broken::new(0, format!("never answered: {:?}", self.flying)))
    }

    /// Takes the answers that are there.
    fn poll(&mut self) -> Result<(), Broken> {
        let mut place = 0;
        while let Some(flying) = self.flying.get_mut(place) {
            match flying.poll() {
                None => place = place.saturating_add(1),
                Some((at, answer)) => {
                    let flying = self.flying.remove(place);
                    self.take(&flying, at, answer)?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, flying: &Flying, at: u64, answer: Answer) -> Result<(), Broken> {
        let is_deletion = matches!(answer, Answer::Committed(..) | Answer::Removed(_));
        let mut is_written = true;
        let (is_done, fault) = match answer {
            Answer::Delivered(Ok(outcomes)) => return self.delivered(flying, at, &outcomes),
            Answer::Delivered(Err(fault)) => (false, Some(fault)),
            Answer::Committed(maildrop, outcome) => {
                let of = self.sessions.iter_mut().find(|one| Some(one.number) == flying.session);
                is_written = of.as_ref().is_some_and(|one| one.deletion == Effect::Destroy);
                if let Some(session) = of {
                    session.maildrop = Some(maildrop);
                }
                (outcome.is_ok(), outcome.err())
            }
            Answer::Removed(outcome) => (outcome.is_ok(), outcome.err()),
            Answer::Compacted(outcome) => (outcome.is_ok(), outcome.err()),
            Answer::Done(outcome) => {
                is_written = false;
                (outcome.is_ok(), outcome.err())
            }
        };
        // What was laid over them already is not written down again.
        let is_logged = is_done && is_written;
        for asked in &flying.asked {
            self.model.answer(*asked, at, is_done, is_logged);
        }
        let is_told = is_deletion && self.is_full && self.disk.struck() == 0;
        if let Some(fault) = fault.as_ref().filter(|_| is_told) {
            examine::kept_for_deletions(&self.disk.state(), self.plan.settings.shards, fault)?;
        }
        self.refused(fault)
    }

    fn delivered(
        &mut self,
        flying: &Flying,
        at: u64,
        outcomes: &[Result<restante_store::Stored, StoreError>],
    ) -> Result<(), Broken> {
        let mut fault = None;
        for asked in &flying.asked {
            let copies =
                self.model.asked.get(*asked).map(|one| one.copies.clone()).unwrap_or_default();
            let mut is_done = true;
            for copy in &copies {
                let place = self.model.copies.get(*copy).map_or(usize::MAX, |copy| copy.place);
                match outcomes.get(place) {
                    Some(Ok(stored)) => {
                        self.model.name(*copy, stored.uidl.as_str(), stored.id.get())?;
                    }
                    Some(Err(refusal)) => {
                        is_done = false;
                        fault = Some(refusal.to_string());
                    }
                    None => return Err(Broken::new(0, "an outcome is missing")),
                }
            }
            self.model.answer(*asked, at, is_done, is_done);
        }
        self.refused(fault)
    }

    /// A refusal must have a cause.
    fn refused(&self, fault: Option<impl std::fmt::Display>) -> Result<(), Broken> {
        match fault {
            Some(fault) if self.disk.struck() == 0 && !self.is_full => {
                Err(Broken::new(0, format!("refused without a cause: {fault}")))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self) -> Result<(), Broken> {
        self.stepped = Some(examine::open_on(&self.disk, &self.plan.settings)?);
        Ok(())
    }

    /// The store ends in good order, and another process opens it.
    fn restart(&mut self, lose_index: bool) -> Result<(), Broken> {
        self.settle()?;
        self.sessions.clear();
        if let Some(stepped) = self.stepped.take() {
            stepped.end();
        }
        self.examine(u64::MAX - 1)?;
        let state = self.disk.state();
        // See `crash`: after a sync that failed only a machine that starts anew knows what is there.
        let state = if state.has_lied() { state.crashed(Choice::Synced) } else { state };
        self.arise(state, lose_index)
    }

    /// The process ends in the act before, and another opens what is there.
    fn crash(&mut self, lose_index: bool, chance: &mut Chance) -> Result<(), Broken> {
        self.recent.push(self.now(""));
        let moment = self.recent.swap_remove(chance.place(self.recent.len()));
        self.model.cut(moment.calls);
        let choice = match chance.below(5) {
            // What a sync that failed left in memory alone may be read by a process that comes
            // next and be gone later: the one doubt that a store cannot end.
            0 | 1 if !moment.state.has_lied() => Choice::Kill,
            2 => Choice::Synced,
            _ => Choice::Random(chance.next()),
        };
        self.call = format!("crash at {} {:?}", moment.call, choice);
        self.arise(moment.state.crashed(choice), lose_index)
    }

    /// Another process opens what is there, looks at it, and so it is from now on.
    fn arise(&mut self, state: State, lose_index: bool) -> Result<(), Broken> {
        let calls = self.disk.calls();
        let flying = std::mem::take(&mut self.flying);
        let sessions = std::mem::take(&mut self.sessions);
        death::kill(&self.disk, (flying, sessions, self.stepped.take()));
        self.recent.clear();
        let mut state = state;
        state.pages_max = u64::MAX;
        self.is_full = false;
        if lose_index {
            state = examine::without_indexes(&state);
        }
        let disk = SimDisk::new(state, Chance::of(self.plan.seed, &[4, calls]).next());
        disk.count_from(calls.saturating_add(1));
        disk.keep_moments(if self.through.is_some() { 1 } else { EVERY_INDEX_CALL });
        self.disk = disk;
        self.open()?;
        self.examine(u64::MAX - 2)?;
        let store = self.store()?;
        let looked = examine::look(&store)?;
        let there = judge::whole(&self.model, self.disk.calls(), &looked)?;
        self.model.settle(&there);
        // What was seen now may not have been durable before the start had made it so: a crash
        // while it was opened was judged above, by what was known then.
        self.recent.clear();
        Ok(())
    }

    /// Every crash point since this was done last.
    fn examine(&mut self, number: u64) -> Result<(), Broken> {
        let moments = self.disk.moments();
        if self.through.is_some() {
            self.tell(&moments)?;
            self.recent = moments;
            return Ok(());
        }
        for (place, moment) in (0..).zip(&moments) {
            self.lived.moments = self.lived.moments.saturating_add(1);
            let seed = [5, number, place, moment.calls];
            let mut chance = Chance::of(self.plan.seed, &seed);
            if self.effort.every > 0 && chance.below(self.effort.every) == 0 {
                self.points(moment, &mut chance)?;
            }
        }
        if !moments.is_empty() {
            self.recent = moments;
        }
        Ok(())
    }

    /// The disk as it is.
    fn now(&self, call: &'static str) -> Moment {
        Moment { calls: self.disk.calls(), call, state: self.disk.state() }
    }

    /// Crash points are told to who watches.
    fn tell(&mut self, moments: &[Moment]) -> Result<(), Broken> {
        let Some(through) = &mut self.through else { return Ok(()) };
        if self.number < through.from {
            return Ok(());
        }
        for moment in moments {
            self.call = format!("{} at call {}", moment.call, moment.calls);
            (through.watching)(&self.model, moment)?;
        }
        self.call.clear();
        Ok(())
    }

    fn points(&mut self, moment: &Moment, chance: &mut Chance) -> Result<(), Broken> {
        let mut choices = Vec::new();
        if moment.state.is_dirty() {
            choices.push(if chance.percent(60) { Choice::Synced } else { Choice::All });
            choices.extend((0..self.effort.random).map(|_| Choice::Random(chance.next())));
            if chance.percent(30) {
                choices.push(Choice::Kill);
            }
        } else {
            choices.push(Choice::Kill);
        }
        if chance.percent(3) {
            choices.push(Choice::Flip(chance.next()));
        }
        for choice in choices {
            self.call = format!("{} at call {}, {choice:?}", moment.call, moment.calls);
            let place = (moment.calls, &moment.state);
            let settings = &self.plan.settings;
            let points = examine::point(&self.model, settings, place, choice, chance.next())?;
            self.lived.points = self.lived.points.saturating_add(points);
        }
        self.call.clear();
        Ok(())
    }
}

/// The maildrops that a plan may name.
const _: () = assert!(MAILDROPS > 1, "an act may have several recipients");
