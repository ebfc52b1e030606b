//! SASL mechanisms as machines (RFC 4422): octets in, a step out.
//!
//! Each mechanism has a file with its sides in it; [`Exchange`] is the server's side of
//! whichever was chosen. How challenges and responses are framed is the protocol's matter;
//! that they are strict base64 is the same in POP3 (RFC 5034 §4) and SMTP (RFC 4954 §4).
//! Chance comes in: a nonce is handed to a machine, never made by one.

pub mod anonymous;
pub mod base64;
pub mod bearer;
pub mod chance;
pub mod channel;
pub mod cram_md5;
pub mod exchange;
pub mod external;
pub mod fault;
mod gs2;
pub mod login;
pub mod mechanism;
pub mod plain;
pub mod scram;
pub mod step;

pub use chance::Chance;
pub use channel::{Binding, Channel, PeerIdentity};
pub use exchange::{Exchange, Surroundings};
pub use fault::ServerFault;
pub use mechanism::Mechanism;
pub use step::{Malformed, Step};
