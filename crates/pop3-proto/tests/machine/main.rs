//! The server's machine against the text of the RFCs and of the numbered requirements.
#![forbid(unsafe_code)]

mod capabilities;
#[path = "../../../../tests/dialogs/dialog.rs"]
mod dialog;
mod dialogs;
mod driving;
mod extensions;
mod framing;
mod hostile;
mod login;
mod mechanisms;
mod model;
mod sasl;
mod state_table;
mod transaction;
mod words;
mod world;
