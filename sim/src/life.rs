//! One life of a store: the acts of a plan, what ends a process and begins the next, and what
//! must hold.

use crate::act::{Act, MAILDROPS};
use crate::chance::Chance;
use crate::custody::{note, view};
use crate::disk::{Moment, SimDisk};
use crate::examine;
use crate::failure::Broken;
use crate::faults::Fault;
use crate::history::History;
use crate::journal::Journal;
use crate::judge;
use crate::laid::Effect;
use crate::lived::{Effort, Ended, Lived};
use crate::model::There;
use crate::persist::Choice;
use crate::plan::Plan;
use crate::points::Points;
use crate::process::Process;
use crate::state::State;
use crate::through::{Through, Watching};

use restante_store::View;

/// Lives a plan to its end.
pub(crate) fn live(plan: &Plan, effort: Effort) -> Result<Lived, Box<Ended>> {
    remember(plan, effort, None).map(|(lived, _)| lived)
}

/// The same; with a history, that of all that was asked of the disk, and answered, in this life.
pub(crate) fn remember(
    plan: &Plan,
    effort: Effort,
    history: Option<History>,
) -> Result<(Lived, Option<History>), Box<Ended>> {
    let ended = |broken, act, call, lived| Box::new(Ended { broken, act, call, lived });
    let disk = SimDisk::new(State::empty(), plan.seed);
    disk.remember(history);
    let mut life = match Life::begin(plan, disk, effort, None) {
        Ok(life) => life,
        Err(broken) => return Err(ended(broken, 0, String::new(), Lived::default())),
    };
    let at = |life: &Life<'_>| (life.points.call.clone(), life.points.lived);
    for (place, (number, act)) in plan.acts.iter().enumerate() {
        if let Err(broken) = life.act(*number, act) {
            let (call, lived) = at(&life);
            return Err(ended(broken, place, call, lived));
        }
    }
    if let Err(broken) = life.finish() {
        let (call, lived) = at(&life);
        return Err(ended(broken, plan.acts.len(), call, lived));
    }
    Ok((life.points.lived, life.process.disk.history()))
}

/// Lives a plan to its end, and tells of every crash point from this act on, and of the end.
pub(crate) fn live_through(
    plan: &Plan,
    from: u64,
    watching: &mut Watching<'_>,
) -> Result<(), Box<Ended>> {
    let ended = |broken, act, call| Box::new(Ended { broken, act, call, lived: Lived::default() });
    let nobody = Effort { every: 0, random: 0 };
    let disk = SimDisk::new(State::empty(), plan.seed);
    let begun = Life::begin(plan, disk, nobody, Some(Through { watching, from }));
    let mut life = begun.map_err(|broken| ended(broken, 0, String::new()))?;
    for (place, (number, act)) in plan.acts.iter().enumerate() {
        let outcome = life.act(*number, act);
        outcome.map_err(|broken| ended(broken, place, life.points.call.clone()))?;
    }
    let last = plan.acts.len();
    let end = [life.now("the end")];
    let outcome = life.points.tell(&life.process.model, life.number, &end);
    outcome.map_err(|broken| ended(broken, last, life.points.call.clone()))?;
    life.points.through = None;
    life.finish().map_err(|broken| ended(broken, last, life.points.call.clone()))
}

struct Life<'p> {
    plan: &'p Plan,
    process: Process,
    journal: Journal,
    points: Points<'p>,
    /// The number of the act that is done.
    number: u64,
}

/// The numbers of what ends every life begin here.
const LAST: u64 = 1 << 40;

impl<'p> Life<'p> {
    fn begin(
        plan: &'p Plan,
        disk: SimDisk,
        effort: Effort,
        through: Option<Through<'p>>,
    ) -> Result<Self, Broken> {
        let points = Points::new(plan, effort, through);
        points.keep(&disk);
        let process = Process::begin(disk, &plan.settings)?;
        let journal = Journal::of(plan);
        let mut life = Self { plan, process, journal, points, number: 0 };
        life.examine(u64::MAX)?;
        Ok(life)
    }

    fn act(&mut self, number: u64, act: &Act) -> Result<(), Broken> {
        let mut chance = Chance::of(self.plan.seed, &[3, number]);
        self.number = number;
        self.process.disk.note("act", &format_args!("{number} {act:?}"));
        let process = &mut self.process;
        match act {
            Act::Deliver { to, kind, wire } => process.deliver(to, *kind, *wire)?,
            Act::Open { maildrop } => {
                process.open_session(*maildrop, View::default(), Effect::Destroy)?;
            }
            Act::OpenAs { maildrop, device, how } => {
                let effect = Effect::Delete { by: *device, how: *how };
                process.open_session(*maildrop, view(*device, *how), effect)?;
            }
            Act::Custody { maildrop, effect, which } => {
                process.custody(*maildrop, *effect, *which)?;
            }
            Act::Note { maildrop } => note(&process.store()?, *maildrop, number),
            Act::Close { session } => process.close(*session),
            Act::Read { session, message, octets } => {
                process.read(*session, *message, *octets)?;
            }
            Act::Refresh { session } => process.refresh(*session)?,
            Act::Commit { session, which } => process.commit(*session, *which)?,
            Act::Remove { maildrop } => process.remove(*maildrop)?,
            Act::Compact => process.compact()?,
            Act::Step { shard, jobs } => process.step(*shard, *jobs)?,
            Act::Settle => process.settle()?,
            Act::Checkpoint { shard } => {
                if let Some(stepped) = &mut process.stepped {
                    stepped.checkpoint(*shard);
                }
            }
            Act::Restart { lose_index } => self.restart(*lose_index)?,
            Act::Crash { lose_index, fault } => {
                self.crash(*lose_index, *fault, &mut chance)?;
            }
            Act::Clock { forward, by } => set_clock(&process.disk, *forward, *by),
            Act::Fault(fault) => process.disk.set_fault(Some(*fault)),
            Act::Full(is_full) => fill(process, *is_full),
        }
        examine::wrongs(&self.process.disk)?;
        self.examine(number)
    }

    /// All that waits is done, all sessions are read once more, and all is judged a last time.
    fn finish(&mut self) -> Result<(), Broken> {
        self.process.disk.set_fault(None);
        self.act(LAST, &Act::Full(false))?;
        self.act(LAST | 1, &Act::Settle)?;
        self.process.read_all()?;
        // What was given back must not be needed by whoever has no index.
        self.act(LAST | 2, &Act::Restart { lose_index: self.plan.is_hard() })?;
        self.act(LAST | 3, &Act::Compact)?;
        self.act(LAST | 4, &Act::Settle)?;
        self.act(LAST | 5, &Act::Restart { lose_index: true })
    }

    /// The store ends in good order, and another process opens it.
    fn restart(&mut self, lose_index: bool) -> Result<(), Broken> {
        self.process.settle()?;
        self.process.sessions.clear();
        if let Some(stepped) = self.process.stepped.take() {
            stepped.end();
        }
        self.examine(u64::MAX - 1)?;
        let state = self.process.disk.state();
        // See `crash`: after a sync that failed only a machine that starts anew knows what is there.
        let state = if state.has_lied() { state.crashed(Choice::Synced) } else { state };
        self.arise(state, lose_index, None)
    }

    /// The process ends in the act before, and another opens what is there.
    fn crash(
        &mut self,
        lose_index: bool,
        fault: Option<Fault>,
        chance: &mut Chance,
    ) -> Result<(), Broken> {
        let now = self.now("");
        self.points.recent.push(now);
        let place = chance.place(self.points.recent.len());
        let moment = self.points.recent.swap_remove(place);
        self.process.model.cut(moment.calls);
        let choice = match chance.below(5) {
            // What a sync that failed left in memory alone may be read by a process that comes
            // next and be gone later: the one doubt that a store cannot end.
            0 | 1 if !moment.state.has_lied() => Choice::Kill,
            2 => Choice::Synced,
            _ => Choice::Random(chance.next()),
        };
        self.points.call = format!("crash at {} {:?}", moment.call, choice);
        self.arise(moment.state.crashed(choice), lose_index, fault)
    }

    /// Another process opens what is there, looks at it, and so it is from now on. Calls may fail
    /// while it is opened; if it cannot be opened for that, it is tried once more without.
    fn arise(
        &mut self,
        state: State,
        lose_index: bool,
        fault: Option<Fault>,
    ) -> Result<(), Broken> {
        self.process.die();
        self.points.recent.clear();
        let mut state = state;
        let is_full = self.process.is_full;
        let stays_full =
            self.plan.is_hard() && is_full && examine::is_kept(&state, self.plan.settings.shards);
        if !stays_full {
            state.pages_max = u64::MAX;
            self.process.is_full = false;
        }
        if lose_index {
            state = examine::without_indexes(&state);
        }
        let before = state.clone();
        self.attach(state);
        self.process.disk.set_fault(fault);
        let opened = self.process.open();
        self.process.disk.set_fault(None);
        if let Err(broken) = opened {
            if self.process.disk.struck() == 0 || broken.invariant != 0 {
                return Err(broken);
            }
            self.examine(u64::MAX - 3)?;
            self.process.disk.kill();
            let state = self.process.disk.state();
            // As in `restart`.
            let state = if state.has_lied() { state.crashed(Choice::Synced) } else { state };
            self.attach(state);
            self.process.open()?;
        }
        self.examine(u64::MAX - 2)?;
        let looked = examine::look(&self.process.store()?)?;
        let there = judge::whole(&self.process.model, self.process.disk.calls(), &looked)?;
        self.tell(&there)?;
        self.process.model.settle(&there);
        if self.plan.is_hard() && !lose_index && fault.is_none() {
            let seed = self.process.disk.calls();
            examine::rebuilt(&before, &self.plan.settings, seed, &looked)?;
            self.points.lived.points = self.points.lived.points.saturating_add(1);
        }
        // What was seen now may not have been durable before the start had made it so: a crash
        // while it was opened was judged above, by what was known then.
        self.points.recent.clear();
        Ok(())
    }

    /// What the journal tells is what is known now.
    fn tell(&mut self, there: &[There]) -> Result<(), Broken> {
        let Process { model, disk, .. } = &self.process;
        self.journal.note(model, disk.calls());
        self.journal.judge(model, &self.process.store()?, there)
    }

    /// This is the disk from now on.
    fn attach(&mut self, state: State) {
        let calls = self.process.disk.calls();
        let seed = Chance::of(self.plan.seed, &[4, calls]).next();
        let disk = self.process.disk.successor(state, seed);
        self.points.keep(&disk);
        self.process.disk = disk;
    }

    fn examine(&mut self, purpose: u64) -> Result<(), Broken> {
        let Process { disk, model, .. } = &self.process;
        self.points.examine(disk, model, (self.number, purpose))
    }

    /// The disk as it is.
    fn now(&self, call: &'static str) -> Moment {
        let disk = &self.process.disk;
        Moment { calls: disk.calls(), call, state: disk.state() }
    }
}

/// The clock is set, to some time between 1970 and 2100.
fn set_clock(disk: &SimDisk, forward: bool, by: u64) {
    disk.change(|state| {
        let clock = state.clock;
        let set = if forward { clock.saturating_add(by) } else { clock.saturating_sub(by) };
        state.clock = set.min(4_102_444_800_000);
    });
}

fn fill(process: &mut Process, is_full: bool) {
    process.is_full = is_full;
    process.disk.change(|state| {
        state.pages_max = if is_full { state.pages_used() } else { u64::MAX };
    });
}

/// The maildrops that a plan may name.
const _: () = assert!(MAILDROPS > 1, "an act may have several recipients");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::CUSTODY;

    // issue 3, The proof: one seed decides all. Not the order of a map, an address or the time
    // of day: all calls, their octets and all answers are the same.
    #[test]
    fn the_same_seed_is_the_same_life() {
        let effort = Effort { every: 40, random: 1 };
        let end = |seed| {
            let (lived, history) =
                remember(&Plan::drawn(seed), effort, Some(History::default())).unwrap();
            (lived.points, history.unwrap().end())
        };
        let mut all = std::collections::BTreeSet::new();
        for seed in (1..7).flat_map(|seed| [seed, seed | CUSTODY]) {
            let first = end(seed);
            // Whatever is drawn once a thread is drawn anew.
            let second = std::thread::scope(|scope| scope.spawn(|| end(seed)).join().unwrap());
            assert_eq!(first, second, "seed {seed}");
            all.insert(first);
        }
        assert_eq!(all.len(), 12, "and another seed is another life");
    }
}
