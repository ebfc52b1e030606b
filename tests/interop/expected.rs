//! What a client must have got, octet for octet.

use std::path::PathBuf;

use crate::program::{program, run};

/// The sample messages in the order of delivery, as RETR sends them, without the trace lines.
pub(crate) fn samples() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/messages"));
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the messages are there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    names.sort();
    let mut samples: Vec<_> =
        names.iter().map(|name| std::fs::read(name).expect("readable")).collect();
    let large = run(program("python3", "python3").arg(folder.join("large.py")));
    samples.push(large.expect_success("large.py").out);
    assert_eq!(samples.len(), 7);
    samples.iter().map(|sample| ended(sample)).collect()
}

/// With a line end after its last line (P-151).
pub(crate) fn ended(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    if !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
    message
}

/// CRLF line ends as LF.
pub(crate) fn lf(octets: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        plain.extend_from_slice(line.strip_suffix(b"\r\n").unwrap_or(line));
        if line.ends_with(b"\r\n") {
            plain.push(b'\n');
        }
    }
    plain
}

/// Takes off the trace lines that stand on top, and fails unless they are Return-Path,
/// Delivered-To and Received, once each, in this order (P-157, `rulings` 6).
pub(crate) fn without_trace(message: &[u8]) -> Vec<u8> {
    let mut rest = message;
    for name in ["Return-Path: ", "Delivered-To: ", "Received: "] {
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(200)]).into_owned();
        assert!(rest.starts_with(name.as_bytes()), "no {name}on top of {shown}");
        loop {
            let end = rest.iter().position(|&octet| octet == b'\n').expect("a line") + 1;
            rest = &rest[end..];
            if !rest.starts_with(b" ") && !rest.starts_with(b"\t") {
                break;
            }
        }
    }
    rest.to_vec()
}

/// Compares, and says where they differ rather than printing megabytes.
pub(crate) fn assert_same(got: &[u8], expected: &[u8], what: &str) {
    if got == expected {
        return;
    }
    let at = got.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let near = |octets: &[u8]| {
        let part = &octets[at.saturating_sub(40)..octets.len().min(at + 40)];
        part.escape_ascii().to_string()
    };
    panic!(
        "{what}: {} octets for {}, different from octet {at} on:\n got      {}\n expected {}",
        got.len(),
        expected.len(),
        near(got),
        near(expected)
    );
}
