//! What a session leaves behind: notes for the journal, and the message at which it died
//! (`product` §§2, 6).
//!
//! A session *dies at* a message when it ends without QUIT through its peer or its connection
//! (closed, reset, cut off, silent until a timer ran out) and this is the message that it was
//! last sent from by RETR or TOP, or was being sent. It *comes past* a message that it was sent
//! whole when it is sent another after it, or when it ends with QUIT. When the server ends a
//! session (drain, a changed account) it has died at nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use mail_wire::{Listing, MaildropId, MessageId, MessageNumber};
use restante_store::StoreError;
use restante_store::custody::{Aside, Custody, Note, Noted};
use tokio::time::Instant;

use crate::guard::deaths::Deaths;
use crate::guard::leases::{GivenBack, Lease};
use crate::guard::shown::Shown;
use crate::ledger::events;
use crate::ledger::stats::Stats;
use crate::session::context::Context;
use crate::session::login::Login;
use crate::session::services::Services;
use crate::session::visit::Visit;

/// How a session left its maildrop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// With QUIT.
    Quit,
    /// Sent away by the server.
    SentAway,
    /// Any other way.
    Died,
}

/// Keeps one session's record.
pub(crate) struct Custodian {
    whose: Whose,
    listing: Arc<Listing>,
    lease: Option<Arc<Lease>>,
    given_back: GivenBack,
    /// What it was last sent from.
    at: Option<MessageNumber>,
    /// What it was sent whole.
    whole: BTreeSet<MessageNumber>,
    /// What stands in the output: the message, and how many octets of it.
    on_its_way: Vec<(MessageNumber, u64)>,
}

/// Whose session it is, and what has to be told of it.
#[derive(Clone)]
struct Whose {
    services: Services,
    stats: Arc<Stats>,
    deaths: Arc<Deaths>,
    deaths_max: u32,
    shown: Arc<Shown>,
    session: u64,
    account: String,
    maildrop: MaildropId,
    credential: u64,
    peer: Option<String>,
    is_worker: bool,
}

/// A message, as log lines call it.
struct Named {
    id: MessageId,
    uidl: String,
}

impl Custodian {
    /// For a session that has just logged in.
    pub(crate) fn new(login: &Login, visit: &Visit, context: &Context) -> Self {
        let whose = Whose {
            services: context.services.clone(),
            stats: Arc::clone(&context.stats),
            deaths: Arc::clone(&context.deaths),
            deaths_max: context.deaths_max,
            shown: Arc::clone(&context.shown),
            session: visit.present.id(),
            account: login.account.name.clone(),
            maildrop: login.account.maildrop,
            credential: u64::try_from(login.account.credential).unwrap_or_default(),
            peer: Some(visit.peer.to_string()),
            is_worker: login.lease.is_some(),
        };
        let mut custodian = Self {
            whose,
            listing: Arc::default(),
            lease: login.lease.clone(),
            given_back: GivenBack::default(),
            at: None,
            whole: BTreeSet::new(),
            on_its_way: Vec::new(),
        };
        custodian.listed(login.maildrop.listing());
        custodian
    }

    /// The session was shown this: at login, and when it looked again. Noted where something is
    /// new to its credential: a robot that polls is no news.
    pub(crate) fn listed(&mut self, listing: &Arc<Listing>) {
        let known = self.listing.len();
        self.listing = Arc::clone(listing);
        let newest = MessageNumber::from_index(listing.len().saturating_sub(1));
        if let Some(newest) = newest.and_then(|number| listing.get(number))
            && self.whose.shown.is_new(self.whose.maildrop, self.whose.credential, newest.id)
        {
            let messages = u64::try_from(listing.len()).unwrap_or(u64::MAX);
            self.whose.note(None, Noted::Listed { messages });
        }
        if self.whose.is_worker {
            for entry in listing.iter().skip(known) {
                self.whose.note(Some(entry.id), Noted::Leased);
            }
        }
    }

    /// A message is about to be sent.
    pub(crate) fn sends(&mut self, number: MessageNumber) {
        self.at = Some(number);
    }

    /// So many octets of it stand in the output, or are out already. `whole`: to its end.
    pub(crate) fn sent(&mut self, number: MessageNumber, octets: u64, whole: bool) {
        if !whole {
            return;
        }
        self.whole.insert(number);
        self.on_its_way.push((number, octets));
        if let (Some(lease), Some(entry)) = (&self.lease, self.listing.get(number)) {
            lease.retrieved(entry.id);
        }
    }

    /// The output is out.
    pub(crate) fn flushed(&mut self) {
        for (number, octets) in std::mem::take(&mut self.on_its_way) {
            self.retrieved(number, octets, true);
        }
    }

    /// The connection broke with this message in the output, so many octets of which had been
    /// put there.
    pub(crate) fn broke_off(&mut self, number: Option<MessageNumber>, octets: u64) {
        let unsent = number.map(|number| (number, octets));
        for (number, octets) in std::mem::take(&mut self.on_its_way).into_iter().chain(unsent) {
            self.retrieved(number, octets, false);
        }
    }

    fn retrieved(&self, number: MessageNumber, octets: u64, complete: bool) {
        if let Some(entry) = self.listing.get(number) {
            self.whose.note(Some(entry.id), Noted::Retrieved { octets, complete });
        }
    }

    /// These are removed.
    pub(crate) fn removed(&mut self, numbers: &[MessageNumber]) {
        for number in numbers {
            self.whole.remove(number);
            if self.at == Some(*number) {
                self.at = None;
            }
        }
    }

    /// The maildrop is left: others may have what was leased, after a back-off.
    pub(crate) fn leaves(&mut self) {
        if let Some(lease) = &self.lease {
            if let Some(entry) = self.at.and_then(|number| self.listing.get(number)) {
                lease.retrieved(entry.id);
            }
            self.given_back = lease.end(Instant::now());
        }
    }

    /// Writes down how it ended.
    pub(crate) async fn ended(mut self, left: Left) {
        let whose = self.whose.clone();
        if self.given_back.messages > 0 {
            let messages = self.given_back.messages;
            whose.stats.messages_offered_again.add(u64::try_from(messages).unwrap_or(u64::MAX));
            events::messages_offered_again(whose.session, &whose.account, messages);
        }
        let at = self.at.take();
        let mut passed = std::mem::take(&mut self.whole);
        if left != Left::Quit {
            // Nobody can say whether it would have come past this one.
            passed.retain(|number| at != Some(*number));
        }
        for number in passed {
            if let Some(message) = self.named(number) {
                whose.survived(&message).await;
            }
        }
        let died_at = at.filter(|_| left == Left::Died).and_then(|number| self.named(number));
        let mut set_aside = None;
        if let Some(message) = died_at
            && whose.died(&message).await
        {
            set_aside = Some(message.id);
        }
        self.give_up(set_aside).await;
    }

    /// Sets aside what workers took again and again and never finished.
    async fn give_up(&self, set_aside: Option<MessageId>) {
        let Some(lease) = &self.lease else { return };
        if let Some(message) = set_aside {
            lease.forget(message);
        }
        for unfinished in &self.given_back.unfinished {
            if unfinished.tries < self.whose.deaths_max || set_aside == Some(unfinished.message) {
                continue;
            }
            let entry = self.listing.iter().find(|entry| entry.id == unfinished.message);
            let Some(entry) = entry else { continue };
            let message = Named { id: entry.id, uidl: entry.uidl.to_string() };
            if self.whose.set_aside(&message, Aside::NeverFinished, unfinished.tries).await {
                lease.forget(message.id);
            }
        }
    }

    fn named(&self, number: MessageNumber) -> Option<Named> {
        let entry = self.listing.get(number)?;
        Some(Named { id: entry.id, uidl: entry.uidl.to_string() })
    }
}

impl Drop for Custodian {
    fn drop(&mut self) {
        // A fault of ours at a message is a death at it, too.
        let named = self.at.and_then(|number| self.named(number));
        if let Some(message) = named
            && std::thread::panicking()
        {
            let whose = self.whose.clone();
            tokio::spawn(async move { whose.died(&message).await });
        }
    }
}

impl Whose {
    fn custody(&self) -> Option<&dyn Custody> {
        self.services.store.custody()
    }

    fn note(&self, message: Option<MessageId>, what: Noted) {
        if let Some(custody) = self.custody() {
            let (credential, peer) = (self.credential, self.peer.clone());
            custody.note(self.maildrop, Note { message, credential, peer, what });
        }
    }

    async fn survived(&self, message: &Named) {
        match self.custody() {
            Some(custody) => {
                if let Err(error) = custody.survived(self.maildrop, message.id).await {
                    self.failed(message, &error);
                }
            }
            None => self.deaths.survived(self.maildrop, message.id),
        }
    }

    /// Counts a death, and says it; answers whether the message was set aside.
    async fn died(&self, message: &Named) -> bool {
        let deaths = match self.custody() {
            Some(custody) => match custody.died(self.maildrop, message.id).await {
                Ok(deaths) => deaths,
                // Gone in the meantime: others deleted it.
                Err(StoreError::Absent { .. }) => return false,
                Err(error) => {
                    self.failed(message, &error);
                    return false;
                }
            },
            None => self.deaths.died(self.maildrop, message.id),
        };
        self.stats.sessions_died_at_messages.increment();
        events::session_died_at(self.session, &self.account, &message.uidl, deaths);
        if deaths < self.deaths_max {
            return false;
        }
        if self.is_worker {
            return self.set_aside(message, Aside::Deaths, deaths).await;
        }
        self.stats.messages_suspected.increment();
        events::message_suspected(self.session, &self.account, &message.uidl, deaths);
        false
    }

    async fn set_aside(&self, message: &Named, reason: Aside, times: u32) -> bool {
        let why = match reason {
            Aside::Deaths => "sessions died at it",
            Aside::NeverFinished => "workers took it and did not finish it",
            Aside::Asked => "asked for",
        };
        let Some(custody) = self.custody() else {
            self.stats.messages_suspected.increment();
            events::message_not_set_aside(self.session, &self.account, &message.uidl, why, times);
            return false;
        };
        match custody.set_aside(self.maildrop, message.id, reason).await {
            Ok(()) => {
                self.stats.messages_set_aside.increment();
                events::message_set_aside(self.session, &self.account, &message.uidl, why, times);
                true
            }
            Err(StoreError::Absent { .. }) => false,
            Err(error) => {
                self.failed(message, &error);
                false
            }
        }
    }

    fn failed(&self, message: &Named, error: &StoreError) {
        events::custody_failed(self.session, &self.account, &message.uidl, &error.to_string());
    }
}
