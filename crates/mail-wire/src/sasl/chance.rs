//! Nonces and challenges for the runs of one connection, out of chance that came in.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::base64;
use crate::Secret;

/// 32 octets that nobody could foresee, and how much was drawn from them. What is drawn tells
/// nothing of the seed, and is never the same twice.
#[derive(Debug)]
pub struct Chance {
    seed: Secret<[u8; 32]>,
    drawn: u64,
}

impl Chance {
    /// The seed is of one connection alone, from the system's generator.
    pub const fn new(seed: Secret<[u8; 32]>) -> Self {
        Self { seed, drawn: 0 }
    }

    /// SCRAM's half of a nonce: 32 printable octets without a comma, of 24 octets of chance
    /// (RFC 5802 §5.1, P-106).
    pub fn nonce(&mut self) -> String {
        let drawn = self.draw();
        let mut text = Vec::new();
        base64::encode(drawn.get(..24).unwrap_or_default(), &mut text);
        // Base64 is ASCII, so nothing is lost here.
        String::from_utf8_lossy(&text).into_owned()
    }

    /// CRAM-MD5's challenge, a msg-id: digits alone before the `@`, as some clients read no
    /// more than that (RFC 2195 §2, B-24).
    pub fn challenge(&mut self, hostname: &str) -> String {
        let drawn = self.draw();
        let number = |at: usize| {
            let octets = drawn.get(at..).and_then(<[u8]>::first_chunk::<8>);
            octets.map_or(0, |octets| u64::from_be_bytes(*octets))
        };
        format!("<{}.{}@{hostname}>", number(0), number(8))
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §3)")]
    fn draw(&mut self) -> [u8; 32] {
        self.drawn = self.drawn.wrapping_add(1);
        Hmac::<Sha256>::new_from_slice(self.seed.expose())
            .expect("HMAC takes keys of any length")
            .chain_update(self.drawn.to_be_bytes())
            .finalize()
            .into_bytes()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    // P-106: at least 18 random printable octets, no comma; new each time
    #[test]
    fn nothing_is_drawn_twice() {
        let mut drawn = HashSet::new();
        for seed in 0..4 {
            let mut chance = Chance::new(Secret::new([seed; 32]));
            for _ in 0..100 {
                let nonce = chance.nonce();
                assert!(
                    nonce.len() >= 18 && nonce.bytes().all(|o| o.is_ascii_graphic() && o != b',')
                );
                assert!(drawn.insert(nonce));
                assert!(drawn.insert(chance.challenge("h.example")));
            }
        }
    }

    // P-103: a msg-id
    #[test]
    fn a_challenge_is_a_msg_id() {
        let challenge = Chance::new(Secret::new([1; 32])).challenge("mail.example.org");
        let inner =
            challenge.strip_prefix('<').unwrap().strip_suffix("@mail.example.org>").unwrap();
        let (one, other) = inner.split_once('.').unwrap();
        assert!([one, other].iter().all(|part| part.bytes().all(|o| o.is_ascii_digit())));
    }
}
