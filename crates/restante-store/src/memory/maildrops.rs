//! All that the store in memory holds, and what each change does to it.

use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

use bytes::Bytes;
use mail_wire::{After, Delete, MaildropId, MessageId, Octets, Retention, Uidl, Views};

use crate::custody::{Aside, Cause, Happened, JournalEntry, Laid, WithheldMessage};
use crate::disk::Disk;
use crate::error::StoreError;
use crate::store::{Origin, Provenance, Usage};
use crate::view::View;

/// All maildrops.
#[derive(Default)]
pub(crate) struct Maildrops {
    /// What tells the unique-ids of this store from those of the last one.
    tag: u32,
    last_id: u64,
    messages: HashMap<MaildropId, Vec<Message>>,
    journals: HashMap<MaildropId, Vec<JournalEntry>>,
}

/// One message, and what is laid over it.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) id: MessageId,
    pub(crate) uidl: Uidl,
    pub(crate) text: Bytes,
    pub(crate) utf8: bool,
    /// The same with the stand-ins for its header and prefix.
    surrogate: Option<Bytes>,
    accepted: SystemTime,
    held_until: Option<SystemTime>,
    set_aside: Option<Aside>,
    hidden_from: BTreeSet<u64>,
    deaths: u32,
    retrieved: Option<SystemTime>,
}

/// Who does something, for the journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actor {
    pub(crate) credential: Option<u64>,
    pub(crate) peer: Option<String>,
}

impl Actor {
    /// Whoever looks with this view.
    pub(crate) fn of(view: &View) -> Self {
        Self { credential: Some(view.credential), peer: view.peer.clone() }
    }
}

/// A day in seconds.
const DAY_SECS: u64 = 86_400;

impl Message {
    pub(crate) fn octets(&self) -> Octets {
        Octets::ZERO.plus_len(self.text.len())
    }

    /// Its text in this view, and whether the header holds raw UTF-8 there.
    pub(crate) fn in_view(&self, view: &View) -> (&Bytes, bool) {
        match &self.surrogate {
            Some(surrogate) if !view.utf8 => (surrogate, false),
            _ => (&self.text, self.utf8),
        }
    }

    /// Whether anybody sees it.
    const fn is_offered(&self) -> bool {
        self.held_until.is_none() && self.set_aside.is_none()
    }

    fn laid(&self) -> Laid {
        Laid {
            held_until: self.held_until,
            set_aside: self.set_aside,
            hidden_from: self.hidden_from.iter().copied().collect(),
            deaths: self.deaths,
            retrieved: self.retrieved,
        }
    }

    fn withheld(&self) -> Option<WithheldMessage> {
        (!self.is_offered() || !self.hidden_from.is_empty()).then(|| WithheldMessage {
            id: self.id,
            uidl: self.uidl.clone(),
            octets: self.octets(),
            held_until: self.held_until,
            set_aside: self.set_aside,
            hidden_from: self.hidden_from.iter().copied().collect(),
            deaths: self.deaths,
        })
    }

    /// Whether it was kept for as long as it had to be.
    fn is_over(&self, now: SystemTime, retention: Option<Retention>) -> bool {
        // What is held goes by its own time alone; what is set aside waits for people.
        if let Some(until) = self.held_until {
            return until <= now;
        }
        let since = match retention.map(|retention| retention.after) {
            _ if self.set_aside.is_some() => None,
            None => None,
            Some(After::Delivery) => Some(self.accepted),
            Some(After::Retrieval) => self.retrieved,
        };
        let days = retention.map_or(u64::MAX, |retention| u64::from(retention.days));
        since.is_some_and(|since| {
            now.duration_since(since).unwrap_or_default().as_secs() / DAY_SECS >= days
        })
    }
}

impl Maildrops {
    /// None yet, with this tag.
    pub(crate) fn new(tag: u32) -> Self {
        Self { tag, ..Self::default() }
    }

    /// Those that hold something, in order.
    pub(crate) fn maildrops(&self) -> Vec<MaildropId> {
        let held = self.messages.iter().filter(|(_, messages)| !messages.is_empty());
        let mut all: Vec<MaildropId> = held.map(|(maildrop, _)| *maildrop).collect();
        all.sort_unstable();
        all
    }

    /// What a maildrop shows to this view, in delivery order.
    pub(crate) fn shown(&self, maildrop: MaildropId, view: &View) -> Vec<Message> {
        let is_shown = |message: &&Message| {
            view.everything
                || (message.is_offered() && !message.hidden_from.contains(&view.credential))
        };
        self.of(maildrop).iter().filter(is_shown).cloned().collect()
    }

    /// How much it holds for its quota.
    pub(crate) fn usage(&self, maildrop: MaildropId) -> Usage {
        let offered = self.of(maildrop).iter().filter(|message| message.is_offered());
        offered.fold(Usage::default(), |usage, message| usage.plus(message.octets().get()))
    }

    /// A new message at the end; with the unique-id it brought along, if that is free.
    pub(crate) fn add(
        &mut self,
        maildrop: MaildropId,
        text: Bytes,
        utf8: bool,
        brought: Option<&Uidl>,
        surrogate: Option<Bytes>,
        accepted: Option<SystemTime>,
    ) -> Result<Message, StoreError> {
        self.last_id = self.last_id.saturating_add(1);
        let id = MessageId::new(self.last_id);
        let uidl = format!("{:08x}.{}", self.tag, self.last_id);
        let uidl = Uidl::new(uidl.as_bytes())
            .map_err(|wrong| StoreError::Damaged { detail: wrong.to_string() })?;
        let is_free =
            |brought: &&Uidl| self.of(maildrop).iter().all(|message| message.uidl != **brought);
        let uidl = brought.filter(is_free).cloned().unwrap_or(uidl);
        let message = Message {
            id,
            uidl,
            text,
            utf8,
            surrogate,
            accepted: accepted.unwrap_or_else(now),
            held_until: None,
            set_aside: None,
            hidden_from: BTreeSet::new(),
            deaths: 0,
            retrieved: None,
        };
        self.messages.entry(maildrop).or_default().push(message.clone());
        Ok(message)
    }

    /// A session deletes these: by its view.
    pub(crate) fn delete(&mut self, maildrop: MaildropId, ids: &[MessageId], view: &View) {
        let (actor, now) = (Actor::of(view), now());
        for id in ids {
            let Some(message) = self.message(maildrop, *id) else { continue };
            let others = || view.others.iter().filter(|other| **other != view.credential);
            let by_all = view.views == Views::Shared
                || (view.delete != Delete::Ignore
                    && others().all(|other| message.hidden_from.contains(other)));
            if !by_all {
                if message.hidden_from.insert(view.credential) {
                    self.note(maildrop, Some(*id), &actor, Happened::Hidden);
                }
                continue;
            }
            match view.delete {
                Delete::Ignore => {}
                Delete::Destroy => self.destroy(maildrop, *id, &actor, Cause::Deleted),
                Delete::Hold(time) => {
                    if message.held_until.is_none() {
                        let until = now.checked_add(time).unwrap_or(now);
                        message.held_until = Some(until);
                        self.note(maildrop, Some(*id), &actor, Happened::Held { until });
                    }
                }
            }
        }
    }

    /// It is gone, for good.
    pub(crate) fn destroy(
        &mut self,
        maildrop: MaildropId,
        id: MessageId,
        actor: &Actor,
        cause: Cause,
    ) {
        if self.message(maildrop, id).is_some() {
            self.note(maildrop, Some(id), actor, Happened::Destroyed { cause });
            if let Some(messages) = self.messages.get_mut(&maildrop) {
                messages.retain(|message| message.id != id);
            }
        }
    }

    /// Nothing is laid over it any more. Answers with its unique-id, if it is there.
    pub(crate) fn restore(&mut self, maildrop: MaildropId, id: MessageId) -> Option<Uidl> {
        let message = self.message(maildrop, id)?;
        let uidl = message.uidl.clone();
        if message.withheld().is_some() || message.deaths != 0 {
            message.held_until = None;
            message.set_aside = None;
            message.hidden_from.clear();
            message.deaths = 0;
            self.note(maildrop, Some(id), &Actor::default(), Happened::Restored);
        }
        Some(uidl)
    }

    /// A copy at the end, in its place.
    pub(crate) fn renew(
        &mut self,
        maildrop: MaildropId,
        id: MessageId,
    ) -> Result<Option<Uidl>, StoreError> {
        let Some(message) = self.message(maildrop, id).cloned() else { return Ok(None) };
        let new = self.add(maildrop, message.text, message.utf8, None, message.surrogate, None)?;
        self.destroy(maildrop, id, &Actor::default(), Cause::Renewed);
        Ok(Some(new.uidl))
    }

    /// Out of every listing, for this reason. Answers whether it is there.
    pub(crate) fn set_aside(&mut self, maildrop: MaildropId, id: MessageId, reason: Aside) -> bool {
        let Some(message) = self.message(maildrop, id) else { return false };
        if message.set_aside.replace(reason) != Some(reason) {
            self.note(maildrop, Some(id), &Actor::default(), Happened::SetAside { reason });
        }
        true
    }

    /// A session died at it. Answers how often that was, running.
    pub(crate) fn died(&mut self, maildrop: MaildropId, id: MessageId) -> Option<u32> {
        let message = self.message(maildrop, id)?;
        message.deaths = message.deaths.saturating_add(1);
        let deaths = message.deaths;
        self.note(maildrop, Some(id), &Actor::default(), Happened::Died { deaths });
        Some(deaths)
    }

    /// A session came past it.
    pub(crate) fn survived(&mut self, maildrop: MaildropId, id: MessageId) {
        if let Some(message) = self.message(maildrop, id) {
            message.deaths = 0;
        }
    }

    /// It was retrieved to its end.
    pub(crate) fn retrieved(&mut self, maildrop: MaildropId, id: MessageId) {
        if let Some(message) = self.message(maildrop, id) {
            message.retrieved.get_or_insert_with(now);
        }
    }

    /// All that is withheld, in delivery order.
    pub(crate) fn withheld(&self, maildrop: MaildropId) -> Vec<WithheldMessage> {
        self.of(maildrop).iter().filter_map(Message::withheld).collect()
    }

    /// What is laid over its messages.
    pub(crate) fn laid(&self, maildrop: MaildropId) -> Vec<(MessageId, Laid)> {
        let all = self.of(maildrop).iter().map(|message| (message.id, message.laid()));
        all.filter(|(_, laid)| *laid != Laid::default()).collect()
    }

    /// This is laid over a message.
    pub(crate) fn lay(&mut self, maildrop: MaildropId, id: MessageId, laid: Laid) {
        if let Some(message) = self.message(maildrop, id) {
            message.held_until = laid.held_until;
            message.set_aside = laid.set_aside;
            message.hidden_from = laid.hidden_from.into_iter().collect();
            message.deaths = laid.deaths;
            message.retrieved = laid.retrieved;
        }
    }

    /// How a message came here.
    pub(crate) fn origin(&self, maildrop: MaildropId, id: MessageId) -> Origin {
        let accepted = self.of(maildrop).iter().find(|message| message.id == id);
        let mut origin =
            Origin { accepted: accepted.map(|message| message.accepted), ..Origin::default() };
        let journal = self.journals.get(&maildrop).map(Vec::as_slice).unwrap_or_default();
        for entry in journal.iter().filter(|entry| entry.message == Some(id)) {
            if let Happened::Accepted { sender, recipient, .. } = &entry.what {
                let peer = entry.peer.clone().unwrap_or_default();
                origin.provenance = Provenance { peer, sender: sender.clone() };
                origin.address.clone_from(recipient);
            }
        }
        origin
    }

    /// Destroys what was kept for as long as it had to be. Answers how many.
    pub(crate) fn expire(&mut self, maildrop: MaildropId, retention: Option<Retention>) -> usize {
        let now = now();
        let over = self.of(maildrop).iter().filter(|message| message.is_over(now, retention));
        let over: Vec<MessageId> = over.map(|message| message.id).collect();
        for id in &over {
            self.destroy(maildrop, *id, &Actor::default(), Cause::Expired);
        }
        over.len()
    }

    /// All messages are gone.
    pub(crate) fn remove(&mut self, maildrop: MaildropId) {
        let all: Vec<MessageId> = self.of(maildrop).iter().map(|message| message.id).collect();
        for id in all {
            self.destroy(maildrop, id, &Actor::default(), Cause::Removed);
        }
    }

    /// Something happened.
    pub(crate) fn note(
        &mut self,
        maildrop: MaildropId,
        message: Option<MessageId>,
        actor: &Actor,
        what: Happened,
    ) {
        let known = message.and_then(|id| self.message(maildrop, id));
        let uidl = known.map(|message| message.uidl.clone());
        let Actor { credential, peer } = actor.clone();
        let entry = JournalEntry { at: now(), message, uidl, credential, peer, what };
        self.journals.entry(maildrop).or_default().push(entry);
    }

    /// What happened since then.
    pub(crate) fn journal(
        &self,
        maildrop: MaildropId,
        since: Option<SystemTime>,
    ) -> Vec<JournalEntry> {
        let all = self.journals.get(&maildrop).map(Vec::as_slice).unwrap_or_default();
        let is_new = |entry: &&JournalEntry| since.is_none_or(|since| entry.at >= since);
        all.iter().filter(is_new).cloned().collect()
    }

    /// Those of these messages that are there and held.
    pub(crate) fn held(&self, maildrop: MaildropId, ids: &[MessageId]) -> Vec<MessageId> {
        let is_one = |message: &&Message| message.held_until.is_some() && ids.contains(&message.id);
        self.of(maildrop).iter().filter(is_one).map(|message| message.id).collect()
    }

    fn of(&self, maildrop: MaildropId) -> &[Message] {
        self.messages.get(&maildrop).map(Vec::as_slice).unwrap_or_default()
    }

    fn message(&mut self, maildrop: MaildropId, id: MessageId) -> Option<&mut Message> {
        self.messages.get_mut(&maildrop)?.iter_mut().find(|message| message.id == id)
    }
}

fn now() -> SystemTime {
    Disk::default().now()
}
