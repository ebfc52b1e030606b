//! `[tls]`: certificate and key.

use std::path::{Path, PathBuf};

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::path::FilePath;
use crate::settings::reader::Reader;

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// The certificate and its chain, PEM.
    pub(crate) certificate: PathBuf,
    /// The private key, PEM.
    pub(crate) key: PathBuf,
}

impl Tls {
    /// The table.
    pub(crate) const NAME: &'static str = "tls";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "The certificate. Without one there is no POP3S and no STLS, and passwords are taken on \
         loopback only.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            certificate: reader.setting(&FilePath, Definition {
                name: "certificate",
                otherwise: Otherwise::Required("\"/etc/ssl/mail.pem\""),
                meaning: "A PEM file: the certificate of this host first, then those that lead \
                          to its root. The file is read again when it changes; another path takes \
                          effect at the next start.",
                reloads: false,
            }),
            key: reader.setting(&FilePath, Definition {
                name: "key",
                otherwise: Otherwise::Required("\"/etc/ssl/mail.key\""),
                meaning: "A PEM file with the private key. Only the user that the server runs as \
                          may read it. The file is read again when it changes; another path \
                          takes effect at the next start.",
                reloads: false,
            }),
        }
    }

    /// Relative paths start at the folder of the configuration.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        self.certificate = folder.join(&self.certificate);
        self.key = folder.join(&self.key);
    }
}
