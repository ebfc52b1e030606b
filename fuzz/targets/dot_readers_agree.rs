//! Three readers of different manners find the end of our multi-line response at one place.
//!
//! The strict one ends at CRLF `.` CRLF, the second takes a bare LF for a line end, the third
//! a bare CR too. A message that one of them ends early is smuggled into the next response.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_wire::dot::Stuffer;

fuzz_target!(|data: &[u8]| {
    // What a store holds after the intake filter: no bare CR, no bare LF, no NUL.
    let mut text = Vec::new();
    let mut after_cr = false;
    for &octet in data {
        match octet {
            b'\n' if after_cr => {}
            b'\r' | b'\n' => text.extend_from_slice(b"\r\n"),
            0 => text.push(0x80),
            other => text.push(other),
        }
        after_cr = octet == b'\r';
    }
    let mut wire = Vec::new();
    let mut stuffer = Stuffer::default();
    stuffer.stuff(&text, &mut wire);
    stuffer.finish(&mut wire);

    assert_eq!(strict(&wire), Some(wire.len()));
    assert_eq!(lenient(&wire, |octet| octet == b'\n'), Some(wire.len()));
    assert_eq!(lenient(&wire, |octet| octet == b'\n' || octet == b'\r'), Some(wire.len()));
});

/// Behind CRLF `.` CRLF; the response line before ended in CRLF.
fn strict(wire: &[u8]) -> Option<usize> {
    if wire.starts_with(b".\r\n") {
        return Some(3);
    }
    wire.windows(5).position(|window| window == b"\r\n.\r\n").map(|found| found + 5)
}

/// Behind a line of one dot, where lines end as this says.
fn lenient(wire: &[u8], ends: impl Fn(u8) -> bool) -> Option<usize> {
    let mut start = 0;
    for (position, &octet) in wire.iter().enumerate() {
        if ends(octet) {
            if matches!(wire.get(start..position), Some(b"." | b".\r")) {
                let rest = wire.get(position..)?;
                let behind = if octet == b'\r' && rest.starts_with(b"\r\n") { 2 } else { 1 };
                return Some(position + behind);
            }
            start = position + 1;
        }
    }
    None
}
