//! APOP (RFC 1939 §7): the digest and its text form.

use mail_wire::DigestMethod;
use subtle::ConstantTimeEq;

/// A digest as APOP carries it: MD5 over the banner timestamp, angle brackets included, and
/// the shared secret.
#[derive(Clone, Copy, Debug)]
pub struct ApopDigest([u8; 16]);

impl ApopDigest {
    /// The digest that proves this secret after a greeting with this timestamp (P-033).
    pub fn of(timestamp: &str, secret: &[u8]) -> Self {
        Self(DigestMethod::Apop.of(timestamp.as_bytes(), secret))
    }

    /// Reads 32 hexadecimal digits. RFC 1939 §7 has them in lower case; upper case is taken
    /// too (quirk).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut digest = [0_u8; 16];
        if text.len() != 32 {
            return None;
        }
        for (octet, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
            let [high, low] = *pair else { return None };
            *octet = hexadecimal(high)?.checked_mul(16)?.checked_add(hexadecimal(low)?)?;
        }
        Some(Self(digest))
    }

    /// The 16 octets.
    pub const fn octets(self) -> [u8; 16] {
        self.0
    }
}

/// Digests are compared in constant time.
impl PartialEq for ApopDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ApopDigest {}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &[u8] = b"c4c9334bac560ecc979e58001b3e22fb";

    // P-033, RFC 1939 §7
    #[test]
    fn the_example_of_the_rfc() {
        let digest = ApopDigest::of("<1896.697170952@dbc.mtview.ca.us>", b"tanstaaf");
        assert_eq!(Some(digest), ApopDigest::parse(EXAMPLE));
        assert_eq!(Some(digest), ApopDigest::parse(&EXAMPLE.to_ascii_uppercase()));
        assert_ne!(digest, ApopDigest::of("<1896.697170952@dbc.mtview.ca.us>", b"tanstaag"));
    }

    // P-034: what is no digest
    #[test]
    fn nothing_but_32_hexadecimal_digits_is_a_digest() {
        for wrong in [&b""[..], b"c4", &EXAMPLE[1..], b"g4c9334bac560ecc979e58001b3e22fb"] {
            assert_eq!(ApopDigest::parse(wrong), None);
        }
        assert_eq!(ApopDigest::parse(&[EXAMPLE, b"0"].concat()), None);
        assert_eq!(ApopDigest::parse(b"+4c9334bac560ecc979e58001b3e22fb"), None);
    }
}
