//! What a listener speaks, where it listens, and who is at the other end.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// POP3, with STLS where a certificate is there (RFC 1939, RFC 2595).
    Pop3,
    /// POP3 inside TLS from the first octet (RFC 8314 §3.3).
    Pop3s,
    /// LMTP (RFC 2033).
    Lmtp,
    /// Receiving SMTP (RFC 5321).
    Smtp,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pop3, Self::Pop3s, Self::Lmtp, Self::Smtp];

    /// Its name, as in the settings and the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
            Self::Lmtp => "lmtp",
            Self::Smtp => "smtp",
        }
    }

    /// Whether it hands mail out rather than taking it in.
    pub const fn is_pop3(self) -> bool {
        matches!(self, Self::Pop3 | Self::Pop3s)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a listener ended up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An address and the real port, also where port 0 was asked for.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// The TCP address, unless it is a Unix socket.
    pub const fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Who is at the other end. Set once, when the connection is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An address; one that is mapped into IPv6 stands here as the IPv4 address it is.
    Tcp(SocketAddr),
    /// A process on this machine.
    Local {
        /// Its user, where the system says so.
        uid: Option<u32>,
    },
}

impl Peer {
    /// The peer at this address.
    pub fn at(address: SocketAddr) -> Self {
        Self::Tcp(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// Its address; that of a process on this machine is the loopback address.
    pub const fn ip(self) -> IpAddr {
        match self {
            Self::Tcp(address) => address.ip(),
            Self::Local { .. } => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// Whether what it says never leaves this machine.
    pub const fn is_loopback(self) -> bool {
        self.ip().is_loopback()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.ip().fmt(f),
            Self::Local { .. } => f.write_str("this machine"),
        }
    }
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Tcp(address) => serializer.collect_str(address),
            Self::Local { .. } => serializer.serialize_str("local"),
        }
    }
}
