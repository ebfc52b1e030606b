//! Seals app passwords that must be read back, for who may have the database alone.
//!
//! ```text
//! sealed = nonce(24) ciphertext tag(16)        ; XChaCha20-Poly1305, bound to the app password
//! key    = 32 octets in a file of its own, mode 0600
//! ```
//! Whoever has both reads them: a server that checks digests has to. A copy of the database, as
//! backups are, says nothing.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use mail_wire::Secret;

const KEY_OCTETS: usize = 32;
const NONCE_OCTETS: usize = 24;

/// The key, ready for use.
pub(crate) struct Sealer(XChaCha20Poly1305);

impl Sealer {
    /// Reads the key, and makes one where there is none.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let key = match fs::read(path) {
            Ok(key) => Secret::new(key),
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
            Err(error) => return Err(error),
        };
        let key = <&[u8; KEY_OCTETS]>::try_from(key.expose().as_slice()).map_err(|_| {
            let why = format!("{} does not hold a key of 32 octets", path.display());
            io::Error::new(io::ErrorKind::InvalidData, why)
        })?;
        Ok(Self(XChaCha20Poly1305::new(key.into())))
    }

    /// Seals a secret of this app password.
    pub(crate) fn seal(&self, app_password: i64, secret: &[u8]) -> Result<Vec<u8>, String> {
        let mut nonce = [0; NONCE_OCTETS];
        getrandom::fill(&mut nonce)
            .map_err(|error| format!("the system has no random octets: {error}"))?;
        let bound = app_password.to_be_bytes();
        let sealed = self
            .0
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: secret, aad: &bound })
            .map_err(|_| "the secret cannot be sealed".to_owned())?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// The secret; `None` where it was sealed for another, or under another key.
    pub(crate) fn unseal(&self, app_password: i64, sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_OCTETS)?;
        let payload = Payload { msg: sealed, aad: &app_password.to_be_bytes() };
        self.0.decrypt(XNonce::from_slice(nonce), payload).ok().map(Secret::new)
    }
}

/// A new key, on disk before it is used.
fn create(path: &Path) -> io::Result<Secret<Vec<u8>>> {
    let mut key = vec![0; KEY_OCTETS];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    let key = Secret::new(key);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key.expose())?;
    file.sync_all()?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    // issue 4: recoverable secrets, sealed at rest
    #[test]
    fn what_is_sealed_is_read_by_the_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.key");
        let sealer = Sealer::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let kept = sealer.seal(7, b"rst1-secret").unwrap();
        assert!(!kept.windows(6).any(|part| part == b"secret"));
        assert_ne!(kept, sealer.seal(7, b"rst1-secret").unwrap());
        let again = Sealer::open(&path).unwrap();
        assert_eq!(again.unseal(7, &kept).unwrap().expose(), b"rst1-secret");
        // for another app password, under another key, altered, cut
        assert!(again.unseal(8, &kept).is_none());
        let other = Sealer::open(&folder.path().join("other.key")).unwrap();
        assert!(other.unseal(7, &kept).is_none());
        let mut altered = kept.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert!(again.unseal(7, &altered).is_none());
        assert!(again.unseal(7, &kept[..20]).is_none());
        fs::write(&path, b"short").unwrap();
        assert!(Sealer::open(&path).is_err());
    }
}
