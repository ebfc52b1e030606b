//! What the journal must tell: that each message was accepted, and of each that was destroyed its
//! end, for as long as that is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mail_wire::MaildropId;
use restante_store::custody::Happened;
use restante_store::log::LogStore;

use crate::act::{Act, MAILDROPS};
use crate::failure::Broken;
use crate::look::at_once;
use crate::model::{Model, Sure, There};
use crate::plan::Plan;

/// What must be told.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    /// Whether all that happens in the life is kept to its end.
    is_kept: bool,
    /// The messages that were accepted and destroyed, with their maildrops.
    ended: BTreeSet<(u64, u64)>,
}

/// Of one message: how often it is told that it was accepted, and that it was destroyed.
type Told = BTreeMap<u64, (usize, usize)>;

impl Journal {
    /// Of this life.
    pub(crate) fn of(plan: &Plan) -> Self {
        let forward = plan.acts.iter().filter_map(|(_, act)| match act {
            Act::Clock { forward: true, by } => Some(Duration::from_millis(*by)),
            _ => None,
        });
        let gone = forward.fold(Duration::from_hours(1), Duration::saturating_add);
        Self { is_kept: gone < plan.settings.journal_keep, ended: BTreeSet::new() }
    }

    /// Before what is known now is settled: what was destroyed is told for ever.
    pub(crate) fn note(&mut self, model: &Model, at: u64) {
        let ended = model.copies.iter().filter(|copy| {
            model.added(copy, at) == Sure::Yes && model.destroyed(copy, at) == Sure::Yes
        });
        self.ended.extend(ended.filter_map(|copy| Some((copy.maildrop, copy.id?))));
    }

    /// The journal tells all that it must: these are there.
    pub(crate) fn judge(
        &self,
        model: &Model,
        store: &LogStore,
        there: &[There],
    ) -> Result<(), Broken> {
        if !self.is_kept {
            return Ok(());
        }
        for maildrop in 0..MAILDROPS {
            let told = told(store, maildrop)?;
            let of = |id: &u64| told.get(id).copied().unwrap_or_default();
            let ours = there.iter().filter(|one| {
                model.copies.get(one.copy).is_some_and(|copy| copy.maildrop == maildrop)
            });
            let present = ours.map(|one| (one.id, (1, 0)));
            let ended = self.ended.iter().filter(|(of, _)| *of == maildrop);
            for (id, wanted) in present.chain(ended.map(|(_, id)| (*id, (1, 1)))) {
                if of(&id) != wanted {
                    let (accepted, ended) = of(&id);
                    let what = format!(
                        "of {id:016x} of {maildrop} is told {accepted} times that it was accepted, \
                         {ended} times that it was destroyed; not {wanted:?}"
                    );
                    return Err(Broken::new(14, what));
                }
            }
        }
        Ok(())
    }
}

fn told(store: &LogStore, maildrop: u64) -> Result<Told, Broken> {
    let entries = match at_once(store.told(MaildropId::new(maildrop), None)) {
        Some(Ok(entries)) => entries,
        other => return Err(Broken::new(14, format!("the journal cannot be read: {other:?}"))),
    };
    let mut told = Told::new();
    for entry in entries {
        let Some(id) = entry.message else { continue };
        let (accepted, destroyed) = told.entry(id.get()).or_default();
        match entry.what {
            Happened::Accepted { .. } => *accepted = accepted.saturating_add(1),
            Happened::Destroyed { .. } => *destroyed = destroyed.saturating_add(1),
            _ => {}
        }
    }
    Ok(told)
}
