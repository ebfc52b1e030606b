//! Text as encoded words (RFC 2047): whole characters, at most 75 octets each.

use mail_wire::sasl::base64;

use super::folding::{Folded, VERBATIM_OCTETS_MAX};

/// `=?utf-8?q?` and `?=` leave this much of the 75 octets.
const PAYLOAD_OCTETS: usize = 63;
/// As much as base64 makes 60 octets of.
const BASE64_OCTETS: usize = 45;

/// Puts unstructured text. Words that are ASCII stay readable; the others, and the spaces between
/// two of them, are encoded.
pub(super) fn unstructured(text: &str, field: &mut Folded) {
    let plain = |word: &str| {
        word.len() <= VERBATIM_OCTETS_MAX && word.bytes().all(|octet| octet.is_ascii_graphic())
    };
    words(text, plain, field);
}

/// Puts a phrase, its quotes taken off: a display-name.
pub(super) fn phrase(text: &str, field: &mut Folded) {
    // RFC 5322 §3.2.3: an atom; an encoded word is one as well, but for its `?` and `=`, which
    // are of the same alphabet.
    let plain = |word: &str| {
        let is_atext =
            |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet);
        word.len() <= VERBATIM_OCTETS_MAX && word.bytes().all(is_atext)
    };
    words(text, plain, field);
}

/// Puts text as nothing but encoded words.
pub(super) fn encoded(text: &str, field: &mut Folded) {
    encode(&text.split_ascii_whitespace().collect::<Vec<_>>().join(" "), field);
}

fn words(text: &str, plain: impl Fn(&str) -> bool, field: &mut Folded) {
    let mut run = String::new();
    for word in text.split_ascii_whitespace() {
        if plain(word) {
            encode(&std::mem::take(&mut run), field);
            field.token(word);
        } else {
            // RFC 2047 §6.2: what stands between two encoded words is not shown.
            if !run.is_empty() {
                run.push(' ');
            }
            run.push_str(word);
        }
    }
    encode(&run, field);
}

fn encode(text: &str, field: &mut Folded) {
    let octets = text.len();
    let quoted: usize = text.bytes().map(quoted_octets).sum();
    // Readable where that costs little: a person may see it as it is.
    let in_base64 =
        octets.div_ceil(3).saturating_mul(4).saturating_mul(7) < quoted.saturating_mul(5);
    let room = if in_base64 { BASE64_OCTETS } else { PAYLOAD_OCTETS };
    let cost = |character: char| {
        if in_base64 {
            return character.len_utf8();
        }
        character.encode_utf8(&mut [0; 4]).bytes().map(quoted_octets).sum()
    };
    let (mut start, mut taken) = (0, 0_usize);
    for (at, character) in text.char_indices() {
        let cost = cost(character);
        if taken.saturating_add(cost) > room {
            word(text.get(start..at).unwrap_or_default(), in_base64, field);
            (start, taken) = (at, 0);
        }
        taken = taken.saturating_add(cost);
    }
    word(text.get(start..).unwrap_or_default(), in_base64, field);
}

fn word(text: &str, in_base64: bool, field: &mut Folded) {
    if text.is_empty() {
        return;
    }
    let mut payload = Vec::new();
    if in_base64 {
        base64::encode(text.as_bytes(), &mut payload);
    } else {
        text.bytes().for_each(|octet| quote(octet, &mut payload));
    }
    let encoding = if in_base64 { 'b' } else { 'q' };
    field.token(&format!("=?utf-8?{encoding}?{}?=", String::from_utf8_lossy(&payload)));
}

/// RFC 2047 §5 (3): what may stand as it is even in a phrase.
const fn is_safe(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'!' | b'*' | b'+' | b'-' | b'/')
}

const fn quoted_octets(octet: u8) -> usize {
    if is_safe(octet) || octet == b' ' { 1 } else { 3 }
}

fn quote(octet: u8, payload: &mut Vec<u8>) {
    match octet {
        b' ' => payload.push(b'_'),
        _ if is_safe(octet) => payload.push(octet),
        _ => payload.extend_from_slice(format!("={octet:02X}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(text: &str) -> String {
        let mut field = Folded::new("Subject");
        unstructured(text, &mut field);
        field.finish().unwrap_or_default()
    }

    /// Undoes it, as RFC 2047 §6.2 says.
    fn decoded(field: &str) -> String {
        let value = field.strip_prefix("Subject:").unwrap();
        let (mut text, mut last_was_encoded) = (Vec::new(), true);
        for token in value.split_ascii_whitespace() {
            assert!(token.len() <= 75 || !token.starts_with("=?"), "{token}");
            let inner = token.strip_prefix("=?utf-8?").and_then(|rest| rest.strip_suffix("?="));
            if !(text.is_empty() || inner.is_some() && last_was_encoded) {
                text.push(b' ');
            }
            last_was_encoded = inner.is_some();
            match inner.map(|inner| inner.split_at(2)) {
                None => text.extend_from_slice(token.as_bytes()),
                Some(("b?", payload)) => {
                    text.extend_from_slice(base64::decode(payload.as_bytes()).unwrap().expose());
                }
                Some((_, payload)) => {
                    let mut octets = payload.bytes();
                    while let Some(octet) = octets.next() {
                        text.push(match octet {
                            b'_' => b' ',
                            b'=' => {
                                let digits = [octets.next().unwrap(), octets.next().unwrap()];
                                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16)
                                    .unwrap()
                            }
                            octet => octet,
                        });
                    }
                }
            }
        }
        String::from_utf8(text).unwrap()
    }

    // RFC 2047 §§2, 5, 6.2
    #[test]
    fn words_that_are_ascii_stay_readable() {
        assert_eq!(
            subject("Re: Grüße von Ü"),
            "Subject: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?= von =?utf-8?b?w5w=?=\r\n"
        );
        assert_eq!(subject("ü ö"), "Subject: =?utf-8?b?w7wgw7Y=?=\r\n");
    }

    proptest! {
        // RFC 2047 §2: at most 75 octets, whole characters; nothing is lost but doubled spaces
        #[test]
        fn what_was_encoded_can_be_read(words in proptest::collection::vec("[a-zü林😀=_.]{1,120}", 1..8)) {
            let text = words.join(" ");
            let field = subject(&text);
            prop_assert_eq!(decoded(&field), text);
            for line in field.lines() {
                prop_assert!(line.len() <= 78 || line.split_ascii_whitespace().count() <= 2, "{line}");
            }
        }
    }
}
