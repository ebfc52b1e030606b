//! Which account or address is meant: the look-ups that login, delivery and commands share.

use rusqlite::{Connection, OptionalExtension, params};

use crate::address::{Name, shown};
use crate::domain::Domain;
use crate::local_part::LocalPart;
use crate::near::nearest;
use crate::refusal::ManageError;

/// How this site names things.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    pub(super) domains: Vec<Domain>,
    pub(super) separator: Option<char>,
    pub(super) case_sensitive: bool,
}

/// Whom a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    Nobody,
    Account(i64),
    /// Several accounts; a login by such a name is refused (security A9).
    Several,
}

impl Naming {
    /// Whether the domain is ours.
    pub(super) fn is_ours(&self, domain: &Domain) -> bool {
        self.domains.contains(domain)
    }

    /// The domain of a name in a command: its own if that is ours, else the only one.
    pub(super) fn domain_for(
        &self,
        given: &str,
        domain: Option<&Domain>,
    ) -> Result<Domain, ManageError> {
        match (domain, self.domains.as_slice()) {
            (Some(domain), _) if self.is_ours(domain) => Ok(domain.clone()),
            (Some(domain), ours) => Err(ManageError::NoSuchDomain {
                domain: domain.to_string(),
                near: nearest(domain.as_str(), ours.iter().map(ToString::to_string)),
            }),
            (None, [only]) => Ok(only.clone()),
            (None, []) => Err(ManageError::BadRequest {
                why: "the configuration names no `domains`; write at least one".to_owned(),
            }),
            (None, [first, ..]) => Err(ManageError::BadName {
                name: shown(given),
                why: format!("say the domain too, as in `{}@{first}`", shown(given)),
            }),
        }
    }

    /// The address of this domain and local part. Where two differ in case only (made while
    /// case counted), the one written exactly so comes first.
    pub(super) fn address(
        &self,
        connection: &Connection,
        domain: &Domain,
        local: &LocalPart,
    ) -> rusqlite::Result<Option<i64>> {
        connection
            .prepare_cached(
                "SELECT id FROM address
                 WHERE folded = ?2 AND domain = ?1 AND (NOT ?3 OR local = ?4)
                 ORDER BY local = ?4 DESC, id LIMIT 1",
            )?
            .query_row(
                params![domain.as_str(), local.folded(), self.case_sensitive, local.given()],
                |row| row.get(0),
            )
            .optional()
    }

    /// The account that logs in by this name: its own name, or an address that leads to it
    /// alone. A bare name is looked for in the only domain, then in all.
    pub(super) fn login(&self, connection: &Connection, name: &Name) -> rusqlite::Result<Meant> {
        let domain = match (&name.domain, self.domains.as_slice()) {
            (Some(domain), _) => Some(domain),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        if let Some(domain) = domain
            && let Some(address) = self.address(connection, domain, &name.local)?
        {
            return Ok(meant(&accounts_of(connection, address)?));
        }
        if name.domain.is_some() {
            return Ok(Meant::Nobody);
        }
        Ok(meant(&self.bare(connection, &name.local)?))
    }

    /// The accounts behind all addresses with this local part; two are enough to know.
    fn bare(&self, connection: &Connection, local: &LocalPart) -> rusqlite::Result<Vec<i64>> {
        connection
            .prepare_cached(
                "SELECT DISTINCT t.account FROM address a
                 JOIN address_target t ON t.address = a.id
                 WHERE a.folded = ?1 AND (NOT ?2 OR a.local = ?3) LIMIT 2",
            )?
            .query_map(params![local.folded(), self.case_sensitive, local.given()], |row| {
                row.get(0)
            })?
            .collect()
    }

    /// The account that a command means; `Err` says who it could have been.
    pub(super) fn account(&self, connection: &Connection, given: &str) -> Result<i64, ManageError> {
        let nobody = || ManageError::NoSuchAccount { name: shown(given), near: None };
        let name = Name::parse(given.as_bytes()).map_err(|_| nobody())?;
        match self.login(connection, &name)? {
            Meant::Account(id) => Ok(id),
            Meant::Nobody => Err(ManageError::NoSuchAccount {
                name: shown(given),
                near: nearest(&self.in_full(&name), names(connection)?),
            }),
            Meant::Several => Err(ManageError::AmbiguousName {
                name: shown(given),
                candidates: candidates(connection, &name)?,
            }),
        }
    }

    fn in_full(&self, name: &Name) -> String {
        match (&name.domain, self.domains.first()) {
            (None, Some(first)) => format!("{}@{first}", name.local.given()),
            _ => name.key(true),
        }
    }
}

/// The accounts that an address leads to, in the order of their numbers.
pub(super) fn accounts_of(connection: &Connection, address: i64) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT account FROM address_target WHERE address = ?1 ORDER BY account")?
        .query_map([address], |row| row.get(0))?
        .collect()
}

fn meant(accounts: &[i64]) -> Meant {
    match accounts {
        [] => Meant::Nobody,
        [id] => Meant::Account(*id),
        _ => Meant::Several,
    }
}

/// Names to look for a near one in; enough for a person's site, bounded for a provider's.
fn names(connection: &Connection) -> Result<Vec<String>, ManageError> {
    Ok(connection
        .prepare_cached("SELECT name FROM account ORDER BY name LIMIT 20000")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}

/// Some of those that an ambiguous name could mean.
fn candidates(connection: &Connection, name: &Name) -> Result<Vec<String>, ManageError> {
    Ok(connection
        .prepare_cached(
            "SELECT DISTINCT c.name FROM address a
             JOIN address_target t ON t.address = a.id JOIN account c ON c.id = t.account
             WHERE a.folded = ?1 AND (?2 IS NULL OR a.domain = ?2) ORDER BY c.name LIMIT 5",
        )?
        .query_map(params![name.local.folded(), name.domain.as_ref().map(Domain::as_str)], |row| {
            row.get(0)
        })?
        .collect::<Result<_, _>>()?)
}
