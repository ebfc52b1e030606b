//! {PBKDF2}: Dovecot's `$1$salt$rounds$digest`, HMAC-SHA-1.

use ::pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::encoding::{hex, is_crypt_salt};
use super::kind::HashKind;

/// About a second.
pub(super) const ROUNDS_MAX: u32 = 2_000_000;
const SALT_OCTETS_MAX: usize = 64;

/// A hash.
pub(super) struct Pbkdf2 {
    salt: String,
    rounds: u32,
    digest: [u8; 20],
}

impl Pbkdf2 {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let whole = || "the hash is no whole `$1$salt$rounds$digest`".to_owned();
        let rest = text.strip_prefix("$1$").ok_or_else(whole)?;
        let (salt, rest) = rest.split_once('$').ok_or_else(whole)?;
        let (rounds, digest) = rest.split_once('$').ok_or_else(whole)?;
        let rounds = rounds_of(rounds)?;
        if salt.is_empty() || salt.len() > SALT_OCTETS_MAX || !is_crypt_salt(salt) {
            return Err(whole());
        }
        let digest = hex(digest).and_then(|digest| digest.try_into().ok()).ok_or_else(whole)?;
        Ok(Self { salt: salt.to_owned(), rounds, digest })
    }

    pub(super) fn fits(&self, form: &[u8]) -> bool {
        let mut computed = [0; 20];
        pbkdf2_hmac::<Sha1>(form, self.salt.as_bytes(), self.rounds, &mut computed);
        computed.ct_eq(&self.digest).into()
    }

    pub(super) const fn kind(&self) -> HashKind {
        HashKind { family: "PBKDF2", cost: [self.rounds as u64, 0, 0] }
    }
}

/// A number of rounds within bounds.
pub(super) fn rounds_of(text: &str) -> Result<u32, String> {
    let plain = !text.is_empty()
        && text.bytes().all(|digit| digit.is_ascii_digit())
        && !text.starts_with('0');
    match text.parse() {
        Ok(rounds) if plain && rounds <= ROUNDS_MAX => Ok(rounds),
        _ => Err(format!("the rounds of the hash are no number from 1 to {ROUNDS_MAX}")),
    }
}
