//! What was asked of the store, what it answered and when: enough to say of every moment which
//! messages must be there, and which may.
//!
//! A message is absent, then present, then destroyed, once: so each is judged by itself, and the
//! judgement takes time linear in what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::failure::Broken;
use crate::laid::{Effect, Laid};

/// What was asked, and answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) copies: Vec<Copy>,
    pub(crate) asked: Vec<Asked>,
    /// Of every unique-id that was ever seen, whose it is (I4).
    pub(crate) given: BTreeMap<String, usize>,
    /// Of each shard, when something was durably logged: what was refused before is final.
    logged: Vec<Vec<u64>>,
}

/// One recipient's copy of a message.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) maildrop: u64,
    /// Its place among the recipients of its message.
    pub(crate) place: usize,
    /// All of it, as text.
    pub(crate) text: Arc<[u8]>,
    /// What asked for it.
    added_by: usize,
    /// What was asked about it since it was settled, in order, and what for.
    wanted: Vec<(usize, Effect)>,
    /// What was laid over it when it was settled.
    laid: Laid,
    settled: Settled,
    pub(crate) uidl: Option<String>,
    pub(crate) id: Option<u64>,
}

/// A copy that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct There {
    pub(crate) copy: usize,
    pub(crate) uidl: String,
    pub(crate) id: u64,
    pub(crate) laid: Laid,
}

/// What is known of a copy for good, since somebody looked after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    No,
    There,
    Gone,
}

/// Something that was asked of the store.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) what: What,
    /// The copies that it is about.
    pub(crate) copies: Vec<usize>,
    shard: usize,
    /// When it was answered, in calls of the disk, and whether it was done.
    pub(crate) answered: Option<(u64, bool)>,
    /// A crash came before the answer, and somebody looked since.
    is_over: bool,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Add,
    Change,
}

/// How sure something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sure {
    Yes,
    No,
    /// It was under way, or refused by a disk that could not even write down that it was.
    Maybe,
}

impl Model {
    /// Nothing was asked yet, of so many shards.
    pub(crate) fn new(shards: usize) -> Self {
        Self { logged: vec![Vec::new(); shards], ..Self::default() }
    }

    /// A message for these maildrops, all in one shard, each with its place among all recipients,
    /// is asked to be added: one record. `text` makes the text of a copy of its number.
    pub(crate) fn add(
        &mut self,
        to: &[(u64, usize)],
        shard: usize,
        text: impl Fn(usize) -> Vec<u8>,
    ) -> (usize, Vec<usize>) {
        let asked = self.asked.len();
        let mut copies = Vec::new();
        for (maildrop, place) in to {
            copies.push(self.copies.len());
            self.copies.push(Copy {
                maildrop: *maildrop,
                place: *place,
                text: text(self.copies.len()).into(),
                added_by: asked,
                wanted: Vec::new(),
                laid: Laid::default(),
                settled: Settled::No,
                uidl: None,
                id: None,
            });
        }
        self.ask(What::Add, copies.clone(), shard);
        (asked, copies)
    }

    /// This is asked for of these copies, all of one shard.
    pub(crate) fn want(&mut self, effect: Effect, copies: Vec<usize>, shard: usize) -> usize {
        let asked = self.asked.len();
        for copy in &copies {
            if let Some(copy) = self.copies.get_mut(*copy) {
                copy.wanted.push((asked, effect));
            }
        }
        self.ask(What::Change, copies, shard);
        asked
    }

    fn ask(&mut self, what: What, copies: Vec<usize>, shard: usize) {
        self.asked.push(Asked { what, copies, shard, answered: None, is_over: false });
    }

    /// It was answered at this time. `is_logged`: a record of it is in the log.
    pub(crate) fn answer(&mut self, asked: usize, at: u64, is_done: bool, is_logged: bool) {
        let Some(one) = self.asked.get_mut(asked) else { return };
        one.answered = Some((at, is_done));
        if is_logged && let Some(logged) = self.logged.get_mut(one.shard) {
            logged.push(at);
        }
    }

    /// The process ended at this time: what was answered later never was.
    pub(crate) fn cut(&mut self, at: u64) {
        for asked in &mut self.asked {
            if asked.answered.is_some_and(|(then, _)| then > at) {
                asked.answered = None;
            }
        }
        for logged in &mut self.logged {
            logged.retain(|then| *then <= at);
        }
    }

    /// Whether a copy was added, as of this time.
    pub(crate) fn added(&self, copy: &Copy, at: u64) -> Sure {
        match copy.settled {
            Settled::There => return Sure::Yes,
            Settled::Gone => return Sure::No,
            Settled::No => {}
        }
        self.asked.get(copy.added_by).map_or(Sure::No, |asked| self.outcome(asked, at))
    }

    /// What may be of a copy, if it was added, as of this time.
    pub(crate) fn may_be(&self, copy: &Copy, at: u64) -> BTreeSet<Laid> {
        self.may_be_if(copy, at, None)
    }

    /// The same, if one of what was asked was done, or was not.
    pub(crate) fn may_be_if(
        &self,
        copy: &Copy,
        at: u64,
        given: Option<(usize, bool)>,
    ) -> BTreeSet<Laid> {
        let mut all = BTreeSet::from([copy.laid.clone()]);
        for (number, effect) in &copy.wanted {
            let Some(asked) = self.asked.get(*number) else { continue };
            let sure = match given {
                Some((given, is_done)) if given == *number => {
                    if is_done {
                        Sure::Yes
                    } else {
                        Sure::No
                    }
                }
                _ => self.outcome(asked, at),
            };
            if sure == Sure::No {
                continue;
            }
            let after: Vec<Laid> = all.iter().flat_map(|laid| laid.after(*effect)).collect();
            if sure == Sure::Yes {
                all.clear();
            }
            all.extend(after);
        }
        all
    }

    /// Whether a copy was destroyed, as of this time.
    pub(crate) fn destroyed(&self, copy: &Copy, at: u64) -> Sure {
        let all = self.may_be(copy, at);
        match all.iter().filter(|laid| laid.is_gone).count() {
            0 => Sure::No,
            gone if gone == all.len() => Sure::Yes,
            _ => Sure::Maybe,
        }
    }

    /// What became of something that was asked, as of this time.
    pub(crate) fn outcome(&self, asked: &Asked, at: u64) -> Sure {
        match asked.answered {
            _ if asked.is_over => Sure::No,
            Some((then, true)) if then <= at => Sure::Yes,
            Some((then, false)) if then <= at => {
                // The next segment's header says that it is not there.
                let logged = self.logged.get(asked.shard).map(Vec::as_slice).unwrap_or_default();
                let is_final = logged.iter().any(|done| *done >= then && *done <= at);
                if is_final { Sure::No } else { Sure::Maybe }
            }
            _ => Sure::Maybe,
        }
    }

    /// A copy was acknowledged under this unique-id and this id.
    pub(crate) fn name(&mut self, copy: usize, uidl: &str, id: u64) -> Result<(), Broken> {
        if let Some(other) = self.given.insert(uidl.to_owned(), copy)
            && other != copy
        {
            return Err(Broken::new(4, format!("copies {other} and {copy} are both {uidl}")));
        }
        if let Some(copy) = self.copies.get_mut(copy) {
            copy.uidl = Some(uidl.to_owned());
            copy.id = Some(id);
        }
        Ok(())
    }

    /// Whether a copy was refused by the process that lives.
    pub(crate) fn was_refused(&self, copy: &Copy) -> bool {
        let asked = self.asked.get(copy.added_by);
        copy.settled == Settled::No
            && asked.is_some_and(|asked| asked.answered.is_some_and(|(_, is_done)| !is_done))
    }

    /// Whether the process that lives may withhold a copy from this credential: what it refused
    /// it did not do.
    pub(crate) fn may_be_withheld(&self, copy: &Copy, credential: u64) -> bool {
        let mut all = BTreeSet::from([copy.laid.clone()]);
        for (asked, effect) in &copy.wanted {
            let answered = self.asked.get(*asked).and_then(|asked| asked.answered);
            if answered.is_none_or(|(_, is_done)| is_done) {
                let after: Vec<Laid> = all.iter().flat_map(|laid| laid.after(*effect)).collect();
                // What is not answered may be under way still.
                all.extend(after);
            }
        }
        all.iter().any(|laid| !laid.is_listed(credential))
    }

    /// Somebody looked after a crash, and these copies are there: that is so from now on.
    pub(crate) fn settle(&mut self, seen: &[There]) {
        for copy in &mut self.copies {
            copy.settled = Settled::Gone;
            copy.wanted.clear();
        }
        for There { copy, uidl, id, laid } in seen {
            self.given.insert(uidl.clone(), *copy);
            if let Some(copy) = self.copies.get_mut(*copy) {
                copy.settled = Settled::There;
                copy.laid = laid.clone();
                copy.uidl = Some(uidl.clone());
                copy.id = Some(*id);
            }
        }
        for asked in &mut self.asked {
            asked.is_over = true;
        }
    }

    /// The copies of a maildrop that must be there, or may.
    pub(crate) fn held(&self, maildrop: u64, at: u64) -> Vec<usize> {
        (0..)
            .zip(&self.copies)
            .filter(|(_, copy)| copy.maildrop == maildrop)
            .filter(|(_, copy)| {
                self.added(copy, at) != Sure::No && self.destroyed(copy, at) != Sure::Yes
            })
            .map(|(number, _)| number)
            .collect()
    }
}
