//! `$argon2id$` and `$argon2i$`: PHC strings, ours and those of others.

use ::argon2::password_hash::{Output, PasswordHash};
use ::argon2::{Algorithm, Argon2, Params, Version};

use super::kind::HashKind;
use crate::workbench::Workbench;

/// The family that we make.
pub(super) const ARGON2ID: &str = "ARGON2ID";

/// Bounds for hashes made elsewhere, so that no line of a file makes each login of its account
/// cost a gigabyte or a minute.
const MEMORY_KIB_MAX: u32 = 256 * 1_024;
const PASSES_MAX: u32 = 24;
const LANES_MAX: u32 = 16;
const WORK_KIB_MAX: u64 = 1_024 * 1_024;
const SALT_OCTETS_MIN: usize = 8;
const DIGEST_OCTETS_MIN: usize = 16;

/// A hash.
pub(super) struct Argon2Hash {
    argon2: Argon2<'static>,
    family: &'static str,
    salt: Vec<u8>,
    digest: Output,
}

impl Argon2Hash {
    /// Whether this looks like one.
    pub(super) fn is(text: &str) -> bool {
        text.starts_with("$argon2")
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parsed = PasswordHash::new(text)
            .map_err(|_| "the hash is not a whole argon2id PHC string".to_owned())?;
        let algorithm = Algorithm::try_from(parsed.algorithm)
            .ok()
            .filter(|algorithm| *algorithm != Algorithm::Argon2d)
            .ok_or_else(|| format!("`{}` hashes are not taken", parsed.algorithm))?;
        let params = Params::try_from(&parsed)
            .map_err(|error| format!("the hash's parameters are no argon2id: {error}"))?;
        refuse_dear(&params)?;
        let version = parsed
            .version
            .map(Version::try_from)
            .transpose()
            .map_err(|error| format!("the hash's version is no argon2id: {error}"))?;
        let mut octets = [0; 64];
        let salt = parsed.salt.and_then(|salt| salt.decode_b64(&mut octets).ok());
        let salt = salt.filter(|salt| salt.len() >= SALT_OCTETS_MIN);
        let digest = parsed.hash.filter(|digest| digest.len() >= DIGEST_OCTETS_MIN);
        let (Some(salt), Some(digest)) = (salt, digest) else {
            return Err("the hash has a salt under 8 octets or a digest under 16".to_owned());
        };
        let version = version.unwrap_or_default();
        Ok(Self {
            family: match (algorithm, version) {
                (Algorithm::Argon2id, Version::V0x13) => ARGON2ID,
                (Algorithm::Argon2id, _) => "ARGON2ID of version 16",
                _ => "ARGON2I",
            },
            salt: salt.to_vec(),
            digest,
            argon2: Argon2::new(algorithm, version, params),
        })
    }

    /// Outputs are compared in constant time.
    pub(super) fn fits(&self, form: &[u8], bench: &mut Workbench) -> bool {
        bench.fill(&self.argon2, form, &self.salt).is_ok_and(|digest| digest == self.digest)
    }

    pub(super) fn kind(&self) -> HashKind {
        let params = self.argon2.params();
        HashKind {
            family: self.family,
            cost: [params.m_cost().into(), params.t_cost().into(), params.p_cost().into()],
        }
    }
}

fn refuse_dear(params: &Params) -> Result<(), String> {
    let work = u64::from(params.m_cost()).saturating_mul(u64::from(params.t_cost()));
    if params.m_cost() > MEMORY_KIB_MAX
        || params.t_cost() > PASSES_MAX
        || params.p_cost() > LANES_MAX
        || work > WORK_KIB_MAX
    {
        return Err(format!(
            "a hash of m={},t={},p={} would make each login too dear; at most m=262144, t=24, \
             p=16, m times t 1048576",
            params.m_cost(),
            params.t_cost(),
            params.p_cost()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "c29tZXRoaW5nIHRoYXQgaXMgMzIgb2N0ZXRzIGxvbmc";

    fn phc(memory: u32, passes: u32) -> String {
        format!("$argon2id$v=19$m={memory},t={passes},p=1$c29tZXNhbHQxMjM${DIGEST}")
    }

    #[test]
    fn dear_and_damaged_hashes_are_refused() {
        Argon2Hash::parse(&phc(65_536, 3)).map(|_| ()).unwrap();
        for bad in [
            phc(4_194_304, 1),
            phc(65_536, 1_000_000),
            phc(262_144, 24),
            phc(65_536, 3).replace("argon2id", "argon2d"),
            phc(65_536, 3).replace("argon2id", "scrypt"),
            phc(65_536, 3).replace("v=19", "v=20"),
            phc(65_536, 3).replace(DIGEST, ""),
            "$argon2id$".to_owned(),
        ] {
            assert!(Argon2Hash::parse(&bad).is_err(), "{bad}");
        }
    }

    // What was computed on a bench before changes nothing, whichever was larger
    #[test]
    fn a_used_bench_computes_what_a_new_one_does() {
        let mut bench = Workbench::default();
        for memory in [64, 8, 512, 64] {
            let params = Params::new(memory, 1, 1, None).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
            let digest = Workbench::default().fill(&argon2, b"right", b"saltsaltsaltsalt").unwrap();
            let hash =
                Argon2Hash { family: ARGON2ID, argon2, salt: b"saltsaltsaltsalt".to_vec(), digest };
            assert!(hash.fits(b"right", &mut bench));
            assert!(!hash.fits(b"wrong", &mut bench));
        }
    }
}
