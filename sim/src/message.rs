//! Messages that say which they are, so that whatever is read can be told.

/// What a message is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A prefix and nothing behind it.
    Empty,
    /// About so many octets of plain lines.
    Plain(usize),
    /// The same, every line with a dot at its beginning.
    Dots(usize),
}

/// The body of a message, as text.
pub(crate) fn body(number: usize, kind: Kind) -> Vec<u8> {
    let (line, length) = match kind {
        Kind::Empty => return Vec::new(),
        Kind::Plain(length) => (format!("line of message {number}\r\n"), length),
        Kind::Dots(length) => (format!("..{number}\r\n.\r\n"), length),
    };
    let mut body = format!("Subject: {number}\r\n\r\n").into_bytes();
    while body.len() < length {
        body.extend_from_slice(line.as_bytes());
    }
    body
}

/// What stands before the body of the copy with this number.
pub(crate) fn prefix(copy: usize) -> Vec<u8> {
    format!("X-Copy: {copy}\r\n").into_bytes()
}

/// The number of the copy that these octets are of.
pub(crate) fn copy_of(octets: &[u8]) -> Option<usize> {
    let line = octets.strip_prefix(b"X-Copy: ")?.split(|octet| *octet == b'\r').next()?;
    str::from_utf8(line).ok()?.parse().ok()
}

/// Text with its dots doubled (RFC 5321 §4.5.2).
pub(crate) fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire
}

/// The same back.
pub(crate) fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(wire.len());
    for line in wire.split_inclusive(|octet| *octet == b'\n') {
        text.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    text
}
