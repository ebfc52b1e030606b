//! Every crash point of every sequence of operations, and every persistence subset at each.
//!
//! What is gone through, and where it is bounded:
//!
//! * The sequences are those of [`crate::operations`]: up to three of an alphabet of eleven, on
//!   two maildrops of one shard, from an empty store and from a used one, done one by one and
//!   in one batch.
//! * The crash points are all calls to the disk that change something, those to the index too,
//!   and the end of the sequence. Those that a shorter sequence has already are left to it.
//! * A subset says of each sector that was written since the last sync which of its versions is
//!   there, of each length how far it came, of each name whether it was made or taken away. If
//!   there are [`Bound::images`] subsets or fewer, all are looked at. Of more: none and all, and
//!   each version of each sector, each length and each name alone, with all others there or
//!   none; and the first few or the last few of all, up to each. If those are still more than
//!   [`Bound::family`], as they are for large commits of the index, each so-manieth of them.
//! * Images that are the same, at a time when the same was answered, are looked at once.
//! * What is there is judged as in the random lives. The index is made anew for each set of
//!   segments once. Of every eighth image (its content decides) the store goes on from there,
//!   and where there are at most two operations, of every eighth all crash points of its opening
//!   are judged too, with nothing and with all of what it had not synced.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::chance::Chance;
use crate::death;
use crate::disk::{Moment, SimDisk};
use crate::examine::{self, Opened};
use crate::failure::Broken;
use crate::judge;
use crate::life;
use crate::lived::Ended;
use crate::model::{Model, Sure};
use crate::operations::{Sequence, sequences};
use crate::persist::Choice;
use crate::plan::Plan;
use crate::script::{Answers, Script, next};
use crate::search::caught;
use crate::state::State;

/// How much is gone through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// How long a sequence is at most.
    pub(crate) length: usize,
    /// Up to so many subsets all are looked at.
    pub(crate) images: u64,
    /// Of more, so many at most.
    pub(crate) family: usize,
    /// Sequences of so many operations get crashes in openings as well.
    pub(crate) opening_length: usize,
    /// How many sequences are lived at the same time.
    pub(crate) threads: usize,
}

/// What `--exhaustive` goes through.
pub(crate) const WHOLE: Bound =
    Bound { length: 3, images: 64, family: 64, opening_length: 2, threads: 2 };

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) sequences: u64,
    /// Calls before which the power failed, and the ends of sequences.
    pub(crate) points: u64,
    /// Those of them at which all subsets were gone through.
    pub(crate) points_whole: u64,
    /// Subsets, with those that came out alike.
    pub(crate) subsets: u64,
    /// Disks that were opened and judged.
    pub(crate) images: u64,
    /// Disks that a crash in an opening left, opened and judged.
    pub(crate) reopened: u64,
}

/// What it came to.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) counted: Counted,
    /// The sequence that broke a promise, and how.
    pub(crate) found: Option<(Sequence, Box<Ended>)>,
}

/// Goes through all; `tell` hears of each hundredth sequence.
pub(crate) fn exhaust(bound: Bound, tell: impl Fn(usize, usize) + Sync) -> Gone {
    let all = sequences(bound.length);
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let gone = Mutex::new(Gone { counted: Counted::default(), found: None });
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(sequence) = all.get(place) else { break };
            if place.is_multiple_of(100) {
                tell(place, all.len());
            }
            let (counted, outcome) = one(sequence, bound);
            let mut gone = gone.lock().unwrap_or_else(PoisonError::into_inner);
            gone.counted = gone.counted.plus(counted);
            if let Err(ended) = outcome {
                is_over.store(true, Ordering::Relaxed);
                gone.found = Some((sequence.clone(), ended));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..bound.threads.max(1) {
            scope.spawn(work);
        }
    });
    gone.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// One sequence.
fn one(sequence: &Sequence, bound: Bound) -> (Counted, Result<(), Box<Ended>>) {
    let (plan, new_from) = sequence.plan();
    let mut looker = Looker {
        plan: &plan,
        is_short: sequence.operations.len() <= bound.opening_length,
        bound,
        counted: Counted { sequences: 1, ..Counted::default() },
        judged: BTreeSet::new(),
        rebuilt: BTreeSet::new(),
    };
    let outcome = caught(&plan, || {
        life::live_through(&plan, new_from, &mut |model, moment| looker.moment(model, moment))
    });
    (looker.counted, outcome)
}

impl Counted {
    const fn plus(self, more: Self) -> Self {
        Self {
            sequences: self.sequences.saturating_add(more.sequences),
            points: self.points.saturating_add(more.points),
            points_whole: self.points_whole.saturating_add(more.points_whole),
            subsets: self.subsets.saturating_add(more.subsets),
            images: self.images.saturating_add(more.images),
            reopened: self.reopened.saturating_add(more.reopened),
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequences, points, points_whole, subsets, images, reopened } = self;
        write!(
            f,
            "{sequences} sequences, {points} crash points, {points_whole} of them with all "
        )?;
        write!(f, "subsets, {subsets} subsets, {images} different images, and {reopened} of ")?;
        write!(f, "crashes in their opening")
    }
}

/// Looks at the crash points of one sequence.
struct Looker<'p> {
    plan: &'p Plan,
    /// Short enough for crashes in openings.
    is_short: bool,
    bound: Bound,
    counted: Counted,
    /// What images held, and what was answered then.
    judged: BTreeSet<(u64, u64)>,
    /// The same without the indexes.
    rebuilt: BTreeSet<(u64, u64)>,
}

impl Looker<'_> {
    fn moment(&mut self, model: &Model, moment: &Moment) -> Result<(), Broken> {
        self.counted.points = self.counted.points.saturating_add(1);
        // The process alone ends.
        self.image(model, moment.calls, &moment.state, || "killed".into())?;
        if !moment.state.is_dirty() {
            self.counted.points_whole = self.counted.points_whole.saturating_add(1);
            return Ok(());
        }
        let all = Script::new(Answers::All { but: (0, 0), answer: 0 });
        let _ = moment.state.told(&all);
        let questions = all.asked();
        let subsets = questions.iter().try_fold(1_u64, |all, count| all.checked_mul(*count));
        if subsets.is_some_and(|subsets| subsets <= self.bound.images) {
            self.counted.points_whole = self.counted.points_whole.saturating_add(1);
            return self.all_subsets(model, moment);
        }
        let family = family(&questions);
        let step = family.len().div_ceil(self.bound.family.max(1)).max(1);
        // Where it begins differs from point to point, so that none is left out everywhere.
        let start = usize::try_from(moment.calls).unwrap_or_default().checked_rem(step);
        let always = family.iter().take(2);
        let rest = family.iter().skip(2).skip(start.unwrap_or_default()).step_by(step);
        for answers in always.chain(rest) {
            self.subset(model, moment, &Script::new(answers.clone()))?;
        }
        Ok(())
    }

    fn all_subsets(&mut self, model: &Model, moment: &Moment) -> Result<(), Broken> {
        let mut answers = Some(Vec::new());
        while let Some(these) = answers {
            let script = Script::new(Answers::These(these.clone()));
            self.subset(model, moment, &script)?;
            answers = next(&these, &script.asked());
        }
        Ok(())
    }

    fn subset(&mut self, model: &Model, moment: &Moment, script: &Script) -> Result<(), Broken> {
        self.counted.subsets = self.counted.subsets.saturating_add(1);
        let image = moment.state.told(script);
        self.image(model, moment.calls, &image, || format!("{script:?}"))
    }

    /// Opens an image and judges it, if there was none like it.
    fn image(
        &mut self,
        model: &Model,
        at: u64,
        image: &State,
        called: impl Fn() -> String,
    ) -> Result<(), Broken> {
        let answered = answered(model, at);
        let (held, of_segments) = image.digests();
        if !self.judged.insert((held, answered)) {
            return Ok(());
        }
        self.counted.images = self.counted.images.saturating_add(1);
        let is_rebuilt = self.rebuilt.insert((of_segments, answered));
        let outcome = self.judge(model, at, image, (held, is_rebuilt));
        outcome.map_err(|broken| {
            Broken::new(broken.invariant, format!("{}; {}", broken.what, called()))
        })
    }

    fn judge(
        &mut self,
        model: &Model,
        at: u64,
        image: &State,
        (held, is_rebuilt): (u64, bool),
    ) -> Result<(), Broken> {
        let settings = &self.plan.settings;
        let disk = SimDisk::new(image.clone(), held);
        disk.keep_moments(1);
        let stepped = examine::open_on(&disk, settings)?;
        let looked = examine::look(stepped.store())?;
        let there = judge::whole(model, at, &looked)?;
        examine::wrongs(&disk)?;
        if is_rebuilt {
            examine::rebuilt(image, settings, held, &looked)?;
        }
        let mut chance = Chance::of(held, &[7]);
        let opening = disk.moments();
        if self.is_short && chance.percent(12) {
            for moment in &opening {
                for choice in [Choice::Synced, Choice::Kill] {
                    self.counted.reopened = self.counted.reopened.saturating_add(1);
                    let again = examine::open(moment.state.crashed(choice), settings, held)?;
                    judge::whole(model, at, &examine::look(again.stepped.store())?)?;
                    again.kill();
                }
            }
        }
        if chance.percent(12) {
            let opened = Opened { disk, stepped };
            examine::goes_on(model, settings, opened, (&looked, &there), &mut chance)?;
        } else {
            death::kill(&disk, stepped);
        }
        Ok(())
    }
}

/// Of many subsets those that are looked at; the first two always.
fn family(questions: &[u64]) -> Vec<Answers> {
    let none = Answers::Nothing { but: (0, 0), answer: 0 };
    let all = Answers::All { but: (0, 0), answer: 0 };
    let mut family = vec![none, all];
    for (place, count) in questions.iter().enumerate() {
        let behind = place.saturating_add(1);
        let alone = (place, behind);
        for answer in 0..*count {
            family.push(Answers::Nothing { but: alone, answer });
            family.push(Answers::All { but: alone, answer });
        }
        family.push(Answers::Nothing { but: (0, behind), answer: u64::MAX });
        family.push(Answers::All { but: (0, behind), answer: 0 });
    }
    family
}

/// What the model says of a time, as one number.
fn answered(model: &Model, at: u64) -> u64 {
    let mut mixed = Chance::new(model.asked.len() as u64);
    for asked in &model.asked {
        let sure = match model.outcome(asked, at) {
            Sure::Yes => 1,
            Sure::No => 2,
            Sure::Maybe => 3,
        };
        mixed = Chance::of(mixed.next(), &[sure]);
    }
    mixed.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    // issue 3, The proof: exhaustively; the whole of it takes an hour, this some seconds
    #[test]
    fn no_crash_in_one_operation_breaks_a_promise() {
        let bound = Bound { length: 1, images: 16, family: 16, opening_length: 0, threads: 2 };
        let gone = exhaust(bound, |_, _| {});
        assert!(gone.found.is_none(), "{:?}", gone.found);
        let Counted { sequences, points, images, .. } = gone.counted;
        assert_eq!(sequences, 24);
        assert!(points > 400 && images > 400, "{}", gone.counted);
    }
}
