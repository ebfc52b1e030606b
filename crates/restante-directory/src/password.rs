//! Main passwords: their forms, their argon2id hashes, and what may be imported.

use argon2::password_hash::{Output, PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use mail_wire::{Secret, prepared};

use crate::settings::HashCost;
use crate::workbench::Workbench;

/// A password is 1 to this many octets (`rulings` 2); none is ever cut.
pub(crate) const PASSWORD_OCTETS_MAX: usize = 512;

/// As RFC 9106 §3.1 recommends.
const SALT_OCTETS: usize = 16;

/// Bounds for hashes made elsewhere, so that no imported line makes each login of its account
/// cost a gigabyte or a minute.
const IMPORTED_MEMORY_KIB_MAX: u32 = 256 * 1_024;
const IMPORTED_PASSES_MAX: u32 = 24;
const IMPORTED_LANES_MAX: u32 = 16;
const IMPORTED_WORK_KIB_MAX: u64 = 1_024 * 1_024;

/// The forms of one offered password in the order in which they are tried (`rulings` 9):
/// SASLprep (RFC 4013) where it passes, NFC, the raw octets; equal ones once. How many there
/// are depends on the password alone, never on the account.
pub(crate) struct Forms(Vec<Secret<Vec<u8>>>);

impl Forms {
    /// `None` if the password is empty or too long: those are nobody's.
    pub(crate) fn of(password: &[u8]) -> Option<Self> {
        if password.is_empty() || password.len() > PASSWORD_OCTETS_MAX {
            return None;
        }
        Some(Self(prepared::forms(password)))
    }

    /// The form that a new hash is made over.
    pub(crate) fn to_store(password: &[u8]) -> Option<Secret<Vec<u8>>> {
        if password.is_empty() || password.len() > PASSWORD_OCTETS_MAX {
            return None;
        }
        Some(prepared::to_store(password))
    }

    /// How many there are: 1 to 3.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }

    /// Which form the hash is of, if any. `all` computes a hash for every form even after one
    /// fitted: for whom the answer is no in any case, the work shall not depend on the password.
    pub(crate) fn matching(&self, hash: &str, all: bool, bench: &mut Workbench) -> Option<usize> {
        let mut found = None;
        for (index, form) in self.0.iter().enumerate() {
            if bench.fits(hash, form.expose()) && found.is_none() {
                found = Some(index);
                if !all {
                    break;
                }
            }
        }
        found
    }
}

/// Makes argon2id hashes at today's cost.
#[derive(Clone)]
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    cost: HashCost,
}

impl Hasher {
    /// `Err` says what is wrong with the cost.
    pub(crate) fn new(cost: HashCost) -> Result<Self, String> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
            .map_err(|error| format!("is no cost that argon2id can have: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Ok(Self { argon2, cost })
    }

    /// Hashes a form with a new salt: a PHC string.
    pub(crate) fn hash(&self, form: &[u8], bench: &mut Workbench) -> Result<String, String> {
        let mut octets = [0; SALT_OCTETS];
        fill(&mut octets)?;
        let digest = bench.digest(&self.argon2, form, &octets);
        digest
            .and_then(|digest| self.phc(&octets, digest))
            .map_err(|error| format!("argon2id: {error}"))
    }

    /// A hash of nothing anybody knows, at today's cost: what unknown users are checked against
    /// (popa3d's `AUTH_DUMMY_SALT`; P-028).
    pub(crate) fn dummy(&self) -> Result<String, String> {
        let (mut octets, mut digest) = ([0; SALT_OCTETS], [0; 32]);
        fill(&mut octets)?;
        fill(&mut digest)?;
        Output::new(&digest)
            .and_then(|digest| self.phc(&octets, digest))
            .map_err(|error| format!("argon2id: {error}"))
    }

    fn phc(&self, salt: &[u8], digest: Output) -> argon2::password_hash::Result<String> {
        let salt = SaltString::encode_b64(salt)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: self.argon2.params().try_into()?,
            salt: Some(salt.as_salt()),
            hash: Some(digest),
        };
        Ok(hash.to_string())
    }

    /// Whether a hash costs an attacker less than today's. A dearer one stays as it is.
    pub(crate) fn is_cheaper(&self, hash: &str) -> bool {
        let Ok(parsed) = PasswordHash::new(hash) else { return false };
        let Ok(params) = Params::try_from(&parsed) else { return false };
        let work = |memory: u32, passes: u32| u64::from(memory).saturating_mul(u64::from(passes));
        parsed.version != Some(Version::V0x13.into())
            || work(params.m_cost(), params.t_cost()) < work(self.cost.memory_kib, self.cost.passes)
    }
}

/// Whether a hash made elsewhere can be taken as it is; `Err` says why not.
pub(crate) fn check_imported(hash: &str) -> Result<(), String> {
    let parsed = PasswordHash::new(hash)
        .map_err(|_| "the hash is not a whole argon2id PHC string".to_owned())?;
    if parsed.algorithm != Algorithm::Argon2id.ident() {
        return Err(format!("`{}` hashes cannot be taken yet, only argon2id", parsed.algorithm));
    }
    let params = Params::try_from(&parsed)
        .map_err(|error| format!("the hash's parameters are no argon2id: {error}"))?;
    let work = u64::from(params.m_cost()).saturating_mul(u64::from(params.t_cost()));
    if params.m_cost() > IMPORTED_MEMORY_KIB_MAX
        || params.t_cost() > IMPORTED_PASSES_MAX
        || params.p_cost() > IMPORTED_LANES_MAX
        || work > IMPORTED_WORK_KIB_MAX
    {
        return Err(format!(
            "a hash of m={},t={},p={} would make each login too dear; at most m=262144, t=24, \
             p=16, m times t 1048576",
            params.m_cost(),
            params.t_cost(),
            params.p_cost()
        ));
    }
    let salt_octets = parsed.salt.map_or(0, |salt| salt.as_str().len().saturating_mul(3) / 4);
    let hash_octets = parsed.hash.map_or(0, |hash| hash.len());
    if salt_octets < 8 || hash_octets < 16 {
        return Err("the hash has a salt under 8 octets or a digest under 16".to_owned());
    }
    Ok(())
}

fn fill(octets: &mut [u8]) -> Result<(), String> {
    getrandom::fill(octets).map_err(|error| format!("the system has no random octets: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };

    fn hashed(hasher: &Hasher, form: &[u8]) -> String {
        hasher.hash(form, &mut Workbench::default()).unwrap()
    }

    fn matches(stored: &str, offered: &[u8]) -> bool {
        let hasher = Hasher::new(CHEAP).unwrap();
        let hash = hashed(&hasher, Forms::to_store(stored.as_bytes()).unwrap().expose());
        Forms::of(offered).unwrap().matching(&hash, false, &mut Workbench::default()).is_some()
    }

    // security A7; RFC 4013 §2.2; rulings 9
    #[test]
    fn nfc_and_nfd_are_one_password() {
        assert!(matches("Grüße", "Gru\u{308}ße".as_bytes()));
        assert!(matches("Gru\u{308}ße", "Grüße".as_bytes()));
        // RFC 4013 §3: U+00AA is `a`, a soft hyphen is nothing
        assert!(matches("a", "\u{aa}".as_bytes()));
        assert!(matches("I\u{ad}X", b"IX"));
        assert!(!matches("user", b"USER"));
    }

    // P-032, security A8: octets are octets
    #[test]
    fn spaces_and_signs_count() {
        assert!(matches("a b  ", b"a b  "));
        assert!(!matches("a b  ", b"a b "));
        assert!(matches(":%\"\\\t", b":%\"\\\t"));
    }

    // P-011: Latin-1 clients compare as raw octets
    #[test]
    fn raw_octets_are_a_password_too() {
        let hasher = Hasher::new(CHEAP).unwrap();
        let hash = hashed(&hasher, Forms::to_store(b"caf\xe9").unwrap().expose());
        assert!(
            Forms::of(b"caf\xe9")
                .unwrap()
                .matching(&hash, false, &mut Workbench::default())
                .is_some()
        );
        // a hash that another server made over the raw NFD octets
        let hash = hashed(&hasher, "e\u{301}".as_bytes());
        let forms = Forms::of("e\u{301}".as_bytes()).unwrap();
        assert_eq!(forms.matching(&hash, false, &mut Workbench::default()), Some(1));
    }

    // rulings 2: 1 to 512 octets, never cut
    #[test]
    fn no_password_is_cut() {
        let longest = "x".repeat(512);
        assert!(Forms::of(b"").is_none());
        assert!(Forms::of("x".repeat(513).as_bytes()).is_none());
        assert!(matches(&longest, longest.as_bytes()));
        assert!(!matches(&longest, "x".repeat(511).as_bytes()));
    }

    // P-028: the work depends on the password alone
    #[test]
    fn a_miss_computes_every_form() {
        let dummy = Hasher::new(CHEAP).unwrap().dummy().unwrap();
        for (password, forms) in
            [("plain".as_bytes(), 1), ("\u{aa}".as_bytes(), 2), (&b"\xff"[..], 1)]
        {
            let offered = Forms::of(password).unwrap();
            let mut bench = Workbench::default();
            assert_eq!(offered.matching(&dummy, false, &mut bench), None);
            assert_eq!((bench.computed, offered.len()), (forms, usize::try_from(forms).unwrap()));
        }
        // fits the first form, goes on all the same
        let hash = hashed(&Hasher::new(CHEAP).unwrap(), b"a");
        let mut bench = Workbench::default();
        let found = Forms::of("\u{aa}".as_bytes()).unwrap().matching(&hash, true, &mut bench);
        assert_eq!((found, bench.computed), (Some(0), 2));
    }

    #[test]
    fn older_hashes_are_known() {
        let today = Hasher::new(HashCost { memory_kib: 64, passes: 2, lanes: 1 }).unwrap();
        assert!(today.is_cheaper(&hashed(&Hasher::new(CHEAP).unwrap(), b"x")));
        assert!(!today.is_cheaper(&hashed(&today, b"x")));
        assert!(!Hasher::new(CHEAP).unwrap().is_cheaper(&hashed(&today, b"x")));
    }

    #[test]
    fn imported_hashes_are_bounded() {
        let digest = "c29tZXRoaW5nIHRoYXQgaXMgMzIgb2N0ZXRzIGxvbmc";
        let phc = |m, t| format!("$argon2id$v=19$m={m},t={t},p=1$c29tZXNhbHQxMjM${digest}");
        check_imported(&phc(65_536, 3)).unwrap();
        for bad in [
            phc(4_194_304, 1),
            phc(65_536, 1_000_000),
            phc(262_144, 24),
            phc(65_536, 3).replace("argon2id", "argon2i"),
            phc(65_536, 3).replace(digest, ""),
            "$argon2id$".to_owned(),
            "x".to_owned(),
        ] {
            assert!(check_imported(&bad).is_err(), "{bad}");
        }
    }
}
