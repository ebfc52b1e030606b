//! Sockets: how they are opened, spoken over, and kept secret.

pub(crate) mod buffers;
pub(crate) mod certificate;
pub(crate) mod channel;
pub(crate) mod conn;
pub mod listen;
pub mod owner;
pub(crate) mod proxy_header;
pub mod service;
pub(crate) mod socket;
pub mod tls;
pub(crate) mod watch_files;
