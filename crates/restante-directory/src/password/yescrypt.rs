//! `$y$` and `$7$` of crypt(3): yescrypt, and the scrypt that it grew out of.

use ::yescrypt::{Mode, Params, yescrypt};
use subtle::ConstantTimeEq;

use super::encoding::{crypt64, crypt64_digit};
use super::kind::HashKind;

/// 128 N r octets are filled: what one login may take beside argon2's.
const MEMORY_OCTETS_MAX: u64 = 256 << 20;
/// Times p (1 + t): about a second.
const WORK_OCTETS_MAX: u64 = 1_024 << 20;
/// No tool makes others.
const LANES_MAX: u32 = 16;
/// Letters of a digest of 32 octets.
const DIGEST_LETTERS: usize = 43;
const SALT_LETTERS_MAX: usize = 86;
/// Letters of $y$'s parameters, as many as the eight of them have at most.
const PARAMETER_LETTERS_MAX: usize = 48;

/// A hash.
pub(super) struct Yescrypt {
    params: Params,
    salt: Vec<u8>,
    digest: Vec<u8>,
    cost: [u64; 3],
    family: &'static str,
}

impl Yescrypt {
    /// Whether this looks like one.
    pub(super) fn is(text: &str) -> bool {
        text.starts_with("$y$") || text.starts_with("$7$")
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let whole = || "the hash is no whole `$y$parameters$salt$digest` (or `$7$`)".to_owned();
        let read = if text.starts_with("$y$") { modern(text) } else { classic(text) };
        let Read { family, params, t, salt, digest } = read.ok_or_else(whole)?;
        if digest.len() != DIGEST_LETTERS {
            return Err(whole());
        }
        let digest = crypt64(digest).ok_or_else(whole)?;
        let cost = [params.n(), u64::from(params.r()), u64::from(params.p())];
        let memory = params.n().saturating_mul(u64::from(params.r())).saturating_mul(128);
        let passes = u64::from(params.p()).saturating_mul(u64::from(t).saturating_add(1));
        if memory > MEMORY_OCTETS_MAX
            || memory.saturating_mul(passes) > WORK_OCTETS_MAX
            || params.p() > LANES_MAX
        {
            return Err(format!(
                "the hash of N={}, r={}, p={}, t={t} would make each login too dear; at most 256 \
                 MiB, and 1 GiB over all passes",
                params.n(),
                params.r(),
                params.p()
            ));
        }
        Ok(Self { params, salt, digest, cost, family })
    }

    pub(super) fn fits(&self, form: &[u8]) -> bool {
        let mut computed = [0; 32];
        yescrypt(form, &self.salt, &self.params, &mut computed).is_ok()
            && computed.as_slice().ct_eq(&self.digest).into()
    }

    pub(super) const fn kind(&self) -> HashKind {
        HashKind { family: self.family, cost: self.cost }
    }
}

/// The parts of a hash.
struct Read<'a> {
    family: &'static str,
    params: Params,
    t: u32,
    salt: Vec<u8>,
    digest: &'a str,
}

/// `$y$parameters$salt$digest`.
fn modern(text: &str) -> Option<Read<'_>> {
    let (params, rest) = text.strip_prefix("$y$")?.split_once('$')?;
    let (salt, digest) = rest.split_once('$')?;
    let (params, t) = flavoured(params)?;
    let salt = Some(salt).filter(|salt| salt.len() <= SALT_LETTERS_MAX).and_then(crypt64)?;
    Some(Read { family: "YESCRYPT", params, t, salt, digest })
}

/// `$7$`, one letter for the logarithm of N, five for r and five for p, the lowest bits first,
/// then the salt, which counts as it is written.
fn classic(text: &str) -> Option<Read<'_>> {
    let (head, digest) = text.strip_prefix("$7$")?.split_once('$')?;
    let (log, rest) = head.split_at_checked(1)?;
    let (r, rest) = rest.split_at_checked(5)?;
    let (p, salt) = rest.split_at_checked(5)?;
    let number = |text: &str| {
        text.bytes()
            .rev()
            .try_fold(0_u32, |bits, letter| Some((bits << 6) | crypt64_digit(letter)?))
    };
    let n = 1_u64.checked_shl(number(log)?).filter(|n| *n > 1)?;
    let (r, p) = (number(r)?, number(p)?);
    let good = salt.bytes().all(|letter| crypt64_digit(letter).is_some());
    if r == 0 || p == 0 || !good || salt.len() > SALT_LETTERS_MAX {
        return None;
    }
    let params = Params::new(Mode::Classic, n, r, p).ok()?;
    Some(Read { family: "SCRYPT", params, t: 0, salt: salt.as_bytes().to_vec(), digest })
}

/// $y$'s parameters, and t among them, which the crate does not tell.
fn flavoured(text: &str) -> Option<(Params, u32)> {
    if text.len() > PARAMETER_LETTERS_MAX || !text.bytes().all(|c| crypt64_digit(c).is_some()) {
        return None;
    }
    let params: Params = text.parse().ok()?;
    // What is behind the last parameter is not looked at by the parser; and one text only is
    // how these parameters are written.
    let none = Params::new(Mode::default(), params.n(), params.r(), params.p()).ok()?;
    if none == params && params.to_string() == text {
        return Some((params, 0));
    }
    (1..=TIMES_MAX).find_map(|t| {
        let with =
            Params::new_with_all_params(Mode::default(), params.n(), params.r(), params.p(), t, 0)
                .ok()?;
        (with == params && with.to_string() == text).then_some((params, t))
    })
}

/// More passes than any tool makes.
const TIMES_MAX: u32 = 16;
