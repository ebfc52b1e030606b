//! `$2a$`, `$2b$`, `$2y$`: bcrypt.

use mail_wire::Secret;
use subtle::ConstantTimeEq;

use super::encoding::bcrypt64;
use super::kind::HashKind;

/// The least that bcrypt has.
const COST_MIN: u32 = 4;
/// About a second: each more doubles it.
const COST_MAX: u32 = 14;
/// What bcrypt takes of a password, its NUL included; the rest has never counted.
const PASSWORD_OCTETS: usize = 72;
/// Letters of the salt: 16 octets. Those of the digest follow: 23 octets of its 24.
const SALT_LETTERS: usize = 22;

/// A hash.
pub(super) struct Bcrypt {
    cost: u32,
    salt: [u8; 16],
    digest: [u8; 23],
}

impl Bcrypt {
    /// Whether this looks like one.
    pub(super) fn is(text: &str) -> bool {
        text.starts_with("$2")
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let whole = || "the hash is no whole `$2y$cost$salt…`".to_owned();
        if text.starts_with("$2x$") {
            return Err("`$2x$` marks hashes of a faulty bcrypt, which are not taken; give the \
                        account a new password"
                .to_owned());
        }
        let rest =
            ["$2a$", "$2b$", "$2y$"].into_iter().find_map(|prefix| text.strip_prefix(prefix));
        let (cost, rest) = rest.and_then(|rest| rest.split_once('$')).ok_or_else(whole)?;
        let cost = Some(cost).filter(|cost| cost.len() == 2).and_then(|cost| {
            cost.bytes().all(|digit| digit.is_ascii_digit()).then(|| cost.parse().ok())?
        });
        let cost: u32 = cost.ok_or_else(whole)?;
        if !(COST_MIN..=COST_MAX).contains(&cost) {
            return Err(format!("the hash has cost {cost}; {COST_MIN} to {COST_MAX} are taken"));
        }
        let (salt, digest) = rest.split_at_checked(SALT_LETTERS).ok_or_else(whole)?;
        let octets = |text| bcrypt64(text).ok_or_else(whole);
        Ok(Self {
            cost,
            salt: octets(salt)?.try_into().map_err(|_| whole())?,
            digest: octets(digest)?.try_into().map_err(|_| whole())?,
        })
    }

    pub(super) fn fits(&self, form: &[u8]) -> bool {
        let mut password = [0; PASSWORD_OCTETS];
        for (place, octet) in password.iter_mut().zip(form) {
            *place = *octet;
        }
        let password = Secret::new(password);
        let length = form.len().saturating_add(1).min(PASSWORD_OCTETS);
        let password = password.expose().get(..length).unwrap_or(password.expose());
        let computed = ::bcrypt::bcrypt(self.cost, self.salt, password);
        computed.get(..self.digest.len()).is_some_and(|digest| digest.ct_eq(&self.digest).into())
    }

    pub(super) const fn kind(&self) -> HashKind {
        HashKind { family: "BLF-CRYPT", cost: [self.cost as u64, 0, 0] }
    }
}
