//! What can be asked of a server or, when none runs, of its files: the same acts, answered by the
//! same code.
//!
//! ```text
//!   commands/… ──► reach ──┬── running: control socket ──► service ──┐
//!                          └── stopped: the files, locked ───────────┴──► executor
//!   request, answer, refusal: what travels
//! ```

pub(crate) mod answer;
mod arrival;
pub(crate) mod binding;
pub(crate) mod condition;
mod custody;
mod executor;
mod guarding;
mod keeping_order;
mod maildrops;
pub(crate) mod reach;
pub(crate) mod refusal;
pub(crate) mod request;
mod service;
mod snapshots;
pub(crate) mod story;

pub(crate) use executor::{BindMaildir, Executor, Running};
pub(crate) use guarding::Guarding;
pub(crate) use service::ControlService;
