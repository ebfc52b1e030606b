//! Paths of the envelope.

use std::fmt;

/// A mailbox as the envelope carries it: the parts as they were given, source route removed
/// (RFC 5321 §4.1.2).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    local_part: String,
    domain: Option<String>,
}

impl Mailbox {
    /// The local part, unquoted (RFC 5321 §4.1.2: quoting is no part of the name).
    pub fn local_part(&self) -> &str {
        &self.local_part
    }

    /// The domain or address literal as given; `None` only for `<postmaster>`, and for a bare
    /// local part where the session's policy takes those.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.local_part)?;
        self.domain.iter().try_for_each(|domain| write!(f, "@{domain}"))
    }
}

/// To whom: one RCPT's argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ForwardPath(Mailbox);

/// From whom: MAIL's argument; null for bounces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReversePath(Option<Mailbox>);

impl ForwardPath {
    /// The mailbox.
    pub fn mailbox(&self) -> &Mailbox {
        &self.0
    }
}

impl ReversePath {
    /// The mailbox, unless the path is null.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.0.as_ref()
    }
}
