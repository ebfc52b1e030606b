//! Base64 as SASL profiles want it: the standard alphabet, padded, and nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Secret;

/// The octets were no base64 (RFC 4648 §4): an octet outside the alphabet, a `=` out of
/// place, a wrong length, or bits left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not base64: expected groups of four from A-Z a-z 0-9 + /, the last padded with =")]
pub struct NotBase64;

/// Decodes a response. It may hold a password, so it comes as a [`Secret`].
///
/// P-255, RFC 5034 §4: nothing is skipped, "the server MUST reject" what is not base64.
pub fn decode(encoded: &[u8]) -> Result<Secret<Vec<u8>>, NotBase64> {
    STANDARD.decode(encoded).map(Secret::new).map_err(|_| NotBase64)
}

/// Appends the base64 form of a challenge.
pub fn encode(octets: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(STANDARD.encode(octets).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // P-255: any octet outside the alphabet, misplaced `=`, wrong length
    #[test]
    fn refuses_whatever_is_not_exactly_base64() {
        for wrong in [
            "AAA=BBB", "=AAA", "AB", " AAAA", "AAAA ", "AAA", "A===", "AA=A", "====", "=", "AA==A",
            "AA-_", "AAAA\t", "AAAA\r", "AA\0A", "AAB=", "AB==", "AAAA=", "AAAA====", "Ä",
        ] {
            assert_eq!(decode(wrong.as_bytes()).err(), Some(NotBase64), "{wrong:?}");
        }
    }

    #[test]
    fn takes_the_empty_response_and_all_paddings() {
        for (encoded, plain) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo")] {
            assert_eq!(decode(encoded.as_bytes()).unwrap().expose(), plain.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut encoded = Vec::new();
            encode(&octets, &mut encoded);
            let decoded = decode(&encoded).unwrap();
            prop_assert_eq!(decoded.expose(), &octets);
        }

        // One value has one spelling: what decodes, encodes back to the same octets.
        #[test]
        fn there_is_one_spelling(encoded in "[A-Za-z0-9+/=]{0,12}") {
            if let Ok(octets) = decode(encoded.as_bytes()) {
                let mut again = Vec::new();
                encode(octets.expose(), &mut again);
                prop_assert_eq!(again, encoded.as_bytes());
            }
        }
    }
}
