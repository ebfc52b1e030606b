//! The hashes we make: argon2id at today's cost.

use ::argon2::password_hash::{self, Output, PasswordHash, SaltString};
use ::argon2::{Algorithm, Argon2, Params, Version};

use super::argon2::ARGON2ID;
use super::kind::HashKind;
use super::scheme::{Stored, read};
use super::verifier::Verifier;
use crate::settings::HashCost;
use crate::workbench::Workbench;

/// As RFC 9106 §3.1 recommends.
const SALT_OCTETS: usize = 16;

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
        bench.count(ARGON2ID);
        let digest = bench.fill(&self.argon2, form, &octets);
        digest
            .and_then(|digest| self.phc(&octets, digest))
            .map_err(|error| format!("argon2id: {error}"))
    }

    /// A hash of nothing anybody knows, at today's cost: what unknown users are checked against
    /// (popa3d's `AUTH_DUMMY_SALT`; P-028).
    pub(crate) fn dummy(&self) -> Result<Verifier, String> {
        let (mut octets, mut digest) = ([0; SALT_OCTETS], [0; 32]);
        fill(&mut octets)?;
        fill(&mut digest)?;
        let phc = Output::new(&digest)
            .and_then(|digest| self.phc(&octets, digest))
            .map_err(|error| format!("argon2id: {error}"))?;
        match read(&phc)? {
            Stored::Password(dummy) => Ok(dummy),
            Stored::Nothing => Err("argon2id: no hash came of it".to_owned()),
        }
    }

    fn phc(&self, salt: &[u8], digest: Output) -> password_hash::Result<String> {
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

    /// Whether a hash costs an attacker less than today's, or is of another family: such a one
    /// is made anew where the store is ours. A dearer one stays as it is.
    pub(crate) fn is_stale(&self, hash: &Verifier) -> bool {
        let HashKind { family, cost: [memory, passes, _] } = hash.kind();
        let today = u64::from(self.cost.memory_kib).saturating_mul(self.cost.passes.into());
        family != ARGON2ID || memory.saturating_mul(passes) < today
    }
}

fn fill(octets: &mut [u8]) -> Result<(), String> {
    getrandom::fill(octets).map_err(|error| format!("the system has no random octets: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::forms::Forms;

    const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };

    fn hashed(cost: HashCost, form: &[u8]) -> Verifier {
        let phc = Hasher::new(cost).unwrap().hash(form, &mut Workbench::default()).unwrap();
        let Stored::Password(hash) = read(&phc).unwrap() else { panic!("{phc}") };
        hash
    }

    fn stored(password: &[u8]) -> Verifier {
        hashed(CHEAP, Forms::to_store(password).unwrap().expose())
    }

    fn matches(hash: &Verifier, offered: &[u8]) -> bool {
        Forms::of(offered).unwrap().matching(hash, &mut Workbench::default()).is_some()
    }

    // security A7; RFC 4013 §2.2; rulings 9
    #[test]
    fn nfc_and_nfd_are_one_password() {
        assert!(matches(&stored("Grüße".as_bytes()), "Gru\u{308}ße".as_bytes()));
        assert!(matches(&stored("Gru\u{308}ße".as_bytes()), "Grüße".as_bytes()));
        // RFC 4013 §3: U+00AA is `a`, a soft hyphen is nothing
        assert!(matches(&stored(b"a"), "\u{aa}".as_bytes()));
        assert!(matches(&stored("I\u{ad}X".as_bytes()), b"IX"));
        assert!(!matches(&stored(b"user"), b"USER"));
    }

    // P-032, security A8: octets are octets
    #[test]
    fn spaces_and_signs_count() {
        assert!(matches(&stored(b"a b  "), b"a b  "));
        assert!(!matches(&stored(b"a b  "), b"a b "));
        assert!(matches(&stored(b":%\"\\\t"), b":%\"\\\t"));
    }

    // P-011: Latin-1 clients compare as raw octets; what another server hashed is found
    #[test]
    fn raw_octets_are_a_password_too() {
        assert!(matches(&stored(b"caf\xe9"), b"caf\xe9"));
        let raw = hashed(CHEAP, "e\u{301}".as_bytes());
        let forms = Forms::of("e\u{301}".as_bytes()).unwrap();
        assert_eq!(forms.matching(&raw, &mut Workbench::default()), Some(1));
    }

    // rulings 2: 1 to 512 octets, never cut
    #[test]
    fn no_password_is_cut() {
        let longest = "x".repeat(512);
        assert!(Forms::of(b"").is_none());
        assert!(Forms::of("x".repeat(513).as_bytes()).is_none());
        assert!(matches(&stored(longest.as_bytes()), longest.as_bytes()));
        assert!(!matches(&stored(longest.as_bytes()), "x".repeat(511).as_bytes()));
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
            assert_eq!(offered.matching(&dummy, &mut bench), None);
            assert_eq!(bench.counted(), [("ARGON2ID", forms)]);
        }
        // fits the first form, goes on all the same
        let mut bench = Workbench::default();
        Forms::of("\u{aa}".as_bytes()).unwrap().compute_all(&stored(b"a"), &mut bench);
        assert_eq!(bench.counted(), [("ARGON2ID", 2)]);
    }

    // issue 4: rehashed to argon2id on login where the store is ours
    #[test]
    fn cheaper_and_foreign_hashes_are_stale() {
        let dear = HashCost { memory_kib: 64, passes: 2, lanes: 1 };
        let today = Hasher::new(dear).unwrap();
        assert!(today.is_stale(&hashed(CHEAP, b"x")));
        assert!(!today.is_stale(&hashed(dear, b"x")));
        assert!(!Hasher::new(CHEAP).unwrap().is_stale(&hashed(dear, b"x")));
        for foreign in ["{PLAIN}x", "$2y$05$jd5OBf8PEq6P29dPC76y4u4/0nJeFGPYtmUI.jjm0QQU.NLhfnuki"]
        {
            let Ok(Stored::Password(foreign)) = read(foreign) else { panic!("{foreign}") };
            assert!(Hasher::new(CHEAP).unwrap().is_stale(&foreign));
        }
    }
}
