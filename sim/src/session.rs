//! A session, and what it saw when it began.

use std::collections::BTreeMap;

use mail_wire::MessageNumber;
use restante_store::{Body, Maildrop, Store, StoreError, View};

use crate::failure::Broken;
use crate::judge;
use crate::laid::Effect;
use crate::look::{self, Seen, at_once};
use crate::message::copy_of;
use crate::model::{Model, Sure};

/// Why a session did not see what it should.
#[derive(Clone, Debug)]
pub(crate) enum Fallen {
    /// It could not be done, which is right if the disk failed.
    Impossible(Broken),
    /// It was done, and is wrong whatever the disk did.
    Wrong(Broken),
}

impl From<Broken> for Fallen {
    fn from(broken: Broken) -> Self {
        Self::Wrong(broken)
    }
}

/// A session.
pub(crate) struct Session {
    pub(crate) number: u64,
    /// Whose.
    pub(crate) of: u64,
    /// Whose credential looks.
    pub(crate) credential: u64,
    /// What a deletion does.
    pub(crate) deletion: Effect,
    /// `None` while a commit is under way.
    pub(crate) maildrop: Option<Box<dyn Maildrop>>,
    pub(crate) seen: Vec<Seen>,
    /// Messages that were read in part.
    begun: BTreeMap<usize, (Body, Vec<u8>)>,
}

impl Session {
    /// Begins one; everything that is listed is read.
    pub(crate) fn open(
        store: &dyn Store,
        (of, view, deletion): (u64, View, Effect),
        number: u64,
    ) -> Result<Self, StoreError> {
        let credential = view.credential;
        let maildrop = look::open(store, of, view)?;
        let seen = list(&*maildrop, 0);
        Ok(Self {
            number,
            of,
            credential,
            deletion,
            maildrop: Some(maildrop),
            seen,
            begun: BTreeMap::new(),
        })
    }

    /// The copy that stands at this place.
    pub(crate) fn copy(&self, place: usize) -> Option<usize> {
        copy_of(self.seen.get(place)?.text.as_ref().ok()?)
    }

    /// What it saw when it began is what was acknowledged, all of it, and nothing else.
    pub(crate) fn judge(&self, model: &Model, now: u64) -> Result<(), Fallen> {
        self.judge_from(model, now, 0)
    }

    fn judge_from(&self, model: &Model, now: u64, from: usize) -> Result<(), Fallen> {
        let new = self.seen.get(from..).unwrap_or_default();
        if let Some(unread) = new.iter().find(|message| message.text.is_err()) {
            let what = format!("{} cannot be read: {:?}", unread.uidl, unread.text);
            return Err(Fallen::Impossible(Broken::new(10, what)));
        }
        judge::one(model, now, self.of, self.credential, new)?;
        let last = from.checked_sub(1).and_then(|last| self.seen.get(last));
        for (number, copy) in (0..).zip(&model.copies) {
            if copy.maildrop != self.of || last.is_some_and(|last| copy.id <= Some(last.id)) {
                continue;
            }
            let is_there = new.iter().any(|message| {
                message.text.as_ref().is_ok_and(|text| copy_of(text) == Some(number))
            });
            let added = model.added(copy, now);
            if is_there && model.was_refused(copy) {
                let what = format!("copy {number} was refused, and is visible");
                return Err(Broken::new(5, what).into());
            }
            if !is_there && added == Sure::Yes && !model.may_be_withheld(copy, self.credential) {
                return Err(Broken::new(1, format!("copy {number} is not listed")).into());
            }
        }
        Ok(())
    }

    /// Lists what has come since: what was listed stays as it was, and new ones stand behind.
    pub(crate) fn refresh(&mut self, model: &Model, now: u64) -> Result<(), Fallen> {
        let Some(maildrop) = &mut self.maildrop else { return Ok(()) };
        let added = match at_once(maildrop.refresh()) {
            Some(Ok(added)) => added,
            other => {
                let broken = Broken::new(10, format!("a listing anew: {other:?}"));
                return Err(Fallen::Impossible(broken));
            }
        };
        let before = self.seen.len();
        self.same_listing()?;
        let Some(maildrop) = &self.maildrop else { return Ok(()) };
        self.seen.extend(list(&**maildrop, before));
        if self.seen.len() != before.saturating_add(added) {
            return Err(Broken::new(6, format!("{added} were listed anew, it says")).into());
        }
        self.judge_from(model, now, before)
    }

    /// The listing says of what was seen what it said then.
    fn same_listing(&self) -> Result<(), Broken> {
        let Some(maildrop) = &self.maildrop else { return Ok(()) };
        for (seen, entry) in self.seen.iter().zip(maildrop.listing().iter()) {
            if entry.uidl != seen.uidl
                || seen.octets != entry.octets.get()
                || seen.id != entry.id.get()
            {
                return Err(Broken::new(6, format!("{} is {} now", seen.uidl, entry.uidl)));
            }
        }
        if maildrop.listing().len() < self.seen.len() {
            return Err(Broken::new(6, "a listing became shorter"));
        }
        Ok(())
    }

    /// Reads so many octets of a message on, or all of it: they are those that were seen.
    pub(crate) fn read(&mut self, wanted: usize, octets_max: usize) -> Result<(), Fallen> {
        self.same_listing()?;
        let Some(place) = wanted.checked_rem(self.seen.len()) else { return Ok(()) };
        let (Some(maildrop), Some(number)) = (&self.maildrop, MessageNumber::from_index(place))
        else {
            return Ok(());
        };
        let begun = match self.begun.remove(&place) {
            Some(begun) => Ok(begun),
            None => look::begin(&**maildrop, number).map(|body| (body, Vec::new())),
        };
        let outcome = begun.and_then(|(mut body, mut octets)| {
            let end = octets.len().saturating_add(octets_max);
            while octets.len() < end {
                let left = end.saturating_sub(octets.len()).min(4000);
                if !look::piece(&mut body, &mut octets, left)? {
                    return Ok(Some(look::text_of(&body, octets)));
                }
            }
            self.begun.insert(place, (body, octets));
            Ok(None)
        });
        let Some(seen) = self.seen.get(place) else { return Ok(()) };
        match (outcome, &seen.text) {
            (Ok(None), _) | (Ok(Some(_)), Err(_)) => Ok(()),
            (Ok(Some(text)), Ok(then)) if text == *then => Ok(()),
            (Ok(Some(_)), Ok(_)) => {
                Err(Broken::new(6, format!("{} reads otherwise than it did", seen.uidl)).into())
            }
            (Err(fault), _) => {
                let what = format!("{} cannot be read any more: {fault}", seen.uidl);
                Err(Fallen::Impossible(Broken::new(6, what)))
            }
        }
    }

    /// Reads every message once more.
    pub(crate) fn read_all(&mut self) -> Result<(), Fallen> {
        for place in 0..self.seen.len() {
            self.read(place, usize::MAX)?;
        }
        Ok(())
    }
}

fn list(maildrop: &dyn Maildrop, from: usize) -> Vec<Seen> {
    let listing = maildrop.listing();
    let entries = listing.iter().skip(from);
    entries
        .map(|entry| Seen {
            id: entry.id.get(),
            uidl: entry.uidl.to_string(),
            octets: entry.octets.get(),
            text: look::read(maildrop, entry.number).map_err(|fault| fault.to_string()),
            plain: None,
        })
        .collect()
}
