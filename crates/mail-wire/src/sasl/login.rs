//! LOGIN (draft-murchison-sasl-login-00): name and password, one after the other.

use super::fault::ServerFault;
use super::step::{Malformed, Step};
use crate::{Credentials, Secret};

/// The server's side.
#[derive(Debug, Default)]
pub struct Server {
    wants: Wants,
}

#[derive(Debug, Default)]
enum Wants {
    #[default]
    Name,
    Password {
        name: Vec<u8>,
    },
    Nothing,
}

impl Server {
    /// An initial response is the name, as curl sends it (P-102).
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match initial {
            Some(name) => self.respond(name),
            None => Step::Challenge(b"Username:".to_vec()),
        }
    }

    /// Takes the name, then the password.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        match std::mem::replace(&mut self.wants, Wants::Nothing) {
            Wants::Nothing => Step::Failed(Malformed::Over),
            _ if response.is_empty() => Step::Failed(Malformed::Empty),
            Wants::Name if std::str::from_utf8(response).is_err() => {
                Step::Failed(Malformed::NotUtf8)
            }
            Wants::Name => {
                self.wants = Wants::Password { name: response.to_vec() };
                Step::Challenge(b"Password:".to_vec())
            }
            Wants::Password { name } => Step::Offer(Credentials::Password {
                authzid: None,
                name,
                password: Secret::new(response.to_vec()),
            }),
        }
    }
}

/// The client's side.
#[derive(Debug)]
pub struct Client {
    rest: Vec<Secret<Vec<u8>>>,
}

impl Client {
    /// A side that says this name, and then this password.
    pub fn new(name: &str, password: &Secret<String>) -> Self {
        let [name, password] = [name, password.expose()].map(|said| said.as_bytes().to_vec());
        Self { rest: vec![Secret::new(password), Secret::new(name)] }
    }

    /// The response to the next challenge. Servers word them differently; their order is the
    /// same.
    ///
    /// # Errors
    /// There was one challenge too many.
    pub fn respond(&mut self) -> Result<Secret<Vec<u8>>, ServerFault> {
        self.rest.pop().ok_or(ServerFault::Over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(step: Step) -> Vec<u8> {
        match step {
            Step::Challenge(challenge) => challenge,
            other => panic!("no challenge: {other:?}"),
        }
    }

    // P-102: the two challenges, with and without an initial response
    #[test]
    fn asks_for_the_name_and_then_for_the_password() {
        for initial in [false, true] {
            let mut server = Server::default();
            if initial {
                assert_eq!(challenge(server.begin(Some(b"tim"))), b"Password:");
            } else {
                assert_eq!(challenge(server.begin(None)), b"Username:");
                assert_eq!(challenge(server.respond(b"tim")), b"Password:");
            }
            match server.respond(b"tanstaaf \xE9") {
                Step::Offer(Credentials::Password { authzid: None, name, password }) => {
                    assert_eq!(
                        (&name[..], &password.expose()[..]),
                        (&b"tim"[..], &b"tanstaaf \xE9"[..])
                    );
                }
                other => panic!("no offer: {other:?}"),
            }
            assert!(matches!(server.respond(b"more"), Step::Failed(Malformed::Over)));
        }
    }

    // A4
    #[test]
    fn nothing_may_be_empty() {
        assert!(matches!(Server::default().begin(Some(b"")), Step::Failed(Malformed::Empty)));
        let mut server = Server::default();
        server.begin(Some(b"tim"));
        assert!(matches!(server.respond(b""), Step::Failed(Malformed::Empty)));
        assert!(matches!(server.respond(b"late"), Step::Failed(Malformed::Over)));
    }

    // P-102: client against server
    #[test]
    fn what_the_client_says_the_server_reads() {
        let mut client = Client::new("tim", &Secret::new("tan staaf".to_owned()));
        let mut server = Server::default();
        server.begin(None);
        server.respond(client.respond().unwrap().expose());
        match server.respond(client.respond().unwrap().expose()) {
            Step::Offer(Credentials::Password { name, password, .. }) => {
                assert_eq!((&name[..], &password.expose()[..]), (&b"tim"[..], &b"tan staaf"[..]));
            }
            other => panic!("no offer: {other:?}"),
        }
        assert_eq!(client.respond().err(), Some(ServerFault::Over));
    }
}
