//! What holds across all accounts: how each maildrop is kept, and what differs between them.

use mail_wire::MaildropId;
use rusqlite::Connection;

use super::find::Meant;
use super::own_rules::{damaged, resolved};
use super::parts::Parts;
use crate::directory::Kept;
use crate::offered::Offered;
use crate::rules::{Rule, Rules, Spread};

/// How many maildrops [`Parts::kept`] answers at once.
const KEPT_PAGE: i64 = 1_000;

impl Parts {
    /// See [`Directory::kept`](crate::Directory::kept).
    pub(super) fn kept(&self, after: Option<MaildropId>) -> rusqlite::Result<Vec<Kept>> {
        let after = after.map_or(0, |after| i64::try_from(after.get()).unwrap_or(i64::MAX));
        self.database.read(|connection| {
            let page: Vec<(i64, MaildropId)> = connection
                .prepare_cached(
                    "SELECT id, maildrop FROM account WHERE maildrop > ?1
                     ORDER BY maildrop LIMIT ?2",
                )?
                .query_map([after, KEPT_PAGE], |row| {
                    Ok((row.get(0)?, MaildropId::new(row.get(1)?)))
                })?
                .collect::<Result<_, _>>()?;
            page.into_iter()
                .map(|(account, maildrop)| {
                    let rules = resolved(connection, account, self.rules)?;
                    Ok(Kept { maildrop, keeping: rules.keeping })
                })
                .collect()
        })
    }

    /// See [`Directory::spread`](crate::Directory::spread).
    pub(super) fn spread(&self) -> rusqlite::Result<Spread> {
        let since = self.memory.generation();
        let spread = self.database.read(|connection| {
            let delays = self.variants(connection, Rule::LoginDelay)?;
            let retentions = self.variants(connection, Rule::Retention)?;
            let spread = Spread::of(
                delays.into_iter().map(|rules| rules.login_delay.0),
                retentions.into_iter().map(|rules| rules.keeping.retention.map(|kept| kept.days)),
            );
            Ok::<_, rusqlite::Error>(Spread { offered: self.offered(connection)?, ..spread })
        })?;
        self.memory.keep_spread(since, spread);
        Ok(spread)
    }

    /// By what somebody can log in now.
    fn offered(&self, connection: &Connection) -> rusqlite::Result<Offered> {
        let any = |sql: &str, main: bool| -> rusqlite::Result<bool> {
            connection.prepare_cached(sql)?.query_row([main], |row| row.get(0))
        };
        let scram = any(
            "SELECT EXISTS (SELECT 1 FROM scram_key k LEFT JOIN app_password a ON a.id = app_password
                            WHERE iif(app_password IS NULL, ?1, scope_pop3))",
            self.scram_main,
        )?;
        let digests = any(
            "SELECT EXISTS (SELECT 1 FROM recoverable JOIN app_password ON id = app_password
                            WHERE scope_pop3 AND ?1)",
            self.sealer.is_some(),
        )?;
        let anonymous = match &self.anonymous {
            Some(name) => matches!(self.naming.login(connection, name)?, Meant::Account(_)),
            None => false,
        };
        Ok(Offered {
            scram: scram && self.scram,
            digests,
            tokens: self.tokens.is_some(),
            certificates: self.certificates.is_some(),
            anonymous,
        })
    }

    /// What there is of a rule among all accounts; where there is none, what the site has.
    fn variants(&self, connection: &Connection, rule: Rule) -> rusqlite::Result<Vec<Rules>> {
        let accounts: i64 =
            connection.query_row("SELECT count(*) FROM account", [], |row| row.get(0))?;
        let own: Vec<(String, i64)> = connection
            .prepare_cached("SELECT value, count(*) FROM keeping WHERE rule = ?1 GROUP BY value")?
            .query_map([rule.name()], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let owners = own.iter().fold(0_i64, |sum, (_, count)| sum.saturating_add(*count));
        let mut variants = Vec::new();
        if owners < accounts || accounts == 0 {
            variants.push(self.rules);
        }
        for (value, _) in own {
            let mut rules = self.rules;
            rules.set(rule, &value).map_err(damaged)?;
            variants.push(rules);
        }
        Ok(variants)
    }
}
