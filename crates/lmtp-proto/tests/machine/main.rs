//! The machine against the RFCs, with a driver in memory.

mod dialogs;
mod driver;
mod paths;
mod properties;
mod requirements;
mod smuggling;
