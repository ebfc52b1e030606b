//! What was asked of the store, what it answered and when: enough to say of every moment which
//! messages must be there, and which may.
//!
//! A message is absent, then present, then destroyed, once: so each is judged by itself, and the
//! judgement takes time linear in what happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::failure::Broken;

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
    /// What asked for its end.
    destroyed_by: Vec<usize>,
    settled: Settled,
    pub(crate) uidl: Option<String>,
    pub(crate) id: Option<u64>,
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
    Destroy,
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
                destroyed_by: Vec::new(),
                settled: Settled::No,
                uidl: None,
                id: None,
            });
        }
        self.ask(What::Add, copies.clone(), shard);
        (asked, copies)
    }

    /// These copies, all of one shard, are asked to be destroyed.
    pub(crate) fn destroy(&mut self, copies: Vec<usize>, shard: usize) -> usize {
        let asked = self.asked.len();
        for copy in &copies {
            if let Some(copy) = self.copies.get_mut(*copy) {
                copy.destroyed_by.push(asked);
            }
        }
        self.ask(What::Destroy, copies, shard);
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

    /// Whether a copy was destroyed, as of this time.
    pub(crate) fn destroyed(&self, copy: &Copy, at: u64) -> Sure {
        let mut sure = Sure::No;
        for asked in copy.destroyed_by.iter().filter_map(|asked| self.asked.get(*asked)) {
            match self.outcome(asked, at) {
                Sure::Yes => return Sure::Yes,
                Sure::Maybe => sure = Sure::Maybe,
                Sure::No => {}
            }
        }
        sure
    }

    /// How many of those that asked for a copy's end may have got it, as of this time.
    pub(crate) fn times_maybe_destroyed(&self, copy: &Copy, at: u64) -> usize {
        let asked = copy.destroyed_by.iter().filter_map(|asked| self.asked.get(*asked));
        asked.filter(|asked| self.outcome(asked, at) != Sure::No).count()
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

    /// Whether the process that lives may have destroyed a copy: what it refused it did not.
    pub(crate) fn may_be_destroyed(&self, copy: &Copy) -> bool {
        let asked = copy.destroyed_by.iter().filter_map(|asked| self.asked.get(*asked));
        asked.into_iter().any(|asked| asked.answered.is_none_or(|(_, is_done)| is_done))
    }

    /// Somebody looked after a crash, and these copies are there: that is so from now on.
    pub(crate) fn settle(&mut self, seen: &[(usize, String, u64)]) {
        for copy in &mut self.copies {
            copy.settled = Settled::Gone;
            copy.destroyed_by.clear();
        }
        for (copy, uidl, id) in seen {
            self.given.insert(uidl.clone(), *copy);
            if let Some(copy) = self.copies.get_mut(*copy) {
                copy.settled = Settled::There;
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
