//! What TLS says of the connection below: channel bindings, and who the peer is.

use crate::Secret;

/// A kind of channel binding that is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binding {
    /// `tls-exporter` (RFC 9266): 32 octets that are this connection's alone. Under TLS 1.3 it
    /// is the kind that both sides have to have.
    Exporter,
    /// `tls-server-end-point` (RFC 5929 §4): the hash of the server's certificate.
    EndPoint,
}

impl Binding {
    /// All of them, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Exporter, Self::EndPoint];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exporter => "tls-exporter",
            Self::EndPoint => "tls-server-end-point",
        }
    }

    /// The kind of this name. RFC 5056 §7: names are compared as they are.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|binding| binding.name().as_bytes() == name)
    }
}

/// The TLS connection as a mechanism sees it; without TLS, nothing of it is there.
#[derive(Clone, Debug, Default)]
pub struct Channel {
    /// The data of `tls-exporter`: label `EXPORTER-Channel-Binding`, empty context, 32 octets
    /// (RFC 9266 §2). `None` below TLS 1.3 (P-111).
    pub exporter: Option<Secret<Vec<u8>>>,
    /// The data of `tls-server-end-point`; `None` below TLS 1.3, and for certificates whose
    /// signature has no hash of its own (RFC 5929 §4.1, P-110).
    pub end_point: Option<Vec<u8>>,
    /// Who the peer is by its certificate, which TLS has verified; `None`: it showed none.
    pub peer: Option<PeerIdentity>,
}

impl Channel {
    /// The data of this kind of binding, where there is any.
    pub fn data(&self, binding: Binding) -> Option<&[u8]> {
        match binding {
            Binding::Exporter => self.exporter.as_ref().map(|data| data.expose().as_slice()),
            Binding::EndPoint => self.end_point.as_deref(),
        }
    }

    /// Whether anything can be bound to it.
    pub const fn binds(&self) -> bool {
        self.exporter.is_some() || self.end_point.is_some()
    }
}

/// What a verified client certificate says of its holder. Which of it names an account is for
/// the directory to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The subject as one line, for the log.
    pub subject: String,
    /// The common name, where the subject has exactly one.
    pub common_name: Option<String>,
    /// The addresses among the subject's alternative names (rfc822Name).
    pub emails: Vec<String>,
}
