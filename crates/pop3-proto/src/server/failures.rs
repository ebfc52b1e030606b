//! Counts the different names and passwords that failed on one connection.

use mail_wire::{Credentials, DigestMethod, Secret};
use md5::{Digest as _, Md5};

/// What failed so far. The same name and password tried by several mechanisms count once:
/// MailKit tries seven in a row, Thunderbird three (P-026).
#[derive(Debug, Default)]
pub(super) struct Failures {
    different: Vec<Fingerprint>,
    /// By which mechanism a proof of which name failed, one a try.
    proofs: Vec<Fingerprint>,
    tries: u32,
}

/// What stands for a name and its secret in memory while they are being judged, and after
/// they failed. Two that collide would be counted once: nothing is gained by that.
pub(super) type Fingerprint = Secret<[u8; 16]>;

impl Failures {
    /// What to call these if they fail.
    ///
    /// Whether two proofs are of one password cannot be seen. A client that tries one password by
    /// several mechanisms proves it once by each; so the n-th proof by one counts as the same as
    /// the n-th by another, and a second one by the same mechanism is a new guess.
    pub(super) fn fingerprint(&mut self, credentials: &Credentials) -> Fingerprint {
        let name = credentials.name();
        let mechanism = match shown(credentials) {
            Shown::Secret(secret) => return of(name, [b"secret", secret]),
            Shown::Proof(mechanism) => of(name, [b"by", mechanism.as_bytes()]),
        };
        let before =
            self.proofs.iter().filter(|proof| proof.expose() == mechanism.expose()).count();
        self.proofs.push(mechanism);
        of(name, [b"proof", &before.to_le_bytes()])
    }

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

/// What stands in for a secret that a peer has kept to itself.
enum Shown<'c> {
    /// It was shown.
    Secret(&'c [u8]),
    /// It was proved, or not, by this mechanism.
    Proof(&'static str),
}

fn shown(credentials: &Credentials) -> Shown<'_> {
    match credentials {
        Credentials::Password { password, .. } => Shown::Secret(password.expose()),
        Credentials::Token { token, .. } => Shown::Secret(token.expose()),
        Credentials::External { peer, .. } => Shown::Secret(peer.subject.as_bytes()),
        Credentials::Anonymous { .. } => Shown::Secret(b""),
        Credentials::Scram(proof) => Shown::Proof(proof.hash.name()),
        Credentials::Digest { method: DigestMethod::Apop, .. } => Shown::Proof("APOP"),
        Credentials::Digest { method: DigestMethod::CramMd5, .. } => Shown::Proof("CRAM-MD5"),
    }
}

fn of(name: &[u8], parts: [&[u8]; 2]) -> Fingerprint {
    let mut md5 = Md5::new();
    for part in [name, parts[0], parts[1]] {
        md5.update(part.len().to_le_bytes());
        md5.update(part);
    }
    Secret::new(md5.finalize().into())
}
