//! What hashes are computed on: the memory that argon2 fills, kept from one hash to the next.
//!
//! A hash fills 19 MiB. Allocated for each hash anew, on whichever thread computes it, that
//! much stays with every arena of the allocator that was ever asked: a peer that sends wrong
//! passwords makes the server hold a gigabyte. So there is one bench a place, and no more.

use argon2::password_hash::{self, Output};
use argon2::{Argon2, Block, Params};

/// A bench that has grown beyond this is given back: the allocator has blocks of over 32 MiB
/// from the system, and returns them to it at once (`M_MMAP_THRESHOLD` of mallopt(3)).
const KEPT_OCTETS_MAX: usize = 32 << 20;

/// The memory of one place, and how many hashes were computed on it since it was taken.
#[derive(Default)]
pub(crate) struct Workbench {
    counted: Vec<(&'static str, u64)>,
    blocks: Vec<Block>,
}

impl Workbench {
    /// Notes that a hash of this family is computed.
    pub(crate) fn count(&mut self, family: &'static str) {
        match self.counted.iter_mut().find(|(known, _)| *known == family) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.counted.push((family, 1)),
        }
    }

    /// How many hashes of each family were computed on it since it was taken.
    pub(crate) fn counted(&self) -> &[(&'static str, u64)] {
        &self.counted
    }

    /// How much memory it holds.
    pub(crate) fn octets(&self) -> usize {
        self.blocks.capacity().saturating_mul(Block::SIZE)
    }

    /// Makes it ready for the next hash; what is too large to be kept goes.
    pub(crate) fn tidied(self) -> Self {
        let blocks = if self.octets() > KEPT_OCTETS_MAX { Vec::new() } else { self.blocks };
        Self { counted: Vec::new(), blocks }
    }

    /// Argon2's output over a form, in this bench's memory.
    pub(crate) fn fill(
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
    use argon2::{Algorithm, Version};

    use super::*;

    fn fill(bench: &mut Workbench, memory_kib: u32) {
        let params = Params::new(memory_kib, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        bench.fill(&argon2, b"wrong", b"saltsaltsaltsalt").unwrap();
    }

    // security R7: hash after hash in the same memory; a dear hash from elsewhere is not kept
    #[test]
    fn memory_is_kept_from_hash_to_hash_and_does_not_grow() {
        let mut bench = Workbench::default();
        let mut place = None;
        for _ in 0..5 {
            fill(&mut bench, 64);
            bench.count("ARGON2ID");
            bench = bench.tidied();
            assert_eq!(*place.get_or_insert(bench.blocks.as_ptr()), bench.blocks.as_ptr());
            assert_eq!((bench.octets(), bench.counted()), (64 << 10, &[][..]));
        }
        fill(&mut bench, 40 << 10);
        assert_eq!(bench.tidied().octets(), 0);
    }
}
