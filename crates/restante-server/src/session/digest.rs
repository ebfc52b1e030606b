//! XDIGEST: the SHA-256 of a message as RETR sends it, unstuffed, without the dot that ends it.
//!
//! It is made in slices, and other sessions get their turn between two of them. A digest that
//! could be of another text than RETR would send is never answered (`product` §9).

use mail_wire::dot::Unstuffer;
use mail_wire::{Form, MessageNumber};
use restante_store::{Maildrop, Progress, StoreError};
use sha2::{Digest as _, Sha256};

use crate::net::buffers;

/// How much is read and hashed at a time: well under a millisecond.
const SLICE_OCTETS: usize = 64 * 1024;

/// The digest of this message.
///
/// # Errors
/// It cannot be read to its end, or is not what was listed.
pub(crate) async fn digest(
    maildrop: &mut dyn Maildrop,
    number: MessageNumber,
) -> Result<[u8; 32], StoreError> {
    let listed = maildrop.listing().get(number).map_or(0, |entry| entry.octets.get());
    let mut slice = Slice(buffers::output());
    let mut text = Text::default();
    let mut body = maildrop.read(number).await?;
    while body.read(&mut slice.0, SLICE_OCTETS).await? != Progress::Ended {
        text.take(&slice.0, body.form());
        slice.0.clear();
        tokio::task::yield_now().await;
    }
    text.finish(listed)
}

/// The text of a message, on its way into a digest.
#[derive(Default)]
struct Text {
    sha256: Sha256,
    octets: u64,
    last: [u8; 2],
    unstuffer: Unstuffer,
    unstuffed: Vec<u8>,
}

impl Text {
    fn take(&mut self, mut octets: &[u8], form: Form) {
        match form {
            Form::Text => self.add(octets),
            Form::Wire => {
                let mut unstuffed = std::mem::take(&mut self.unstuffed);
                unstuffed.clear();
                self.unstuffer.unstuff(&mut octets, &mut unstuffed);
                self.add(&unstuffed);
                self.unstuffed = unstuffed;
            }
        }
    }

    fn add(&mut self, text: &[u8]) {
        self.sha256.update(text);
        self.octets = self.octets.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        match *text {
            [] => {}
            [only] => self.last = [self.last[1], only],
            [.., before, last] => self.last = [before, last],
        }
    }

    /// Completes the last line as RETR does.
    fn finish(mut self, listed: u64) -> Result<[u8; 32], StoreError> {
        match self.last {
            _ if self.octets == 0 => {}
            [b'\r', b'\n'] => {}
            [_, b'\r'] => self.add(b"\n"),
            _ => self.add(b"\r\n"),
        }
        // A lone dot within a message in wire form would end it for the client.
        if self.octets != listed || self.unstuffer.has_ended() {
            let octets = self.octets;
            let detail = format!("it has {octets} octets, which is not what was listed");
            return Err(StoreError::Damaged { detail });
        }
        Ok(self.sha256.finalize().into())
    }
}

/// A buffer that goes back to where it came from.
struct Slice(Vec<u8>);

impl Drop for Slice {
    fn drop(&mut self) {
        buffers::recycle_output(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(pieces: &[&[u8]], form: Form, listed: u64) -> Result<[u8; 32], StoreError> {
        let mut text = Text::default();
        for piece in pieces {
            text.take(piece, form);
        }
        text.finish(listed)
    }

    // `rulings` 20: as RETR would send it, unstuffed
    #[test]
    fn both_forms_of_a_message_have_one_digest() {
        let (text, wire) = (b"A: b\r\n\r\n.dot\r\n..\r\n", b"A: b\r\n\r\n..dot\r\n...\r\n");
        let expected: [u8; 32] = Sha256::digest(text).into();
        assert_eq!(digest_of(&[text], Form::Text, 18).unwrap(), expected);
        for cut in 0..=wire.len() {
            let pieces = [&wire[..cut], &wire[cut..]];
            assert_eq!(digest_of(&pieces, Form::Wire, 18).unwrap(), expected, "cut at {cut}");
        }
    }

    // P-043, `Store::commit`: a last line without its end is completed, in the digest too
    #[test]
    fn the_last_line_is_completed() {
        let expected: [u8; 32] = Sha256::digest(b"A: b\r\n").into();
        for pieces in [&[&b"A: b"[..]][..], &[b"A: b\r"], &[b"A: b\r\n"], &[b"A: b\r", b"\n"]] {
            assert_eq!(digest_of(pieces, Form::Text, 6).unwrap(), expected);
        }
        assert_eq!(digest_of(&[], Form::Text, 0).unwrap(), <[u8; 32]>::from(Sha256::digest(b"")));
    }

    // `product` §9: never a false digest
    #[test]
    fn what_is_not_what_was_listed_has_none() {
        for listed in [0, 5, 7] {
            assert!(digest_of(&[b"A: b\r\n"], Form::Text, listed).is_err());
        }
        assert!(digest_of(&[b"A: b\r\n.\r\n"], Form::Wire, 6).is_err());
    }
}
