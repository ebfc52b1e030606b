//! Logins that show no password: SCRAM, digests, tokens, certificates, and nobody at all.

use std::sync::Arc;

use mail_wire::sasl::PeerIdentity;
use mail_wire::sasl::scram::{Bound, Client, Hash, Proof, SaltQuestion, Server, Signature};
use mail_wire::sasl::{Channel, Step};
use mail_wire::{Credentials, DigestMethod, Secret};
use restante_directory::{
    Account, AccountChange, AppPasswordChange, CertificateRule, Directory, Manage, NewAccount,
    Offered, Origin, Pending, Scope, Secrecy, Sessions, Settings, TokenError, TokenGrant,
    TokenVerifier, VerifyError,
};

use crate::site::{NOON, Site, from, home, new_app, settings};

/// Goes through SCRAM with our own machines; the account, and whether the client believes it.
async fn scram(
    site: &Site,
    hash: Hash,
    name: &str,
    password: &str,
    origin: Origin,
) -> Result<Account, VerifyError> {
    let (mut client, mut server, proof) = prove(site, hash, name, password).await;
    let (account, signature): (Account, Signature) =
        site.accounts.scram_verify(proof, origin).await?;
    client.respond(&server.accepted(&signature)).unwrap();
    assert!(client.is_verified(), "the directory proves itself in turn");
    Ok(account)
}

async fn prove(site: &Site, hash: Hash, name: &str, password: &str) -> (Client, Server, Proof) {
    let password = Secret::new(password.to_owned());
    let mut client =
        Client::new(hash, Bound::Without, name, &password, "client".to_owned()).unwrap();
    let mut server = Server::new(hash, false, false, Channel::default(), "server".to_owned());
    let Step::Salt(question) = server.begin(Some(&client.begin())) else { panic!("a question") };
    let salt = site.accounts.scram_challenge(question).await.unwrap();
    let Step::Challenge(challenge) = server.salted(&salt) else { panic!("a challenge") };
    match server.respond(&client.respond(&challenge).unwrap()) {
        Step::Offer(Credentials::Scram(proof)) => (client, server, proof),
        other => panic!("no proof: {other:?}"),
    }
}

fn reason<T: std::fmt::Debug>(refused: Result<T, VerifyError>) -> &'static str {
    match refused {
        Err(VerifyError::Credentials { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

async fn offered(site: &Site) -> Offered {
    site.accounts.spread().await.unwrap().offered
}

// rulings 10: app passwords have keys, all of an account under one salt, tried in turn
#[tokio::test]
async fn each_app_password_proves_itself_by_scram() {
    let site = Site::new();
    site.add("anna", "tanstaaf").await;
    assert!(!offered(&site).await.scram, "announced only where some account can use it");
    let laptop = site.app("anna", "laptop").await;
    let phone = site.app("anna", "phone").await;
    assert!(offered(&site).await.scram);
    for hash in Hash::ALL {
        for (app, label) in [(&laptop, "laptop"), (&phone, "phone")] {
            for name in ["anna", "anna@example.org", "ANNA@Example.ORG"] {
                let account = scram(&site, hash, name, app.secret.expose(), home()).await.unwrap();
                assert_eq!(account.label.as_deref(), Some(label));
                assert_eq!(account.credential, app.record.id);
            }
        }
        // the main password has none
        reason(scram(&site, hash, "anna", "tanstaaf", home()).await);
    }
    // revoked: at once
    site.accounts.revoke_app_password("anna".to_owned(), "phone".to_owned()).await.unwrap();
    reason(scram(&site, Hash::Sha256, "anna", phone.secret.expose(), home()).await);
    scram(&site, Hash::Sha256, "anna", laptop.secret.expose(), home()).await.unwrap();
    site.accounts.revoke_app_password("anna".to_owned(), "laptop".to_owned()).await.unwrap();
    assert!(!offered(&site).await.scram);
}

// P-028, P-095, P-113: unknown, wrong, disabled, expired, from elsewhere: the same work, and the
// same refusal
#[tokio::test]
async fn whatever_is_wrong_as_much_is_computed() {
    let site = Site::new();
    for name in ["anna", "off", "bare"] {
        site.add(name, "tanstaaf").await;
    }
    let good = site.app("anna", "laptop").await;
    let off = site.app("off", "laptop").await;
    let change = AccountChange { enabled: Some(false), ..AccountChange::default() };
    site.accounts.change_account("off".to_owned(), change).await.unwrap();
    let mut old = new_app("anna", "old");
    old.expires = Some(NOON + 10);
    let old = site.accounts.add_app_password(old).await.unwrap();
    let mut far = new_app("anna", "far");
    far.networks = vec!["198.51.100.0/24".to_owned()];
    let far = site.accounts.add_app_password(far).await.unwrap();
    let mut sends = new_app("anna", "sends");
    sends.scopes = vec![Scope::Submission];
    let sends = site.accounts.add_app_password(sends).await.unwrap();
    site.time.fetch_add(20, std::sync::atomic::Ordering::Relaxed);
    let clear = Origin { secrecy: Secrecy::Clear, ..home() };
    for (name, password, origin) in [
        ("nobody", good.secret.expose().as_str(), home()),
        ("anna", "rst1-00000000000000000000000000", home()),
        ("anna", "tanstaaf", home()),
        ("bare", "tanstaaf", home()),
        ("off", off.secret.expose(), home()),
        ("anna", old.secret.expose(), home()),
        ("anna", far.secret.expose(), home()),
        ("anna", sends.secret.expose(), home()),
        ("anna", good.secret.expose(), clear),
        ("no such name", good.secret.expose(), home()),
        ("anna", good.secret.expose(), home()),
    ] {
        let before = site.accounts.numbers();
        let answer = scram(&site, Hash::Sha1, name, password, origin).await;
        let after = site.accounts.numbers();
        assert_eq!(after.proofs - before.proofs, 101, "{name}");
        assert_eq!(after.hashes, before.hashes, "{name}");
        let good = (name, password, origin) == ("anna", good.secret.expose().as_str(), home());
        assert_eq!(answer.is_ok(), good, "{name}: {answer:?}");
    }
}

// P-113: a name that is nobody's has a salt, the same each time and after a restart; an account
// whose first key is made keeps the one it had
#[tokio::test]
async fn a_salt_tells_nothing() {
    let site = Site::new();
    site.add("anna", "x").await;
    let salt = async |site: &Site, name: &str, hash: Hash| {
        let question = SaltQuestion { name: name.as_bytes().to_vec(), hash };
        site.accounts.scram_challenge(question).await.unwrap()
    };
    let mut seen = Vec::new();
    for name in ["anna", "nobody", "somebody", "a b", "\u{fffd}@x", ""] {
        let first = salt(&site, name, Hash::Sha1).await;
        assert_eq!(first, salt(&site, name, Hash::Sha256).await);
        assert!(first.octets.len() == 16 && first.iterations >= 4_096);
        assert!(!seen.contains(&first), "{name}");
        seen.push(first);
    }
    // one name in several spellings
    for (one, other) in [("anna", "Anna@example.org"), ("nobody", "NOBODY@EXAMPLE.org")] {
        assert_eq!(salt(&site, one, Hash::Sha1).await, salt(&site, other, Hash::Sha1).await);
    }
    let site = site.reopened(settings(&["example.org"]));
    assert_eq!(salt(&site, "nobody", Hash::Sha1).await, seen[1]);
    site.app("anna", "laptop").await;
    assert_eq!(salt(&site, "anna", Hash::Sha1).await, seen[0]);
    // another site, other salts
    assert_ne!(salt(&Site::new(), "nobody", Hash::Sha1).await, seen[1]);
}

// rulings 9, 10: main passwords only with `scram_main`; a changed one takes its keys along
#[tokio::test]
async fn a_main_password_has_keys_only_where_that_is_asked_for() {
    let with_main = || Settings { scram_main: true, ..settings(&["example.org"]) };
    let site = Site::with(with_main());
    site.add("anna", "Gru\u{308}\u{df}e").await;
    assert!(offered(&site).await.scram);
    for hash in Hash::ALL {
        // SASLprep makes one of both
        let account = scram(&site, hash, "anna", "Gr\u{fc}\u{df}e", home()).await.unwrap();
        assert_eq!((account.credential, account.label), (0, None));
    }
    let new = Some(Secret::new("new one".to_owned()));
    site.accounts.set_password("anna".to_owned(), new).await.unwrap();
    reason(scram(&site, Hash::Sha256, "anna", "Gr\u{fc}\u{df}e", home()).await);
    scram(&site, Hash::Sha256, "anna", "new one", home()).await.unwrap();
    // the setting is gone, and with it what it allowed
    let site = site.reopened(settings(&["example.org"]));
    assert!(!offered(&site).await.scram);
    reason(scram(&site, Hash::Sha256, "anna", "new one", home()).await);
    // a password changed meanwhile leaves no old key behind
    let newer = Some(Secret::new("newer".to_owned()));
    site.accounts.set_password("anna".to_owned(), newer).await.unwrap();
    let site = site.reopened(with_main());
    for password in ["new one", "newer"] {
        reason(scram(&site, Hash::Sha256, "anna", password, home()).await);
    }
    // what SASLprep does not pass has none (`rulings` 9)
    site.add("bert", "\u{1f600}").await;
    assert_eq!(site.login("bert", "\u{1f600}").await.unwrap().name, "bert@example.org");
}

// main_password_over_pop3 = false holds for SCRAM too
#[tokio::test]
async fn a_main_password_that_pop3_does_not_take_is_not_taken_by_scram() {
    let strict =
        Settings { scram_main: true, main_password_over_pop3: false, ..settings(&["example.org"]) };
    let site = Site::with(strict);
    site.add("anna", "x").await;
    reason(scram(&site, Hash::Sha256, "anna", "x", home()).await);
}

#[tokio::test]
async fn scram_can_be_switched_off_and_acts_for_nobody_else() {
    let off = Settings { scram: false, ..settings(&["example.org"]) };
    let site = Site::with(off);
    site.add("anna", "x").await;
    let app = site.app("anna", "laptop").await;
    assert!(!offered(&site).await.scram);
    site.add("bert", "x").await;
    for (authzid, taken) in [("anna@example.org", true), ("bert", false)] {
        let (_, _, mut proof) = prove(&site, Hash::Sha1, "anna", app.secret.expose()).await;
        proof.authzid = Some(authzid.as_bytes().to_vec());
        assert_eq!(site.accounts.scram_verify(proof, home()).await.is_ok(), taken, "{authzid}");
    }
}

fn digest(method: DigestMethod, name: &str, secret: &str) -> Credentials {
    let challenge = "<1896.697170952@dbc.mtview.ca.us>".to_owned();
    let digest = method.of(challenge.as_bytes(), secret.as_bytes());
    Credentials::Digest { method, name: name.as_bytes().to_vec(), challenge, digest }
}

// P-035, P-103: app passwords that can be read back, off by default, and sealed at rest
#[tokio::test]
async fn digests_are_of_app_passwords_that_can_be_read_back() {
    let site = Site::new();
    site.add("anna", "tanstaaf").await;
    let early = site.app("anna", "early").await;
    assert!(!offered(&site).await.digests);
    assert!(!site.path().with_extension("key").exists());
    let on = || Settings { recoverable: true, ..settings(&["example.org"]) };
    let site = site.reopened(on());
    let late = site.app("anna", "late").await;
    assert!(offered(&site).await.digests);
    for method in [DigestMethod::Apop, DigestMethod::CramMd5] {
        let verify = |name, secret| site.accounts.verify(digest(method, name, secret), home());
        let account = verify("anna", late.secret.expose()).await.unwrap();
        assert_eq!(account.label.as_deref(), Some("late"));
        for (name, secret) in [
            ("anna", early.secret.expose().as_str()),
            ("anna", "tanstaaf"),
            ("anna", "rst1-00000000000000000000000000"),
            ("nobody", late.secret.expose()),
            ("nobody", "rst1-00000000000000000000000000"),
        ] {
            let before = site.accounts.numbers();
            reason(verify(name, secret).await);
            let after = site.accounts.numbers();
            assert_eq!((after.proofs - before.proofs, after.hashes - before.hashes), (101, 0));
        }
    }
    // not in the database, in no file of it
    for file in ["db", "db-wal"] {
        let octets = std::fs::read(site.path().with_extension(file)).unwrap_or_default();
        let text = late.secret.expose().as_bytes();
        assert!(!octets.windows(text.len()).any(|part| part == text));
    }
    // off again: nothing is read back
    let site = site.reopened(settings(&["example.org"]));
    assert!(!offered(&site).await.digests);
    let apop = digest(DigestMethod::Apop, "anna", late.secret.expose());
    reason(site.accounts.verify(apop, home()).await);
    // another key: what was sealed under the old one proves nothing
    let path = site.path();
    std::fs::remove_file(path.with_extension("key")).unwrap();
    let site = site.reopened(on());
    let apop = digest(DigestMethod::Apop, "anna", late.secret.expose());
    reason(site.accounts.verify(apop, home()).await);
}

/// Knows two tokens, and is out of order for a third.
#[derive(Debug)]
struct Provider;

impl TokenVerifier for Provider {
    fn verify(
        &self,
        token: Secret<Vec<u8>>,
        scope: Scope,
    ) -> Pending<'_, Result<TokenGrant, TokenError>> {
        let granted = match (token.expose().as_slice(), scope) {
            (b"of-anna", Scope::Pop3) => Ok(TokenGrant { name: "anna@example.org".to_owned() }),
            (b"of-nobody", _) => Ok(TokenGrant { name: "nobody".to_owned() }),
            (b"down", _) => Err(TokenError::Unavailable { detail: "no route".to_owned() }),
            _ => Err(TokenError::Bad { reason: "the token is not good" }),
        };
        Box::pin(std::future::ready(granted))
    }
}

fn token(name: Option<&str>, token: &str) -> Credentials {
    let name = name.map(|name| name.as_bytes().to_vec());
    Credentials::Token { name, token: Secret::new(token.as_bytes().to_vec()) }
}

// P-114, P-115: the token says who it is; P-082: nobody to ask is not a wrong token
#[tokio::test]
async fn tokens_are_judged_by_who_gave_them_out() {
    let with = Settings { tokens: Some(Arc::new(Provider)), ..settings(&["example.org"]) };
    let site = Site::with(with);
    site.add("anna", "x").await;
    site.add("bert", "x").await;
    assert!(offered(&site).await.tokens);
    for name in [None, Some("anna"), Some("anna@example.org")] {
        let account = site.accounts.verify(token(name, "of-anna"), home()).await.unwrap();
        assert_eq!(account.name, "anna@example.org");
        assert_eq!(account.label.as_deref(), Some("token"));
    }
    for (name, said) in [
        (Some("bert"), "of-anna"),
        (Some("nobody"), "of-anna"),
        (None, "of-nobody"),
        (None, "expired"),
    ] {
        reason(site.accounts.verify(token(name, said), home()).await);
    }
    let web = Origin { scope: Scope::Web, ..home() };
    reason(site.accounts.verify(token(None, "of-anna"), web).await);
    let down = site.accounts.verify(token(None, "down"), home()).await;
    assert!(matches!(down, Err(VerifyError::Unavailable { .. })));
    let off = AccountChange { enabled: Some(false), ..AccountChange::default() };
    site.accounts.change_account("anna".to_owned(), off).await.unwrap();
    reason(site.accounts.verify(token(None, "of-anna"), home()).await);
    // nobody to ask: not offered, and not taken
    let site = Site::new();
    assert!(!offered(&site).await.tokens);
    reason(site.accounts.verify(token(None, "of-anna"), home()).await);
}

fn certificate(authzid: Option<&str>, emails: &[&str], common_name: Option<&str>) -> Credentials {
    Credentials::External {
        authzid: authzid.map(|name| name.as_bytes().to_vec()),
        peer: PeerIdentity {
            subject: "CN=somebody".to_owned(),
            common_name: common_name.map(str::to_owned),
            emails: emails.iter().map(ToString::to_string).collect(),
        },
    }
}

// P-116; security §2.3 CVE-2019-3814: a certificate without the field names nobody
#[tokio::test]
async fn certificates_name_accounts_by_a_rule() {
    let with = |rule| Settings { certificates: Some(rule), ..settings(&["example.org"]) };
    let site = Site::with(with(CertificateRule::Email));
    site.add("anna", "x").await;
    site.add("bert", "x").await;
    assert!(offered(&site).await.certificates);
    let verify = async |site: &Site, shown| site.accounts.verify(shown, home()).await;
    let annas = ["unknown@example.com", "anna@example.org"];
    for authzid in [None, Some("anna")] {
        let account = verify(&site, certificate(authzid, &annas, Some("bert"))).await.unwrap();
        assert_eq!(account.name, "anna@example.org");
    }
    for (authzid, emails, common_name) in [
        (Some("bert"), &annas[..], None),
        (Some("anna"), &[], Some("anna")),
        (None, &[], Some("anna")),
        (None, &annas[..1], None),
        (Some("anna"), &[""], None),
    ] {
        reason(verify(&site, certificate(authzid, emails, common_name)).await);
    }
    let site = site.reopened(with(CertificateRule::CommonName));
    let account = verify(&site, certificate(None, &annas, Some("bert"))).await.unwrap();
    assert_eq!(account.name, "bert@example.org");
    let site = site.reopened(settings(&["example.org"]));
    assert!(!offered(&site).await.certificates);
    reason(verify(&site, certificate(None, &annas, Some("bert"))).await);
}

// P-118: off by default; a public maildrop is read-only, keeps nobody out, and notes no use
#[tokio::test]
async fn a_public_maildrop_is_open_to_nobody_in_particular() {
    let nobody = || Credentials::Anonymous { trace: "sirhc".to_owned() };
    let site = Site::new();
    reason(site.accounts.verify(nobody(), home()).await);
    let with = Settings { anonymous: Some("news".to_owned()), ..settings(&["example.org"]) };
    let site = site.reopened(with);
    assert!(!offered(&site).await.anonymous, "there is no such account");
    reason(site.accounts.verify(nobody(), home()).await);
    let networks = vec!["192.0.2.0/24".to_owned()];
    let new = NewAccount { networks, ..NewAccount::named("news") };
    site.accounts.add_account(new).await.unwrap();
    assert!(offered(&site).await.anonymous);
    let account = site.accounts.verify(nobody(), home()).await.unwrap();
    assert!(account.read_only);
    // P-118: what it says of itself is for the log
    assert_eq!(account.label.as_deref(), Some("anonymous, sirhc"));
    assert_eq!(account.sessions, Some(Sessions::Snapshot));
    assert!(site.accounts.still_valid(&account));
    reason(site.accounts.verify(nobody(), from("198.51.100.1")).await);
    let record = site.accounts.account("news".to_owned()).await.unwrap();
    assert_eq!(record.last_use, None);
    assert!(site.login("news", "x").await.is_err());
}

// An app password keeps its keys when what it may be used for changes
#[tokio::test]
async fn a_changed_app_password_is_asked_anew() {
    let site = Site::new();
    site.add("anna", "x").await;
    let app = site.app("anna", "laptop").await;
    let change = AppPasswordChange {
        networks: Some(vec!["198.51.100.0/24".to_owned()]),
        ..AppPasswordChange::default()
    };
    let which = "laptop".to_owned();
    site.accounts.change_app_password("anna".to_owned(), which, change).await.unwrap();
    reason(scram(&site, Hash::Sha256, "anna", app.secret.expose(), home()).await);
    let elsewhere = from("198.51.100.1");
    scram(&site, Hash::Sha256, "anna", app.secret.expose(), elsewhere).await.unwrap();
}
