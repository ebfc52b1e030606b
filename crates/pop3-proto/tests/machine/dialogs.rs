//! Replays `tests/dialogs/pop3/*.dialog` against the bare machine, whole and chopped.

use std::path::Path;

use crate::dialog::{Dialog, Step};
use crate::world::Peer;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/dialogs/pop3");

#[test]
fn every_dialog_whole() {
    for dialog in Dialog::read_all(Path::new(FOLDER)) {
        replay(&dialog, usize::MAX);
    }
}

// P-016, L32
#[test]
fn every_dialog_octet_by_octet() {
    for dialog in Dialog::read_all(Path::new(FOLDER)) {
        replay(&dialog, 1);
    }
}

// P-016: cut in two at each place
#[test]
fn every_dialog_cut_anywhere() {
    for dialog in Dialog::read_all(Path::new(FOLDER)) {
        let longest = dialog.steps.iter().map(|step| match step {
            Step::Client(octets) => octets.len(),
            _ => 0,
        });
        for cut in 1..longest.max().unwrap_or(0) {
            replay(&dialog, cut);
        }
    }
}

/// Each run of what the client says is sent in pieces of this size.
fn replay(dialog: &Dialog, piece: usize) {
    let (mut peer, greeting) = Peer::greeted(dialog.fixture.clone(), |_| {});
    let name = &dialog.name;
    let mut output = greeting.into_bytes();
    for (at, step) in dialog.steps.iter().enumerate() {
        let place = || format!("{name}, step {at}, in pieces of {piece}");
        if !matches!(step, Step::Server(_) | Step::Client(_)) {
            assert!(output.is_empty(), "{}: {}", place(), output.escape_ascii());
        }
        match step {
            Step::Client(octets) => {
                let expected_first = output.is_empty() || !answered(dialog, at);
                assert!(expected_first, "{}: {}", place(), output.escape_ascii());
                for piece in octets.chunks(piece.min(octets.len())) {
                    if peer.closed.is_none() {
                        output.extend(peer.sends(piece));
                    }
                }
            }
            Step::Server(pattern) => {
                let end = output.iter().position(|&octet| octet == b'\n').map_or(0, |end| end + 1);
                let line: Vec<u8> = output.drain(..end).collect();
                let (line_shown, rest) = (line.escape_ascii(), output.escape_ascii());
                assert!(pattern.matches(&line), "{}: {line_shown} | {rest}", place());
            }
            Step::Arrives => output.extend(peer.arrives()),
            Step::Tls => assert!(peer.session.is_secure(), "{}", place()),
            Step::Closed => assert!(peer.closed.is_some(), "{}", place()),
            Step::Gone => assert!(peer.closed.is_none(), "{}", place()),
            Step::Removed(numbers) => {
                assert_eq!(peer.removed.as_deref().unwrap_or_default(), numbers, "{}", place());
            }
        }
    }
    assert!(output.is_empty(), "{name} ends with {}", output.escape_ascii());
}

/// Whether the step before this one was the server's: then all of its lines were expected.
fn answered(dialog: &Dialog, at: usize) -> bool {
    at == 0 || matches!(dialog.steps[at - 1], Step::Server(_))
}
