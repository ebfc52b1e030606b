//! One round of a digest, with a salt behind the password or without: {SHA} to {SSHA512}, and
//! the MD5 ones.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::kind::HashKind;

/// Which digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// More salt than any tool makes; it is hashed at each login.
const SALT_OCTETS_MAX: usize = 64;

/// A digest, and the salt that came in behind the password.
pub(super) struct Digested {
    algorithm: Algorithm,
    digest: Vec<u8>,
    salt: Vec<u8>,
}

impl Algorithm {
    /// The octets of its digest.
    pub(super) const fn octets(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    fn digest(self, parts: [&[u8]; 2]) -> Vec<u8> {
        fn of<D: Digest>(parts: [&[u8]; 2]) -> Vec<u8> {
            let mut digest = D::new();
            for part in parts {
                digest.update(part);
            }
            digest.finalize().to_vec()
        }
        match self {
            Self::Md5 => of::<Md5>(parts),
            Self::Sha1 => of::<Sha1>(parts),
            Self::Sha256 => of::<Sha256>(parts),
            Self::Sha512 => of::<Sha512>(parts),
        }
    }
}

impl Digested {
    /// Takes the octets of a hash: digest, then salt.
    pub(super) fn parse(algorithm: Algorithm, salted: bool, octets: &[u8]) -> Result<Self, String> {
        let (digest, salt) = octets
            .split_at_checked(algorithm.octets())
            .ok_or_else(|| format!("the digest has under {} octets", algorithm.octets()))?;
        if salted && (salt.is_empty() || salt.len() > SALT_OCTETS_MAX) {
            return Err(format!("the salt behind the digest has 1 to {SALT_OCTETS_MAX} octets"));
        }
        if !salted && !salt.is_empty() {
            return Err(format!("the digest has over {} octets", algorithm.octets()));
        }
        Ok(Self { algorithm, digest: digest.to_vec(), salt: salt.to_vec() })
    }

    pub(super) fn fits(&self, form: &[u8]) -> bool {
        self.algorithm.digest([form, &self.salt]).ct_eq(&self.digest).into()
    }

    pub(super) const fn kind(&self) -> HashKind {
        HashKind::of(self.algorithm.name(), 0)
    }
}
