//! The server's side of whichever mechanism was chosen.

use super::login;
use super::mechanism::Mechanism;
use super::plain;
use super::step::Step;

/// One run of one mechanism. It sees decoded octets only.
#[derive(Debug)]
pub enum Exchange {
    /// PLAIN.
    Plain(plain::Server),
    /// LOGIN.
    Login(login::Server),
}

impl Exchange {
    /// A run of this mechanism, nothing said yet.
    pub fn new(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Plain => Self::Plain(plain::Server::default()),
            Mechanism::Login => Self::Login(login::Server::default()),
        }
    }

    /// The client began, with an initial response or without one. An empty initial response
    /// is one (P-254).
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match self {
            Self::Plain(server) => server.begin(initial),
            Self::Login(server) => server.begin(initial),
        }
    }

    /// The client responded to the last challenge.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        match self {
            Self::Plain(server) => server.respond(response),
            Self::Login(server) => server.respond(response),
        }
    }
}
