//! Certificates: what a PEM file holds, and what is wrong with it.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The names and addresses it is good for.
    pub names: Vec<String>,
    /// When it begins to hold.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
}

impl Certificate {
    /// Reads it from DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        let time = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).map_err(|error| error.to_string())
        };
        let names = certificate
            .subject_alternative_name()
            .map_err(|error| error.to_string())?
            .map(|names| names.value.general_names.iter().filter_map(shown).collect())
            .unwrap_or_default();
        Ok(Self {
            names,
            not_before: time(certificate.validity().not_before)?,
            not_after: time(certificate.validity().not_after)?,
        })
    }

    /// Whether it holds at this time. One that does not is served all the same: a client that
    /// checks says so, and one that does not goes on working.
    pub fn holds_at(&self, time: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }
}

fn shown(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(|o| std::net::IpAddr::from(o).to_string());
            v4.or_else(|_| {
                <[u8; 16]>::try_from(*octets).map(|o| std::net::IpAddr::from(o).to_string())
            })
            .ok()
        }
        _ => None,
    }
}

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No certificate is configured.
    #[error("no certificate is configured")]
    Absent,
    /// A file cannot be read.
    #[error("cannot read {}: {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// A file holds no certificate, or not one that can be used.
    #[error("no usable certificate in {}: {problem}", path.display())]
    Certificate {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file holds no private key, or not one that can be used.
    #[error("no usable private key in {}: {problem}", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The key is not that of the certificate.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up: {problem}")]
    Setup {
        /// What is wrong.
        problem: String,
    },
}
