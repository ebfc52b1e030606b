//! The machine against the RFCs, with a driver in memory.

mod dialogs;
mod driver;
mod extensions;
mod paths;
mod properties;
mod requirements;
mod smuggling;
