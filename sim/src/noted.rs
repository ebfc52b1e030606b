//! What a store was asked by the conformance suite, and what it answered.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail_wire::{Form, MaildropId, MessageId, Quota};
use restante_store::{Incoming, StoreError, Stored, Surrogate};

use crate::digest::Digest;
use crate::disk::SimDisk;
use crate::fate::{Effect, Fate};
use crate::message::stuffed;

/// What was asked of one store. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    noted: Arc<Mutex<Noted>>,
    /// Its calls are the clock.
    disk: SimDisk,
}

/// What was asked of one store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted {
    pub(crate) copies: Vec<Copy>,
    /// Each thing that was asked for.
    pub(crate) asked: Vec<Asked>,
    /// Every error that was told, in the two ways in which people tell it.
    pub(crate) told: Vec<String>,
}

/// Something that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) answered: Answered,
    /// When it was asked for, and when the answer was seen, in calls of the disk.
    at: u64,
    then: u64,
}

/// How something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It did not, yet.
    Not,
    Done,
    Refused,
    /// Some of it was done.
    Partly,
}

/// One recipient's copy of a message.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) maildrop: MaildropId,
    /// In wire form.
    pub(crate) octets: Arc<[u8]>,
    /// The same for who may not see raw UTF-8, where it differs.
    pub(crate) stand_in: Option<Arc<[u8]>>,
    /// What asked for it.
    pub(crate) added_by: usize,
    pub(crate) uidl: Option<String>,
    pub(crate) id: Option<u64>,
    /// It has a quota, and so may be refused where others are not.
    pub(crate) has_quota: bool,
    /// It was refused for its quota alone: then it is never there.
    pub(crate) is_over_quota: bool,
    /// The copy that it took the place of, whole.
    pub(crate) replaces: Option<usize>,
    /// What was asked for of it.
    pub(crate) wanted: Vec<(usize, Effect)>,
}

impl Noted {
    /// What may be of a copy, if it was added. `is_certain`: what was refused was not done.
    pub(crate) fn fates(&self, copy: &Copy, is_certain: bool) -> BTreeSet<Fate> {
        self.fates_but(copy, is_certain, None)
    }

    /// The same, if this was not done.
    pub(crate) fn fates_but(
        &self,
        copy: &Copy,
        is_certain: bool,
        but: Option<usize>,
    ) -> BTreeSet<Fate> {
        let mut all = BTreeSet::from([Fate::default()]);
        for (asked, effect) in copy.wanted.iter().filter(|(asked, _)| Some(*asked) != but) {
            let answered = self.answered(*asked);
            if answered == Answered::Refused && is_certain {
                continue;
            }
            let after = all.iter().flat_map(|fate| fate.after(effect));
            let after: Vec<Fate> = after.flat_map(|fate| fate.by_itself()).collect();
            if answered == Answered::Done {
                all.clear();
            }
            all.extend(after);
        }
        all
    }

    /// How something went.
    pub(crate) fn answered(&self, asked: usize) -> Answered {
        self.asked.get(asked).map_or(Answered::Not, |asked| asked.answered)
    }

    /// All that decides what must be there, and not when it was asked.
    pub(crate) fn digest(&self, digest: &mut Digest) {
        for asked in &self.asked {
            digest.octets(format!("{:?}", asked.answered).as_bytes());
        }
        for copy in &self.copies {
            let Copy { octets, stand_in, wanted, .. } = copy;
            digest.octets(octets);
            digest.octets(stand_in.as_deref().unwrap_or_default());
            let Copy { maildrop, added_by, uidl, id, is_over_quota, replaces, .. } = copy;
            let rest = format!(
                "{maildrop} {added_by} {uidl:?} {id:?} {is_over_quota} {replaces:?} {wanted:?} {}",
                stand_in.is_some()
            );
            digest.octets(rest.as_bytes());
        }
    }

    /// Whether anything was refused.
    pub(crate) fn has_refused(&self) -> bool {
        !self.told.is_empty()
    }

    /// Whether all was answered.
    pub(crate) fn is_quiet(&self) -> bool {
        self.asked.iter().all(|asked| asked.answered != Answered::Not)
    }

    /// What had been noted before this call.
    pub(crate) fn before(&self, call: u64) -> Self {
        let mut noted = self.clone();
        for asked in &mut noted.asked {
            if asked.then > call {
                asked.answered = Answered::Not;
            }
        }
        let is_asked = |asked: usize| self.asked.get(asked).is_some_and(|one| one.at <= call);
        for copy in &mut noted.copies {
            copy.wanted.retain(|(asked, _)| is_asked(*asked));
            if self.asked.get(copy.added_by).is_none_or(|one| one.then > call) {
                (copy.uidl, copy.id) = (None, None);
            }
        }
        noted
    }

    fn ask(&mut self, at: u64) -> usize {
        self.asked.push(Asked { answered: Answered::Not, at, then: u64::MAX });
        self.asked.len().saturating_sub(1)
    }

    fn answer(&mut self, asked: usize, answered: Answered, then: u64) {
        if let Some(one) = self.asked.get_mut(asked) {
            (one.answered, one.then) = (answered, then);
        }
    }
}

impl Records {
    /// Nothing yet, of the store on this disk.
    pub(crate) fn new(disk: SimDisk) -> Self {
        Self { noted: Arc::default(), disk }
    }

    /// What was noted.
    pub(crate) fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error was told.
    pub(crate) fn tell<T>(&self, outcome: &Result<T, StoreError>) {
        if let Err(fault) = outcome {
            self.noted().told.extend([fault.to_string(), format!("{fault:?}")]);
        }
    }

    /// A message is given to the store.
    pub(crate) fn deliver(
        &self,
        incoming: &Incoming,
        octets: &[u8],
        surrogate: Option<&Surrogate>,
    ) -> usize {
        let mut noted = self.noted();
        let added_by = noted.ask(self.disk.calls());
        let body: Vec<u8> = match incoming.form {
            Form::Wire => octets.to_vec(),
            Form::Text => stuffed(octets),
        };
        let text = body.windows(4).position(|end| end == b"\r\n\r\n");
        let text = body.get(text.map_or(body.len(), |at| at.saturating_add(4))..);
        for (place, recipient) in incoming.recipients.iter().enumerate() {
            let stand_in = surrogate.map(|surrogate| {
                let prefix = surrogate.prefixes.get(place).map_or(&[][..], Vec::as_slice);
                [&stuffed(prefix), &stuffed(&surrogate.header), text.unwrap_or_default()].concat()
            });
            let copy = Copy {
                maildrop: recipient.maildrop,
                octets: [stuffed(&recipient.prefix), body.clone()].concat().into(),
                stand_in: stand_in.map(Into::into),
                added_by,
                uidl: None,
                id: None,
                has_quota: recipient.quota != Quota::default(),
                is_over_quota: false,
                replaces: None,
                wanted: Vec::new(),
            };
            noted.copies.push(copy);
        }
        added_by
    }

    /// A message was taken, or not.
    pub(crate) fn delivered(&self, asked: usize, outcomes: &[Result<Stored, StoreError>]) {
        for outcome in outcomes {
            self.tell(outcome);
        }
        let mut noted = self.noted();
        let of = noted.copies.iter_mut().filter(|copy| copy.added_by == asked);
        for (copy, outcome) in of.zip(outcomes) {
            copy.uidl = outcome.as_ref().ok().map(|stored| stored.uidl.to_string());
            copy.id = outcome.as_ref().ok().map(|stored| stored.id.get());
            copy.is_over_quota = matches!(outcome, Err(StoreError::Full { quota: true, .. }));
        }
        let is_done = outcomes.iter().all(Result::is_ok);
        let answered = if is_done { Answered::Done } else { Answered::Refused };
        noted.answer(asked, answered, self.disk.calls());
    }

    /// This is asked for of the copies in a maildrop that have these ids, or of all.
    pub(crate) fn want(&self, of: MaildropId, ids: Option<&[MessageId]>, effect: &Effect) -> usize {
        let mut noted = self.noted();
        let asked = noted.ask(self.disk.calls());
        let is_meant = |copy: &Copy| {
            let is_named =
                |ids: &[MessageId]| copy.id.is_some_and(|id| ids.iter().any(|one| one.get() == id));
            copy.maildrop == of && ids.is_none_or(is_named)
        };
        for copy in noted.copies.iter_mut().filter(|copy| is_meant(copy)) {
            copy.wanted.push((asked, effect.clone()));
        }
        asked
    }

    /// It was done, or not. What was asked of messages that are gone was done to the others.
    pub(crate) fn done<T>(&self, asked: usize, outcome: &Result<T, StoreError>) {
        self.tell(outcome);
        let answered = match outcome {
            Ok(_) | Err(StoreError::Absent { .. }) => Answered::Done,
            Err(_) => Answered::Refused,
        };
        self.noted().answer(asked, answered, self.disk.calls());
    }

    /// An UPDATE was done, or not: nothing of it where a number is not listed.
    pub(crate) fn committed<T>(&self, asked: usize, outcome: &Result<T, StoreError>) {
        self.tell(outcome);
        let answered = if outcome.is_ok() { Answered::Done } else { Answered::Refused };
        self.noted().answer(asked, answered, self.disk.calls());
    }

    /// Messages are to be offered under new unique-ids: each for itself takes the place of what
    /// it was.
    pub(crate) fn renew(&self, of: MaildropId, ids: &[MessageId]) -> usize {
        let asked = self.want(of, Some(ids), &Effect::Destroy);
        let mut noted = self.noted();
        for id in ids {
            let old = noted.copies.iter().position(|copy| copy.id == Some(id.get()));
            if let Some(place) = old
                && let Some(old) = noted.copies.get(place)
            {
                let new = Copy {
                    added_by: asked,
                    uidl: None,
                    id: None,
                    replaces: Some(place),
                    wanted: Vec::new(),
                    ..old.clone()
                };
                noted.copies.push(new);
            }
        }
        asked
    }

    /// They are, under these, or some are.
    pub(crate) fn renewed(&self, asked: usize, outcome: &Result<Vec<mail_wire::Uidl>, StoreError>) {
        self.tell(outcome);
        let mut noted = self.noted();
        let Ok(uidls) = outcome else {
            noted.answer(asked, Answered::Partly, self.disk.calls());
            return;
        };
        let of = noted.copies.iter_mut().filter(|copy| copy.added_by == asked);
        for (copy, uidl) in of.zip(uidls) {
            copy.uidl = Some(uidl.to_string());
        }
        noted.answer(asked, Answered::Done, self.disk.calls());
    }
}
