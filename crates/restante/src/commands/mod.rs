//! One file a command: its `Args`, and `run`.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod man;
