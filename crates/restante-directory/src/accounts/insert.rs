//! Rows for accounts and addresses, with what must hold before they are made.

use rusqlite::{Connection, OptionalExtension, params};

use super::find::{Naming, accounts_of};
use super::show;
use crate::address::{Address, Name, shown};
use crate::domain::Domain;
use crate::local_part::LocalPart;
use crate::refusal::ManageError;

/// An account's row to be made.
pub(super) struct AccountRow<'a> {
    pub(super) local: &'a LocalPart,
    pub(super) domain: &'a Domain,
    pub(super) hash: Option<&'a str>,
    pub(super) imported: Option<[u8; 32]>,
    pub(super) allow_clear_text: bool,
    pub(super) networks: &'a str,
    pub(super) main_password_over_pop3: Option<bool>,
    pub(super) created: i64,
}

impl Naming {
    /// Reads the name of an account to be.
    pub(super) fn new_name(&self, given: &str) -> Result<(LocalPart, Domain), ManageError> {
        let name = Name::parse(given.as_bytes())
            .map_err(|why| ManageError::BadName { name: shown(given), why: why.to_owned() })?;
        let domain = self.domain_for(given, name.domain.as_ref())?;
        Ok((name.local, domain))
    }

    /// Makes an account, its maildrop's number and its own address. The account's number.
    pub(super) fn insert_account(
        &self,
        connection: &Connection,
        row: &AccountRow<'_>,
    ) -> Result<i64, ManageError> {
        let name = format!("{}@{}", row.local.given(), row.domain);
        if let Some(address) = self.address(connection, row.domain, row.local)? {
            let there = show::address(connection, address)?;
            return Err(if there.own {
                ManageError::AccountExists { name: there.address }
            } else {
                ManageError::AddressExists { address: there.address, accounts: there.accounts }
            });
        }
        self.refuse_tag_clash(connection, row.domain, row.local)?;
        connection.prepare_cached("INSERT INTO maildrop DEFAULT VALUES")?.execute([])?;
        let maildrop = connection.last_insert_rowid();
        connection
            .prepare_cached(
                "INSERT INTO account (name, maildrop, hash, imported, allow_clear_text, networks,
                                      main_password_over_pop3, created)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                name,
                maildrop,
                row.hash,
                row.imported,
                row.allow_clear_text,
                row.networks,
                row.main_password_over_pop3,
                row.created
            ])?;
        let account = connection.last_insert_rowid();
        let address = insert_address(connection, row.domain, Some(row.local), true)?;
        link(connection, address, account)?;
        Ok(account)
    }

    /// Reads an address; a bare local part is completed.
    pub(super) fn address_given(
        &self,
        given: &str,
    ) -> Result<(Option<LocalPart>, Domain), ManageError> {
        let bad =
            |why: &str| ManageError::BadAddress { address: shown(given), why: why.to_owned() };
        let address = Address::parse(given).map_err(bad)?;
        let domain = self.domain_for(given, address.domain.as_ref())?;
        Ok((address.local, domain))
    }

    /// The address that stands under this text, the catch-all too.
    pub(super) fn existing_address(
        &self,
        connection: &Connection,
        domain: &Domain,
        local: Option<&LocalPart>,
    ) -> Result<Option<i64>, ManageError> {
        Ok(match local {
            Some(local) => self.address(connection, domain, local)?,
            None => connection
                .prepare_cached("SELECT id FROM address WHERE domain = ?1 AND local = ''")?
                .query_row([domain.as_str()], |row| row.get(0))
                .optional()?,
        })
    }

    /// Makes an address that leads to this account alone. `false`: it did so already.
    pub(super) fn give_address(
        &self,
        connection: &Connection,
        given: &str,
        account: i64,
    ) -> Result<bool, ManageError> {
        let (local, domain) = self.address_given(given)?;
        if let Some(there) = self.existing_address(connection, &domain, local.as_ref())? {
            if accounts_of(connection, there)?.contains(&account) {
                return Ok(false);
            }
            let there = show::address(connection, there)?;
            return Err(ManageError::AddressExists {
                address: there.address,
                accounts: there.accounts,
            });
        }
        let address = self.new_address(connection, &domain, local.as_ref())?;
        link(connection, address, account)?;
        Ok(true)
    }

    /// Makes an address that is not there yet.
    pub(super) fn new_address(
        &self,
        connection: &Connection,
        domain: &Domain,
        local: Option<&LocalPart>,
    ) -> Result<i64, ManageError> {
        if let Some(local) = local {
            self.refuse_tag_clash(connection, domain, local)?;
        }
        insert_address(connection, domain, local, false)
    }

    /// `anna+work@` beside `anna@` would take the mail that is meant for a tag of hers, and the
    /// other way round (`product` §1).
    fn refuse_tag_clash(
        &self,
        connection: &Connection,
        domain: &Domain,
        local: &LocalPart,
    ) -> Result<(), ManageError> {
        let Some(separator) = self.separator else { return Ok(()) };
        let clash = |other: String| ManageError::TagClash {
            address: format!("{}@{domain}", local.given()),
            other,
            separator,
        };
        let base = local.folded().split_once(separator).map(|(base, _)| base);
        let prefix = format!("{}{separator}", local.folded());
        // The first text behind all that start with the prefix; separators are ASCII.
        let behind = char::from_u32(u32::from(separator).saturating_add(1)).unwrap_or(char::MAX);
        let behind = format!("{}{behind}", local.folded());
        let other: Option<String> = connection
            .prepare_cached(
                "SELECT local || '@' || domain FROM address
                 WHERE domain = ?1 AND folded = ?2 AND local <> ''
                 UNION ALL
                 SELECT local || '@' || domain FROM address
                 WHERE domain = ?1 AND folded > ?3 AND folded < ?4 LIMIT 1",
            )?
            .query_row(params![domain.as_str(), base, prefix, behind], |row| row.get(0))
            .optional()?;
        other.map_or(Ok(()), |other| Err(clash(other)))
    }
}

/// Makes an address lead to an account. `false`: it did already.
pub(super) fn link(
    connection: &Connection,
    address: i64,
    account: i64,
) -> Result<bool, ManageError> {
    Ok(connection
        .prepare_cached("INSERT OR IGNORE INTO address_target (address, account) VALUES (?1, ?2)")?
        .execute([address, account])?
        > 0)
}

fn insert_address(
    connection: &Connection,
    domain: &Domain,
    local: Option<&LocalPart>,
    own: bool,
) -> Result<i64, ManageError> {
    connection
        .prepare_cached("INSERT INTO address (domain, local, folded, own) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            domain.as_str(),
            local.map(LocalPart::given).unwrap_or_default(),
            local.map(LocalPart::folded).unwrap_or_default(),
            own
        ])?;
    Ok(connection.last_insert_rowid())
}
