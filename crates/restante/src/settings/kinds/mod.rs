//! What settings take: one file a kind.

pub(crate) mod choice;
pub(crate) mod count;
pub(crate) mod duration;
pub(crate) mod flag;
pub(crate) mod list;
pub(crate) mod listener;
pub(crate) mod name;
pub(crate) mod network;
pub(crate) mod optional;
pub(crate) mod path;
pub(crate) mod quantity;
pub(crate) mod size;
pub(crate) mod source;
pub(crate) mod spelled;
pub(crate) mod text;
