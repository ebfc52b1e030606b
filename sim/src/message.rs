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
    /// Plain, with raw UTF-8 in its header.
    Utf8(usize),
}

/// The body of a message, as text.
pub(crate) fn body(number: usize, kind: Kind) -> Vec<u8> {
    let (line, length) = match kind {
        Kind::Empty => return Vec::new(),
        Kind::Plain(length) | Kind::Utf8(length) => {
            (format!("line of message {number}\r\n"), length)
        }
        Kind::Dots(length) => (format!("..{number}\r\n.\r\n"), length),
    };
    let mut body = match kind {
        Kind::Utf8(_) => format!("{RAW}{number}\r\n\r\n"),
        _ => format!("Subject: {number}\r\n\r\n"),
    }
    .into_bytes();
    while body.len() < length {
        body.extend_from_slice(line.as_bytes());
    }
    body
}

/// What a header begins with that holds raw UTF-8.
const RAW: &str = "Subject: \u{e9}";

/// What stands in for the header of a message with raw UTF-8.
pub(crate) fn plain_header(number: usize) -> Vec<u8> {
    format!("Subject: ascii {number}\r\n\r\n").into_bytes()
}

/// What stands in for the prefix of a copy of such a message: for some it is as it was.
pub(crate) fn plain_prefix(copy: usize) -> Vec<u8> {
    let mut plain = prefix(copy);
    if copy % 2 == 1 {
        plain.extend_from_slice(format!("X-Plain: {copy}\r\n").as_bytes());
    }
    plain
}

/// The text of a copy as it is for who may not see raw UTF-8.
pub(crate) fn plain(text: &[u8]) -> Vec<u8> {
    let stand_in = || {
        let copy = copy_of(text)?;
        let body = text.strip_prefix(prefix(copy).as_slice())?;
        let number = body.strip_prefix(RAW.as_bytes())?;
        let number = number.split(|octet| *octet == b'\r').next()?;
        let number: usize = str::from_utf8(number).ok()?.parse().ok()?;
        let header = format!("{RAW}{number}\r\n\r\n");
        let rest = body.strip_prefix(header.as_bytes())?;
        Some([&plain_prefix(copy), &plain_header(number), rest].concat())
    };
    stand_in().unwrap_or_else(|| text.to_vec())
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
