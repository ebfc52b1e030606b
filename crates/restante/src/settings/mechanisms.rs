//! `[mechanisms]`: how one can log in beside a name and a password.

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::flag::Flag;
use crate::settings::kinds::name::Mailbox;
use crate::settings::kinds::optional::Optional;
use crate::settings::problem::Problem;
use crate::settings::reader::Reader;

/// How one can log in beside a name and a password.
#[derive(Clone, Debug)]
pub(crate) struct Mechanisms {
    /// Whether SCRAM is offered where some credential has keys.
    pub(crate) scram: bool,
    /// Whether main passwords get keys for it.
    pub(crate) scram_main: bool,
    /// Whether new app passwords can be read back.
    pub(crate) recoverable_app_passwords: bool,
    /// Whose maildrop everybody may read.
    pub(crate) anonymous: Option<String>,
}

/// What `scram_main` costs.
const SCRAM_MAIN: &str = "`scram_main` keeps a second, weaker hash of each main password beside \
                          argon2id: whoever steals the accounts guesses at it far faster";
/// What `recoverable_app_passwords` costs.
const RECOVERABLE: &str = "`recoverable_app_passwords` keeps app passwords so that they can be read \
                           back: whoever steals `accounts.db` and `accounts.key` can log in with \
                           them; APOP and CRAM-MD5 need that, SCRAM does not";

impl Mechanisms {
    /// The table.
    pub(crate) const NAME: &'static str = "mechanisms";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "How one can log in beside a name and a password. PLAIN, and under TLS LOGIN, are always \
         there; the others are announced where somebody can use them.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let mechanisms = Self {
            scram: reader.setting(
                &Flag,
                Definition {
                    name: "scram",
                    otherwise: Otherwise::Value("true"),
                    meaning: "Whether SCRAM-SHA-256 and SCRAM-SHA-1 are offered, with -PLUS under \
                              TLS 1.3, as soon as there is an app password that can use them. \
                              Those made before there was SCRAM cannot: make new ones. A client \
                              that picks SCRAM and has a main password may not try anything else: \
                              then this should be false.",
                    reloads: false,
                },
            ),
            scram_main: reader.setting(&Flag, Definition {
                name: "scram_main",
                otherwise: Otherwise::Value("false"),
                meaning: "Whether main passwords that are set from now on can be used with SCRAM \
                          too. That keeps a second, weaker hash of each beside argon2id.",
                reloads: false,
            }),
            recoverable_app_passwords: reader.setting(
                &Flag,
                Definition {
                    name: "recoverable_app_passwords",
                    otherwise: Otherwise::Value("false"),
                    meaning: "Whether app passwords that are made from now on can be used with \
                              APOP and CRAM-MD5 too. They can be read back then: sealed in \
                              `accounts.db`, under the key in `accounts.key` beside it. Only for \
                              devices that know nothing better.",
                    reloads: false,
                },
            ),
            anonymous: reader.setting(
                &Optional(Mailbox),
                Definition {
                    name: "anonymous",
                    otherwise: Otherwise::Nothing("\"news@example.org\""),
                    meaning: "The account whose maildrop everybody may read, by ANONYMOUS and \
                              without a password. Nobody can delete anything in such a session. \
                              Where nothing is said there is none.",
                    reloads: false,
                },
            ),
        };
        for (on, name, warning) in [
            (mechanisms.scram_main, "mechanisms.scram_main", SCRAM_MAIN),
            (
                mechanisms.recoverable_app_passwords,
                "mechanisms.recoverable_app_passwords",
                RECOVERABLE,
            ),
        ] {
            if on {
                reader.problem(name, Problem::warning(warning));
            }
        }
        if mechanisms.scram_main && !mechanisms.scram && reader.is_clean() {
            let problem = Problem::error("`scram_main` is true, and SCRAM is not offered");
            reader.problem("mechanisms.scram_main", problem.help("write scram = true, or neither"));
        }
        mechanisms
    }

    /// What the operator is reminded of at each start, a sentence each.
    pub(crate) fn words(&self) -> Vec<String> {
        let anonymous = self.anonymous.as_ref().map(|account| {
            format!("everybody may read the maildrop of {account}, without a password")
        });
        let warnings = [
            self.scram_main.then_some(SCRAM_MAIN),
            self.recoverable_app_passwords.then_some(RECOVERABLE),
        ];
        warnings.into_iter().flatten().map(str::to_owned).chain(anonymous).collect()
    }
}
