//! The dialogues of `tests/dialogs/pop3`, over a socket.

#[path = "../../../tests/dialogs/dialog.rs"]
mod dialog;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mail_wire::{After, Credentials, MaildropId, Retention};
use pop3_proto::extension::Extensions;
use pop3_proto::server::policy::Utf8Legacy;
use restante_directory::{
    Account, Destination, Directory, Kept, Origin, Pending, ResolveError, Spread, Unavailable,
    VerifyError,
};
use restante_server::net::service::Service;
use restante_server::session::settings::Pop3Settings;
use restante_store::Store;
use tokio::io::{AsyncRead, AsyncWrite};

use self::dialog::{Dialog, Fault, Fixture, Message, Step};
use crate::house::{ANNAS, House, Peer, Plan};
use crate::scripted::{Faults, Scene, Script, Scripted, Temporary};
use crate::tls::Client;

/// The accounts of a dialogue; all of them own the one maildrop.
struct Cast {
    accounts: Vec<(String, String)>,
    broken: bool,
    login_delay: Option<Duration>,
    retention: Option<Retention>,
}

impl Directory for Cast {
    fn verify(
        &self,
        credentials: Credentials,
        _: Origin,
    ) -> Pending<'_, Result<Account, VerifyError>> {
        Box::pin(async move {
            if self.broken {
                return Err(VerifyError::Unavailable { detail: "a fault".to_owned() });
            }
            let refused = VerifyError::Credentials { reason: "not in the cast" };
            let Credentials::Password { name, password, .. } = credentials else {
                return Err(refused);
            };
            let known = self.accounts.iter().find(|(known, secret)| {
                known.as_bytes() == name && secret.as_bytes() == password.expose()
            });
            let (name, _) = known.ok_or(refused)?;
            let mut account = Account::new(1, name.clone(), ANNAS);
            account.login_delay = self.login_delay;
            account.keeping.retention = self.retention;
            Ok(account)
        })
    }

    fn resolve(
        &self,
        _: String,
        _: Option<String>,
    ) -> Pending<'_, Result<Vec<Destination>, ResolveError>> {
        Box::pin(async { Err(ResolveError::Unknown) })
    }

    fn kept(&self, _: Option<MaildropId>) -> Pending<'_, Result<Vec<Kept>, Unavailable>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn spread(&self) -> Pending<'_, Result<Spread, Unavailable>> {
        let days = self.retention.map(|retention| retention.days);
        let login_delay = self.login_delay;
        Box::pin(async move { Ok(Spread { login_delay, days, ..Spread::default() }) })
    }

    fn still_valid(&self, _: &Account) -> bool {
        true
    }
}

/// Over a loopback socket every peer may send its password in the clear, and the server draws
/// its own timestamp: what needs it otherwise is replayed against the bare machine alone.
fn can_be_played(fixture: &Fixture) -> bool {
    fixture.apop.is_none() && (fixture.cleartext || fixture.tls)
}

fn scene(fixture: &Fixture, message: &Message, index: usize) -> Scene {
    let lost = fixture.faults.contains(&Fault::Message(u32::try_from(index + 1).unwrap()));
    let body = if lost { Script::Lost } else { Script::Text(message.text.clone().into()) };
    let octets = message.text.len() as u64;
    Scene { uidl: message.uidl.clone(), octets, utf8: message.utf8, body }
}

async fn stage(fixture: &Fixture, store: &Arc<Scripted>) -> House {
    *store.faults.lock().unwrap() = Faults {
        open: fixture.faults.contains(&Fault::Maildrop).then_some(Temporary(false)),
        commit: fixture.faults.contains(&Fault::Update),
        refresh: fixture.faults.contains(&Fault::Refresh),
        ..Faults::default()
    };
    let pop3 = Pop3Settings {
        last: fixture.last,
        extensions: if fixture.extensions { Extensions::all() } else { Extensions::default() },
        utf8_legacy: if fixture.utf8_raw { Utf8Legacy::Raw } else { Utf8Legacy::Refuse },
        ..Pop3Settings::default()
    };
    let broken = fixture.faults.contains(&Fault::Directory);
    let retention = fixture.expire.map(|days| Retention { days, after: After::Delivery });
    let login_delay = fixture.login_delay.map(Duration::from_secs);
    let cast = Cast { accounts: fixture.accounts.clone(), broken, login_delay, retention };
    let cast = Arc::new(cast);
    let plan = Plan {
        store: Arc::clone(store) as Arc<dyn Store>,
        directory: Some(cast),
        pop3,
        tls: fixture.tls || fixture.stls,
        ..Plan::default()
    };
    House::with(plan).await
}

async fn log_in(house: &House, fixture: &Fixture) -> Peer<tokio::net::TcpStream> {
    let (name, password) = &fixture.accounts[0];
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect(&format!("USER {name}"), "+OK").await;
    peer.expect(&format!("PASS {password}"), "+OK").await;
    peer
}

async fn play<S: AsyncRead + AsyncWrite + Unpin>(
    dialog: &Dialog,
    store: &Scripted,
    mut peer: Peer<S>,
) {
    let mut said = Vec::new();
    let mut later = dialog.fixture.later.iter().zip(dialog.fixture.messages.len()..);
    let mut steps = dialog.steps.iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::Client(octets) => {
                said.extend_from_slice(octets);
                if !matches!(steps.peek(), Some(Step::Client(_))) {
                    peer.send(&std::mem::take(&mut said)).await;
                }
            }
            Step::Server(pattern) => {
                let mut line = peer.line_or_end().await.unwrap_or_default();
                line.extend_from_slice(b"\r\n");
                let shown = String::from_utf8_lossy(&line);
                assert!(pattern.matches(&line), "{}: {shown:?}, not {pattern:?}", dialog.name);
            }
            Step::Arrives => {
                let (message, at) = later.next().expect("a later message");
                store.arrives(scene(&dialog.fixture, message, at));
            }
            Step::Closed => peer.ends().await,
            Step::Gone => return drop(peer),
            Step::Removed(numbers) => {
                // UPDATE is over by the time of its answer (P-063).
                assert_eq!(*store.removed.lock().unwrap(), *numbers, "{}", dialog.name);
            }
            Step::Tls => panic!("{}: the handshake has been made", dialog.name),
        }
    }
}

#[tokio::test]
async fn the_dialogues_over_a_socket() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dialogs/pop3");
    let mut played = 0;
    for mut dialog in Dialog::read_all(&folder) {
        let fixture = dialog.fixture.clone();
        if !can_be_played(&fixture) {
            continue;
        }
        let messages = fixture.messages.iter().enumerate();
        let scenes = messages.map(|(at, message)| scene(&fixture, message, at)).collect();
        let store = Scripted::with(scenes);
        let house = stage(&fixture, &store).await;
        let holder = if fixture.faults.contains(&Fault::InUse) {
            Some(log_in(&house, &fixture).await)
        } else {
            None
        };
        if fixture.faults.contains(&Fault::LoginDelay) {
            log_in(&house, &fixture).await.expect("QUIT", "+OK").await;
            house.until_open(0).await;
        }
        let removed = dialog.steps.iter().position(|step| matches!(step, Step::Gone));
        let after = removed.map(|at| dialog.steps.split_off(at + 1)).unwrap_or_default();
        if fixture.tls {
            let plain = house.connect(Service::Pop3s).await;
            let peer = Client::of(&house).connect(plain.stream).await.unwrap();
            play(&dialog, &store, peer).await;
        } else {
            let peer = house.connect(Service::Pop3).await;
            play(&dialog, &store, peer).await;
        }
        for step in after {
            let Step::Removed(numbers) = step else { panic!("{}: gone is gone", dialog.name) };
            house.until_open(usize::from(holder.is_some())).await;
            assert_eq!(*store.removed.lock().unwrap(), numbers, "{}", dialog.name);
        }
        drop(holder);
        played += 1;
    }
    assert!(played >= 15, "only {played} could be played");
}
