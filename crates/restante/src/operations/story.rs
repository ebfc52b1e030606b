//! What happened to messages, as it travels and as programs read it.

use std::time::SystemTime;

use mail_wire::Uidl;
use restante_store::custody::{Aside, Cause, Happened, JournalEntry, Noted, WithheldMessage};
use serde::{Deserialize, Serialize};

/// What is asked of a maildrop's journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    /// Whose maildrop.
    pub(crate) account: String,
    /// Of one message alone.
    pub(crate) message: Option<Sought>,
    /// From then on: seconds since 1970.
    pub(crate) since: Option<i64>,
}

/// Which message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sought {
    /// That with this unique-id.
    Uidl(String),
    /// Those with this Message-ID.
    MessageId(String),
}

/// Some of a maildrop's journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Story {
    /// Whose.
    pub(crate) account: String,
    /// The maildrop's number.
    pub(crate) maildrop: u64,
    /// How many lines there were before these, and are left out.
    pub(crate) omitted: u64,
    /// What happened, in its order.
    pub(crate) lines: Vec<Line>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When: seconds since 1970.
    pub(crate) at: i64,
    /// The message's unique-id; null: the maildrop as a whole, or a message that is unknown.
    pub(crate) uidl: Option<String>,
    /// With which credential: a label, or `main password`; null: no session did it.
    pub(crate) credential: Option<String>,
    /// From where.
    pub(crate) peer: Option<String>,
    /// What.
    #[serde(flatten)]
    pub(crate) what: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// It was taken in.
    Accepted {
        /// The reverse-path.
        sender: String,
        /// To whom.
        recipient: String,
        /// Its size.
        octets: u64,
        /// SHA-256, in hexadecimal.
        digest: Option<String>,
        /// Its Message-ID.
        message_id: Option<String>,
    },
    /// The maildrop was shown.
    Listed {
        /// How many messages.
        messages: u64,
    },
    /// It was sent.
    Retrieved {
        /// So much of it.
        octets: u64,
        /// To the end.
        complete: bool,
    },
    /// It was given to a worker.
    Leased,
    /// It was hidden from the credential.
    Hidden,
    /// It was deleted, and is held.
    Held {
        /// Until when: seconds since 1970.
        until: i64,
    },
    /// It was set aside.
    SetAside {
        /// Why.
        reason: Reason,
    },
    /// A session died at it.
    Died {
        /// How many did running.
        deaths: u32,
    },
    /// It is offered again.
    Restored,
    /// It is gone.
    Destroyed {
        /// Why: `deleted`, `expired`, `removed`, `renewed` or `unknown`.
        cause: String,
    },
}

/// Why a message was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// Sessions died at it.
    Deaths,
    /// Workers never finished it.
    NeverFinished,
    /// Somebody said so.
    Asked,
}

/// A message that is there and not listed for everyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Withheld {
    /// Its unique-id.
    pub(crate) uidl: String,
    /// Its size.
    pub(crate) octets: u64,
    /// Held until then: seconds since 1970.
    pub(crate) held_until: Option<i64>,
    /// Set aside, and why.
    pub(crate) set_aside: Option<Reason>,
    /// The credentials that it is hidden from.
    pub(crate) hidden_from: Vec<String>,
    /// How many sessions died at it running.
    pub(crate) deaths: u32,
}

/// A message that is offered again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restored {
    /// The unique-id that it had.
    pub(crate) uidl: String,
    /// The one that it has now.
    pub(crate) offered_as: String,
}

impl Line {
    /// A line of the journal; credentials are named by this.
    pub(super) fn of(entry: JournalEntry, label: impl Fn(u64) -> String) -> Self {
        Self {
            at: seconds(entry.at),
            uidl: entry.uidl.map(|uidl| uidl.as_str().to_owned()),
            credential: entry.credential.map(label),
            peer: entry.peer,
            what: Event::of(entry.what),
        }
    }
}

impl Event {
    fn of(happened: Happened) -> Self {
        match happened {
            Happened::Accepted { sender, recipient, octets, digest, message_id } => {
                let digest = digest.map(|digest| hexadecimal(&digest));
                Self::Accepted { sender, recipient, octets, digest, message_id }
            }
            Happened::Noted(Noted::Listed { messages }) => Self::Listed { messages },
            Happened::Noted(Noted::Retrieved { octets, complete }) => {
                Self::Retrieved { octets, complete }
            }
            Happened::Noted(Noted::Leased) => Self::Leased,
            Happened::Hidden => Self::Hidden,
            Happened::Held { until } => Self::Held { until: seconds(until) },
            Happened::SetAside { reason } => Self::SetAside { reason: Reason::of(reason) },
            Happened::Died { deaths } => Self::Died { deaths },
            Happened::Restored => Self::Restored,
            Happened::Destroyed { cause } => {
                let cause = match cause {
                    Cause::Deleted => "deleted",
                    Cause::Expired => "expired",
                    Cause::Removed => "removed",
                    Cause::Renewed => "renewed",
                    Cause::Unknown => "unknown",
                };
                Self::Destroyed { cause: cause.to_owned() }
            }
        }
    }
}

impl Reason {
    const fn of(aside: Aside) -> Self {
        match aside {
            Aside::Deaths => Self::Deaths,
            Aside::NeverFinished => Self::NeverFinished,
            Aside::Asked => Self::Asked,
        }
    }

    /// For people.
    pub(crate) const fn told(self) -> &'static str {
        match self {
            Self::Deaths => "sessions died at it",
            Self::NeverFinished => "workers never finished it",
            Self::Asked => "somebody asked for it",
        }
    }
}

impl Withheld {
    /// As the store tells it; credentials are named by this.
    pub(super) fn of(message: &WithheldMessage, label: impl Fn(u64) -> String) -> Self {
        Self {
            uidl: message.uidl.as_str().to_owned(),
            octets: message.octets.get(),
            held_until: message.held_until.map(seconds),
            set_aside: message.set_aside.map(Reason::of),
            hidden_from: message.hidden_from.iter().copied().map(label).collect(),
            deaths: message.deaths,
        }
    }
}

impl Restored {
    pub(super) fn of(uidl: String, offered_as: &Uidl) -> Self {
        Self { uidl, offered_as: offered_as.as_str().to_owned() }
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn hexadecimal(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}
