//! The rules that a maildrop is kept by: the site's, and an account's where it has its own.

use std::collections::BTreeMap;
use std::time::Duration;

use mail_wire::{Keeping, Views};
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::offered::Offered;
use crate::spelling::{Batch, LoginDelay, MessagesMax, OctetsMax, OverQuota, Sessions, Spelling};

/// How a maildrop is kept and used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What a deletion does, whose it is, how long mail stays and how much fits.
    pub keeping: Keeping,
    /// What mail for a full maildrop is answered.
    pub over_quota: OverQuota,
    /// Whether sessions exclude each other, where nothing else decides: see [`Rules::sessions`].
    pub sessions: Sessions,
    /// The least time between two logins.
    pub login_delay: LoginDelay,
    /// How many messages a worker is given at once.
    pub batch: Batch,
}

/// One of the rules, as the database and the commands name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// [`Keeping::delete`].
    Delete,
    /// [`Keeping::views`].
    Views,
    /// [`Rules::sessions`].
    Sessions,
    /// [`Keeping::retention`].
    Retention,
    /// The messages of [`Keeping::quota`].
    QuotaMessages,
    /// The octets of [`Keeping::quota`].
    QuotaOctets,
    /// [`Rules::over_quota`].
    OverQuota,
    /// [`Rules::login_delay`].
    LoginDelay,
    /// [`Rules::batch`].
    WorkerBatch,
}

/// A rule as it holds for an account, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// What holds, in words.
    pub value: String,
    /// Who says so.
    pub from: RuledBy,
}

/// Where a rule of an account comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuledBy {
    /// The configuration.
    Site,
    /// The account.
    Account,
    /// Views of each credential its own: sessions overlap then, whatever is written.
    Views,
    /// An app password of a worker: sessions overlap then, whatever is written.
    Workers,
}

impl Rule {
    /// All of them, in the order that they are shown in.
    pub const ALL: [Self; 9] = [
        Self::Delete,
        Self::Views,
        Self::Sessions,
        Self::Retention,
        Self::QuotaMessages,
        Self::QuotaOctets,
        Self::OverQuota,
        Self::LoginDelay,
        Self::WorkerBatch,
    ];

    /// Its name: `quota-messages`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Views => "views",
            Self::Sessions => "sessions",
            Self::Retention => "retention",
            Self::QuotaMessages => "quota-messages",
            Self::QuotaOctets => "quota-octets",
            Self::OverQuota => "over-quota",
            Self::LoginDelay => "login-delay",
            Self::WorkerBatch => "worker-batch",
        }
    }

    /// The rule of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

impl Rules {
    /// Sets one rule to what is written.
    ///
    /// # Errors
    /// What would be right.
    pub fn set(&mut self, rule: Rule, text: &str) -> Result<(), String> {
        match rule {
            Rule::Delete => self.keeping.delete = Spelling::read(text)?,
            Rule::Views => self.keeping.views = Spelling::read(text)?,
            Rule::Sessions => self.sessions = Spelling::read(text)?,
            Rule::Retention => self.keeping.retention = Spelling::read(text)?,
            Rule::QuotaMessages => self.keeping.quota.messages = MessagesMax::read(text)?.0,
            Rule::QuotaOctets => self.keeping.quota.octets = OctetsMax::read(text)?.0,
            Rule::OverQuota => self.over_quota = Spelling::read(text)?,
            Rule::LoginDelay => self.login_delay = Spelling::read(text)?,
            Rule::WorkerBatch => self.batch = Spelling::read(text)?,
        }
        Ok(())
    }

    /// One rule in words.
    #[must_use]
    pub fn written(&self, rule: Rule) -> String {
        match rule {
            Rule::Delete => self.keeping.delete.written(),
            Rule::Views => self.keeping.views.written(),
            Rule::Sessions => self.sessions.written(),
            Rule::Retention => self.keeping.retention.written(),
            Rule::QuotaMessages => MessagesMax(self.keeping.quota.messages).written(),
            Rule::QuotaOctets => OctetsMax(self.keeping.quota.octets).written(),
            Rule::OverQuota => self.over_quota.written(),
            Rule::LoginDelay => self.login_delay.written(),
            Rule::WorkerBatch => self.batch.written(),
        }
    }

    /// Whether sessions exclude each other: not where each credential has its view, nor where
    /// workers share the maildrop (`product` §4).
    #[must_use]
    pub fn sessions(&self, kinds: impl IntoIterator<Item = Kind>) -> (Sessions, Option<RuledBy>) {
        if self.keeping.views == Views::PerCredential {
            (Sessions::Snapshot, Some(RuledBy::Views))
        } else if kinds.into_iter().any(|kind| kind == Kind::Worker) {
            (Sessions::Snapshot, Some(RuledBy::Workers))
        } else {
            (self.sessions, None)
        }
    }

    /// All rules in words, where an account has these of its own.
    pub(crate) fn rulings(
        &self,
        own: &BTreeMap<Rule, String>,
        kinds: impl IntoIterator<Item = Kind>,
    ) -> BTreeMap<Rule, Ruling> {
        let mut rulings: BTreeMap<Rule, Ruling> = Rule::ALL
            .into_iter()
            .map(|rule| {
                let from = if own.contains_key(&rule) { RuledBy::Account } else { RuledBy::Site };
                (rule, Ruling { value: self.written(rule), from })
            })
            .collect();
        if let (sessions, Some(from)) = self.sessions(kinds) {
            rulings.insert(Rule::Sessions, Ruling { value: sessions.written(), from });
        }
        rulings
    }
}

/// What differs between the accounts of a site, as CAPA says it before anybody has logged in
/// (RFC 2449 §§6.5, 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The longest login delay.
    pub login_delay: Option<Duration>,
    /// Whether accounts have different ones.
    pub login_delay_differs: bool,
    /// The fewest days that mail is kept; `None`: nowhere does it go by itself.
    pub days: Option<u32>,
    /// Whether accounts have different ones.
    pub days_differ: bool,
    /// By what, beside passwords, somebody can log in.
    pub offered: Offered,
}

impl Spread {
    /// The spread of these.
    pub(crate) fn of(
        delays: impl IntoIterator<Item = Option<Duration>>,
        days: impl IntoIterator<Item = Option<u32>>,
    ) -> Self {
        let (login_delay, login_delay_differs) = widest(delays, Ord::max);
        // `None` is for ever, and comes after every number of days.
        let (days, days_differ) = widest(days, |one, other| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        });
        let offered = Offered::default();
        Self { login_delay, login_delay_differs, days, days_differ, offered }
    }
}

fn widest<T: Copy + PartialEq>(
    values: impl IntoIterator<Item = Option<T>>,
    choose: impl Fn(Option<T>, Option<T>) -> Option<T>,
) -> (Option<T>, bool) {
    let mut values = values.into_iter();
    let Some(first) = values.next() else { return (None, false) };
    values.fold((first, false), |(chosen, differs), value| {
        (choose(chosen, value), differs || value != first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_name_and_its_words() {
        let site = Rules::default();
        for rule in Rule::ALL {
            assert_eq!(Rule::named(rule.name()), Some(rule));
            let json = serde_json::to_string(&rule).unwrap();
            assert_eq!(json, format!("\"{}\"", rule.name()));
            let mut other = Rules::default();
            other.set(rule, &site.written(rule)).unwrap();
            assert_eq!(other, site);
            other.set(rule, "no such thing").unwrap_err();
            assert_eq!(other, site, "a wrong word changes nothing");
        }
    }

    // rulings 12
    #[test]
    fn the_defaults_are_rfc_1939() {
        let words: Vec<String> =
            Rule::ALL.into_iter().map(|rule| Rules::default().written(rule)).collect();
        assert_eq!(
            words,
            [
                "destroy",
                "shared",
                "exclusive",
                "never",
                "unlimited",
                "unlimited",
                "defer",
                "none",
                "50"
            ]
        );
    }

    // product §4: implied by per-credential views and by workers
    #[test]
    fn views_and_workers_imply_snapshots() {
        let mut rules = Rules::default();
        assert_eq!(rules.sessions([Kind::Device]), (Sessions::Exclusive, None));
        let implied = (Sessions::Snapshot, Some(RuledBy::Workers));
        assert_eq!(rules.sessions([Kind::Device, Kind::Worker]), implied);
        rules.set(Rule::Views, "per-credential").unwrap();
        let implied = (Sessions::Snapshot, Some(RuledBy::Views));
        assert_eq!(rules.sessions([]), implied);
    }

    // P-074, P-075: the longest delay, the fewest days
    #[test]
    fn the_spread_is_what_holds_for_everyone_at_least() {
        let delay = |seconds| Some(Duration::from_secs(seconds));
        let spread = Spread::of([delay(60), None, delay(900)], [Some(30), None, Some(7)]);
        assert_eq!((spread.login_delay, spread.login_delay_differs), (delay(900), true));
        assert_eq!((spread.days, spread.days_differ), (Some(7), true));
        let same = Spread::of([delay(60), delay(60)], [None, None]);
        assert_eq!((same.login_delay, same.login_delay_differs), (delay(60), false));
        assert_eq!((same.days, same.days_differ), (None, false));
        assert_eq!(Spread::of([], []), Spread::default());
    }
}
