//! What is asked to be done with messages, and decided by the writer when its turn comes.

use mail_wire::{Delete, Retention, Views};

use crate::custody::Cause;
use crate::log::actor::Actor;
use crate::log::bugs::{self, Bug};
use crate::log::mark::{ASIDE, HELD, Mark, Spot};
use crate::log::meta::Destroyed;
use crate::log::record::aligned_record;

/// Something to be done with messages of a maildrop. What is already so is not written again,
/// and messages that are gone are passed over.
#[derive(Debug)]
pub(crate) struct Deed {
    pub(crate) maildrop: u64,
    pub(crate) ids: Vec<u64>,
    pub(crate) act: Act,
    pub(crate) actor: Actor,
    /// What came of it.
    pub(crate) decided: Decision,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A session deleted them: by its view.
    Delete {
        /// Whose session.
        credential: u64,
        /// What a deletion does.
        delete: Delete,
        /// Whose deletions count for whom.
        views: Views,
        /// The other credentials that must have deleted them too.
        others: Vec<u64>,
    },
    /// Nothing is laid over them any more. Answers how many are there.
    Restore,
    /// Those that are held are destroyed. Answers how many.
    Release,
    /// They leave every listing, for this reason. Answers how many are there.
    SetAside(u64),
    /// A session died at them. Answers how often that was, running.
    Died,
    /// A session came past them alive.
    Survived,
    /// They were retrieved to the end, at this time, if it was the first.
    Retrieved(u64),
    /// This is said of them, as it was elsewhere.
    Lay(Vec<(Spot, u64)>),
    /// Those whose time is over are destroyed. Answers how many.
    Expire(Option<Retention>),
}

/// What is to be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) marks: Vec<Mark>,
    pub(crate) destroyed: Option<Destroyed>,
    /// What is answered.
    pub(crate) answer: u64,
}

impl Deed {
    /// To be done with these, by nobody who has a session.
    pub(crate) fn new(maildrop: u64, ids: Vec<u64>, act: Act) -> Self {
        let cause = match act {
            Act::Release => Some(Cause::Removed),
            Act::Expire(_) => Some(Cause::Expired),
            _ => None,
        };
        let actor = Actor { cause, ..Actor::default() };
        Self { maildrop, ids, act, actor, decided: Decision::default() }
    }

    /// The same, by this one.
    pub(crate) fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// About how much memory it has, in octets, and at least how much it adds to the log, once
    /// that is decided.
    pub(crate) fn size(&self) -> u64 {
        let asked = (self.ids.len() as u64).saturating_mul(8).saturating_add(96);
        asked.max(self.decided.size())
    }
}

impl Decision {
    /// Whether there is nothing to be written.
    pub(crate) const fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.destroyed.is_none()
    }

    /// Whether something is listed again.
    pub(crate) fn shows(&self) -> bool {
        self.marks.iter().any(|mark| mark.said.value == 0)
    }

    /// Whether the maildrop holds more or less for its quota.
    pub(crate) fn counts(&self) -> bool {
        let is_counted =
            |mark: &Mark| matches!(mark.aspect, HELD | ASIDE) && !bugs::is_on(Bug::WithheldCounted);
        self.destroyed.is_some() || self.marks.iter().any(is_counted)
    }

    /// Until when something is held, if it is.
    pub(crate) fn held_until(&self) -> Option<u64> {
        let held = self.marks.iter().filter(|mark| mark.aspect == HELD);
        held.map(|mark| mark.said.value).filter(|until| *until != 0).min()
    }

    fn size(&self) -> u64 {
        let marks = self.marks.iter().map(|mark| aligned_record(mark.size()));
        marks.chain(self.destroyed.iter().map(Destroyed::size)).fold(0, u64::saturating_add)
    }
}
