//! One file a command: its `Args`, and `run`.

pub(crate) mod account;
pub(crate) mod address;
pub(crate) mod app_password;
pub(crate) mod asking;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod deliver;
pub(crate) mod findings;
pub(crate) mod guard;
mod hidden;
pub(crate) mod hold;
pub(crate) mod maildrop;
pub(crate) mod man;
pub(crate) mod reaching;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod trace;
pub(crate) mod try_server;
