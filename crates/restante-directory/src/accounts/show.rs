//! Records as people and commands see them, read from the database.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::own_rules;
use crate::directory::Scope;
use crate::records::{AccountRecord, AddressRecord, AppPasswordRecord, LastUse};
use crate::refusal::ManageError;
use crate::rules::Rules;

/// One account.
pub(super) fn account(
    connection: &Connection,
    id: i64,
    site: Rules,
    now: i64,
) -> Result<AccountRecord, ManageError> {
    let record = connection
        .prepare_cached(
            "SELECT id, name, enabled, maildrop, hash IS NOT NULL, allow_clear_text, networks,
                    main_password_over_pop3, created, last_used, last_from, last_client,
                    (SELECT count(*) FROM app_password p WHERE p.account = account.id)
             FROM account WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok(AccountRecord {
                id: row.get(0)?,
                name: row.get(1)?,
                enabled: row.get(2)?,
                maildrop: row.get(3)?,
                has_password: row.get(4)?,
                allow_clear_text: row.get(5)?,
                networks: list(&row.get::<_, String>(6)?),
                main_password_over_pop3: row.get(7)?,
                created: row.get(8)?,
                last_use: last_use(row, 9)?,
                app_passwords: row.get(12)?,
                addresses: Vec::new(),
                keeping: BTreeMap::new(),
                file: None,
                gone: false,
            })
        })
        .optional()?;
    let Some(mut record) = record else {
        return Err(ManageError::Unavailable { detail: format!("account {id} has gone") });
    };
    record.keeping = own_rules::rulings(connection, id, site, now)?;
    record.addresses = connection
        .prepare_cached(
            "SELECT a.local || '@' || a.domain FROM address_target t
             JOIN address a ON a.id = t.address
             WHERE t.account = ?1 ORDER BY a.own DESC, a.domain, a.local",
        )?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(record)
}

/// One address.
pub(super) fn address(connection: &Connection, id: i64) -> Result<AddressRecord, ManageError> {
    let (address, own) = connection
        .prepare_cached("SELECT local || '@' || domain, own FROM address WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let accounts = connection
        .prepare_cached(
            "SELECT c.name FROM address_target t JOIN account c ON c.id = t.account
             WHERE t.address = ?1 ORDER BY c.name",
        )?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(AddressRecord { address, accounts, own })
}

/// The app passwords of an account, oldest first.
pub(super) fn app_passwords(
    connection: &Connection,
    account: i64,
) -> Result<Vec<AppPasswordRecord>, ManageError> {
    Ok(connection
        .prepare_cached(
            "SELECT p.id, c.name, c.id, p.label, p.kind, p.scope_pop3, p.scope_submission,
                    p.scope_web, p.networks, p.expires, p.created, p.last_used, p.last_from,
                    p.last_client
             FROM app_password p JOIN account c ON c.id = p.account
             WHERE p.account = ?1 ORDER BY p.id",
        )?
        .query_map(params![account], app_password)?
        .collect::<Result<_, _>>()?)
}

fn app_password(row: &Row<'_>) -> rusqlite::Result<AppPasswordRecord> {
    let mut scopes = Vec::new();
    for (column, scope) in [(5, Scope::Pop3), (6, Scope::Submission), (7, Scope::Web)] {
        if row.get(column)? {
            scopes.push(scope);
        }
    }
    Ok(AppPasswordRecord {
        id: row.get(0)?,
        account: row.get(1)?,
        account_id: row.get(2)?,
        label: row.get(3)?,
        kind: own_rules::kind(row.get_ref(4)?.as_str()?),
        scopes,
        networks: list(&row.get::<_, String>(8)?),
        expires: row.get(9)?,
        created: row.get(10)?,
        last_use: last_use(row, 11)?,
    })
}

/// Three columns: when, from where, which client.
fn last_use(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<LastUse>> {
    let Some(at) = row.get(column)? else { return Ok(None) };
    Ok(Some(LastUse {
        at,
        from: row.get::<_, Option<String>>(column.saturating_add(1))?.unwrap_or_default(),
        client: row.get(column.saturating_add(2))?,
    }))
}

fn list(stored: &str) -> Vec<String> {
    stored.split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect()
}
