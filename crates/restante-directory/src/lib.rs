//! Who is it, and where is theirs: accounts, addresses and app passwords.
//!
//! ```text
//!   directory.rs   Directory, Manage: the questions and the acts
//!        │
//!   accounts/      both, over SQLite
//!        │
//!   files/         passwd files that others keep, chained beside it
//!        │
//!   password/  cache.rs  app_password.rs  address.rs
//! ```
//! A directory knows no protocol and no store: it hands out [`mail_wire::MaildropId`]s.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod accounts;
mod address;
mod app_password;
mod cache;
mod carried;
mod certificate_rule;
mod clock;
mod directory;
mod domain;
mod files;
mod guess;
mod hash_pool;
mod import_file;
mod import_line;
mod kind;
mod local_part;
mod manage;
mod near;
mod network;
mod offered;
mod password;
mod prefix;
mod records;
mod refusal;
mod rules;
mod sealer;
mod settings;
mod spelling;
mod token;
mod workbench;

pub use accounts::{Accounts, Numbers};
pub use certificate_rule::CertificateRule;
pub use clock::Clock;
pub use directory::{
    Account, Destination, Directory, Kept, Origin, Pending, ResolveError, Scope, Secrecy,
    Unavailable, VerifyError,
};
pub use guess::{
    Allowed, Attempt, Begun, FileError, Guarded, GuessKeeper, GuessSettings, Guesses, KeeperError,
    Outcome as GuessOutcome, Shown, Subject, Told,
};
pub use import_file::{ImportError, ImportLines, import_lines};
pub use kind::Kind;
pub use manage::{Manage, Outcome};
pub use offered::Offered;
pub use prefix::Prefix;
pub use records::{
    AccountChange, AccountFile, AccountRecord, AddressRecord, AppPasswordChange, AppPasswordRecord,
    Filter, GeneratedAppPassword, ImportBatch, ImportLine, ImportProblem, ImportReport, LastUse,
    NewAccount, NewAddress, NewAppPassword, Page, RemovedAccount,
};
pub use refusal::{ManageError, OpenError};
pub use rules::{Rule, RuledBy, Rules, Ruling, Spread};
pub use settings::{FileFormat, HashCost, Notices, Settings, Source};
pub use spelling::{Batch, LoginDelay, MessagesMax, OctetsMax, OverQuota, Sessions, Spelling};
pub use token::{TokenError, TokenGrant, TokenVerifier};
