//! The shortest list of acts that still breaks the same promise.

use crate::lived::{Effort, Ended};
use crate::plan::Plan;
use crate::search::live;

/// How often it is tried at most: a life takes some tens of milliseconds.
const TRIES_MAX: usize = 600;

/// Takes acts out for as long as the same promise is broken; answers the plan that is left and
/// how it ends.
pub(crate) fn shrink(plan: &Plan, ended: &Ended, effort: Effort) -> (Plan, Ended) {
    let (mut plan, mut ended) = (plan.clone(), ended.clone());
    plan.acts.truncate(ended.act.saturating_add(1));
    let mut tries = 0_usize;
    let mut length = plan.acts.len().div_ceil(2);
    while length > 0 && tries < TRIES_MAX {
        let mut start = 0;
        let before = plan.acts.len();
        while start < plan.acts.len() && tries < TRIES_MAX {
            tries = tries.saturating_add(1);
            let mut shorter = plan.clone();
            let end = start.saturating_add(length).min(shorter.acts.len());
            shorter.acts.drain(start..end);
            match live(&shorter, effort) {
                Err(same) if same.broken.invariant == ended.broken.invariant => {
                    shorter.acts.truncate(same.act.saturating_add(1));
                    (plan, ended) = (shorter, *same);
                }
                _ => start = end,
            }
        }
        if plan.acts.len() == before || length > plan.acts.len() {
            length /= 2;
        }
    }
    (plan, ended)
}
