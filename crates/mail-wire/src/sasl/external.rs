//! EXTERNAL (RFC 4422, appendix A): TLS has shown already who it is.

use super::channel::PeerIdentity;
use super::step::{Malformed, Step};
use crate::Credentials;

/// The server's side.
#[derive(Debug)]
pub struct Server {
    peer: Option<PeerIdentity>,
    over: bool,
}

impl Server {
    /// A side for a peer with this identity; without one nothing can be shown.
    pub const fn new(peer: Option<PeerIdentity>) -> Self {
        Self { peer, over: false }
    }

    /// The client speaks first; its response may be empty.
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match initial {
            Some(authzid) => self.respond(authzid),
            None => Step::Challenge(Vec::new()),
        }
    }

    /// Takes the authorization identity, which is empty where it is the peer's own.
    pub fn respond(&mut self, authzid: &[u8]) -> Step {
        if std::mem::replace(&mut self.over, true) {
            return Step::Failed(Malformed::Over);
        }
        if authzid.contains(&0) || std::str::from_utf8(authzid).is_err() {
            return Step::Failed(Malformed::NotUtf8);
        }
        // CVE-2019-3814: what the certificate does not say is not believed of the login.
        let Some(peer) = self.peer.take() else { return Step::Failed(Malformed::NoIdentity) };
        let authzid = (!authzid.is_empty()).then(|| authzid.to_vec());
        Step::Offer(Credentials::External { authzid, peer })
    }
}

/// The client's response: as whom to act, or nothing for whom the certificate names.
pub fn response(authzid: Option<&str>) -> Vec<u8> {
    authzid.unwrap_or_default().as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anna() -> PeerIdentity {
        PeerIdentity { emails: vec!["anna@example.org".to_owned()], ..PeerIdentity::default() }
    }

    // P-116, P-254: authzid empty (`=`) or somebody
    #[test]
    fn the_identity_is_that_of_the_certificate() {
        for (said, expected) in
            [(response(None), None), (response(Some("anna")), Some(b"anna".to_vec()))]
        {
            let mut server = Server::new(Some(anna()));
            match server.begin(Some(&said)) {
                Step::Offer(Credentials::External { authzid, peer }) => {
                    assert_eq!((authzid, peer), (expected, anna()));
                }
                other => panic!("no offer: {other:?}"),
            }
            assert!(matches!(server.respond(b""), Step::Failed(Malformed::Over)));
        }
        let mut server = Server::new(Some(anna()));
        assert!(matches!(server.begin(None), Step::Challenge(challenge) if challenge.is_empty()));
        assert!(matches!(server.respond(b""), Step::Offer(_)));
    }

    // P-116: none -> -ERR
    #[test]
    fn without_a_certificate_nobody_is_anybody() {
        for said in [&b""[..], b"anna"] {
            let step = Server::new(None).begin(Some(said));
            assert!(matches!(step, Step::Failed(Malformed::NoIdentity)));
        }
        for wrong in [&b"a\0b"[..], b"\xFF"] {
            let step = Server::new(Some(anna())).begin(Some(wrong));
            assert!(matches!(step, Step::Failed(Malformed::NotUtf8)));
        }
    }
}
