//! The server's side of whichever mechanism was chosen.

use super::anonymous;
use super::bearer::{self, Dialect};
use super::channel::Channel;
use super::cram_md5;
use super::external;
use super::login;
use super::mechanism::Mechanism;
use super::plain;
use super::scram::{self, Salt, Signature};
use super::step::{Malformed, Step};

/// One run of one mechanism. It sees decoded octets only.
#[derive(Debug)]
pub enum Exchange {
    /// SCRAM, with channel binding or without.
    Scram(Box<scram::Server>),
    /// EXTERNAL.
    External(Box<external::Server>),
    /// OAUTHBEARER and XOAUTH2.
    Bearer(bearer::Server),
    /// PLAIN.
    Plain(plain::Server),
    /// CRAM-MD5.
    CramMd5(cram_md5::Server),
    /// ANONYMOUS.
    Anonymous(anonymous::Server),
    /// LOGIN.
    Login(login::Server),
}

/// What a run starts from.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// SCRAM's half of the nonce: 18 octets of chance or more, printable, without a comma. New
    /// for each run (P-106).
    pub nonce: String,
    /// CRAM-MD5's challenge: `<digits.digits@host>`. New for each run (RFC 2195 §2).
    pub challenge: String,
    /// What TLS says of the connection.
    pub channel: Channel,
    /// Whether a mechanism with -PLUS was announced on this connection.
    pub announces_plus: bool,
}

impl Exchange {
    /// A run of this mechanism, nothing said yet.
    pub fn new(mechanism: Mechanism, around: Surroundings) -> Self {
        let Surroundings { nonce, challenge, channel, announces_plus } = around;
        match mechanism {
            Mechanism::Scram { hash, plus } => Self::Scram(Box::new(scram::Server::new(
                hash,
                plus,
                announces_plus,
                channel,
                nonce,
            ))),
            Mechanism::External => Self::External(Box::new(external::Server::new(channel.peer))),
            Mechanism::OauthBearer => Self::Bearer(bearer::Server::new(Dialect::OauthBearer)),
            Mechanism::Xoauth2 => Self::Bearer(bearer::Server::new(Dialect::Xoauth2)),
            Mechanism::Plain => Self::Plain(plain::Server::default()),
            Mechanism::CramMd5 => Self::CramMd5(cram_md5::Server::new(challenge)),
            Mechanism::Anonymous => Self::Anonymous(anonymous::Server::default()),
            Mechanism::Login => Self::Login(login::Server::default()),
        }
    }

    /// The client began, with an initial response or without one. An empty initial response
    /// is one (P-254).
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match self {
            Self::Scram(server) => server.begin(initial),
            Self::External(server) => server.begin(initial),
            Self::Bearer(server) => server.begin(initial),
            Self::Plain(server) => server.begin(initial),
            Self::CramMd5(server) => server.begin(initial),
            Self::Anonymous(server) => server.begin(initial),
            Self::Login(server) => server.begin(initial),
        }
    }

    /// The client responded to the last challenge.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        match self {
            Self::Scram(server) => server.respond(response),
            Self::External(server) => server.respond(response),
            Self::Bearer(server) => server.respond(response),
            Self::Plain(server) => server.respond(response),
            Self::CramMd5(server) => server.respond(response),
            Self::Anonymous(server) => server.respond(response),
            Self::Login(server) => server.respond(response),
        }
    }

    /// The salt that [`Step::Salt`] asked for.
    pub fn salted(&mut self, salt: &Salt) -> Step {
        match self {
            Self::Scram(server) => server.salted(salt),
            _ => Step::Failed(Malformed::Over),
        }
    }

    /// What was offered is right. A challenge that the client has to answer before it is told
    /// so (P-112); `None`: tell it.
    pub fn accepted(&mut self, signature: Option<&Signature>) -> Option<Vec<u8>> {
        match self {
            Self::Scram(server) => signature.map(|signature| server.accepted(signature)),
            _ => None,
        }
    }

    /// What was offered is wrong. A challenge that the client has to answer before it is told
    /// so (P-114, P-115); `None`: tell it.
    pub fn refused(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Bearer(server) => Some(server.refused()),
            _ => None,
        }
    }
}
