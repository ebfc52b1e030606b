//! What hashes are computed on: the memory that argon2 fills, kept from one hash to the next.
//!
//! A hash fills 19 MiB. Allocated for each hash anew, on whichever thread computes it, that
//! much stays with every arena of the allocator that was ever asked: a peer that sends wrong
//! passwords makes the server hold a gigabyte. So there is one bench a place, and no more.

use argon2::password_hash::{self, Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// A bench that has grown beyond this is given back: the allocator has blocks of over 32 MiB
/// from the system, and returns them to it at once (`M_MMAP_THRESHOLD` of mallopt(3)).
const KEPT_OCTETS_MAX: usize = 32 << 20;

/// The memory of one place, and how many hashes were computed on it since it was taken.
#[derive(Default)]
pub(crate) struct Workbench {
    pub(crate) computed: u64,
    blocks: Vec<Block>,
}

impl Workbench {
    /// Whether the hash is of this form. Its parameters are its own; the comparison takes the
    /// same time wherever they differ. What is no hash is of no form.
    pub(crate) fn fits(&mut self, hash: &str, form: &[u8]) -> bool {
        self.computed = self.computed.saturating_add(1);
        self.compare(hash, form).unwrap_or(false)
    }

    /// The digest of a form, made with argon2id.
    pub(crate) fn digest(
        &mut self,
        argon2: &Argon2<'_>,
        form: &[u8],
        salt: &[u8],
    ) -> password_hash::Result<Output> {
        self.computed = self.computed.saturating_add(1);
        self.fill(argon2, form, salt)
    }

    /// How much memory it holds.
    pub(crate) fn octets(&self) -> usize {
        self.blocks.capacity().saturating_mul(Block::SIZE)
    }

    /// Makes it ready for the next hash; what is too large to be kept goes.
    pub(crate) fn tidied(self) -> Self {
        let blocks = if self.octets() > KEPT_OCTETS_MAX { Vec::new() } else { self.blocks };
        Self { computed: 0, blocks }
    }

    fn compare(&mut self, hash: &str, form: &[u8]) -> password_hash::Result<bool> {
        let hash = PasswordHash::new(hash)?;
        let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else { return Ok(false) };
        let version = hash.version.map(Version::try_from).transpose()?.unwrap_or_default();
        let argon2 =
            Argon2::new(Algorithm::try_from(hash.algorithm)?, version, Params::try_from(&hash)?);
        let mut octets = [0; 64];
        let salt = salt.decode_b64(&mut octets)?;
        // Outputs are compared in constant time.
        Ok(self.fill(&argon2, form, salt)? == expected)
    }

    fn fill(
        &mut self,
        argon2: &Argon2<'_>,
        form: &[u8],
        salt: &[u8],
    ) -> password_hash::Result<Output> {
        let params = argon2.params();
        if self.blocks.len() < params.block_count() {
            // Nothing of what is in them is needed: no copy into the larger room.
            self.blocks = Vec::new();
            self.blocks.resize(params.block_count(), Block::default());
        }
        let octets = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        Output::init_with(octets, |output| {
            Ok(argon2.hash_password_into_with_memory(form, salt, output, &mut self.blocks)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher, SaltString};

    use super::*;

    fn argon2(memory_kib: u32) -> Argon2<'static> {
        let params = Params::new(memory_kib, 1, 1, None).unwrap();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }

    fn hash(memory_kib: u32) -> String {
        let salt = SaltString::encode_b64(b"saltsaltsaltsalt").unwrap();
        argon2(memory_kib).hash_password(b"right", &salt).unwrap().to_string()
    }

    // What was computed on it before changes nothing, whichever was larger
    #[test]
    fn a_used_bench_computes_what_a_new_one_does() {
        let hashes = [hash(64), hash(8), hash(512), hash(64)];
        let mut bench = Workbench::default();
        for hash in &hashes {
            assert!(bench.fits(hash, b"right"));
            assert!(!bench.fits(hash, b"wrong"));
        }
        let digest = bench.digest(&argon2(64), b"right", b"saltsaltsaltsalt").unwrap();
        assert_eq!(Some(digest), PasswordHash::new(&hashes[0]).unwrap().hash);
        assert_eq!(bench.computed, 9);
        for broken in ["", "$argon2id$", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", "x"] {
            assert!(!bench.fits(broken, b"right"), "{broken}");
        }
    }

    // security R7: hash after hash in the same memory; a dear hash from elsewhere is not kept
    #[test]
    fn memory_is_kept_from_hash_to_hash_and_does_not_grow() {
        let mut bench = Workbench::default();
        let mut place = None;
        for _ in 0..5 {
            bench.fits(&hash(64), b"wrong");
            bench = bench.tidied();
            assert_eq!(*place.get_or_insert(bench.blocks.as_ptr()), bench.blocks.as_ptr());
            assert_eq!((bench.octets(), bench.computed), (64 << 10, 0));
        }
        bench.fits(&hash(40 << 10), b"wrong");
        assert_eq!(bench.tidied().octets(), 0);
    }
}
