//! The acts on addresses, and what is worth a warning about them.

use rusqlite::params;

use super::account_acts::{domain, limit, page};
use super::insert::link;
use super::parts::Parts;
use super::show;
use crate::address::shown;
use crate::domain::Domain;
use crate::near::nearest;
use crate::records::{AddressRecord, Filter, NewAddress, Page};
use crate::refusal::ManageError;

/// More would be a mailing list, which needs more than copies.
const TARGETS_MAX: usize = 1_000;

impl Parts {
    pub(super) fn add_address(&self, new: &NewAddress) -> Result<AddressRecord, ManageError> {
        if new.accounts.is_empty() || new.accounts.len() > TARGETS_MAX {
            return Err(ManageError::BadRequest {
                why: format!("an address leads to 1 to {TARGETS_MAX} accounts; name them"),
            });
        }
        let (local, domain) = self.naming.address_given(&new.address)?;
        let record = self.database.write(|transaction| {
            let address =
                match self.naming.existing_address(transaction, &domain, local.as_ref())? {
                    Some(there) => there,
                    None => self.naming.new_address(transaction, &domain, local.as_ref())?,
                };
            // Addresses lead to accounts only, never to addresses: there can be no loop. The
            // key of the table removes duplicates.
            for account in &new.accounts {
                link(transaction, address, self.naming.account(transaction, account)?)?;
            }
            show::address(transaction, address)
        })?;
        self.memory.forget_all();
        Ok(record)
    }

    pub(super) fn addresses(&self, filter: &Filter) -> Result<Page<AddressRecord>, ManageError> {
        let limit = limit(filter)?;
        let only_domain = filter.domain.as_deref().map(domain).transpose()?;
        let (after_local, after_domain) =
            filter.after.as_deref().and_then(|after| after.rsplit_once('@')).unwrap_or_default();
        self.database.read(|connection| {
            let account = match &filter.account {
                Some(name) => Some(self.naming.account(connection, name)?),
                None => None,
            };
            let ids: Vec<i64> = connection
                .prepare_cached(
                    "SELECT id FROM address a
                     WHERE (a.domain, a.local) > (?1, ?2)
                       AND (?3 IS NULL OR instr(a.folded || '@' || a.domain, lower(?3)) > 0)
                       AND (?4 IS NULL OR a.domain = ?4)
                       AND (?5 IS NULL OR EXISTS (SELECT 1 FROM address_target t
                                                  WHERE t.address = a.id AND t.account = ?5))
                       AND (?6 IS NULL OR EXISTS (SELECT 1 FROM address_target t
                                                  JOIN account c ON c.id = t.account
                                                  WHERE t.address = a.id AND c.enabled = ?6))
                     ORDER BY a.domain, a.local LIMIT ?7",
                )?
                .query_map(
                    params![
                        after_domain,
                        after_local,
                        filter.contains,
                        only_domain.as_ref().map(Domain::as_str),
                        account,
                        filter.enabled,
                        limit.saturating_add(1)
                    ],
                    |row| row.get(0),
                )?
                .collect::<Result<_, _>>()?;
            page(ids, limit, |id| show::address(connection, id), |record| record.address.clone())
        })
    }

    pub(super) fn remove_address(&self, given: &str) -> Result<AddressRecord, ManageError> {
        // An address of a domain that is no longer ours can still be removed.
        let (local, domain) = match self.naming.address_given(given) {
            Err(ManageError::NoSuchDomain { .. }) => {
                let address = crate::address::Address::parse(given).ok();
                address.and_then(|address| Some((address.local, address.domain?))).ok_or_else(
                    || ManageError::NoSuchAddress { address: shown(given), near: None },
                )?
            }
            other => other?,
        };
        let removed = self.database.write(|transaction| {
            let Some(id) = self.naming.existing_address(transaction, &domain, local.as_ref())?
            else {
                let others: Vec<String> = transaction
                    .prepare_cached(
                        "SELECT local || '@' || domain FROM address WHERE NOT own LIMIT 20000",
                    )?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                return Err(ManageError::NoSuchAddress {
                    address: shown(given),
                    near: nearest(given, others),
                });
            };
            let record = show::address(transaction, id)?;
            if record.own {
                return Err(ManageError::OwnAddress { address: record.address });
            }
            transaction.execute("DELETE FROM address WHERE id = ?1", [id])?;
            Ok(record)
        })?;
        self.memory.forget_all();
        Ok(removed)
    }

    pub(super) fn concerns(&self) -> Result<Vec<String>, ManageError> {
        let mut concerns = Vec::new();
        self.database.read(|connection| {
            for domain in &self.naming.domains {
                if !self.has_postmaster(connection, domain)? {
                    concerns.push(format!(
                        "mail for postmaster@{domain} leads nowhere, which RFC 5321 does not \
                         allow: set `postmaster`, or `restante address add postmaster@{domain} \
                         ACCOUNT`"
                    ));
                }
            }
            let foreign: Vec<(String, u64)> = connection
                .prepare_cached("SELECT domain, count(*) FROM address GROUP BY domain")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (domain, count) in foreign {
                if !self.naming.domains.iter().any(|ours| ours.as_str() == domain) {
                    concerns.push(format!(
                        "{count} addresses are in {domain}, which is not among `domains`: mail \
                         for them is refused"
                    ));
                }
            }
            if !self.naming.case_sensitive {
                let doubles: Vec<String> = connection
                    .prepare_cached(
                        "SELECT folded || '@' || domain FROM address
                         GROUP BY domain, folded HAVING count(*) > 1 LIMIT 5",
                    )?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                concerns.extend(doubles.into_iter().map(|double| {
                    format!(
                        "`{double}` exists in several spellings of upper and lower case, made \
                         while `local_parts_case_sensitive` was on: each is found by its exact \
                         spelling only, the oldest also by others"
                    )
                }));
            }
            Ok::<_, ManageError>(())
        })?;
        Ok(concerns)
    }
}
