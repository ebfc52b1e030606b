//! The requests about what happened to messages, and about those that are withheld.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mail_wire::{MaildropId, MessageId};
use restante_directory::{AccountRecord, Manage};
use restante_store::Store;
use restante_store::custody::{Custody, Happened, JournalEntry, Offer};

use crate::operations::refusal::Refusal;
use crate::operations::story::{Line, Question, Restored, Sought, Story, Withheld};

/// The most lines of one answer: the last ones.
const LINES_MAX: usize = 10_000;

/// Answers requests about custody.
pub(super) struct Custodies {
    manage: Arc<dyn Manage>,
    store: Arc<dyn Store>,
}

/// An account's maildrop, and what its credentials are called.
struct Place {
    account: String,
    maildrop: MaildropId,
    labels: HashMap<u64, String>,
}

impl Custodies {
    pub(super) fn new(manage: Arc<dyn Manage>, store: Arc<dyn Store>) -> Self {
        Self { manage, store }
    }

    pub(super) async fn trace(&self, question: Question) -> Result<Story, Refusal> {
        let custody = self.custody("there is no journal to read")?;
        let place = self.place(question.account).await?;
        let since = question.since.map(|seconds| {
            let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
            SystemTime::UNIX_EPOCH.checked_add(seconds).unwrap_or(SystemTime::UNIX_EPOCH)
        });
        // What a message is called may have been said before.
        let all = custody.journal(place.maildrop, None).await?;
        let mut entries = match &question.message {
            Some(sought) => of_message(all, sought)?,
            None => all,
        };
        entries.retain(|entry| since.is_none_or(|since| entry.at >= since));
        let omitted = entries.len().saturating_sub(LINES_MAX);
        let label = |credential| place.label(credential);
        let lines = entries.into_iter().skip(omitted).map(|entry| Line::of(entry, label)).collect();
        Ok(Story {
            account: place.account.clone(),
            maildrop: place.maildrop.get(),
            omitted: u64::try_from(omitted).unwrap_or(u64::MAX),
            lines,
        })
    }

    pub(super) async fn withheld(&self, account: String) -> Result<Vec<Withheld>, Refusal> {
        let custody = self.custody("nothing is withheld")?;
        let place = self.place(account).await?;
        let withheld = custody.withheld(place.maildrop).await?;
        let label = |credential| place.label(credential);
        Ok(withheld.iter().map(|message| Withheld::of(message, label)).collect())
    }

    pub(super) async fn restore(
        &self,
        account: String,
        uidls: Vec<String>,
        as_new: bool,
    ) -> Result<Vec<Restored>, Refusal> {
        let custody = self.custody("nothing can be restored")?;
        let place = self.place(account).await?;
        let messages = find(custody, place.maildrop, &uidls).await?;
        let offer = if as_new { Offer::AsNew } else { Offer::AsItWas };
        let offered = custody.restore(place.maildrop, messages, offer).await?;
        let pairs = uidls.into_iter().zip(&offered);
        Ok(pairs.map(|(uidl, offered_as)| Restored::of(uidl, offered_as)).collect())
    }

    /// Destroys what is held: these, or all.
    pub(super) async fn release(
        &self,
        account: String,
        uidls: Option<Vec<String>>,
    ) -> Result<usize, Refusal> {
        let custody = self.custody("nothing is held")?;
        let place = self.place(account).await?;
        let messages = if let Some(uidls) = uidls {
            find(custody, place.maildrop, &uidls).await?
        } else {
            let withheld = custody.withheld(place.maildrop).await?;
            let held = withheld.iter().filter(|message| message.held_until.is_some());
            held.map(|message| message.id).collect()
        };
        Ok(custody.release(place.maildrop, messages).await?)
    }

    fn custody(&self, lack: &str) -> Result<&dyn Custody, Refusal> {
        self.store.custody().ok_or_else(|| {
            let why = format!("{lack}: Maildirs remember nothing of messages; the log store does");
            Refusal::Request { why }
        })
    }

    async fn place(&self, account: String) -> Result<Place, Refusal> {
        let AccountRecord { name, maildrop, .. } = self.manage.account(account).await?;
        let passwords = self.manage.app_passwords(name.clone()).await?;
        let labels = passwords
            .into_iter()
            .filter_map(|record| Some((u64::try_from(record.id).ok()?, record.label)))
            .collect();
        Ok(Place { account: name, maildrop: MaildropId::new(maildrop), labels })
    }
}

impl Place {
    fn label(&self, credential: u64) -> String {
        match self.labels.get(&credential) {
            Some(label) => label.clone(),
            None if credential == 0 => "main password".to_owned(),
            None => format!("revoked app password {credential}"),
        }
    }
}

/// What happened to the messages that are sought.
fn of_message(all: Vec<JournalEntry>, sought: &Sought) -> Result<Vec<JournalEntry>, Refusal> {
    let is_sought = |entry: &JournalEntry| match (sought, &entry.what) {
        (Sought::Uidl(wanted), _) => {
            entry.uidl.as_ref().is_some_and(|uidl| uidl.as_str() == wanted)
        }
        (Sought::MessageId(wanted), Happened::Accepted { message_id, .. }) => {
            let bare = |text: &str| text.trim_matches(['<', '>', ' ']).to_owned();
            message_id.as_ref().is_some_and(|id| bare(id) == bare(wanted))
        }
        (Sought::MessageId(_), _) => false,
    };
    let messages: HashSet<MessageId> =
        all.iter().filter(|entry| is_sought(entry)).filter_map(|entry| entry.message).collect();
    if messages.is_empty() {
        let (Sought::Uidl(name) | Sought::MessageId(name)) = sought;
        let what = format!("nothing is known of a message `{name}` in this maildrop");
        return Err(Refusal::Absent { what });
    }
    let is_theirs = |entry: &JournalEntry| entry.message.is_some_and(|id| messages.contains(&id));
    Ok(all.into_iter().filter(is_theirs).collect())
}

/// The withheld messages with these unique-ids, in this order.
async fn find(
    custody: &dyn Custody,
    maildrop: MaildropId,
    uidls: &[String],
) -> Result<Vec<MessageId>, Refusal> {
    let withheld = custody.withheld(maildrop).await?;
    let by_uidl: HashMap<&str, MessageId> =
        withheld.iter().map(|message| (message.uidl.as_str(), message.id)).collect();
    let found = uidls.iter().map(|uidl| {
        by_uidl.get(uidl.as_str()).copied().ok_or_else(|| Refusal::Absent {
            what: format!(
                "`{uidl}` is not withheld: it is listed for everyone, or it was destroyed"
            ),
        })
    });
    found.collect()
}
