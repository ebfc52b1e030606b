//! The rules that accounts have of their own, in the database.

use std::collections::BTreeMap;

use rusqlite::types::Type;
use rusqlite::{Connection, Transaction, params};

use crate::kind::Kind;
use crate::refusal::ManageError;
use crate::rules::{Rule, Rules, Ruling};

/// Why a rule is refused that the store cannot keep mail by.
const NO_CUSTODY: &str = "Maildirs remember nothing of messages: only a site whose `[store] backend` is \"log\" can do \
     that; `restante store copy maildir log` moves one";

/// The rules of an account: the site's, with its own in their places. One that cannot be read
/// is an error: to go by another could destroy mail.
pub(super) fn resolved(
    connection: &Connection,
    account: i64,
    site: Rules,
) -> rusqlite::Result<Rules> {
    let mut rules = site;
    for (rule, text) in own(connection, account)? {
        rules.set(rule, &text).map_err(damaged)?;
    }
    Ok(rules)
}

/// All rules of an account in words, and who says so.
pub(super) fn rulings(
    connection: &Connection,
    account: i64,
    site: Rules,
    now: i64,
) -> Result<BTreeMap<Rule, Ruling>, ManageError> {
    let kinds: Vec<Kind> = connection
        .prepare_cached(
            "SELECT DISTINCT kind FROM app_password
             WHERE account = ?1 AND scope_pop3 AND (expires IS NULL OR expires > ?2)",
        )?
        .query_map([account, now], |row| Ok(kind(row.get_ref(0)?.as_str()?)))?
        .collect::<Result<_, _>>()?;
    Ok(resolved(connection, account, site)?.rulings(&own(connection, account)?, kinds))
}

/// Gives an account a rule of its own, or the site's again. `custody`: whether the store can do
/// all that rules ask for.
pub(super) fn set(
    transaction: &Transaction<'_>,
    account: i64,
    (rule, text): (Rule, Option<&str>),
    custody: bool,
) -> Result<(), ManageError> {
    let Some(text) = text else {
        transaction
            .prepare_cached("DELETE FROM keeping WHERE account = ?1 AND rule = ?2")?
            .execute(params![account, rule.name()])?;
        return Ok(());
    };
    let mut read = Rules::default();
    let bad = |why| ManageError::BadRule { rule: rule.name().to_owned(), why };
    read.set(rule, text.trim()).map_err(bad)?;
    if !custody && read.keeping.needs_custody() {
        return Err(bad(NO_CUSTODY.to_owned()));
    }
    transaction
        .prepare_cached(
            "INSERT INTO keeping (account, rule, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (account, rule) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![account, rule.name(), read.written(rule)])?;
    Ok(())
}

/// Gives an account a rule of its own that it has not yet. `false`: it has just this one.
pub(super) fn give(
    transaction: &Transaction<'_>,
    account: i64,
    (rule, text): (Rule, &str),
    custody: bool,
) -> Result<bool, ManageError> {
    let there = own(transaction, account)?.remove(&rule);
    set(transaction, account, (rule, Some(text)), custody)?;
    match there {
        None => Ok(true),
        Some(there) if own(transaction, account)?.get(&rule) == Some(&there) => Ok(false),
        Some(there) => Err(ManageError::BadRule {
            rule: rule.name().to_owned(),
            why: format!("it is `{there}` already; `restante account change` changes it"),
        }),
    }
}

/// As the database writes it.
pub(super) fn kind(stored: &str) -> Kind {
    if stored == "worker" { Kind::Worker } else { Kind::Device }
}

fn own(connection: &Connection, account: i64) -> rusqlite::Result<BTreeMap<Rule, String>> {
    connection
        .prepare_cached("SELECT rule, value FROM keeping WHERE account = ?1")?
        .query_map([account], |row| {
            let name = row.get_ref(0)?.as_str()?;
            let rule = Rule::named(name).ok_or_else(|| damaged(format!("no rule `{name}`")))?;
            Ok((rule, row.get(1)?))
        })?
        .collect()
}

/// The error of a rule that cannot be read.
pub(super) fn damaged(why: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        1,
        Type::Text,
        format!("a rule of keeping cannot be read: {why}").into(),
    )
}
