//! TLS: STLS, port 995, ALPN, certificates.

use std::sync::Arc;
use std::time::Duration;

use restante_server::guard::limits::Limits;
use restante_server::net::service::Service;
use restante_server::net::tls::{TlsError, TlsSettings, inspect};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::house::{ANNAS, House, Peer, Plan, write_certificate};

/// A client that trusts the certificate which is in the house's folder now.
pub(crate) struct Client {
    config: ClientConfig,
}

impl Client {
    pub(crate) fn of(house: &House) -> Self {
        let mut roots = RootCertStore::empty();
        let path = house.folder.path().join("certificate.pem");
        roots.add(CertificateDer::from_pem_file(path).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { config }
    }

    /// One that speaks this version of TLS alone.
    pub(crate) fn speaking(
        house: &House,
        version: &'static rustls::SupportedProtocolVersion,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        let path = house.folder.path().join("certificate.pem");
        roots.add(CertificateDer::from_pem_file(path).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { config }
    }

    fn offering(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        self
    }

    pub(crate) async fn connect(
        self,
        stream: TcpStream,
    ) -> std::io::Result<Peer<TlsStream<TcpStream>>> {
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(self.config)).connect(name, stream).await.map(Peer::new)
    }
}

async fn pop3s(house: &House) -> Peer<TlsStream<TcpStream>> {
    let plain = house.connect(Service::Pop3s).await;
    let mut peer = Client::of(house).connect(plain.stream).await.unwrap();
    assert!(peer.line().await.starts_with("+OK "));
    peer
}

// P-121: the handshake follows +OK at once; the state stays AUTHORIZATION, and starts anew
#[tokio::test]
async fn stls_goes_over_to_tls_and_starts_anew() {
    let house = House::build().await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect("CAPA", "+OK").await;
    assert!(peer.rows().await.contains(&"STLS".to_owned()));
    peer.expect("USER anna", "+OK").await;
    peer.expect("STLS", "+OK").await;
    let mut peer = Client::of(&house).connect(peer.stream).await.unwrap();
    peer.expect("PASS geheim", "-ERR").await;
    peer.expect("STAT", "-ERR").await;
    peer.expect("CAPA", "+OK").await;
    assert!(!peer.rows().await.contains(&"STLS".to_owned()));
    // P-120
    peer.expect("STLS", "-ERR").await;
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
    peer.expect("STLS", "-ERR").await;
    peer.expect("STAT", "+OK 0 0").await;
    assert_eq!(house.number("restante_tls_handshakes_total"), 1);
}

// P-122, T1: what came in the clear behind STLS is never processed: the connection closes
#[tokio::test]
async fn plaintext_behind_stls_is_never_processed() {
    for injected in ["USER anna\r\n", "X", "USER anna\r\nPASS geheim\r\n"] {
        let house = House::build().await;
        let mut peer = house.greeted(Service::Pop3).await;
        peer.send(format!("STLS\r\n{injected}").as_bytes()).await;
        let said = String::from_utf8(peer.rest().await).unwrap();
        assert!(!said.contains("+OK"), "{injected:?}: {said}");
        assert_eq!(house.number("restante_logins_total"), 0);
    }
}

// P-122: nor what comes after +OK and is no handshake
#[tokio::test]
async fn plaintext_instead_of_a_handshake_closes() {
    let house = House::build().await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect("STLS", "+OK").await;
    peer.send(b"USER anna\r\nPASS geheim\r\nSTAT\r\n").await;
    let said = peer.rest().await;
    assert!(!said.windows(3).any(|octets| octets == b"+OK"), "{said:?}");
    assert_eq!(house.number("restante_tls_handshakes_failed_total"), 1);
}

// T2, P-125: without a certificate STLS is neither announced nor taken
#[tokio::test]
async fn without_a_certificate_there_is_no_stls() {
    let house = House::with(Plan { tls: false, ..Plan::default() }).await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect("CAPA", "+OK").await;
    assert!(!peer.rows().await.contains(&"STLS".to_owned()));
    peer.expect("STLS", "-ERR").await;
    assert_eq!(house.handle.reload_certificate(), Err(TlsError::Absent));
}

// P-124, P-092: port 995: handshake first, greeting inside
#[tokio::test]
async fn pop3s_greets_inside_tls() {
    let house = House::build().await;
    let mut peer = pop3s(&house).await;
    peer.expect("STAT", "-ERR").await;
    peer.expect("AUTH PLAIN AGFubmEAZ2VoZWlt", "+OK").await;
    peer.expect("STAT", "+OK 0 0").await;
}

// P-126 to P-128: TLS 1.3 preferred; TLS 1.2 with ECDHE and AEAD, extended master secret and
// secure renegotiation (which rustls, at this end too, asks for)
#[tokio::test]
async fn tls_1_3_is_preferred_and_1_2_is_modern() {
    let house = House::build().await;
    let suite = |peer: &Peer<TlsStream<TcpStream>>| {
        let session = peer.stream.get_ref().1;
        (session.protocol_version().unwrap(), session.negotiated_cipher_suite().unwrap().suite())
    };
    let mut peer = pop3s(&house).await;
    assert_eq!(suite(&peer).0, rustls::ProtocolVersion::TLSv1_3);
    peer.expect("QUIT", "+OK").await;
    let mut client = Client::of(&house);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    let path = house.folder.path().join("certificate.pem");
    roots.add(CertificateDer::from_pem_file(path).unwrap()).unwrap();
    client.config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.config.require_ems = true;
    let plain = house.connect(Service::Pop3s).await;
    let peer = client.connect(plain.stream).await.unwrap();
    let (version, suite) = suite(&peer);
    assert_eq!(version, rustls::ProtocolVersion::TLSv1_2);
    let suite = suite.as_str().unwrap();
    let modern = suite.contains("ECDHE") && (suite.contains("GCM") || suite.contains("CHACHA20"));
    assert!(modern, "{suite}");
}

// P-126, P-127, T3, T5: TLS 1.0, and 1.2 with nothing but RSA and CBC, get a fatal alert
#[tokio::test]
async fn old_versions_and_old_suites_are_refused() {
    let house = House::build().await;
    for minor in [1_u8, 3] {
        let mut hello = vec![3, minor];
        hello.extend_from_slice(&[7; 32]);
        // No session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
        hello.extend_from_slice(&[0, 0, 2, 0x00, 0x2F, 1, 0]);
        let length = u8::try_from(hello.len()).unwrap();
        let mut record = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length];
        record.extend_from_slice(&hello);
        let mut peer = house.connect(Service::Pop3s).await;
        peer.send(&record).await;
        let said = peer.rest().await;
        // An alert, fatal, and nothing else.
        assert!(
            said.first() == Some(&0x15) && said.get(5) == Some(&2) && said.len() == 7,
            "{said:?}"
        );
    }
}

// P-066: close_notify comes before the TCP close; rustls tells a truncation apart
#[tokio::test]
async fn tls_is_closed_before_tcp_is() {
    let house = House::build().await;
    let mut peer = pop3s(&house).await;
    peer.send(b"QUIT\r\n").await;
    let mut said = Vec::new();
    peer.stream.read_to_end(&mut said).await.expect("a close_notify, no truncation");
    assert!(said.starts_with(b"+OK"));
}

// P-131: a client that offers other protocols alone is refused; one that offers none is not
#[tokio::test]
async fn alpn_is_strict() {
    let house = House::build().await;
    for (offered, accepted) in
        [(&["pop3"][..], true), (&["http/1.1", "pop3"], true), (&["http/1.1"], false), (&[], true)]
    {
        let plain = house.connect(Service::Pop3s).await;
        let connected = Client::of(&house).offering(offered).connect(plain.stream).await;
        // TLS 1.3 clients may learn of it at their first read.
        let greeted = match connected {
            Ok(mut peer) => peer.line_or_end().await.is_some(),
            Err(error) => {
                assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
                false
            }
        };
        assert_eq!(greeted, accepted, "{offered:?}");
    }
}

// P-135: closing TLS ends the session; nothing goes on in the clear
#[tokio::test]
async fn closing_tls_ends_the_session() {
    let house = House::build().await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    let mut peer = pop3s(&house).await;
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
    peer.expect("DELE 1", "+OK").await;
    let (plain, session) = peer.stream.get_mut();
    session.send_close_notify();
    let mut notify = Vec::new();
    session.write_tls(&mut notify).unwrap();
    plain.write_all(&notify).await.unwrap();
    plain.write_all(b"QUIT\r\nNOOP\r\n").await.unwrap();
    house.until_open(0).await;
    assert_eq!(house.held(ANNAS).await, 1);
}

// T11: closed without close_notify after QUIT: removed all the same
#[tokio::test]
async fn quit_counts_without_close_notify() {
    let house = House::build().await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    let mut peer = pop3s(&house).await;
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
    peer.send(b"DELE 1\r\nQUIT\r\n").await;
    let (plain, _) = peer.stream.into_inner();
    drop(plain);
    house.until_open(0).await;
    assert_eq!(house.held(ANNAS).await, 0);
}

// T15, `rulings` 5: clear text on 995 gets one useful line, then the end
#[tokio::test]
async fn clear_text_on_the_tls_port_gets_one_line() {
    let house = House::build().await;
    let mut peer = house.connect(Service::Pop3s).await;
    peer.send(b"USER anna\r\nPASS geheim\r\n").await;
    let said = peer.line().await;
    assert!(said.starts_with("-ERR ") && said.contains("TLS"), "{said}");
    peer.ends().await;
    assert_eq!(house.number("restante_logins_total"), 0);
}

// L28, `rulings` 5: a ClientHello on 110 gets one useful line too
#[tokio::test]
async fn a_client_hello_on_the_clear_port_gets_one_line() {
    let house = House::build().await;
    let mut peer = house.connect(Service::Pop3).await;
    peer.send(&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]).await;
    let said = String::from_utf8(peer.rest().await).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() == 2 && lines[1].starts_with("-ERR "), "{said}");
}

// T16: half a ClientHello, then silence: closed when the handshake's time is over
#[tokio::test]
async fn half_a_client_hello_is_not_waited_for_for_ever() {
    let limits = Limits { tls_handshake: Duration::from_millis(200), ..Limits::default() };
    let house = House::with(Plan { limits, ..Plan::default() }).await;
    let mut peer = house.connect(Service::Pop3s).await;
    peer.send(&[0x16, 3, 1]).await;
    peer.rest().await;
    assert_eq!(house.number("restante_tls_handshakes_failed_total"), 1);
}

// T7, P-130: an unknown name is served the default certificate
#[tokio::test]
async fn an_unknown_server_name_is_served_all_the_same() {
    let house = House::build().await;
    let plain = house.connect(Service::Pop3s).await;
    let name = ServerName::try_from("elsewhere.example.com").unwrap();
    let connector = TlsConnector::from(Arc::new(Client::of(&house).config));
    let error = connector.connect(name, plain.stream).await.unwrap_err();
    assert!(
        error.to_string().contains("not valid for name"),
        "it is the client who minds: {error}"
    );
}

// Resumption: one ticket, shared by both services
#[tokio::test]
async fn a_session_is_resumed() {
    let house = House::build().await;
    let connector = TlsConnector::from(Arc::new(Client::of(&house).config));
    for _ in 0..2 {
        let plain = house.connect(Service::Pop3s).await;
        let name = ServerName::try_from("localhost").unwrap();
        let mut peer = Peer::new(connector.connect(name, plain.stream).await.unwrap());
        assert!(peer.line().await.starts_with("+OK "));
        peer.expect("QUIT", "+OK").await;
        peer.ends().await;
    }
    assert_eq!(house.number("restante_tls_handshakes_resumed_total"), 1);
}

// T12: a new certificate is for new sessions; the old ones live on
#[tokio::test]
async fn a_new_certificate_ends_no_session() {
    let house = House::build().await;
    let mut before = pop3s(&house).await;
    write_certificate(house.folder.path(), &["localhost", "pop.example.org"]);
    let certificate = house.handle.reload_certificate().unwrap();
    assert_eq!(certificate.names, ["localhost", "pop.example.org"]);
    before.expect("USER anna", "+OK").await;
    pop3s(&house).await.expect("QUIT", "+OK").await;
}

// T13: replaced by rubbish: the old one stays, and it is told and counted
#[tokio::test]
async fn a_bad_new_certificate_keeps_the_old_one() {
    let house = House::build().await;
    let client = || Client::of(&house);
    let (first, second) = (client(), client());
    let certificate = house.folder.path().join("certificate.pem");
    let good = std::fs::read(&certificate).unwrap();
    std::fs::write(&certificate, "rubbish").unwrap();
    let error = house.handle.reload_certificate().unwrap_err();
    assert!(matches!(error, TlsError::Certificate { .. }), "{error}");
    let plain = house.connect(Service::Pop3s).await;
    assert!(first.connect(plain.stream).await.unwrap().line().await.starts_with("+OK"));
    // Another's key: it does not fit.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = write_certificate(elsewhere.path(), &["localhost"]);
    std::fs::write(&certificate, good).unwrap();
    std::fs::copy(other.key, house.folder.path().join("key.pem")).unwrap();
    let error = house.handle.reload_certificate().unwrap_err();
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    let plain = house.connect(Service::Pop3s).await;
    assert!(second.connect(plain.stream).await.unwrap().line().await.starts_with("+OK"));
    assert_eq!(house.number("restante_certificate_reloads_failed_total"), 2);
}

// C2: what is wrong is said for each file
#[test]
fn a_certificate_is_inspected_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let good = write_certificate(folder.path(), &["localhost", "192.0.2.1"]);
    let certificate = inspect(&good).unwrap();
    assert_eq!(certificate.names, ["localhost", "192.0.2.1"]);
    assert!(certificate.holds_at(jiff::Timestamp::now()));
    let absent = TlsSettings { key: folder.path().join("absent.pem"), ..good.clone() };
    assert!(matches!(inspect(&absent), Err(TlsError::File { .. })));
    let swapped = TlsSettings { key: good.certificate.clone(), certificate: good.key };
    assert!(matches!(inspect(&swapped), Err(TlsError::Certificate { .. })));
}

// P-215: STARTTLS of LMTP and SMTP, without ALPN; then `with LMTPS` in Received (P-203)
#[tokio::test]
async fn starttls_takes_mail_inside_tls() {
    let house = House::build().await;
    let mut peer = house.greeted(Service::Lmtp).await;
    peer.send(b"LHLO relay.example.com\r\n").await;
    let mut offered = Vec::new();
    while offered.last().is_none_or(|line: &String| !line.starts_with("250 ")) {
        offered.push(peer.line().await);
    }
    assert!(offered.iter().any(|line| line.ends_with("STARTTLS")), "{offered:?}");
    peer.expect("STARTTLS", "220").await;
    let mut peer = Client::of(&house).connect(peer.stream).await.unwrap();
    peer.expect("MAIL FROM:<>", "503").await;
    peer.send(b"LHLO relay.example.com\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n")
        .await;
    while !peer.line().await.starts_with("354") {}
    peer.expect("A: b\r\n\r\n.", "250").await;
    let mut anna = house.anna().await;
    anna.expect("RETR 1", "+OK").await;
    let rows = anna.rows().await;
    assert!(rows.iter().any(|row| row.contains(" with LMTPS id ")), "{rows:?}");
}

// P-215, P-122: nor is clear text kept over STARTTLS
#[tokio::test]
async fn plaintext_behind_starttls_is_never_processed() {
    let house = House::build().await;
    for service in [Service::Lmtp, Service::Smtp] {
        let mut peer = house.greeted(service).await;
        let hello = if service == Service::Lmtp { "LHLO" } else { "EHLO" };
        peer.send(format!("{hello} a\r\n").as_bytes()).await;
        while !peer.line().await.starts_with("250 ") {}
        peer.send(b"STARTTLS\r\nNOOP\r\n").await;
        let said = String::from_utf8(peer.rest().await).unwrap();
        assert!(!said.contains("250"), "{said}");
    }
}
