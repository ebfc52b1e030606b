//! What the server tells of itself.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use restante_server::net::service::Service;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::house::{ANNAS, House};
use crate::tls::Client;

/// Keeps every line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").unwrap();
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "restante"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

// P-132: version and suite with the login; `security` §4.3: no secret, at any level, and a
// name that forges lines stays on its own
#[tokio::test]
async fn a_session_is_told_in_lines_without_secrets() {
    let lines = Lines::default();
    let _listening = tracing::subscriber::set_default(lines.clone());
    let house = House::build().await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    let plain = house.connect(Service::Pop3s).await;
    let mut peer = Client::of(&house).connect(plain.stream).await.unwrap();
    assert!(peer.line().await.starts_with("+OK"));
    peer.expect("USER x rip=8.8.8.8", "+OK").await;
    peer.expect("PASS wr0ng", "-ERR [AUTH]").await;
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
    peer.expect("RETR 1", "+OK").await;
    peer.rows().await;
    peer.expect("DELE 1", "+OK").await;
    peer.expect("QUIT", "+OK").await;
    peer.ends().await;
    house.until_open(0).await;
    let lines = lines.0.lock().unwrap().clone();
    let with = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((with("wr0ng"), with("geheim")), (0, 0), "{lines:#?}");
    assert_eq!(with("TLSv1.3 TLS13_AES_"), 1, "{lines:#?}");
    assert_eq!(with("refused from 127.0.0.1, name \"x rip=8.8.8.8\""), 1, "{lines:#?}");
    assert_eq!(with("anna from 127.0.0.1: 1 fetched (8 B), 1 deleted, 0 left, "), 1, "{lines:#?}");
}

// Every number that is rendered is in the reference, and the other way round
#[tokio::test]
async fn the_metrics_are_those_of_the_reference() {
    let house = House::build().await;
    let text = house.handle.metrics();
    let rendered: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let named: Vec<&str> =
        restante_server::ledger::stats::REFERENCE.iter().map(|(name, ..)| *name).collect();
    assert_eq!(rendered, named);
}
