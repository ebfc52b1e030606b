//! The one place that turns replies into octets.

use std::fmt::{self, Write};

use mail_wire::{MessageNumber, Octets, sasl};

use crate::language::Language;
use crate::reply::Reply;
use crate::words;

/// The longest first line, CRLF included (RFC 2449 §4, P-003).
pub const REPLY_OCTETS_MAX: usize = 512;

impl Reply {
    /// Appends the line, its CRLF included.
    ///
    /// Nothing gets in that ends a line or is not ASCII before LANG allowed it (P-001, P-015,
    /// P-149), and it is cut at 512 octets (P-003).
    pub fn write(&self, language: Language, output: &mut Vec<u8>) {
        let mut line = Line { octets: output, room: REPLY_OCTETS_MAX.saturating_sub(2), language };
        // A `Line` takes everything: there is no error to pass on.
        let _ = line.write_str(if self.is_positive() { "+OK" } else { "-ERR" });
        if let Some(code) = self.code() {
            let _ = write!(line, " [{}]", code.name());
        }
        let _ = write!(line, " {}", InLanguage { reply: self, language });
        output.extend_from_slice(b"\r\n");
    }
}

/// Appends one line of a multi-line response. What stands in it never begins with a dot.
pub fn write_row(row: fmt::Arguments<'_>, language: Language, output: &mut Vec<u8>) {
    let mut line = Line { octets: output, room: REPLY_OCTETS_MAX.saturating_sub(2), language };
    let _ = line.write_fmt(row);
    output.extend_from_slice(b"\r\n");
}

/// Appends a scan listing: `number size`, nothing after it (RFC 1939 §5, P-042).
pub fn write_scan(number: MessageNumber, octets: Octets, output: &mut Vec<u8>) {
    push_decimal(number.get().into(), output);
    output.push(b' ');
    push_decimal(octets.get(), output);
    output.extend_from_slice(b"\r\n");
}

/// Appends a unique-id listing: `number uid`, nothing after it (RFC 1939 §7, P-052).
pub fn write_unique_id(number: MessageNumber, uidl: &str, output: &mut Vec<u8>) {
    push_decimal(number.get().into(), output);
    output.push(b' ');
    output.extend_from_slice(uidl.as_bytes());
    output.extend_from_slice(b"\r\n");
}

/// Appends a digest listing: `number hex`, lower case, nothing after it (`rulings` 20).
pub fn write_digest(number: MessageNumber, digest: &[u8; 32], output: &mut Vec<u8>) {
    push_decimal(number.get().into(), output);
    output.push(b' ');
    for octet in digest {
        output.extend([octet >> 4, octet & 15].map(hexadecimal));
    }
    output.extend_from_slice(b"\r\n");
}

const fn hexadecimal(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0'.saturating_add(nibble),
        _ => b'a'.saturating_add(nibble.saturating_sub(10)),
    }
}

/// Appends a challenge: `+`, a space, base64 (P-252, RFC 5034 §4).
pub fn write_challenge(challenge: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(b"+ ");
    sasl::base64::encode(challenge, output);
    output.extend_from_slice(b"\r\n");
}

/// Rows come by the million: this is several times faster than the formatting machinery.
fn push_decimal(mut number: u64, output: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = (number % 10).try_into().map_or(b'0', |value: u8| value.saturating_add(b'0'));
        first = place;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    output.extend_from_slice(digits.get(first..).unwrap_or_default());
}

struct InLanguage<'r> {
    reply: &'r Reply,
    language: Language,
}

impl fmt::Display for InLanguage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.language {
            Language::English => words::english(self.reply, f),
            Language::German => words::german(self.reply, f),
        }
    }
}

/// A line under construction: takes what may stand in it, up to its limit.
struct Line<'o> {
    octets: &'o mut Vec<u8>,
    room: usize,
    language: Language,
}

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly everything is printable ASCII and fits.
        if text.len() <= self.room && text.bytes().all(|octet| (0x20..=0x7E).contains(&octet)) {
            self.room = self.room.saturating_sub(text.len());
            self.octets.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        for character in text.chars() {
            let allowed = match self.language {
                Language::English => character.is_ascii() && !character.is_ascii_control(),
                Language::German => !character.is_control(),
            };
            let character = if allowed { character } else { '?' };
            let Some(room) = self.room.checked_sub(character.len_utf8()) else {
                // Full: nothing more goes in, not even a shorter character.
                self.room = 0;
                return Ok(());
            };
            self.room = room;
            self.octets.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(reply: &Reply, language: Language) -> String {
        let mut output = Vec::new();
        reply.write(language, &mut output);
        String::from_utf8(output).unwrap()
    }

    // P-003
    #[test]
    fn no_line_is_longer_than_512_octets() {
        let hostname = "a".repeat(600);
        let greeting = line(&Reply::Ready { hostname, timestamp: None }, Language::English);
        assert_eq!(greeting.len(), REPLY_OCTETS_MAX);
        assert!(greeting.ends_with("a\r\n"));
        let holder = Some("\u{e4}".repeat(600));
        let busy = line(&Reply::InUse { holder }, Language::German);
        assert!(busy.len() <= REPLY_OCTETS_MAX && busy.ends_with("\r\n"));
    }

    // P-001, P-015
    #[test]
    fn nothing_from_outside_ends_a_line() {
        let holder = Some("1.2.3.4\r\n+OK \u{1b}[2J\0\u{85}\u{e4}".to_owned());
        let busy = line(&Reply::InUse { holder: holder.clone() }, Language::English);
        assert_eq!(busy.matches(['\r', '\n']).count(), 2);
        assert!(busy.is_ascii() && busy.contains("1.2.3.4??+OK ?[2J???"), "{busy:?}");
        let busy = line(&Reply::InUse { holder }, Language::German);
        assert!(busy.contains("1.2.3.4??+OK ?[2J??\u{e4}"), "{busy:?}");
    }

    // P-156: sizes are decimal and 64-bit
    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 1, 9, 10, 99, 100, 4_294_967_296, u64::MAX - 1, u64::MAX] {
            let mut output = Vec::new();
            push_decimal(number, &mut output);
            assert_eq!(output, number.to_string().as_bytes());
        }
    }

    // P-252: `2b 20 0d 0a`
    #[test]
    fn the_empty_challenge_is_plus_and_space() {
        let mut output = Vec::new();
        write_challenge(b"", &mut output);
        assert_eq!(output, [0x2B, 0x20, 0x0D, 0x0A]);
    }
}
