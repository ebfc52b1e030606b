//! What the store answers, and what the model makes of it.

use std::fmt::Display;

use restante_store::{StoreError, Stored};

use crate::examine;
use crate::failure::Broken;
use crate::flying::{Answer, Flying};
use crate::laid::Effect;
use crate::process::Process;

impl Process {
    /// Takes the answers that are there.
    pub(crate) fn poll(&mut self) -> Result<(), Broken> {
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
        self.disk.note("answer", &format_args!("{:?} at {at}: {answer:?}", flying.asked));
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
            examine::kept_for_deletions(&self.disk.state(), self.settings.shards, fault)?;
        }
        self.refused(fault)
    }

    fn delivered(
        &mut self,
        flying: &Flying,
        at: u64,
        outcomes: &[Result<Stored, StoreError>],
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
    fn refused(&self, fault: Option<impl Display>) -> Result<(), Broken> {
        match fault {
            Some(fault) if self.disk.struck() == 0 && !self.is_full => {
                Err(Broken::new(0, format!("refused without a cause: {fault}")))
            }
            _ => Ok(()),
        }
    }
}
