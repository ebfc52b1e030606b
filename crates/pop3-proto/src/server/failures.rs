//! Counts the different names and passwords that failed on one connection.

use mail_wire::{Credentials, Secret};
use md5::{Digest as _, Md5};

/// What failed so far. The same name and password tried by several mechanisms count once:
/// MailKit tries seven in a row, Thunderbird three (P-026).
#[derive(Debug, Default)]
pub(super) struct Failures {
    different: Vec<Fingerprint>,
    tries: u32,
}

/// What stands for a name and its secret in memory while they are being judged, and after
/// they failed. Two that collide would be counted once: nothing is gained by that.
pub(super) type Fingerprint = Secret<[u8; 16]>;

impl Failures {
    /// These failed.
    pub(super) fn add(&mut self, fingerprint: Fingerprint) {
        self.tries = self.tries.saturating_add(1);
        if !self.different.iter().any(|known| known.expose() == fingerprint.expose()) {
            self.different.push(fingerprint);
        }
    }

    /// How many different ones failed.
    pub(super) fn different(&self) -> u32 {
        u32::try_from(self.different.len()).unwrap_or(u32::MAX)
    }

    /// How often any failed, repetitions included: each costs a hash.
    pub(super) const fn tries(&self) -> u32 {
        self.tries
    }
}

/// The fingerprint of credentials.
pub(super) fn fingerprint(credentials: &Credentials) -> Fingerprint {
    let mut md5 = Md5::new();
    let mut part = |octets: &[u8]| {
        md5.update(octets.len().to_le_bytes());
        md5.update(octets);
    };
    part(credentials.name());
    match credentials {
        Credentials::Password { password, .. } => part(password.expose()),
        Credentials::Apop { digest, .. } => part(digest),
    }
    Secret::new(md5.finalize().into())
}
