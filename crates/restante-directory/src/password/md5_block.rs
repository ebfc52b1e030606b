//! MD5's state after one block (RFC 1321 §3.4): what {CRAM-MD5} keeps, and what no crate shows.

/// The state after exactly one block of 64 octets, as its 16 octets are written.
pub(super) fn after_one_block(block: &[u8; 64]) -> [u8; 16] {
    let mut words = [0_u32; 16];
    let (octets, _) = block.as_chunks::<4>();
    for (word, octets) in words.iter_mut().zip(octets) {
        *word = u32::from_le_bytes(*octets);
    }
    let start = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let [mut a, mut b, mut c, mut d] = start;
    for (step, sine) in (0_usize..).zip(SINES) {
        let (mixed, at, turns) = match step >> 4 {
            0 => ((b & c) | (!b & d), step, [7, 12, 17, 22]),
            1 => ((d & b) | (!d & c), step.wrapping_mul(5).wrapping_add(1), [5, 9, 14, 20]),
            2 => (b ^ c ^ d, step.wrapping_mul(3).wrapping_add(5), [4, 11, 16, 23]),
            _ => (c ^ (b | !d), step.wrapping_mul(7), [6, 10, 15, 21]),
        };
        let word = words.get(at & 15).copied().unwrap_or_default();
        let turn = turns.get(step & 3).copied().unwrap_or_default();
        let sum = a.wrapping_add(mixed).wrapping_add(sine).wrapping_add(word);
        (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(turn)));
    }
    let mut state = [0; 16];
    let (places, _) = state.as_chunks_mut::<4>();
    for ((place, start), word) in places.iter_mut().zip(start).zip([a, b, c, d]) {
        *place = start.wrapping_add(word).to_le_bytes();
    }
    state
}

/// The integer part of 2³² |sin(i + 1)|.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::*;

    // RFC 1321 appendix A.5: a short message is one block, so its state is its digest
    #[test]
    fn one_block_is_md5_of_a_short_message() {
        for message in [&b""[..], b"a", b"abc", b"message digest", &[0xff; 55]] {
            let mut block = [0; 64];
            block[..message.len()].copy_from_slice(message);
            block[message.len()] = 0x80;
            block[56..].copy_from_slice(&(message.len() as u64 * 8).to_le_bytes());
            assert_eq!(after_one_block(&block), <[u8; 16]>::from(Md5::digest(message)));
        }
    }
}
