//! Peers that speak another protocol: they get one useful line and are closed.

use crate::reply::Reply;

/// The first octet of a TLS record that opens a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Whether what begins a line is a ClientHello. It has no line end, so its first octet has to
/// do; no command begins with it.
pub(super) fn speaks_tls(input: &[u8]) -> bool {
    input.first() == Some(&TLS_HANDSHAKE)
}

/// The reply to a line of another protocol, if it is one.
///
/// A browser that is led here must not be answered line by line: what it sends, and with it
/// what we say, would be chosen by a web page (ALPACA, `rulings` 5).
pub(super) fn recognise(line: &[u8]) -> Option<Reply> {
    if line.starts_with(b"SSH-") {
        return Some(Reply::NotSsh);
    }
    let mut words = line.split(|&octet| octet == b' ');
    let (verb, target, version) = (words.next()?, words.next()?, words.next());
    let is_verb = HTTP_VERBS.iter().any(|known| verb.eq_ignore_ascii_case(known));
    let is_http = target.starts_with(b"/") || version.is_some_and(|v| v.starts_with(b"HTTP/"));
    (is_verb && is_http).then_some(Reply::NotHttp)
}

const HTTP_VERBS: [&[u8]; 10] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI",
];
