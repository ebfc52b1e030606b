//! Lives, one seed after another, until there were enough crash points or a promise is broken.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use crate::failure::Broken;
use crate::life;
use crate::lived::{Effort, Ended, Lived};
use crate::plan::{self, Plan};

/// How long is searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The first seed; those that follow are searched next.
    pub(crate) first: u64,
    /// Only lives of its kind.
    pub(crate) alike: bool,
    pub(crate) points: u64,
    pub(crate) time: Duration,
    pub(crate) effort: Effort,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub(crate) struct Searched {
    pub(crate) lives: u64,
    pub(crate) lived: Lived,
    pub(crate) took: Duration,
    /// The seed of the life that ended badly, and how.
    pub(crate) found: Option<(u64, Box<Ended>)>,
}

/// Searches.
pub(crate) fn search(bounds: Bounds) -> Searched {
    let start = SystemTime::now();
    let mut searched =
        Searched { lives: 0, lived: Lived::default(), took: Duration::ZERO, found: None };
    let mut seed = bounds.first;
    while searched.lived.points < bounds.points && start.elapsed().unwrap_or_default() < bounds.time
    {
        let outcome = live(&Plan::drawn(seed), bounds.effort);
        searched.lives = searched.lives.saturating_add(1);
        let lived = match outcome {
            Ok(lived) => lived,
            Err(ended) => {
                let lived = ended.lived;
                searched.found = Some((seed, ended));
                lived
            }
        };
        searched.lived = searched.lived.plus(lived);
        if searched.found.is_some() {
            break;
        }
        seed = if bounds.alike { seed.wrapping_add(1) } else { plan::next(seed) };
    }
    searched.took = start.elapsed().unwrap_or_default();
    searched
}

/// One life; a panic is a broken promise like any other.
pub(crate) fn live(plan: &Plan, effort: Effort) -> Result<Lived, Box<Ended>> {
    caught(plan, || life::live(plan, effort))
}

/// What a life came to; a panic is a broken promise.
pub(crate) fn caught<T>(
    plan: &Plan,
    life: impl FnOnce() -> Result<T, Box<Ended>>,
) -> Result<T, Box<Ended>> {
    catch_unwind(AssertUnwindSafe(life)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing");
        let broken = Broken::new(0, format!("a panic: {said}"));
        let lived = Lived::default();
        Err(Box::new(Ended { broken, act: plan.acts.len(), call: String::new(), lived }))
    })
}
