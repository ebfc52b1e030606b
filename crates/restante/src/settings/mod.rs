//! The configuration: one definition of a setting gives parser, reference, example and errors.
//!
//! ```text
//!   locate ──► document ──► reader ◄── site accounts tls listen store keeping limits guard …
//!                             │             (each setting defined where it is read)
//!                             ├──► Settings      kinds/ what a setting takes, near: what was meant
//!                             ├──► problems ──► report
//!                             └──► sections ──► reference
//! ```

pub(crate) mod accounts;
pub(crate) mod definition;
pub(crate) mod document;
pub(crate) mod guard;
pub(crate) mod intake;
pub(crate) mod keeping;
pub(crate) mod kinds;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod load;
pub(crate) mod locate;
pub(crate) mod log;
pub(crate) mod mechanisms;
pub(crate) mod near;
pub(crate) mod problem;
pub(crate) mod reader;
pub(crate) mod reference;
pub(crate) mod report;
pub(crate) mod site;
pub(crate) mod store;
pub(crate) mod timeouts;
pub(crate) mod tls;
pub(crate) mod workers;
