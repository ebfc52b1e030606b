//! How an account's maildrop is kept, as options and as rows.

use std::collections::BTreeMap;

use clap::builder::TypedValueParser;
use restante_directory::{AccountRecord, Rule, RuledBy, Rules};

/// The rules of keeping that an account gets for its own; `site` takes one back.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// What a deletion does: `destroy`, `hold:30d` (restorable for so many days), `ignore`;
    /// `site` here and below: as the configuration has it
    #[arg(long, value_name = "WHAT", group = "what", value_parser = words(Rule::Delete))]
    delete: Option<Wanted>,
    /// For whom a deletion counts: `shared` or `per-credential`
    #[arg(long, value_name = "WHAT", group = "what", value_parser = words(Rule::Views))]
    views: Option<Wanted>,
    /// Whether sessions exclude each other: `exclusive` or `snapshot`
    #[arg(long, value_name = "WHAT", group = "what", value_parser = words(Rule::Sessions))]
    sessions: Option<Wanted>,
    /// When mail goes by itself: `never`, `30d after delivery`, `7d after retrieval`
    #[arg(long, value_name = "WHEN", group = "what", value_parser = words(Rule::Retention))]
    retention: Option<Wanted>,
    /// How many messages fit: a number, or `unlimited`
    #[arg(long, value_name = "COUNT", group = "what", value_parser = words(Rule::QuotaMessages))]
    quota_messages: Option<Wanted>,
    /// How much mail fits: a size such as `500MiB`, or `unlimited`
    #[arg(long, value_name = "SIZE", group = "what", value_parser = words(Rule::QuotaOctets))]
    quota_octets: Option<Wanted>,
    /// What mail is answered when it is full: `defer` (452) or `refuse` (552)
    #[arg(long, value_name = "WHAT", group = "what", value_parser = words(Rule::OverQuota))]
    over_quota: Option<Wanted>,
    /// The least time between two logins: `none`, or a duration such as `15m`
    #[arg(long, value_name = "TIME", group = "what", value_parser = words(Rule::LoginDelay))]
    login_delay: Option<Wanted>,
    /// How many messages a worker's session is given at once
    #[arg(long, value_name = "COUNT", group = "what", value_parser = words(Rule::WorkerBatch))]
    worker_batch: Option<Wanted>,
}

/// What an option says.
#[derive(Clone, Debug)]
enum Wanted {
    /// As the configuration has it.
    Site,
    /// This.
    Own(String),
}

impl Options {
    /// Each rule that is named, and what it is to be.
    pub(super) fn wanted(self) -> BTreeMap<Rule, Option<String>> {
        let named = [
            (Rule::Delete, self.delete),
            (Rule::Views, self.views),
            (Rule::Sessions, self.sessions),
            (Rule::Retention, self.retention),
            (Rule::QuotaMessages, self.quota_messages),
            (Rule::QuotaOctets, self.quota_octets),
            (Rule::OverQuota, self.over_quota),
            (Rule::LoginDelay, self.login_delay),
            (Rule::WorkerBatch, self.worker_batch),
        ];
        let mut wanted = BTreeMap::new();
        for (rule, option) in named {
            match option {
                None => {}
                Some(Wanted::Site) => drop(wanted.insert(rule, None)),
                Some(Wanted::Own(text)) => drop(wanted.insert(rule, Some(text))),
            }
        }
        wanted
    }
}

/// How the maildrop is kept, a row a rule, and who says so.
pub(super) fn rows(record: &AccountRecord) -> Vec<(&'static str, String)> {
    let row = |rule: Rule| {
        let ruling = record.keeping.get(&rule)?;
        let from = match ruling.from {
            RuledBy::Site => "the site's",
            RuledBy::Account => "its own",
            RuledBy::Views => "by its views",
            RuledBy::Workers => "by its workers",
        };
        Some((rule.name(), format!("{} ({from})", ruling.value)))
    };
    Rule::ALL.into_iter().filter_map(row).collect()
}

/// Takes what the rule takes, or `site`.
fn words(rule: Rule) -> impl TypedValueParser<Value = Wanted> {
    clap::builder::StringValueParser::new().try_map(move |text| {
        if text == "site" {
            return Ok(Wanted::Site);
        }
        Rules::default()
            .set(rule, &text)
            .map(|()| Wanted::Own(text))
            .map_err(|why| format!("{why}, or `site`"))
    })
}
