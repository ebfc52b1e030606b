//! The hash functions of SCRAM, and HMAC and PBKDF2 over them (RFC 5802 §2.2).

use hmac::{Hmac, Mac};
use pbkdf2::pbkdf2_hmac;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::Secret;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1 (RFC 5802): 20 octets. What is wrong with SHA-1 elsewhere, collisions, does not
    /// matter here.
    Sha1,
    /// SHA-256 (RFC 7677): 32 octets.
    Sha256,
}

impl Hash {
    /// All of them, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha1];

    /// The name in the mechanism's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
        }
    }

    /// How long its digests are.
    pub const fn octets(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// `H(text)`.
    pub(super) fn digest(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(text).to_vec(),
            Self::Sha256 => Sha256::digest(text).to_vec(),
        }
    }

    /// `HMAC(key, text)`.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §3)")]
    pub(super) fn mac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        const ANY_LENGTH: &str = "HMAC takes keys of any length";
        match self {
            Self::Sha1 => {
                let mac = Hmac::<Sha1>::new_from_slice(key).expect(ANY_LENGTH);
                mac.chain_update(text).finalize().into_bytes().to_vec()
            }
            Self::Sha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(key).expect(ANY_LENGTH);
                mac.chain_update(text).finalize().into_bytes().to_vec()
            }
        }
    }

    /// `Hi(password, salt, count)`. Slow: that is what it is for.
    pub(super) fn salted(self, password: &[u8], salt: &[u8], count: u32) -> Secret<Vec<u8>> {
        let mut salted = vec![0; self.octets()];
        match self {
            Self::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, count, &mut salted),
            Self::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, count, &mut salted),
        }
        Secret::new(salted)
    }
}
