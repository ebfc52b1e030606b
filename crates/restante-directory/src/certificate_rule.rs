//! Which account a client certificate names.

use mail_wire::sasl::PeerIdentity;

/// Which part of a certificate names the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRule {
    /// The addresses among its alternative names; the first that is an account's.
    Email,
    /// The common name of its subject.
    CommonName,
}

impl CertificateRule {
    /// The names that it could be, the first that fits first. Nothing where the certificate does
    /// not say: then it names nobody (CVE-2019-3814).
    pub(crate) fn names(self, peer: &PeerIdentity) -> Vec<String> {
        match self {
            Self::Email => peer.emails.clone(),
            Self::CommonName => peer.common_name.iter().cloned().collect(),
        }
    }
}
