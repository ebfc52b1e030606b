//! However the input is cut, the same lines come out, and none is longer than the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_wire::line::{Line, LineSplitter};

const OCTETS_MAX: usize = 40;

// The first octet says into how large pieces the rest is cut.
fuzz_target!(|data: &[u8]| {
    let Some((&piece, octets)) = data.split_first() else { return };
    let whole = lines(octets, octets.len().max(1));
    let cut = lines(octets, usize::from(piece).max(1));
    assert_eq!(whole, cut);
});

/// What came out: a line, or `None` for one that was too long.
fn lines(octets: &[u8], piece: usize) -> Vec<Option<Vec<u8>>> {
    let mut splitter = LineSplitter::default();
    let mut kept: Vec<u8> = Vec::new();
    let mut found = Vec::new();
    for part in octets.chunks(piece) {
        kept.extend_from_slice(part);
        let mut input = kept.as_slice();
        while let Some(line) = splitter.next(&mut input, OCTETS_MAX) {
            found.push(match line {
                Line::Whole { content, .. } => {
                    assert!(content.len() < OCTETS_MAX && !content.contains(&b'\n'));
                    Some(content.to_vec())
                }
                Line::TooLong => None,
            });
        }
        kept = input.to_vec();
        assert!(kept.len() < OCTETS_MAX, "a line that is too long is not kept");
    }
    found
}
