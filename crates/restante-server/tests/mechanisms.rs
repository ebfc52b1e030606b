//! AUTH over sockets, with accounts in a database: SCRAM bound to real TLS, digests, tokens,
//! a public maildrop.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_wire::sasl::bearer::{Client as Bearer, Dialect};
use mail_wire::sasl::scram::{Bound, Client as Scram, Hash};
use mail_wire::sasl::{Binding, cram_md5};
use mail_wire::{DigestMethod, MaildropId, Secret};
use restante_directory::{
    Accounts, HashCost, Kind, Manage, NewAccount, NewAppPassword, Pending, Scope, Settings,
    TokenError, TokenGrant, TokenVerifier,
};
use restante_server::net::service::Service;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::house::{House, Peer, Plan};
use crate::tls::Client;

const WRONG: &str = "-ERR [AUTH] the name or the password is wrong";

type Secured = Peer<TlsStream<TcpStream>>;

#[derive(Debug)]
struct Provider;

impl TokenVerifier for Provider {
    fn verify(
        &self,
        token: Secret<Vec<u8>>,
        _: Scope,
    ) -> Pending<'_, Result<TokenGrant, TokenError>> {
        let granted = match token.expose().as_slice() {
            b"good" => Ok(TokenGrant { name: "anna@example.org".to_owned() }),
            b"down" => Err(TokenError::Unavailable { detail: "no route".to_owned() }),
            _ => Err(TokenError::Bad { reason: "not good" }),
        };
        Box::pin(std::future::ready(granted))
    }
}

/// A house with accounts in a database; Anna's app password.
struct Site {
    house: House,
    secret: String,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            domains: vec!["example.org".to_owned()],
            hash: HashCost { memory_kib: 8, passes: 1, lanes: 1 },
            recoverable: true,
            anonymous: Some("news".to_owned()),
            tokens: Some(Arc::new(Provider)),
            ..Settings::default()
        };
        let accounts = Accounts::open(&folder.path().join("accounts.db"), settings).unwrap();
        accounts.add_account(NewAccount::named("anna")).await.unwrap();
        let news = accounts.add_account(NewAccount::named("news")).await.unwrap();
        let app = NewAppPassword {
            account: "anna".to_owned(),
            label: "laptop".to_owned(),
            kind: Kind::Device,
            scopes: vec![Scope::Pop3],
            networks: Vec::new(),
            expires: None,
        };
        let app = accounts.add_app_password(app).await.unwrap();
        let directory = Some(Arc::new(accounts) as Arc<dyn restante_directory::Directory>);
        let house = House::with(Plan { directory, ..Plan::default() }).await;
        house.put(MaildropId::new(news.maildrop), b"Subject: news\r\n\r\nnews\r\n").await;
        Self { house, secret: app.secret.expose().clone(), _folder: folder }
    }

    /// Over TLS of this version: the connection, and its greeting.
    async fn connect(
        &self,
        version: &'static rustls::SupportedProtocolVersion,
    ) -> (Secured, String) {
        let plain = self.house.connect(Service::Pop3s).await;
        let client = Client::speaking(&self.house, version);
        let mut peer = client.connect(plain.stream).await.unwrap();
        let greeting = peer.line().await;
        (peer, greeting)
    }

    async fn secured(&self) -> Secured {
        self.connect(&rustls::version::TLS13).await.0
    }
}

fn encoded(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

fn challenge(line: &str) -> Vec<u8> {
    STANDARD
        .decode(line.strip_prefix("+ ").unwrap_or_else(|| panic!("no challenge: {line}")))
        .unwrap()
}

/// What the client's own TLS says, without our code.
fn exporter(peer: &Secured) -> Vec<u8> {
    let session = peer.stream.get_ref().1;
    session.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap()
}

fn scram(hash: Hash, bound: Bound, name: &str, password: &str) -> Scram {
    let password = Secret::new(password.to_owned());
    Scram::new(hash, bound, name, &password, "client-nonce".to_owned()).unwrap()
}

/// SCRAM to its end: the last line of the server.
async fn log_in(peer: &mut Secured, mechanism: &str, mut client: Scram) -> String {
    let line = peer.ask(&format!("AUTH {mechanism} {}", encoded(&client.begin()))).await;
    let last = client.respond(&challenge(&line)).unwrap();
    let line = peer.ask(&encoded(&last)).await;
    if !line.starts_with("+ ") {
        return line;
    }
    client.respond(&challenge(&line)).unwrap();
    assert!(client.is_verified());
    peer.ask("").await
}

// P-104, P-109, P-110, P-112: bound to a real connection by either kind, with each hash
#[tokio::test]
async fn scram_is_bound_to_the_connection() {
    let site = Site::build().await;
    let pem = site.house.folder.path().join("certificate.pem");
    let certificate = CertificateDer::from_pem_file(pem).unwrap();
    let end_point = Sha256::digest(&certificate).to_vec();
    for hash in Hash::ALL {
        for binding in Binding::ALL {
            let mut peer = site.secured().await;
            let data = match binding {
                Binding::Exporter => exporter(&peer),
                Binding::EndPoint => end_point.clone(),
            };
            let bound = Bound::To(binding, Secret::new(data));
            let client = scram(hash, bound, "anna", &site.secret);
            let said = log_in(&mut peer, &format!("SCRAM-{}-PLUS", hash.name()), client).await;
            assert!(said.starts_with("+OK maildrop"), "{hash:?} {binding:?}: {said}");
        }
        let mut peer = site.secured().await;
        let client = scram(hash, Bound::Without, "anna@example.org", &site.secret);
        let said = log_in(&mut peer, &format!("SCRAM-{}", hash.name()), client).await;
        assert!(said.starts_with("+OK maildrop"), "{said}");
    }
}

// P-107, P-109, security §2.3 CVE-2026-33603: the binding of another connection is no use
#[tokio::test]
async fn another_connections_binding_is_refused() {
    let site = Site::build().await;
    let (mut victim, mut thief) = (site.secured().await, site.secured().await);
    assert_ne!(exporter(&victim), exporter(&thief));
    let bound = || Bound::To(Binding::Exporter, Secret::new(exporter(&victim)));
    let client = scram(Hash::Sha256, bound(), "anna", &site.secret);
    let said = log_in(&mut thief, "SCRAM-SHA-256-PLUS", client).await;
    assert_eq!(said, "-ERR the channel binding does not fit this connection");
    let client = scram(Hash::Sha256, bound(), "anna", &site.secret);
    assert!(log_in(&mut victim, "SCRAM-SHA-256-PLUS", client).await.starts_with("+OK"));
}

// P-111: TLS 1.2 has no -PLUS; P-091, rulings 10: what is announced otherwise
#[tokio::test]
async fn what_is_announced_depends_on_the_connection() {
    let site = Site::build().await;
    for (version, plus) in [(&rustls::version::TLS13, true), (&rustls::version::TLS12, false)] {
        let (mut peer, greeting) = site.connect(version).await;
        peer.expect("CAPA", "+OK").await;
        let rows = peer.rows().await;
        let sasl = rows.iter().find(|row| row.starts_with("SASL ")).unwrap();
        assert_eq!(sasl.contains("-PLUS"), plus, "{sasl}");
        assert!(sasl.contains(" SCRAM-SHA-256 ") && sasl.ends_with(" ANONYMOUS LOGIN"), "{sasl}");
        assert!(!sasl.contains("EXTERNAL"), "no listener asks for certificates");
        // P-018
        assert_eq!(greeting.matches(['<', '>', '@']).count(), 3, "{greeting}");
    }
    // People of another directory have none of it.
    let house = House::build().await;
    let mut peer = house.connect(Service::Pop3).await;
    assert!(!peer.line().await.contains('<'));
    peer.expect("CAPA", "+OK").await;
    assert!(peer.rows().await.contains(&"SASL PLAIN".to_owned()));
}

// P-033, P-034, P-018: APOP by the greeting's timestamp, a new one each time; P-103: CRAM-MD5
#[tokio::test]
async fn digests_over_challenges_let_in() {
    let site = Site::build().await;
    let (mut peer, greeting) = site.connect(&rustls::version::TLS13).await;
    let stamp = greeting[greeting.find('<').unwrap()..=greeting.find('>').unwrap()].to_owned();
    let hex = |digest: [u8; 16]| {
        let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02x}")).collect();
        octets.concat()
    };
    let digest = hex(DigestMethod::Apop.of(stamp.as_bytes(), site.secret.as_bytes()));
    peer.expect(&format!("APOP anna {digest}"), "+OK maildrop").await;
    peer.expect("QUIT", "+OK").await;
    let (mut peer, other) = site.connect(&rustls::version::TLS13).await;
    assert_ne!(greeting, other);
    assert_eq!(peer.ask(&format!("APOP anna {digest}")).await, WRONG);
    let asked = challenge(&peer.ask("AUTH CRAM-MD5").await);
    let secret = Secret::new(site.secret.clone().into_bytes());
    let said = encoded(&cram_md5::response("anna", &secret, &asked));
    assert!(peer.ask(&said).await.starts_with("+OK maildrop"));
}

// P-114, P-115, P-082: good, not good, and nobody to ask
#[tokio::test]
async fn tokens_are_asked_about() {
    let site = Site::build().await;
    for (dialect, name) in [(Dialect::OauthBearer, "OAUTHBEARER"), (Dialect::Xoauth2, "XOAUTH2")] {
        let message = |token: &str| {
            let client = Bearer::new(dialect, "anna", Secret::new(token.as_bytes().to_vec()));
            format!("AUTH {name} {}", encoded(client.begin().expose()))
        };
        let mut peer = site.secured().await;
        assert!(challenge(&peer.ask(&message("expired")).await).starts_with(b"{\"status\":"));
        assert_eq!(peer.ask("").await, WRONG);
        let said = peer.ask(&message("down")).await;
        assert!(said.starts_with("-ERR [SYS/TEMP] service unavailable"), "{said}");
        assert!(peer.ask(&message("good")).await.starts_with("+OK maildrop"));
    }
}

// P-095, P-028: nobody learns by SCRAM which names exist
#[tokio::test]
async fn unknown_names_are_refused_as_wrong_passwords_are() {
    let site = Site::build().await;
    for (name, password) in [("anna", "rst1-wrong"), ("nobody", site.secret.as_str())] {
        let client = scram(Hash::Sha256, Bound::Without, name, password);
        assert_eq!(log_in(&mut site.secured().await, "SCRAM-SHA-256", client).await, WRONG);
    }
}

// P-118: a public maildrop is read by many at once, and nothing of it goes
#[tokio::test]
async fn everybody_reads_the_public_maildrop() {
    let site = Site::build().await;
    let (mut one, mut other) = (site.secured().await, site.secured().await);
    for peer in [&mut one, &mut other] {
        peer.expect("AUTH ANONYMOUS c2lyaGM=", "+OK maildrop has 1 message").await;
        assert_eq!(
            peer.ask("DELE 1").await,
            "-ERR this maildrop is for everybody, nothing can be deleted"
        );
        peer.expect("RETR 1", "+OK").await;
        peer.rows().await;
        peer.expect("QUIT", "+OK").await;
    }
    site.secured().await.expect("AUTH ANONYMOUS =", "+OK maildrop has 1 message").await;
}
