//! `$1$` of crypt(3), and Apache's `$apr1$`: MD5, a thousand times.
//!
//! After Poul-Henning Kamp's `md5crypt.c`: the same steps, only the prefix differs.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::encoding::{is_crypt_salt, push_crypt64};
use super::kind::HashKind;

/// The prefixes.
const PREFIXES: [&str; 2] = ["$1$", "$apr1$"];
const ROUNDS: u32 = 1_000;
/// More of a salt counts for nothing.
const SALT_OCTETS_MAX: usize = 8;
/// Letters of the digest.
const LETTERS: usize = 22;

/// A hash.
pub(super) struct Md5Crypt {
    prefix: &'static str,
    salt: String,
    digest: String,
}

impl Md5Crypt {
    /// Whether this looks like one.
    pub(super) fn is(text: &str) -> bool {
        PREFIXES.iter().any(|prefix| text.starts_with(prefix))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let whole = || "the hash is no whole `$1$salt$digest` (or `$apr1$`)".to_owned();
        let prefix = PREFIXES.into_iter().find(|prefix| text.starts_with(prefix));
        let prefix = prefix.ok_or_else(whole)?;
        let rest = text.get(prefix.len()..).ok_or_else(whole)?;
        let (salt, digest) = rest.split_once('$').ok_or_else(whole)?;
        let letters = digest.len() == LETTERS
            && digest.bytes().all(|letter| super::encoding::crypt64_digit(letter).is_some());
        if !letters || salt.len() > SALT_OCTETS_MAX || !is_crypt_salt(salt) {
            return Err(whole());
        }
        Ok(Self { prefix, salt: salt.to_owned(), digest: digest.to_owned() })
    }

    pub(super) fn fits(&self, form: &[u8]) -> bool {
        let digest = hash(form, self.salt.as_bytes(), self.prefix);
        digest.as_bytes().ct_eq(self.digest.as_bytes()).into()
    }

    pub(super) const fn kind() -> HashKind {
        HashKind::of("MD5-CRYPT", 0)
    }
}

fn hash(password: &[u8], salt: &[u8], prefix: &str) -> String {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password);
    let inner = inner.finalize();
    let mut outer = Md5::new().chain_update(password).chain_update(prefix).chain_update(salt);
    // As many octets of the inner digest, over and over, as the password has.
    for part in password.chunks(16) {
        outer.update(inner.get(..part.len()).unwrap_or(&inner));
    }
    // A NUL or the password's first octet for each bit of its length.
    let mut bits = password.len();
    while bits > 0 {
        if bits & 1 == 1 {
            outer.update([0]);
        } else {
            outer.update(password.get(..1).unwrap_or_default());
        }
        bits >>= 1;
    }
    let mut digest = outer.finalize();
    for round in 0..ROUNDS {
        let mut next = Md5::new();
        let odd = round & 1 == 1;
        next.update(if odd { password } else { digest.as_slice() });
        if round.checked_rem(3) != Some(0) {
            next.update(salt);
        }
        if round.checked_rem(7) != Some(0) {
            next.update(password);
        }
        next.update(if odd { digest.as_slice() } else { password });
        digest = next.finalize();
    }
    letters(&digest.into())
}

/// The digest in the order that only crypt(3) knows.
fn letters(digest: &[u8; 16]) -> String {
    let at = |at: usize| digest.get(at).copied().unwrap_or_default();
    let mut text = String::with_capacity(LETTERS);
    for [high, middle, low] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        push_crypt64(&mut text, u32::from_be_bytes([0, at(high), at(middle), at(low)]), 4);
    }
    push_crypt64(&mut text, u32::from(at(11)), 2);
    text
}
