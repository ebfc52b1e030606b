//! One file a command: its `Args`, and `run`.

pub(crate) mod completions;
pub(crate) mod man;
