//! What a peer offers to show who it is.

use crate::Secret;

/// What was offered, whatever command or mechanism carried it.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A name and a password, both as the octets that came: USER/PASS (RFC 1939 §7), PLAIN
    /// (RFC 4616), LOGIN.
    Password {
        /// As whom to act; `None` where it was absent, empty, or equal to `name`.
        authzid: Option<Vec<u8>>,
        /// The authentication identity.
        name: Vec<u8>,
        /// The password, spaces and 8-bit octets included.
        password: Secret<Vec<u8>>,
    },
    /// APOP (RFC 1939 §7): the digest is MD5 over the banner timestamp and the shared secret.
    Apop {
        /// The authentication identity.
        name: Vec<u8>,
        /// The greeting's timestamp, angle brackets included.
        timestamp: String,
        /// The digest that was offered.
        digest: [u8; 16],
    },
}

impl Credentials {
    /// The authentication identity as it came.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Password { name, .. } | Self::Apop { name, .. } => name,
        }
    }
}
