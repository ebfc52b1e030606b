//! {CRAM-MD5}, {HMAC-MD5}: the two states of HMAC-MD5 after its key (RFC 2195 §2).
//!
//! They stand for the password in an exchange of CRAM-MD5, so they are as secret as it is.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::kind::HashKind;
use super::md5_block::after_one_block;

/// The outer state, then the inner one.
pub(crate) struct CramMd5([u8; 32]);

impl CramMd5 {
    pub(super) fn parse(octets: Vec<u8>) -> Result<Self, String> {
        let states = octets.try_into().map_err(|_| "the hash has not 32 octets".to_owned())?;
        Ok(Self(states))
    }

    pub(super) fn fits(&self, form: &[u8]) -> bool {
        Self::of(form).0.ct_eq(&self.0).into()
    }

    pub(super) const fn kind() -> HashKind {
        HashKind::of("CRAM-MD5", 0)
    }

    /// RFC 2104 §4: the states are those after the padded key.
    fn of(password: &[u8]) -> Self {
        let mut key = [0_u8; 64];
        let hashed: [u8; 16];
        let octets = if password.len() > key.len() {
            hashed = Md5::digest(password).into();
            hashed.as_slice()
        } else {
            password
        };
        for (place, octet) in key.iter_mut().zip(octets) {
            *place = *octet;
        }
        let mut states = [0; 32];
        let (outer, inner) = states.split_at_mut(16);
        outer.copy_from_slice(&after_one_block(&key.map(|octet| octet ^ 0x5c)));
        inner.copy_from_slice(&after_one_block(&key.map(|octet| octet ^ 0x36)));
        Self(states)
    }
}
