//! {SCRAM-SHA-1}, {SCRAM-SHA-256}: `rounds,salt,StoredKey,ServerKey` (RFC 5803 says the same in
//! other signs), which serve a password as well as an exchange.

use ::pbkdf2::pbkdf2_hmac;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::encoding::base64;
use super::kind::HashKind;
use super::pbkdf2::rounds_of;

const SALT_OCTETS_MAX: usize = 64;

/// What RFC 5802 §3 keeps of a password.
pub(crate) struct Scram {
    /// SHA-256; else SHA-1.
    pub(crate) wide: bool,
    pub(crate) rounds: u32,
    pub(crate) salt: Vec<u8>,
    pub(crate) stored_key: Vec<u8>,
    pub(crate) server_key: Vec<u8>,
}

impl Scram {
    pub(super) fn parse(wide: bool, text: &str) -> Result<Self, String> {
        let whole = || "the hash is no whole `rounds,salt,StoredKey,ServerKey`".to_owned();
        let fields: Vec<&str> = text.split(',').collect();
        let [rounds, salt, stored_key, server_key] = fields.as_slice() else {
            return Err(whole());
        };
        let octets = |text: &str| base64(text).ok_or_else(whole);
        let salt = octets(salt)?;
        let (stored_key, server_key) = (octets(stored_key)?, octets(server_key)?);
        let length = if wide { 32 } else { 20 };
        if salt.is_empty()
            || salt.len() > SALT_OCTETS_MAX
            || stored_key.len() != length
            || server_key.len() != length
        {
            return Err(whole());
        }
        Ok(Self { wide, rounds: rounds_of(rounds)?, salt, stored_key, server_key })
    }

    /// Both keys are compared: a hash of which one is damaged fits nothing.
    pub(super) fn fits(&self, form: &[u8]) -> bool {
        let keys = if self.wide { self.sha256(form) } else { self.sha1(form) };
        keys.is_some_and(|(stored, server)| {
            (stored.ct_eq(&self.stored_key) & server.ct_eq(&self.server_key)).into()
        })
    }

    pub(super) const fn kind(&self) -> HashKind {
        let family = if self.wide { "SCRAM-SHA-256" } else { "SCRAM-SHA-1" };
        HashKind { family, cost: [self.rounds as u64, 0, 0] }
    }

    fn sha256(&self, form: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut salted = [0; 32];
        pbkdf2_hmac::<Sha256>(form, &self.salt, self.rounds, &mut salted);
        let mac = |text: &[u8]| {
            Some(
                Hmac::<Sha256>::new_from_slice(&salted)
                    .ok()?
                    .chain_update(text)
                    .finalize()
                    .into_bytes(),
            )
        };
        Some((Sha256::digest(mac(b"Client Key")?).to_vec(), mac(b"Server Key")?.to_vec()))
    }

    fn sha1(&self, form: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut salted = [0; 20];
        pbkdf2_hmac::<Sha1>(form, &self.salt, self.rounds, &mut salted);
        let mac = |text: &[u8]| {
            Some(
                Hmac::<Sha1>::new_from_slice(&salted)
                    .ok()?
                    .chain_update(text)
                    .finalize()
                    .into_bytes(),
            )
        };
        Some((Sha1::digest(mac(b"Client Key")?).to_vec(), mac(b"Server Key")?.to_vec()))
    }
}
