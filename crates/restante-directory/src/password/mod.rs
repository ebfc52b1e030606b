//! Passwords: their forms, the hashes of them that operators bring, and the ones we make.
//!
//! ```text
//!   forms.rs ──► verifier.rs ──► one file a family of schemes ──► encoding.rs
//!   hasher.rs ──────┘                        └──► workbench.rs (argon2's memory)
//! ```

mod argon2;
mod bcrypt;
mod cram_md5;
mod digest;
mod encoding;
mod forms;
mod hasher;
mod kind;
mod md5_block;
mod md5_crypt;
mod pbkdf2;
mod plain;
mod scheme;
mod scram;
mod sha_crypt;
mod verifier;
mod yescrypt;

pub(crate) use forms::{Forms, PASSWORD_OCTETS_MAX};
pub(crate) use hasher::Hasher;
pub(crate) use scheme::{Stored, read};
pub(crate) use verifier::Verifier;
