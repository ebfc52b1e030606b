//! SASL mechanisms as machines (RFC 4422): octets in, a step out.
//!
//! Each mechanism has a file with its sides in it; [`Exchange`] is the server's side of
//! whichever was chosen. How challenges and responses are framed is the protocol's matter;
//! that they are strict base64 is the same in POP3 (RFC 5034 §4) and SMTP (RFC 4954 §4).

pub mod base64;
pub mod exchange;
pub mod login;
pub mod mechanism;
pub mod plain;
pub mod step;

pub use exchange::Exchange;
pub use mechanism::Mechanism;
pub use step::{Malformed, Step};
