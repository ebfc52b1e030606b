//! *Where is theirs?* Exact address, then its tag taken off, then postmaster, then catch-all.

use std::sync::Arc;

use mail_wire::MaildropId;
use rusqlite::{Connection, OptionalExtension};

use super::own_rules;
use super::parts::Parts;
use crate::directory::{Destination, Pending, ResolveError};
use crate::domain::Domain;
use crate::local_part::LocalPart;

type Found = Result<Vec<Destination>, ResolveError>;

impl Parts {
    /// See [`Directory::resolve`](crate::Directory::resolve).
    pub(super) fn resolve(
        self: &Arc<Self>,
        local: &str,
        domain: Option<&str>,
    ) -> Pending<'static, Found> {
        let domain = match domain.map(Domain::fold) {
            None => None,
            Some(Ok(domain)) if self.naming.is_ours(&domain) => Some(domain),
            // An address literal, or somebody else's.
            Some(_) => return ready(Err(ResolveError::Foreign)),
        };
        let Ok(local) = LocalPart::parse(local) else {
            return ready(Err(ResolveError::Unknown));
        };
        // The local part as given: in both ways of comparing, equal keys are equal addresses.
        let key = format!(
            "{}@{}",
            local.given(),
            domain.as_ref().map(Domain::as_str).unwrap_or_default()
        );
        if let Some(drops) = self.memory.address(&key) {
            return ready(Ok(drops.to_vec()));
        }
        let parts = Arc::clone(self);
        Box::pin(async move {
            tokio::task::spawn_blocking(move || {
                parts.look();
                let since = parts.memory.generation();
                let drops = parts
                    .database
                    .read(|connection| parts.maildrops(connection, &local, domain.as_ref()));
                // Who is not known here may be known where nobody can be asked now.
                let drops = match (drops, parts.out_of_reach()) {
                    (Err(ResolveError::Unknown), Some(detail)) => {
                        return Err(ResolveError::Unavailable { detail });
                    }
                    (drops, _) => drops?,
                };
                parts.memory.keep_address(since, key, Arc::from(drops.as_slice()));
                Ok(drops)
            })
            .await
            .map_err(|error| ResolveError::Unavailable { detail: error.to_string() })?
        })
    }

    /// Whether a postmaster's mail leads anywhere (RFC 5321 §4.5.1, P-198).
    pub(super) fn has_postmaster(
        &self,
        connection: &Connection,
        domain: &Domain,
    ) -> rusqlite::Result<bool> {
        let Ok(local) = LocalPart::parse(POSTMASTER) else { return Ok(false) };
        let Some(address) = self.address_in(connection, domain, &local)? else {
            return Ok(false);
        };
        Ok(!maildrops_of(connection, address)?.is_empty())
    }

    fn maildrops(
        &self,
        connection: &Connection,
        local: &LocalPart,
        domain: Option<&Domain>,
    ) -> Found {
        let address = match (domain, self.naming.domains.as_slice()) {
            (Some(domain), _) | (None, [domain]) => self.address_in(connection, domain, local)?,
            (None, _) if local.folded() == POSTMASTER => {
                self.postmaster_at_all(connection, local)?
            }
            (None, _) => self.bare(connection, local)?,
        };
        let Some(address) = address else { return Err(ResolveError::Unknown) };
        let drops = maildrops_of(connection, address)?;
        if drops.is_empty() {
            return Err(ResolveError::Unknown);
        }
        let (mut open, mut unknown) = (Vec::new(), true);
        for (account, maildrop, enabled) in drops {
            let gone = self.gone(connection, account)?;
            unknown &= gone == Some(false);
            if gone.is_some() || !enabled {
                continue;
            }
            let rules = own_rules::resolved(connection, account, self.rules)?;
            let (quota, over_quota) = (rules.keeping.quota, rules.over_quota);
            open.push(Destination { maildrop, quota, over_quota });
        }
        match open.is_empty() {
            false => Ok(open),
            true if unknown => Err(ResolveError::Unknown),
            true => Err(ResolveError::Disabled),
        }
    }

    /// The address in one of our domains that mail for this local part goes to.
    fn address_in(
        &self,
        connection: &Connection,
        domain: &Domain,
        local: &LocalPart,
    ) -> rusqlite::Result<Option<i64>> {
        if let Some(exact) = self.naming.address(connection, domain, local)? {
            return Ok(Some(exact));
        }
        if let Some(base) = self.without_tag(local)
            && let Some(address) = self.naming.address(connection, domain, &base)?
        {
            return Ok(Some(address));
        }
        if local.folded() == POSTMASTER
            && let Some(address) = self.site_postmaster(connection)?
        {
            return Ok(Some(address));
        }
        connection
            .prepare_cached("SELECT id FROM address WHERE domain = ?1 AND local = ''")?
            .query_row([domain.as_str()], |row| row.get(0))
            .optional()
    }

    /// `postmaster` without a domain (RFC 5321 §4.1.1.3): of the first domain that has one of
    /// its own, else the site's, else the main domain's catch-all.
    fn postmaster_at_all(
        &self,
        connection: &Connection,
        local: &LocalPart,
    ) -> rusqlite::Result<Option<i64>> {
        for domain in &self.naming.domains {
            if let Some(own) = self.naming.address(connection, domain, local)? {
                return Ok(Some(own));
            }
        }
        match self.naming.domains.first() {
            Some(main) => self.address_in(connection, main, local),
            None => Ok(None),
        }
    }

    fn site_postmaster(&self, connection: &Connection) -> rusqlite::Result<Option<i64>> {
        let Some(address) = &self.postmaster else { return Ok(None) };
        let Some(local) = &address.local else { return Ok(None) };
        match (&address.domain, self.naming.domains.first()) {
            (Some(domain), _) | (None, Some(domain)) => {
                self.naming.address(connection, domain, local)
            }
            (None, None) => Ok(None),
        }
    }

    /// A bare local part at a site of several domains: only where one address has it.
    fn bare(&self, connection: &Connection, local: &LocalPart) -> rusqlite::Result<Option<i64>> {
        let mut found = None;
        for domain in &self.naming.domains {
            if let Some(address) = self.naming.address(connection, domain, local)? {
                if found.is_some() {
                    return Ok(None);
                }
                found = Some(address);
            }
        }
        Ok(found)
    }

    fn without_tag(&self, local: &LocalPart) -> Option<LocalPart> {
        let (base, _tag) = local.given().split_once(self.naming.separator?)?;
        LocalPart::parse(base).ok()
    }
}

const POSTMASTER: &str = "postmaster";

/// The accounts behind an address, their maildrops, and whether they are enabled.
fn maildrops_of(
    connection: &Connection,
    address: i64,
) -> rusqlite::Result<Vec<(i64, MaildropId, bool)>> {
    connection
        .prepare_cached(
            "SELECT c.id, c.maildrop, c.enabled FROM address_target t
             JOIN account c ON c.id = t.account WHERE t.address = ?1 ORDER BY c.id",
        )?
        .query_map([address], |row| Ok((row.get(0)?, MaildropId::new(row.get(1)?), row.get(2)?)))?
        .collect()
}

fn ready(found: Found) -> Pending<'static, Found> {
    Box::pin(std::future::ready(found))
}
