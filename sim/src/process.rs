//! The process that has the store open: what is asked of it, and what of that is not answered yet.

use std::future::Future;

use mail_wire::{Form, MaildropId, MessageId, MessageNumber};
use restante_store::log::simulation::Stepped;
use restante_store::log::{LogStore, Settings};
use restante_store::{Incoming, Provenance, Recipient, Store, Surrogate, View};

use crate::custody::ask;
use crate::death;
use crate::disk::SimDisk;
use crate::examine;
use crate::failure::Broken;
use crate::flying::{Answer, Flying};
use crate::laid::Effect;
use crate::message::{self, Kind};
use crate::model::Model;
use crate::motifs;
use crate::session::{Fallen, Session};

/// A process, and what is known of all that were before it.
pub(crate) struct Process {
    pub(crate) disk: SimDisk,
    pub(crate) settings: Settings,
    pub(crate) stepped: Option<Stepped>,
    pub(crate) model: Model,
    pub(crate) flying: Vec<Flying>,
    pub(crate) sessions: Vec<Session>,
    next_session: u64,
    /// Whether the disk is full.
    pub(crate) is_full: bool,
}

impl Process {
    /// The first process on this disk.
    pub(crate) fn begin(disk: SimDisk, settings: &Settings) -> Result<Self, Broken> {
        let mut process = Self {
            disk,
            settings: settings.clone(),
            stepped: None,
            model: Model::new(usize::from(settings.shards)),
            flying: Vec::new(),
            sessions: Vec::new(),
            next_session: 0,
            is_full: false,
        };
        process.open()?;
        Ok(process)
    }

    /// Opens the store.
    pub(crate) fn open(&mut self) -> Result<(), Broken> {
        self.stepped = Some(examine::open_on(&self.disk, &self.settings)?);
        Ok(())
    }

    /// It is killed, with all that it had.
    pub(crate) fn die(&mut self) {
        let flying = std::mem::take(&mut self.flying);
        let sessions = std::mem::take(&mut self.sessions);
        death::kill(&self.disk, (flying, sessions, self.stepped.take()));
    }

    pub(crate) fn store(&self) -> Result<LogStore, Broken> {
        let stepped = self.stepped.as_ref().ok_or_else(|| Broken::new(0, "no store is open"))?;
        Ok(stepped.store().clone())
    }

    fn session(&self, wanted: usize) -> Option<usize> {
        match wanted {
            motifs::LAST => self.sessions.len().checked_sub(1),
            motifs::LAST_BUT_ONE => self.sessions.len().checked_sub(2),
            wanted => wanted.checked_rem(self.sessions.len()),
        }
    }

    pub(crate) fn deliver(&mut self, to: &[u64], kind: Kind, wire: bool) -> Result<(), Broken> {
        let store = self.store()?;
        let stepped = self.stepped.as_ref();
        let shard = |maildrop: u64| {
            stepped.map_or(0, |stepped| stepped.shard_of(MaildropId::new(maildrop)))
        };
        let number_of_body = self.model.copies.len();
        let body = message::body(number_of_body, kind);
        let mut asked = Vec::new();
        let mut copies = vec![0; to.len()];
        for number in 0..stepped.map_or(0, Stepped::shards) {
            let here: Vec<(u64, usize)> =
                to.iter().copied().zip(0..).filter(|(to, _)| shard(*to) == number).collect();
            if here.is_empty() {
                continue;
            }
            let text = |copy| [message::prefix(copy), body.clone()].concat();
            let (one, added) = self.model.add(&here, number, text);
            asked.push(one);
            for ((_, place), copy) in here.iter().zip(added) {
                if let Some(slot) = copies.get_mut(*place) {
                    *slot = copy;
                }
            }
        }
        let recipients = to
            .iter()
            .zip(&copies)
            .map(|(to, copy)| Recipient::new(MaildropId::new(*to), message::prefix(*copy)))
            .collect();
        let is_utf8 = matches!(kind, Kind::Utf8(_));
        let surrogate = is_utf8.then(|| Surrogate {
            header: message::plain_header(number_of_body),
            prefixes: copies.iter().map(|copy| message::plain_prefix(*copy)).collect(),
        });
        let form = if wire { Form::Wire } else { Form::Text };
        let incoming =
            Incoming { recipients, form, utf8: is_utf8, provenance: Provenance::default() };
        let octets = if wire { message::stuffed(&body) } else { body };
        self.fly(asked, None, async move {
            let outcome = async {
                let mut delivery = store.deliver(incoming).await?;
                if let Some(surrogate) = surrogate {
                    delivery.surrogate(surrogate)?;
                }
                for piece in octets.chunks(700) {
                    delivery.write(piece)?;
                }
                Ok(delivery.commit().await)
            };
            Answer::Delivered(outcome.await)
        })
    }

    pub(crate) fn open_session(
        &mut self,
        maildrop: u64,
        view: View,
        deletion: Effect,
    ) -> Result<(), Broken> {
        if self.sessions.len() >= 8 {
            self.sessions.remove(0);
        }
        let store = self.store()?;
        self.next_session = self.next_session.saturating_add(1);
        let session = Session::open(&store, (maildrop, view, deletion), self.next_session);
        let (now, has_struck) = (self.disk.calls(), self.disk.struck() > 0);
        match session {
            Err(_) if has_struck => Ok(()),
            Err(fault) => Err(Broken::new(10, format!("{maildrop} cannot be opened: {fault}"))),
            Ok(session) => {
                let outcome = session.judge(&self.model, now);
                if session.credential == 0 {
                    examine::same_usage(&store, &session, has_struck)?;
                }
                // One that could not read everything does not know what it would delete.
                if outcome.is_ok() {
                    self.sessions.push(session);
                }
                self.forgive(outcome)
            }
        }
    }

    pub(crate) fn refresh(&mut self, session: usize) -> Result<(), Broken> {
        let now = self.disk.calls();
        let place = self.session(session);
        let Some(place) = place else { return Ok(()) };
        let outcome = match self.sessions.get_mut(place) {
            Some(session) => session.refresh(&self.model, now),
            None => Ok(()),
        };
        if outcome.is_err() {
            drop(self.sessions.remove(place));
        }
        self.forgive(outcome)
    }

    /// What a call that failed has made impossible is no broken promise; other octets are.
    fn forgive(&self, outcome: Result<(), Fallen>) -> Result<(), Broken> {
        match outcome {
            Err(Fallen::Impossible(_)) if self.disk.struck() > 0 => Ok(()),
            Err(Fallen::Impossible(broken) | Fallen::Wrong(broken)) => Err(broken),
            Ok(()) => Ok(()),
        }
    }

    pub(crate) fn commit(&mut self, session: usize, which: u64) -> Result<(), Broken> {
        let place = self.session(session);
        let Some(session) = place.and_then(|place| self.sessions.get_mut(place)) else {
            return Ok(());
        };
        let marked: Vec<usize> = (0..session.seen.len().min(64))
            .filter(|place| which >> (place & 63) & 1 == 1)
            .collect();
        let Some(mut maildrop) = session.maildrop.take() else { return Ok(()) };
        let copies: Vec<usize> = marked.iter().filter_map(|place| session.copy(*place)).collect();
        let (number, deletion) = (session.number, session.deletion);
        let stepped = self.stepped.as_ref();
        let shard = stepped.map_or(0, |stepped| stepped.shard_of(MaildropId::new(session.of)));
        let asked = if copies.is_empty() {
            Vec::new()
        } else {
            vec![self.model.want(deletion, copies, shard)]
        };
        let numbers: Vec<MessageNumber> =
            marked.iter().filter_map(|place| MessageNumber::from_index(*place)).collect();
        self.fly(asked, Some(number), async move {
            let outcome = maildrop.commit(&numbers).await;
            Answer::Committed(maildrop, outcome)
        })
    }

    pub(crate) fn remove(&mut self, maildrop: u64) -> Result<(), Broken> {
        let store = self.store()?;
        let stepped = self.stepped.as_ref();
        let shard = stepped.map_or(0, |stepped| stepped.shard_of(MaildropId::new(maildrop)));
        let copies = self.model.held(maildrop, self.disk.calls());
        let asked = if copies.is_empty() {
            Vec::new()
        } else {
            vec![self.model.want(Effect::Destroy, copies, shard)]
        };
        self.fly(asked, None, async move {
            Answer::Removed(store.remove(MaildropId::new(maildrop)).await)
        })
    }

    /// Something is laid over messages, or taken away, or what was held for long enough goes.
    pub(crate) fn custody(
        &mut self,
        maildrop: u64,
        effect: Effect,
        which: u64,
    ) -> Result<(), Broken> {
        let store = self.store()?;
        let of = MaildropId::new(maildrop);
        let shard = self.stepped.as_ref().map_or(0, |stepped| stepped.shard_of(of));
        let mut copies = self.model.held(maildrop, self.disk.calls());
        let id = |copy: &usize| self.model.copies.get(*copy).and_then(|copy| copy.id);
        if effect != Effect::Expire {
            copies.retain(|copy| id(copy).is_some() && which >> (copy & 63) & 1 == 1);
            if effect == Effect::SetAside {
                copies.truncate(1);
            }
        }
        let ids: Vec<MessageId> = copies.iter().filter_map(id).map(MessageId::new).collect();
        if copies.is_empty() {
            return Ok(());
        }
        let asked = self.model.want(effect, copies, shard);
        self.fly(vec![asked], None, ask(store, of, effect, ids))
    }

    pub(crate) fn compact(&mut self) -> Result<(), Broken> {
        let store = self.store()?;
        let work = async move { Answer::Compacted(store.compact().await) };
        self.fly(Vec::new(), None, work)
    }

    /// A session ends.
    pub(crate) fn close(&mut self, session: usize) {
        if let Some(place) = self.session(session) {
            drop(self.sessions.remove(place));
        }
    }

    /// A session reads a message, or some octets of one.
    pub(crate) fn read(
        &mut self,
        session: usize,
        message: usize,
        octets: usize,
    ) -> Result<(), Broken> {
        let place = self.session(session);
        let Some(session) = place.and_then(|place| self.sessions.get_mut(place)) else {
            return Ok(());
        };
        let outcome = session.read(message, octets);
        self.forgive(outcome)
    }

    /// All sessions are read once more, and end.
    pub(crate) fn read_all(&mut self) -> Result<(), Broken> {
        for mut session in std::mem::take(&mut self.sessions) {
            let outcome = session.read_all();
            self.forgive(outcome)?;
        }
        Ok(())
    }

    /// Begins something, as far as it can go without a writer.
    fn fly(
        &mut self,
        asked: Vec<usize>,
        session: Option<u64>,
        work: impl Future<Output = Answer> + Send + 'static,
    ) -> Result<(), Broken> {
        self.flying.push(Flying::new(&self.disk, asked, session, work));
        self.poll()
    }

    pub(crate) fn step(&mut self, shard: usize, jobs: usize) -> Result<(), Broken> {
        if let Some(stepped) = &mut self.stepped {
            let shard = shard.checked_rem(stepped.shards()).unwrap_or_default();
            stepped.step(shard, jobs);
        }
        self.poll()
    }

    pub(crate) fn settle(&mut self) -> Result<(), Broken> {
        // Compaction asks again and again, once for each segment.
        for _ in 0..2000 {
            for shard in 0..usize::from(self.settings.shards) {
                self.step(shard, usize::MAX)?;
            }
            if self.flying.is_empty() {
                return Ok(());
            }
        }
        Err(Broken::new(0, format!("never answered: {:?}", self.flying)))
    }
}
