//! The crash points of a life: which of them are examined, and how.

use restante_store::log::Settings;

use crate::chance::Chance;
use crate::disk::{Moment, SimDisk};
use crate::examine;
use crate::failure::Broken;
use crate::lived::{Effort, Lived};
use crate::model::Model;
use crate::persist::Choice;
use crate::plan::Plan;
use crate::through::Through;

/// The crash points of a life.
pub(crate) struct Points<'p> {
    seed: u64,
    settings: &'p Settings,
    effort: Effort,
    /// Who is told of each, instead.
    pub(crate) through: Option<Through<'p>>,
    /// The disk at each call of the act before.
    pub(crate) recent: Vec<Moment>,
    /// What was being done when the disk was left, if it was.
    pub(crate) call: String,
    pub(crate) lived: Lived,
}

/// Of calls to an index one of so many is examined: they are many and much alike.
const EVERY_INDEX_CALL: u64 = 3;

impl<'p> Points<'p> {
    /// Those of this plan.
    pub(crate) fn new(plan: &'p Plan, effort: Effort, through: Option<Through<'p>>) -> Self {
        Self {
            seed: plan.seed,
            settings: &plan.settings,
            effort,
            through,
            recent: Vec::new(),
            call: String::new(),
            lived: Lived::default(),
        }
    }

    /// From now on all calls of this disk are kept that may be examined.
    pub(crate) fn keep(&self, disk: &SimDisk) {
        disk.keep_moments(if self.through.is_some() { 1 } else { EVERY_INDEX_CALL });
    }

    /// Every crash point since this was done last, in the act of this number.
    pub(crate) fn examine(
        &mut self,
        disk: &SimDisk,
        model: &Model,
        (number, purpose): (u64, u64),
    ) -> Result<(), Broken> {
        let moments = disk.moments();
        if self.through.is_some() {
            self.tell(model, number, &moments)?;
            self.recent = moments;
            return Ok(());
        }
        for (place, moment) in (0..).zip(&moments) {
            self.lived.moments = self.lived.moments.saturating_add(1);
            let seed = [5, purpose, place, moment.calls];
            let mut chance = Chance::of(self.seed, &seed);
            if self.effort.every > 0 && chance.below(self.effort.every) == 0 {
                self.points(model, moment, &mut chance)?;
            }
        }
        if !moments.is_empty() {
            self.recent = moments;
        }
        Ok(())
    }

    /// Crash points of an act are told to who watches.
    pub(crate) fn tell(
        &mut self,
        model: &Model,
        number: u64,
        moments: &[Moment],
    ) -> Result<(), Broken> {
        let Some(through) = &mut self.through else { return Ok(()) };
        if number < through.from {
            return Ok(());
        }
        for moment in moments {
            self.call = format!("{} at call {}", moment.call, moment.calls);
            (through.watching)(model, moment)?;
        }
        self.call.clear();
        Ok(())
    }

    fn points(
        &mut self,
        model: &Model,
        moment: &Moment,
        chance: &mut Chance,
    ) -> Result<(), Broken> {
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
            let points = examine::point(model, self.settings, place, choice, chance.next())?;
            self.lived.points = self.lived.points.saturating_add(points);
        }
        self.call.clear();
        Ok(())
    }
}
