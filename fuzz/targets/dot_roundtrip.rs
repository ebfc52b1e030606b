//! Unstuffing undoes stuffing, wherever either is cut, and nothing but the end ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_wire::dot::{Stuffer, Unstuffer};

// The first octet says into how large pieces the rest is cut.
fuzz_target!(|data: &[u8]| {
    let Some((&piece, octets)) = data.split_first() else { return };
    let piece = usize::from(piece).max(1);
    // What a store holds: CRLF line ends and no others.
    let text = canonical(octets);
    let wire = stuffed(&text, text.len().max(1));
    assert_eq!(wire, stuffed(&text, piece));
    assert!(wire.ends_with(b"\r\n.\r\n") || wire == b".\r\n");

    let mut expected = text;
    if !expected.is_empty() && !expected.ends_with(b"\r\n") {
        expected.extend_from_slice(b"\r\n");
    }
    for piece in [wire.len(), piece] {
        let mut unstuffer = Unstuffer::default();
        let mut back = Vec::new();
        let mut left = 0;
        for part in wire.chunks(piece) {
            let mut input = part;
            let ended = unstuffer.unstuff(&mut input, &mut back);
            left = input.len();
            assert!(ended || input.is_empty());
        }
        assert!(unstuffer.has_ended() && left == 0, "the end is where it was written");
        assert_eq!(back, expected);
    }
});

fn stuffed(text: &[u8], piece: usize) -> Vec<u8> {
    let mut stuffer = Stuffer::default();
    let mut wire = Vec::new();
    for part in text.chunks(piece) {
        stuffer.stuff(part, &mut wire);
    }
    stuffer.finish(&mut wire);
    wire
}

/// Every CR and every LF becomes CRLF, every CRLF stays.
fn canonical(octets: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut after_cr = false;
    for &octet in octets {
        match octet {
            b'\n' if after_cr => {}
            b'\r' | b'\n' => text.extend_from_slice(b"\r\n"),
            other => text.push(other),
        }
        after_cr = octet == b'\r';
    }
    text
}
