//! What a peer offers to show who it is.

use hmac::{Hmac, Mac};
use md5::{Digest as _, Md5};

use crate::Secret;
use crate::sasl::channel::PeerIdentity;
use crate::sasl::scram;

/// What was offered, whatever command or mechanism carried it.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A name and a password, both as the octets that came: USER/PASS (RFC 1939 §7), PLAIN
    /// (RFC 4616), LOGIN.
    Password {
        /// As whom to act; `None` where it was absent, empty, or equal to `name`.
        authzid: Option<Vec<u8>>,
        /// The authentication identity.
        name: Vec<u8>,
        /// The password, spaces and 8-bit octets included.
        password: Secret<Vec<u8>>,
    },
    /// A digest over a challenge of ours and a secret: APOP (RFC 1939 §7), CRAM-MD5 (RFC 2195).
    Digest {
        /// How it was made.
        method: DigestMethod,
        /// The authentication identity.
        name: Vec<u8>,
        /// What was asked: the greeting's timestamp or the challenge, angle brackets included.
        challenge: String,
        /// The digest that was offered.
        digest: [u8; 16],
    },
    /// A proof of SCRAM (RFC 5802, 7677).
    Scram(scram::Proof),
    /// A token that somebody else gave out: OAUTHBEARER (RFC 7628), XOAUTH2.
    Token {
        /// Whose it is said to be.
        name: Option<Vec<u8>>,
        /// The token.
        token: Secret<Vec<u8>>,
    },
    /// A certificate that TLS has verified: EXTERNAL (RFC 4422, appendix A).
    External {
        /// As whom to act; `None`: as whom the certificate names.
        authzid: Option<Vec<u8>>,
        /// What the certificate says.
        peer: PeerIdentity,
    },
    /// Nobody in particular: ANONYMOUS (RFC 4505).
    Anonymous {
        /// What it says of itself, for the log.
        trace: String,
    },
}

impl Credentials {
    /// Whose they are said to be, for logs and counts; empty where that is not known yet.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Password { name, .. } | Self::Digest { name, .. } => name,
            Self::Scram(proof) => &proof.name,
            Self::Token { name, .. } => name.as_deref().unwrap_or_default(),
            Self::External { authzid, peer } => {
                authzid.as_deref().unwrap_or(peer.subject.as_bytes())
            }
            Self::Anonymous { .. } => b"anonymous",
        }
    }
}

/// How a digest is made of a challenge and a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestMethod {
    /// MD5 over both (RFC 1939 §7).
    Apop,
    /// HMAC-MD5 (RFC 2195 §2).
    CramMd5,
}

impl DigestMethod {
    /// The digest that proves this secret.
    pub fn of(self, challenge: &[u8], secret: &[u8]) -> [u8; 16] {
        match self {
            Self::Apop => Md5::new().chain_update(challenge).chain_update(secret).finalize().into(),
            Self::CramMd5 => hmac_md5(secret, challenge),
        }
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §3)")]
fn hmac_md5(key: &[u8], text: &[u8]) -> [u8; 16] {
    let mac = Hmac::<Md5>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(text).finalize().into_bytes().into()
}
