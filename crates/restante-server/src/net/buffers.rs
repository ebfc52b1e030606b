//! Buffers that are borrowed while octets move and given back when they rest: an idle
//! connection holds none.

use std::cell::RefCell;

/// The size of a buffer: a TLS record is 16 KiB, a socket rarely gives more than 64 KiB.
pub(crate) const OCTETS: usize = 64 * 1024;
/// Buffers each thread keeps for the next one who needs them.
const KEPT_MAX: usize = 16;
/// An output buffer that has grown beyond this is given back to the system.
const OUTPUT_KEPT_MAX: usize = 4 * OCTETS;

thread_local! {
    static INPUT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`OCTETS`] octets to read into; what is in it means nothing.
pub(crate) fn input() -> Vec<u8> {
    INPUT.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; OCTETS])
}

/// Gives it back.
pub(crate) fn recycle_input(buffer: Vec<u8>) {
    if buffer.len() == OCTETS {
        INPUT.with_borrow_mut(|kept| keep(kept, buffer));
    }
}

/// An empty buffer to write into.
pub(crate) fn output() -> Vec<u8> {
    OUTPUT.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives it back.
pub(crate) fn recycle_output(mut buffer: Vec<u8>) {
    if buffer.capacity() <= OUTPUT_KEPT_MAX {
        buffer.clear();
        OUTPUT.with_borrow_mut(|kept| keep(kept, buffer));
    }
}

fn keep(kept: &mut Vec<Vec<u8>>, buffer: Vec<u8>) {
    if kept.len() < KEPT_MAX {
        kept.push(buffer);
    }
}
