//! The settings of a directory of accounts, with their defaults and the reasons for them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::certificate_rule::CertificateRule;
use crate::clock::Clock;
use crate::rules::Rules;
use crate::token::TokenVerifier;

/// How a directory of accounts behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our domains, U-labels or A-labels; the first is the main one.
    pub domains: Vec<String>,
    /// What starts a tag in a local part; `None`: nothing does.
    pub plus_separator: Option<char>,
    /// Whether `Bob@` and `bob@` are two (RFC 5321 §2.4 lets a host decide).
    pub local_parts_case_sensitive: bool,
    /// The account or address that gets mail for a postmaster without an address of its own.
    pub postmaster: Option<String>,
    /// Whether main passwords are good for POP3 where the account does not say.
    pub main_password_over_pop3: bool,
    /// Whether SCRAM is offered where some credential has keys for it.
    pub scram: bool,
    /// Whether main passwords that are set from now on get keys for SCRAM, and those that have
    /// some may use them: a weaker hash beside argon2id (`rulings` 10).
    pub scram_main: bool,
    /// Whether app passwords that are made from now on can be read back, for APOP and CRAM-MD5.
    pub recoverable: bool,
    /// The account whose maildrop everybody may read.
    pub anonymous: Option<String>,
    /// Which part of a client certificate names an account; `None`: none does.
    pub certificates: Option<CertificateRule>,
    /// Who tells whether a token is good; `None`: none is taken.
    pub tokens: Option<Arc<dyn TokenVerifier>>,
    /// How maildrops are kept and used where the account does not say.
    pub rules: Rules,
    /// Whether the store remembers enough of messages to keep them by all rules there are.
    pub custody: bool,
    /// What a hash of a main password costs.
    pub hash: HashCost,
    /// How many hashes are computed at once; one a core, as each keeps a core busy.
    pub hash_places: usize,
    /// How many may wait for each place; more are answered "not now" at once.
    pub hash_queue: usize,
    /// How long a password that was verified needs no hash again; zero switches that off.
    pub cache_life: Duration,
    /// How many verified passwords are remembered, at most.
    pub cache_entries: usize,
    /// How many questions may read the database at once.
    pub readers: usize,
    /// Tells the time of day, for expiry and last use.
    pub clock: Clock,
    /// The backends in the order in which they are asked: the first that knows a name decides.
    pub chain: Vec<Source>,
    /// Where it says what happens to it.
    pub notices: Notices,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            plus_separator: Some('+'),
            local_parts_case_sensitive: false,
            postmaster: None,
            main_password_over_pop3: true,
            scram: true,
            scram_main: false,
            recoverable: false,
            anonymous: None,
            certificates: None,
            tokens: None,
            rules: Rules::default(),
            custody: true,
            hash: HashCost::default(),
            hash_places: std::thread::available_parallelism().map_or(1, usize::from),
            // security §4.2: a queue of 64 a core is two seconds of waiting at 30 ms a hash.
            hash_queue: 64,
            cache_life: Duration::from_mins(5),
            cache_entries: 100_000,
            readers: 4,
            clock: Clock::system(),
            chain: vec![Source::Own],
            notices: Notices::to(|_| {}),
        }
    }
}

/// A backend of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The accounts that were made here.
    Own,
    /// Those of a file that somebody else keeps.
    File {
        /// Where it is.
        path: PathBuf,
        /// How it is written.
        format: FileFormat,
    },
}

/// How a passwd file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Dovecot's: `user:password:uid:gid:gecos:home:shell:extra_fields`.
    Passwd,
    /// Apache's: `user:password`.
    Htpasswd,
}

/// Takes what a directory has to say while it runs, for the log: that a file is broken.
#[derive(Clone)]
pub struct Notices(Arc<dyn Fn(&str) + Send + Sync>);

impl Notices {
    /// Hands every sentence to `tell`.
    pub fn to(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, sentence: &str) {
        (self.0)(sentence);
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices")
    }
}

/// What one argon2id hash costs (RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for HashCost {
    /// OWASP's smallest: about 30 ms.
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}
