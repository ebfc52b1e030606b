//! TLS: the one place that knows rustls. Certificates are read, checked and replaced here.
//!
//! TLS 1.2 and 1.3 with aws-lc-rs (P-126 to P-128: rustls has no older version, no CBC, no RSA
//! key transport, no renegotiation), no 0-RTT, no client certificates (P-117).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use mail_wire::Secret;
use mail_wire::sasl::Channel;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

pub use crate::net::certificate::{Certificate, TlsError};
use crate::net::channel::{end_point, identity};
use crate::net::socket::Socket;

/// A TLS stream over an accepted socket.
pub(crate) type Encrypted = tokio_rustls::server::TlsStream<Socket>;

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// A PEM file: the certificate first, then those that lead to its root.
    pub certificate: PathBuf,
    /// A PEM file with the private key.
    pub key: PathBuf,
}

/// Reads certificate and key, and checks that they can be used together.
///
/// # Errors
/// What is wrong with which file.
pub fn inspect(settings: &TlsSettings) -> Result<Certificate, TlsError> {
    load(settings).map(|(_, certificate)| certificate)
}

/// What is spoken inside, as ALPN names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `pop3`, strictly: a client that offers other names alone is refused (P-131).
    Pop3,
    /// LMTP and SMTP have no name.
    Mail,
}

/// What was agreed in a handshake.
#[derive(Clone, Debug)]
pub(crate) struct Secured {
    /// `TLSv1.3`, as the log says it.
    pub(crate) version: &'static str,
    /// The suite's name.
    pub(crate) suite: &'static str,
    /// Whether an earlier session was resumed.
    pub(crate) resumed: bool,
    /// What SASL can be bound to, and who the peer is by its certificate.
    pub(crate) channel: Channel,
}

/// The certificate in use, and what goes with it.
pub(crate) struct Tls {
    settings: TlsSettings,
    tickets: Arc<dyn ProducesTickets>,
    current: ArcSwap<Current>,
}

struct Current {
    pop3: TlsAcceptor,
    mail: TlsAcceptor,
    certificate: Certificate,
    /// The certificate's own data for channel binding.
    end_point: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the certificate for the first time.
    pub(crate) fn new(settings: TlsSettings) -> Result<Self, TlsError> {
        // Shared by both configurations and by all that follow: a new certificate ends no
        // resumption. Its keys change every six hours, and die after twelve (P-129).
        let tickets = aws_lc_rs::Ticketer::new().map_err(|error| setup(&error))?;
        let (key, certificate) = load(&settings)?;
        let current = Current::new(key, certificate, &tickets)?;
        Ok(Self { settings, tickets, current: ArcSwap::from_pointee(current) })
    }

    /// Reads certificate and key again. The old ones stay if the new ones cannot be used;
    /// sessions that are open keep what they began with.
    pub(crate) fn reload(&self) -> Result<Certificate, TlsError> {
        let (key, certificate) = load(&self.settings)?;
        let current = Current::new(key, certificate.clone(), &self.tickets)?;
        self.current.store(Arc::new(current));
        Ok(certificate)
    }

    /// The certificate in use.
    pub(crate) fn certificate(&self) -> Certificate {
        self.current.load().certificate.clone()
    }

    /// The files that it is read from.
    pub(crate) fn files(&self) -> [&Path; 2] {
        [&self.settings.certificate, &self.settings.key]
    }

    /// Carries out a handshake.
    pub(crate) async fn accept(
        &self,
        socket: Socket,
        protocol: Protocol,
    ) -> io::Result<(Encrypted, Secured)> {
        let (acceptor, end_point) = {
            let current = self.current.load();
            let acceptor = match protocol {
                Protocol::Pop3 => current.pop3.clone(),
                Protocol::Mail => current.mail.clone(),
            };
            (acceptor, current.end_point.clone())
        };
        let stream = acceptor.accept(socket).await?;
        let session = stream.get_ref().1;
        let secured = Secured {
            version: session.protocol_version().map_or("TLS", |version| match version {
                rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
                rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2",
                _ => "TLS",
            }),
            suite: session
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown suite"),
            resumed: session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            channel: channel(session, end_point),
        };
        Ok((stream, secured))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls({})", self.settings.certificate.display())
    }
}

impl Current {
    fn new(
        key: CertifiedKey,
        certificate: Certificate,
        tickets: &Arc<dyn ProducesTickets>,
    ) -> Result<Self, TlsError> {
        let end_point = key.end_entity_cert().ok().and_then(|first| end_point(first));
        let resolver: Arc<dyn ResolvesServerCert> =
            Arc::new(rustls::sign::SingleCertAndKey::from(key));
        let acceptor = |protocols: &[&[u8]]| {
            let mut config =
                ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                    .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                    .map_err(|error| setup(&error))?
                    .with_no_client_auth()
                    .with_cert_resolver(Arc::clone(&resolver));
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            config.ticketer = Arc::clone(tickets);
            // A poller needs one; the second would be 25 % of a resumption's cost.
            config.send_tls13_tickets = 1;
            config.max_early_data_size = 0;
            Ok(TlsAcceptor::from(Arc::new(config)))
        };
        Ok(Self { pop3: acceptor(&[b"pop3"])?, mail: acceptor(&[])?, certificate, end_point })
    }
}

/// What a finished handshake can be bound to: nothing below TLS 1.3, where both kinds would need
/// more than is known here (RFC 9266 §4.2, P-111).
fn channel(session: &rustls::ServerConnection, end_point: Option<Vec<u8>>) -> Channel {
    let peer = session.peer_certificates().and_then(<[_]>::first);
    let peer = peer.and_then(|certificate| identity(certificate));
    if session.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
        return Channel { peer, ..Channel::default() };
    }
    // RFC 9266 §2: this label, an empty context, 32 octets.
    let exporter =
        session.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b""));
    Channel { exporter: exporter.ok().map(Secret::new), end_point, peer }
}

fn load(settings: &TlsSettings) -> Result<(CertifiedKey, Certificate), TlsError> {
    let chain = certificates(&settings.certificate)?;
    let in_certificate =
        |problem: String| TlsError::Certificate { path: settings.certificate.clone(), problem };
    let first = chain.first().ok_or_else(|| in_certificate("there is none".to_owned()))?;
    let certificate = Certificate::from_der(first).map_err(in_certificate)?;
    let in_key = |problem: String| TlsError::Key { path: settings.key.clone(), problem };
    let key = PrivateKeyDer::from_pem_slice(&read(&settings.key)?)
        .map_err(|error| in_key(pem_problem(&error)))?;
    let key = aws_lc_rs::default_provider()
        .key_provider
        .load_private_key(key)
        .map_err(|error| in_key(error.to_string()))?;
    let key = CertifiedKey::new(chain, key);
    match key.keys_match() {
        // Unknown: a key that does not tell its public part. A handshake will.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok((key, certificate))
        }
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch {
            certificate: settings.certificate.clone(),
            key: settings.key.clone(),
        }),
        Err(error) => Err(in_certificate(error.to_string())),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| {
        TlsError::Certificate { path: path.to_owned(), problem: pem_problem(&error) }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path)
        .map_err(|error| TlsError::File { path: path.to_owned(), problem: error.to_string() })
}

fn pem_problem(error: &rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::NoItemsFound => "there is none in PEM form".to_owned(),
        error => error.to_string(),
    }
}

fn setup(error: &rustls::Error) -> TlsError {
    TlsError::Setup { problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    // P-129: tickets are time-limited; TicketRotator draws new keys at half of that time
    #[test]
    fn tickets_live_for_half_a_day() {
        let tickets = aws_lc_rs::Ticketer::new().unwrap();
        assert!(tickets.enabled());
        assert_eq!(tickets.lifetime(), 12 * 60 * 60);
    }
}
