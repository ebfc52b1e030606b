//! What every question and every act needs, opened together.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use mail_wire::Secret;
use rusqlite::{OptionalExtension, params};

use super::chain::Chain;
use super::database::Database;
use super::find::Naming;
use super::last_use::LastUses;
use super::memory::Memory;
use super::state::AccountState;
use crate::address::{Address, Name};
use crate::cache::VerifiedCache;
use crate::certificate_rule::CertificateRule;
use crate::clock::Clock;
use crate::domain::Domain;
use crate::hash_pool::HashPool;
use crate::password::{Hasher, Verifier};
use crate::refusal::OpenError;
use crate::rules::Rules;
use crate::sealer::Sealer;
use crate::settings::{Notices, Settings};
use crate::token::TokenVerifier;

/// The parts of an open directory of accounts.
pub(super) struct Parts {
    pub(super) naming: Naming,
    pub(super) postmaster: Option<Address>,
    pub(super) main_password_over_pop3: bool,
    /// The site's.
    pub(super) rules: Rules,
    /// Whether the store can keep mail by all rules there are.
    pub(super) custody: bool,
    pub(super) clock: Clock,
    pub(super) database: Database,
    pub(super) memory: Memory,
    pub(super) verified: VerifiedCache,
    pub(super) pool: HashPool,
    pub(super) hasher: Hasher,
    /// What unknown users are checked against.
    pub(super) dummy: Verifier,
    /// App passwords are kept under this. It lies in the database itself: one file is a whole
    /// backup, and 128 random bits cannot be guessed by whoever steals both.
    pub(super) app_key: Secret<[u8; 32]>,
    pub(super) last_uses: LastUses,
    /// Whether SCRAM is offered, and whether it takes main passwords.
    pub(super) scram: bool,
    pub(super) scram_main: bool,
    /// Salts are made of names under this.
    pub(super) salt_key: Secret<[u8; 32]>,
    /// What makes app passwords readable again, where they may be.
    pub(super) sealer: Option<Sealer>,
    /// Whose maildrop is public.
    pub(super) anonymous: Option<Name>,
    pub(super) certificates: Option<CertificateRule>,
    pub(super) tokens: Option<Arc<dyn TokenVerifier>>,
    /// How many keys and secrets proofs were compared with.
    pub(super) proofs: AtomicU64,
    pub(super) chain: Chain,
    pub(super) notices: Notices,
}

/// What may start a tag: characters that a local part can hold and few names do.
const SEPARATORS: &str = "+-=_#~";

impl Parts {
    /// Opens the database and looks whether the settings fit it.
    pub(super) fn open(path: &Path, settings: Settings) -> Result<Self, OpenError> {
        let naming = naming(&settings)?;
        let postmaster = settings.postmaster.as_deref().map(postmaster).transpose()?;
        let anonymous = settings.anonymous.as_deref().map(anonymous).transpose()?;
        let hasher = Hasher::new(settings.hash)
            .map_err(|why| OpenError::Setting { setting: "hash", why })?;
        let broken = |detail| OpenError::Database { path: path.to_owned(), detail };
        let dummy = hasher.dummy().map_err(broken)?;
        let verified =
            VerifiedCache::new(settings.cache_life, settings.cache_entries).map_err(broken)?;
        let database = Database::open(path, settings.readers, settings.clock.now())?;
        let app_key = app_key(&database).map_err(broken)?;
        let sealer = settings.recoverable.then(|| Sealer::open(&path.with_extension("key")));
        let sealer = sealer
            .transpose()
            .map_err(|source| OpenError::Io { path: path.with_extension("key"), source })?;
        let salt_key = blake3::derive_key("restante 2026-11-25 salts of scram", app_key.expose());
        if let Some(separator) = naming.separator {
            refuse_clashes(&database, separator, path)?;
        }
        let chain = Chain::new(settings.chain, settings.local_parts_case_sensitive);
        let parts = Self {
            naming,
            postmaster,
            main_password_over_pop3: settings.main_password_over_pop3,
            rules: settings.rules,
            custody: settings.custody,
            clock: settings.clock,
            database,
            memory: Memory::default(),
            verified,
            pool: HashPool::new(settings.hash_places, settings.hash_queue),
            hasher,
            dummy,
            app_key,
            last_uses: LastUses::default(),
            scram: settings.scram,
            scram_main: settings.scram_main,
            salt_key: Secret::new(salt_key),
            sealer,
            anonymous,
            certificates: settings.certificates,
            tokens: settings.tokens,
            proofs: AtomicU64::new(0),
            chain,
            notices: settings.notices,
        };
        parts.look_first()?;
        Ok(parts)
    }

    /// An account from the database.
    fn load(&self, id: i64) -> rusqlite::Result<Option<AccountState>> {
        self.database.read(|connection| AccountState::load(connection, id, self.rules))
    }

    /// An account by its number, from memory or the database.
    pub(super) fn account(&self, id: i64) -> rusqlite::Result<Option<Arc<AccountState>>> {
        if let Some(state) = self.memory.account(id) {
            return Ok(Some(state));
        }
        let since = self.memory.generation();
        let state = self.load(id)?;
        let state = state.map(Arc::new);
        if let Some(state) = &state {
            self.memory.keep_account(since, None, state);
        }
        Ok(state)
    }
}

fn naming(settings: &Settings) -> Result<Naming, OpenError> {
    let mut domains = Vec::with_capacity(settings.domains.len());
    for given in &settings.domains {
        let domain = Domain::fold(given).map_err(|why| OpenError::Setting {
            setting: "domains",
            why: format!("has `{given}`: {why}"),
        })?;
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    if let Some(separator) = settings.plus_separator.filter(|c| !SEPARATORS.contains(*c)) {
        return Err(OpenError::Setting {
            setting: "plus_separator",
            why: format!("is `{}`; it may be one of {SEPARATORS}", separator.escape_debug()),
        });
    }
    Ok(Naming {
        domains,
        separator: settings.plus_separator,
        case_sensitive: settings.local_parts_case_sensitive,
    })
}

fn postmaster(given: &str) -> Result<Address, OpenError> {
    let wrong = |why: &str| OpenError::Setting {
        setting: "postmaster",
        why: format!("is `{given}`: {why}"),
    };
    let address = Address::parse(given).map_err(wrong)?;
    if address.local.is_none() {
        return Err(wrong("name one account or address"));
    }
    Ok(address)
}

fn anonymous(given: &str) -> Result<Name, OpenError> {
    Name::parse(given.as_bytes()).map_err(|why| OpenError::Setting {
        setting: "anonymous",
        why: format!("is `{given}`: {why}"),
    })
}

fn app_key(database: &Database) -> Result<Secret<[u8; 32]>, String> {
    let key = database.write(|transaction| {
        let kept = transaction
            .query_row("SELECT value FROM secret WHERE name = 'app_password'", [], |row| {
                row.get::<_, [u8; 32]>(0)
            })
            .optional()?;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let mut key = [0u8; 32];
        // No random octets: nothing is kept, and the directory does not open.
        getrandom::fill(&mut key).map_err(|_| rusqlite::Error::InvalidQuery)?;
        transaction
            .execute("INSERT INTO secret (name, value) VALUES ('app_password', ?1)", [key])?;
        Ok::<_, rusqlite::Error>(key)
    });
    key.map(Secret::new).map_err(|error| format!("the key of the app passwords: {error}"))
}

/// A separator that would make mail for one account a tag of another is refused (`product` §1).
fn refuse_clashes(database: &Database, separator: char, path: &Path) -> Result<(), OpenError> {
    let clashes: Vec<(String, String)> = database
        .read(|connection| {
            connection
                .prepare(
                    "SELECT a.local || '@' || a.domain, b.local || '@' || b.domain
                     FROM address a JOIN address b ON b.domain = a.domain
                          AND b.folded = substr(a.folded, 1, instr(a.folded, ?1) - 1)
                     WHERE instr(a.folded, ?1) > 1 LIMIT 3",
                )?
                .query_map(params![separator.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()
        })
        .map_err(|error: rusqlite::Error| OpenError::Database {
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
    if clashes.is_empty() {
        return Ok(());
    }
    let examples: Vec<String> = clashes
        .iter()
        .map(|(long, short)| format!("`{long}` would be a tag of `{short}`"))
        .collect();
    Err(OpenError::Setting {
        setting: "plus_separator",
        why: format!(
            "is `{separator}`, but {}; choose another separator or rename them",
            examples.join(", ")
        ),
    })
}
