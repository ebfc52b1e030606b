//! `$5$` and `$6$` of crypt(3): Drepper's SHA-crypt.

use ::sha_crypt::{Sha256Params, Sha512Params, sha256_crypt_b64, sha512_crypt_b64};
use subtle::ConstantTimeEq;

use super::encoding::{crypt64_digit, is_crypt_salt};
use super::kind::HashKind;

/// Rounds where nothing is said ("Unix crypt using SHA-256 and SHA-512", §"rounds").
const ROUNDS_DEFAULT: usize = 5_000;
/// The specification's least.
const ROUNDS_MIN: usize = 1_000;
/// About half a second: more would make each login of the account, and each wrong guess at it,
/// too dear. The specification goes to a thousand million.
const ROUNDS_MAX: usize = 1_000_000;
/// More of a salt counts for nothing.
const SALT_OCTETS_MAX: usize = 16;

/// A hash.
pub(super) struct ShaCrypt {
    wide: bool,
    rounds: usize,
    salt: String,
    digest: String,
}

impl ShaCrypt {
    /// Whether this looks like one.
    pub(super) fn is(text: &str) -> bool {
        text.starts_with("$5$") || text.starts_with("$6$")
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let whole = || "the hash is no whole `$6$salt$digest` (or `$5$`)".to_owned();
        let wide = text.starts_with("$6$");
        let rest = text.strip_prefix("$6$").or_else(|| text.strip_prefix("$5$"));
        let rest = rest.ok_or_else(whole)?;
        let (rounds, rest) = match rest.strip_prefix("rounds=") {
            None => (ROUNDS_DEFAULT, rest),
            Some(rest) => {
                let (rounds, rest) = rest.split_once('$').ok_or_else(whole)?;
                // `+5000` and `05000` are numbers, but nobody writes them so.
                let plain =
                    rounds.bytes().all(|digit| digit.is_ascii_digit()) && !rounds.starts_with('0');
                (rounds.parse().ok().filter(|_| plain).ok_or_else(whole)?, rest)
            }
        };
        if !(ROUNDS_MIN..=ROUNDS_MAX).contains(&rounds) {
            return Err(format!(
                "the hash has {rounds} rounds; {ROUNDS_MIN} to {ROUNDS_MAX} are taken"
            ));
        }
        let (salt, digest) = rest.split_once('$').ok_or_else(whole)?;
        let letters = digest.len() == if wide { 86 } else { 43 }
            && digest.bytes().all(|letter| crypt64_digit(letter).is_some());
        if !letters || salt.len() > SALT_OCTETS_MAX || !is_crypt_salt(salt) {
            return Err(whole());
        }
        Ok(Self { wide, rounds, salt: salt.to_owned(), digest: digest.to_owned() })
    }

    pub(super) fn fits(&self, form: &[u8]) -> bool {
        let salt = self.salt.as_bytes();
        let computed = if self.wide {
            Sha512Params::new(self.rounds).and_then(|params| sha512_crypt_b64(form, salt, &params))
        } else {
            Sha256Params::new(self.rounds).and_then(|params| sha256_crypt_b64(form, salt, &params))
        };
        computed.is_ok_and(|digest| digest.as_bytes().ct_eq(self.digest.as_bytes()).into())
    }

    pub(super) fn kind(&self) -> HashKind {
        let family = if self.wide { "SHA512-CRYPT" } else { "SHA256-CRYPT" };
        HashKind::of(family, u64::try_from(self.rounds).unwrap_or(u64::MAX))
    }
}
