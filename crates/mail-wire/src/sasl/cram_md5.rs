//! CRAM-MD5 (RFC 2195): a digest over a challenge and a secret that both sides can read.

use super::step::{Malformed, Step};
use crate::credentials::DigestMethod;
use crate::{Credentials, Secret};

/// The server's side.
#[derive(Debug)]
pub struct Server {
    challenge: String,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    New,
    Challenged,
    Over,
}

impl Server {
    /// A side that asks this: `<chance.time@host>`, never the same twice (RFC 2195 §2).
    pub const fn new(challenge: String) -> Self {
        Self { challenge, state: State::New }
    }

    /// The server speaks first: RFC 5034 §4 does not allow an initial response here (P-254).
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        if initial.is_some() || self.state != State::New {
            self.state = State::Over;
            return Step::Failed(Malformed::Unexpected);
        }
        self.state = State::Challenged;
        Step::Challenge(self.challenge.clone().into_bytes())
    }

    /// Takes `name SP digest`, split at the last space.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        if std::mem::replace(&mut self.state, State::Over) != State::Challenged {
            return Step::Failed(Malformed::Over);
        }
        match read(response) {
            Ok((name, digest)) => Step::Offer(Credentials::Digest {
                method: DigestMethod::CramMd5,
                name,
                challenge: std::mem::take(&mut self.challenge),
                digest,
            }),
            Err(malformed) => Step::Failed(malformed),
        }
    }
}

fn read(response: &[u8]) -> Result<(Vec<u8>, [u8; 16]), Malformed> {
    let space = response.iter().rposition(|&octet| octet == b' ').ok_or(Malformed::Grammar)?;
    let (name, digest) = response.split_at_checked(space).ok_or(Malformed::Grammar)?;
    let digest = digest.strip_prefix(b" ").and_then(digest_of).ok_or(Malformed::Grammar)?;
    if name.is_empty() {
        return Err(Malformed::Empty);
    }
    if std::str::from_utf8(name).is_err() || name.contains(&0) {
        return Err(Malformed::NotUtf8);
    }
    Ok((name.to_vec(), digest))
}

/// 32 hexadecimal digits in lower case.
fn digest_of(text: &[u8]) -> Option<[u8; 16]> {
    let mut digest = [0; 16];
    if text.len() != 32 {
        return None;
    }
    for (octet, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = *pair else { return None };
        *octet = (value(high)? << 4) | value(low)?;
    }
    Some(digest)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit & 0x0F),
        b'a'..=b'f' => digit.checked_sub(b'a').map(|above| above.saturating_add(10)),
        _ => None,
    }
}

/// The client's response to a challenge.
pub fn response(name: &str, secret: &Secret<Vec<u8>>, challenge: &[u8]) -> Vec<u8> {
    let digest = DigestMethod::CramMd5.of(challenge, secret.expose());
    let mut response = name.as_bytes().to_vec();
    response.push(b' ');
    for octet in digest {
        response.extend_from_slice(format!("{octet:02x}").as_bytes());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "<1896.697170952@postoffice.reston.mci.net>";

    fn asked() -> Server {
        let mut server = Server::new(CHALLENGE.to_owned());
        let step = server.begin(None);
        assert!(matches!(step, Step::Challenge(challenge) if challenge == CHALLENGE.as_bytes()));
        server
    }

    // P-103: the example of RFC 2195 §2
    #[test]
    fn the_example_of_the_rfc() {
        let secret = Secret::new(b"tanstaaftanstaaf".to_vec());
        let said = response("tim", &secret, CHALLENGE.as_bytes());
        assert_eq!(said, b"tim b913a602c7eda7a495b4e6e7334d3890");
        match asked().respond(&said) {
            Step::Offer(Credentials::Digest { method, name, challenge, digest }) => {
                assert_eq!((method, &name[..]), (DigestMethod::CramMd5, &b"tim"[..]));
                assert_eq!(method.of(challenge.as_bytes(), b"tanstaaftanstaaf"), digest);
                assert_ne!(method.of(challenge.as_bytes(), b"tanstaaftanstaag"), digest);
            }
            other => panic!("no offer: {other:?}"),
        }
    }

    // P-103: split at the last space
    #[test]
    fn names_may_hold_spaces() {
        match asked().respond(b"tim o tee b913a602c7eda7a495b4e6e7334d3890") {
            Step::Offer(Credentials::Digest { name, .. }) => assert_eq!(name, b"tim o tee"),
            other => panic!("no offer: {other:?}"),
        }
    }

    // P-103, P-254
    #[test]
    fn refuses_what_is_no_response() {
        for wrong in [
            &b""[..],
            b"tim",
            b"tim ",
            b"b913a602c7eda7a495b4e6e7334d3890",
            b" b913a602c7eda7a495b4e6e7334d3890",
            b"tim b913a602c7eda7a495b4e6e7334d389",
            b"tim b913a602c7eda7a495b4e6e7334d38900",
            b"tim B913A602C7EDA7A495B4E6E7334D3890",
            b"tim b913a602c7eda7a495b4e6e7334d389g",
            b"t\xFFm b913a602c7eda7a495b4e6e7334d3890",
            b"t\0m b913a602c7eda7a495b4e6e7334d3890",
        ] {
            assert!(matches!(asked().respond(wrong), Step::Failed(_)), "{wrong:?}");
        }
        let step = Server::new(CHALLENGE.to_owned()).begin(Some(b""));
        assert!(matches!(step, Step::Failed(Malformed::Unexpected)));
        let step = Server::new(CHALLENGE.to_owned()).respond(b"tim x");
        assert!(matches!(step, Step::Failed(Malformed::Over)));
    }
}
