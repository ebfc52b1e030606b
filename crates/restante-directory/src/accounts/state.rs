//! An account as a login needs it, and whether a credential of it may be used.

use mail_wire::{MaildropId, Secret};
use rusqlite::{Connection, OptionalExtension, Row};

use super::own_rules;
use super::scram_rows::ScramRows;
use crate::app_password::Digest;
use crate::directory::{Account, Origin, Scope, Secrecy};
use crate::kind::Kind;
use crate::network::Networks;
use crate::rules::Rules;
use crate::spelling::Sessions;

/// A credential is active for so long after its last use (`rulings` 12): 30 days.
const ACTIVE_SECS: i64 = 30 * 86_400;

/// What a login must know of an account.
pub(super) struct AccountState {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) maildrop: MaildropId,
    pub(super) enabled: bool,
    pub(super) hash: Option<Secret<String>>,
    pub(super) version: i64,
    /// Whether it was made here; else it is a passwd file's.
    pub(super) made: bool,
    allow_clear_text: bool,
    /// `None`: damaged, nobody is let in.
    networks: Option<Networks>,
    main_over_pop3: Option<bool>,
    last_used: Option<i64>,
    /// The site's, with its own in their places.
    rules: Rules,
    app_passwords: Vec<AppPasswordState>,
    pub(super) scram: ScramRows,
}

/// What a login must know of an app password.
pub(super) struct AppPasswordState {
    pub(super) id: i64,
    label: String,
    kind: Kind,
    last_used: Option<i64>,
    scopes: [bool; 3],
    networks: Option<Networks>,
    expires: Option<i64>,
    digest: Digest,
    version: i64,
    /// Where it can be read back.
    sealed: Option<Vec<u8>>,
}

impl AccountState {
    /// Reads an account. Five indexed reads.
    pub(super) fn load(
        connection: &Connection,
        id: i64,
        site: Rules,
    ) -> rusqlite::Result<Option<Self>> {
        let state = connection
            .prepare_cached(
                "SELECT id, name, maildrop, enabled, hash, version, allow_clear_text, networks,
                        main_password_over_pop3, last_used, made
                 FROM account WHERE id = ?1",
            )?
            .query_row([id], |row| {
                Ok(Self {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    maildrop: MaildropId::new(row.get(2)?),
                    enabled: row.get(3)?,
                    hash: row.get::<_, Option<String>>(4)?.map(Secret::new),
                    version: row.get(5)?,
                    allow_clear_text: row.get(6)?,
                    networks: Networks::from_stored(&row.get::<_, String>(7)?),
                    main_over_pop3: row.get(8)?,
                    last_used: row.get(9)?,
                    made: row.get(10)?,
                    rules: site,
                    app_passwords: Vec::new(),
                    scram: ScramRows::default(),
                })
            })
            .optional()?;
        let Some(mut state) = state else { return Ok(None) };
        state.rules = own_rules::resolved(connection, id, site)?;
        state.app_passwords = connection
            .prepare_cached(
                "SELECT id, label, scope_pop3, scope_submission, scope_web, networks, expires,
                        digest, version, kind, last_used, sealed
                 FROM app_password LEFT JOIN recoverable ON app_password = id
                 WHERE account = ?1",
            )?
            .query_map([id], AppPasswordState::from_row)?
            .collect::<Result<_, _>>()?;
        state.scram = ScramRows::load(connection, id)?;
        Ok(Some(state))
    }

    /// Why the main password may not be used so, even if it is right.
    pub(super) fn main_refusal(&self, origin: &Origin, site_allows: bool) -> Option<&'static str> {
        if origin.scope == Scope::Pop3 && !self.main_over_pop3.unwrap_or(site_allows) {
            return Some("the main password is not taken over pop3, only app passwords");
        }
        self.refusal(origin, self.networks.as_ref())
    }

    /// Why an app password may not be used so, even if it is right.
    pub(super) fn app_refusal(
        &self,
        app: &AppPasswordState,
        origin: &Origin,
        now: i64,
    ) -> Option<&'static str> {
        let [pop3, submission, web] = app.scopes;
        let in_scope = match origin.scope {
            Scope::Pop3 => pop3,
            Scope::Submission => submission,
            Scope::Web => web,
        };
        if !in_scope {
            return Some("the app password is not for this service");
        }
        if app.expires.is_some_and(|expires| expires <= now) {
            return Some("the app password has expired");
        }
        self.refusal(origin, app.networks.as_ref())
    }

    /// The app password of this digest. Looks at all of them, so that its time says nothing
    /// about which one it is.
    pub(super) fn app_password(&self, digest: &Digest) -> Option<&AppPasswordState> {
        self.app_passwords.iter().fold(
            None,
            |found, app| {
                if app.digest.is(digest) { Some(app) } else { found }
            },
        )
    }

    /// The app password of this number.
    pub(super) fn app_password_of(&self, id: i64) -> Option<&AppPasswordState> {
        self.app_passwords.iter().find(|app| app.id == id)
    }

    /// The app passwords that can be read back, sealed.
    pub(super) fn recoverable(&self) -> impl Iterator<Item = (i64, &[u8])> {
        self.app_passwords.iter().filter_map(|app| Some((app.id, app.sealed.as_deref()?)))
    }

    /// Why nobody may act for the account so, by no credential of it.
    pub(super) fn refusal_of_account(&self, origin: &Origin) -> Option<&'static str> {
        self.refusal(origin, self.networks.as_ref())
    }

    /// Whether a session may go on (S17 to S19).
    pub(super) fn still_allows(&self, account: &Account, now: i64) -> bool {
        self.enabled
            && if account.credential == 0 {
                self.version == account.version
            } else {
                self.app_passwords.iter().any(|app| {
                    app.id == account.credential
                        && app.version == account.version
                        && app.expires.is_none_or(|expires| expires > now)
                })
            }
    }

    /// For the session of the main password.
    pub(super) fn by_main_password(&self) -> Account {
        Account {
            version: self.version,
            keeping: self.rules.keeping,
            batch: self.rules.batch.0,
            login_delay: self.rules.login_delay.0,
            ..Account::new(self.id, self.name.clone(), self.maildrop)
        }
    }

    /// For the session of an app password.
    pub(super) fn by_app_password(&self, app: &AppPasswordState) -> Account {
        Account {
            credential: app.id,
            label: Some(app.label.clone()),
            version: app.version,
            kind: app.kind,
            ..self.by_main_password()
        }
    }

    /// The device credentials that POP3 takes and that were used within 30 days, but for this
    /// one (`rulings` 12). `noted` says when a credential was used since the start.
    pub(super) fn active(
        &self,
        but: i64,
        site_allows_main: bool,
        now: i64,
        noted: impl Fn(i64) -> Option<i64>,
    ) -> Vec<i64> {
        let used = |credential, kept: Option<i64>| {
            credential != but
                && noted(credential)
                    .max(kept)
                    .is_some_and(|at| at > now.saturating_sub(ACTIVE_SECS))
        };
        let main = (self.hash.is_some() || !self.made)
            && self.main_over_pop3.unwrap_or(site_allows_main)
            && used(0, self.last_used);
        let devices = self.pop3(now).filter(|app| app.kind == Kind::Device);
        let apps = devices.filter(|app| used(app.id, app.last_used)).map(|app| app.id);
        main.then_some(0).into_iter().chain(apps).collect()
    }

    /// Whether its sessions exclude each other.
    pub(super) fn sessions(&self, now: i64) -> Sessions {
        self.rules.sessions(self.pop3(now).map(|app| app.kind)).0
    }

    /// The app passwords that POP3 takes.
    fn pop3(&self, now: i64) -> impl Iterator<Item = &AppPasswordState> {
        self.app_passwords
            .iter()
            .filter(move |app| app.scopes[0] && app.expires.is_none_or(|expires| expires > now))
    }

    fn refusal(&self, origin: &Origin, networks: Option<&Networks>) -> Option<&'static str> {
        if !self.enabled {
            return Some("the account is disabled");
        }
        match networks {
            None => return Some("the credential's networks are damaged in the database"),
            Some(networks) if !networks.allow(origin.address) => {
                return Some("the credential may not be used from this address");
            }
            Some(_) => {}
        }
        // rulings 1: the listener has named the network already, or it would not be `Clear`.
        (origin.secrecy == Secrecy::Clear && !self.allow_clear_text)
            .then_some("the account does not allow clear text")
    }
}

impl AppPasswordState {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            label: row.get(1)?,
            scopes: [row.get(2)?, row.get(3)?, row.get(4)?],
            networks: Networks::from_stored(&row.get::<_, String>(5)?),
            expires: row.get(6)?,
            digest: Digest::new(row.get(7)?),
            version: row.get(8)?,
            kind: own_rules::kind(row.get_ref(9)?.as_str()?),
            last_used: row.get(10)?,
            sealed: row.get(11)?,
        })
    }
}
