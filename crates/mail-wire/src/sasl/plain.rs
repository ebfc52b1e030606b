//! PLAIN (RFC 4616): everything in one message.

use super::step::{Malformed, Step};
use crate::{Credentials, Secret};

/// The server's side.
#[derive(Debug, Default)]
pub struct Server {
    over: bool,
}

impl Server {
    /// Without an initial response the challenge is empty: the client speaks first (P-253).
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match initial {
            Some(message) => self.respond(message),
            None => Step::Challenge(Vec::new()),
        }
    }

    /// Takes the message.
    pub fn respond(&mut self, message: &[u8]) -> Step {
        if std::mem::replace(&mut self.over, true) {
            return Step::Failed(Malformed::Over);
        }
        match read(message) {
            Ok(credentials) => Step::Offer(credentials),
            Err(malformed) => Step::Failed(malformed),
        }
    }
}

/// RFC 4616 §2: `message = [authzid] UTF8NUL authcid UTF8NUL passwd`.
///
/// The names have to be UTF-8. The password is kept as it came: clients that send Latin-1
/// exist, and the directory compares what it was given.
fn read(message: &[u8]) -> Result<Credentials, Malformed> {
    let mut parts = message.split(|&octet| octet == 0);
    let (Some(authzid), Some(name), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Malformed::Nuls);
    };
    if name.is_empty() || password.is_empty() {
        return Err(Malformed::Empty);
    }
    if std::str::from_utf8(authzid).is_err() || std::str::from_utf8(name).is_err() {
        return Err(Malformed::NotUtf8);
    }
    Ok(Credentials::Password {
        authzid: (!authzid.is_empty() && authzid != name).then(|| authzid.to_vec()),
        name: name.to_vec(),
        password: Secret::new(password.to_vec()),
    })
}

/// The client's message: name and password, and as whom to act where that is somebody else.
pub fn message(authzid: Option<&str>, name: &str, password: &Secret<String>) -> Secret<Vec<u8>> {
    let parts = [authzid.unwrap_or_default(), name, password.expose()];
    Secret::new(parts.map(str::as_bytes).join(&0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(step: Step) -> (Option<Vec<u8>>, Vec<u8>, Vec<u8>) {
        match step {
            Step::Offer(Credentials::Password { authzid, name, password }) => {
                (authzid, name, password.expose().clone())
            }
            other => panic!("no offer: {other:?}"),
        }
    }

    // RFC 4616 §4, both examples
    #[test]
    fn reads_the_examples() {
        let tim = Server::default().respond(b"\0tim\0tanstaaftanstaaf");
        assert_eq!(parts(tim), (None, b"tim".to_vec(), b"tanstaaftanstaaf".to_vec()));
        let kurt = Server::default().begin(Some(b"Ursel\0Kurt\0xipj3plmq"));
        assert_eq!(parts(kurt), (Some(b"Ursel".to_vec()), b"Kurt".to_vec(), b"xipj3plmq".to_vec()));
    }

    // P-100, A11: 0, 1, 3 and 4 NULs; empty parts
    #[test]
    fn refuses_what_the_grammar_refuses() {
        for (message, malformed) in [
            (&b""[..], Malformed::Nuls),
            (b"tim", Malformed::Nuls),
            (b"tim\0pass", Malformed::Nuls),
            (b"a\0b\0c\0d", Malformed::Nuls),
            (b"\0\0\0\0", Malformed::Nuls),
            (b"\0tim\0pass\0", Malformed::Nuls),
            (b"\0\0pass", Malformed::Empty),
            (b"\0tim\0", Malformed::Empty),
            (b"\0\0", Malformed::Empty),
            (b"\0t\xFFm\0pass", Malformed::NotUtf8),
            (b"\xC0\xAF\0tim\0pass", Malformed::NotUtf8),
        ] {
            match Server::default().respond(message) {
                Step::Failed(found) => assert_eq!(found, malformed, "{message:?}"),
                other => panic!("{message:?}: {other:?}"),
            }
        }
    }

    // P-100: at least 255 octets each; RFC 4616 §2: an authzid equal to the name is none
    #[test]
    fn takes_long_parts_and_forgets_an_authzid_that_says_nothing() {
        let message = [&[b'z'; 255][..], &[b'n'; 255], &[b'p'; 255]].join(&0);
        let (authzid, name, password) = parts(Server::default().respond(&message));
        assert_eq!((authzid.unwrap().len(), name.len(), password.len()), (255, 255, 255));
        assert_eq!(parts(Server::default().respond(b"a\0a\0p")).0, None);
        assert_eq!(parts(Server::default().respond(b"\0a\0caf\xE9")).2, b"caf\xE9");
    }

    // P-253
    #[test]
    fn without_an_initial_response_the_challenge_is_empty() {
        let mut server = Server::default();
        assert!(matches!(server.begin(None), Step::Challenge(challenge) if challenge.is_empty()));
        assert!(matches!(server.respond(b"\0a\0b"), Step::Offer(_)));
        assert!(matches!(server.respond(b"\0a\0b"), Step::Failed(Malformed::Over)));
    }

    proptest! {
        // client against server
        #[test]
        fn what_the_client_says_the_server_reads(
            authzid in prop::option::of("[^\u{0}]{1,20}"),
            name in "[^\u{0}]{1,20}",
            password in "[^\u{0}]{1,20}",
        ) {
            let said = message(authzid.as_deref(), &name, &Secret::new(password.clone()));
            let (read, login, secret) = parts(Server::default().begin(Some(said.expose())));
            prop_assert_eq!(read, authzid.filter(|id| *id != name).map(String::into_bytes));
            prop_assert_eq!((login, secret), (name.into_bytes(), password.into_bytes()));
        }
    }
}
