//! The parts of `restante try`: a folder with certificate, configuration and account, sample
//! mail, what is told about it, and the command that is run beside it.

mod certificate;
pub(crate) mod child;
pub(crate) mod deliver;
pub(crate) mod facts;
pub(crate) mod folder;
mod samples;
