//! The sample messages of `restante try`: those of `tests/messages`, and a large one that is made.

use std::borrow::Cow;
use std::fmt::Write;

/// A message to deliver.
#[derive(Debug)]
pub(crate) struct Sample {
    /// What it shows, in a few words.
    pub(crate) about: &'static str,
    /// Its octets, CRLF line ends, not stuffed.
    pub(crate) octets: Cow<'static, [u8]>,
}

/// All of them, in the order of delivery.
pub(crate) fn samples() -> Vec<Sample> {
    let stored = |about, octets: &'static [u8]| Sample { about, octets: Cow::Borrowed(octets) };
    vec![
        stored("a plain message", include_bytes!("../../../../tests/messages/01-plain.eml")),
        stored("an attachment", include_bytes!("../../../../tests/messages/02-attachment.eml")),
        stored("undeclared 8-bit text", include_bytes!("../../../../tests/messages/03-latin1.eml")),
        stored("UTF-8 in headers", include_bytes!("../../../../tests/messages/04-utf8-header.eml")),
        stored("lines of dots", include_bytes!("../../../../tests/messages/05-dots.eml")),
        stored(
            "no final line end",
            include_bytes!("../../../../tests/messages/06-no-final-newline.eml"),
        ),
        Sample { about: "5 MB", octets: Cow::Owned(large()) },
    ]
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LINES: u32 = 69_000;

/// The large message, octet for octet what `tests/messages/large.py` writes.
fn large() -> Vec<u8> {
    let mut text = String::from(
        "From: Restante <restante@localhost>\r\n\
         To: demo@localhost\r\n\
         Subject: A message of 5 MB\r\n\
         Date: Mon, 23 Nov 2026 09:06:00 +0000\r\n\
         Message-ID: <large@samples.localhost>\r\n\
         \r\n",
    );
    let mut state = 1u64;
    for number in 0..LINES {
        // The generator of ANSI C's rand(), of which the upper bits are used.
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7FFF_FFFF;
        let turn = usize::try_from((state >> 16) & 63).unwrap_or(0);
        let (before, after) = ALPHABET.split_at_checked(turn).unwrap_or((ALPHABET, ""));
        let dot = if number.is_multiple_of(100) { "." } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{dot}{number:06} {after}{before}\r\n");
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn samples_are_what_their_names_promise() {
        let samples = samples();
        assert_eq!(samples.len(), 7);
        for sample in &samples[..6] {
            let text = String::from_utf8_lossy(&sample.octets);
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{}: CRLF", sample.about);
        }
        assert!(std::str::from_utf8(&samples[2].octets).is_err());
        assert!(samples[4].octets.windows(9).any(|w| w == b"\r\n\r\n.\r\nTh"));
        assert!(!samples[5].octets.ends_with(b"\n"));
    }

    #[test]
    fn the_python_twin_makes_the_same_octets() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/messages/large.py");
        let twin = Command::new("python3").arg(script).output().expect("python3 is installed");
        assert!(twin.status.success());
        assert!(twin.stdout == large(), "large.py and samples.rs differ");
    }
}
