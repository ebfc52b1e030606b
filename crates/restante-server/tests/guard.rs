//! Limits, presence and take-over.

use std::sync::Arc;
use std::time::Duration;

use restante_server::guard::leases::LeaseSettings;
use restante_server::guard::limits::Limits;
use restante_server::guard::presence::Sessions;
use restante_server::net::listen::{Bind, Listener};
use restante_server::net::service::Service;
use restante_server::session::settings::{IntakeSettings, Pop3Settings};
use restante_server::{Server, Services, Settings};
use restante_store::memory::MemoryStore;
use tokio::io::AsyncWriteExt;

use crate::house::{ANNAS, House, People, Plan};

fn exclusive(lock_wait: Duration) -> Plan {
    Plan { sessions: Sessions::Exclusive { lock_wait }, ..Plan::default() }
}

// P-022, P-080, P-087: [IN-USE], with since when and from where, and the word "locked"
#[tokio::test]
async fn a_second_login_is_told_who_holds_the_maildrop() {
    let house = House::build().await;
    let _holder = house.anna().await;
    let mut second = house.greeted(Service::Pop3).await;
    second.expect("USER anna", "+OK").await;
    let refusal = second.expect("PASS geheim", "-ERR [IN-USE] ").await;
    for word in ["locked", "since ", "from 127.0.0.1"] {
        assert!(refusal.contains(word), "{refusal}");
    }
    second.expect("USER bert", "+OK").await;
    second.expect("PASS geheim", "+OK").await;
    assert_eq!(house.number("restante_logins_in_use_total"), 1);
}

// `product` §4: a second login waits for the lock, and gets it when it is free
#[tokio::test]
async fn a_waiting_login_gets_the_lock_when_it_is_free() {
    let house = House::with(exclusive(Duration::from_mins(1))).await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    let mut first = house.anna().await;
    let mut second = house.greeted(Service::Pop3).await;
    second.expect("USER anna", "+OK").await;
    second.send(b"PASS geheim\r\n").await;
    crate::house::until(|| house.handle.sessions().iter().any(|s| s.doing.starts_with("waiting")))
        .await;
    first.expect("DELE 1", "+OK").await;
    first.expect("QUIT", "+OK").await;
    assert!(second.line().await.starts_with("+OK"));
    second.expect("STAT", "+OK 0 0").await;
}

// `rulings` 4: output stuck and FIN seen: the session is dead, a new login takes over
#[tokio::test]
async fn a_dead_session_is_taken_over() {
    let house = House::with(exclusive(Duration::from_mins(1))).await;
    let text: Vec<u8> =
        b"A: b\r\n\r\n".iter().copied().chain(b"0123456789\r\n".repeat(1 << 20)).collect();
    house.put(ANNAS, &text).await;
    let mut dead = house.anna().await;
    dead.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n").await;
    dead.line().await;
    // It says it will send no more, and reads no more: as a suspended or crashed client looks.
    dead.stream.shutdown().await.unwrap();
    let mut next = house.anna().await;
    next.expect("STAT", "+OK 1 ").await;
    assert_eq!(house.number("restante_take_overs_total"), 1);
    assert_eq!(house.held(ANNAS).await, 1);
}

// A client that has said all it has to say, and still reads, is not dead
#[tokio::test]
async fn a_half_closed_client_gets_its_answers_and_its_update() {
    let house = House::with(exclusive(Duration::from_mins(1))).await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    let mut peer = house.anna().await;
    peer.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n").await;
    peer.stream.shutdown().await.unwrap();
    assert_eq!(peer.line().await, "+OK 8 octets");
    assert_eq!(peer.rows().await, ["A: b", ""]);
    assert!(peer.line().await.starts_with("+OK"));
    assert!(peer.line().await.starts_with("+OK"));
    peer.ends().await;
    assert_eq!(house.held(ANNAS).await, 0);
}

// `product` §4: sessions = "snapshot": they overlap, each with its own
#[tokio::test]
async fn snapshots_overlap() {
    let house = House::with(Plan { sessions: Sessions::Snapshot, ..Plan::default() }).await;
    house.put(ANNAS, b"Subject: 1\r\n\r\n").await;
    let (mut first, mut second) = (house.anna().await, house.anna().await);
    first.expect("DELE 1", "+OK").await;
    second.expect("DELE 1", "+OK").await;
    first.expect("QUIT", "+OK").await;
    second.expect("RSET", "+OK").await;
    second.expect("RETR 1", "+OK").await;
    assert_eq!(second.rows().await, ["Subject: 1", ""]);
    second.expect("DELE 1", "+OK").await;
    second.expect("QUIT", "+OK").await;
    assert_eq!(house.held(ANNAS).await, 0);
}

// S21: 8 sessions, then a ninth
#[tokio::test]
async fn an_account_has_eight_sessions_and_no_ninth() {
    let house = House::with(Plan { sessions: Sessions::Snapshot, ..Plan::default() }).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(house.anna().await);
    }
    let mut ninth = house.greeted(Service::Pop3).await;
    ninth.expect("USER anna", "+OK").await;
    ninth.expect("PASS geheim", "-ERR [IN-USE] ").await;
    held.pop().unwrap().expect("QUIT", "+OK").await;
    house.until_open(8).await;
    ninth.expect("USER anna", "+OK").await;
    ninth.expect("PASS geheim", "+OK").await;
}

// R2, P-017: one too many from one address is refused with a line; the others go on
#[tokio::test]
async fn one_connection_too_many_is_refused_with_a_line() {
    let limits =
        Limits { unauthenticated_per_address_max: 3, exempt_loopback: false, ..Limits::default() };
    let house = House::with(Plan { limits, ..Plan::default() }).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(house.greeted(Service::Pop3).await);
    }
    let mut refused = house.connect(Service::Pop3).await;
    assert!(refused.line().await.starts_with("-ERR [SYS/TEMP] "));
    refused.ends().await;
    let mut refused = house.connect(Service::Smtp).await;
    assert!(refused.line().await.starts_with("421 4.7.0 "));
    // LMTP is from the site's own MTA.
    house.greeted(Service::Lmtp).await;
    held[0].expect("USER anna", "+OK").await;
    held[0].expect("PASS geheim", "+OK").await;
    house.greeted(Service::Pop3).await;
    assert_eq!(house.number("restante_connections_refused_total{service=\"pop3\"}"), 1);
}

fn settings(listeners: Vec<Listener>) -> Settings {
    Settings {
        hostname: "mail.example.org".to_owned(),
        listeners,
        tls: None,
        pop3: Pop3Settings::default(),
        intake: IntakeSettings::default(),
        limits: Limits::default(),
        sessions: Sessions::default(),
        leases: LeaseSettings::default(),
        deaths_max: 5,
        drain: Duration::ZERO,
    }
}

fn services() -> Services {
    Services { store: Arc::new(MemoryStore::new()), directory: Arc::new(People::default()) }
}

fn listener(service: Service, at: &str) -> Listener {
    Listener {
        service,
        at: Bind::Tcp(at.parse().unwrap()),
        cleartext_from: Vec::new(),
        proxy_from: Vec::new(),
    }
}

// C3, P-190, D23, P-125: every listener that cannot be opened is told at once, and why
#[tokio::test]
async fn all_problems_with_listeners_are_told_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    let error = Server::bind(
        settings(vec![
            listener(Service::Pop3, &taken.1.to_string()),
            listener(Service::Lmtp, "127.0.0.1:25"),
            listener(Service::Lmtp, "0.0.0.0:0"),
            listener(Service::Pop3s, "127.0.0.1:0"),
            Listener {
                service: Service::Lmtp,
                at: Bind::Unix { path: file.clone(), mode: 0o600 },
                cleartext_from: Vec::new(),
                proxy_from: Vec::new(),
            },
            listener(Service::Pop3, "127.0.0.1:0"),
        ]),
        services(),
    )
    .await
    .unwrap_err();
    let said: Vec<&str> = error.listeners.iter().map(|e| e.problem.as_str()).collect();
    let [taken, port_25, public, no_certificate, no_socket] = said[..] else { panic!("{said:?}") };
    assert!(taken.contains(&format!("(pid {})", std::process::id())), "{taken}");
    assert!(port_25.contains("RFC 2033"), "{port_25}");
    assert!(public.contains("127.0.0.1"), "{public}");
    assert!(no_certificate.contains("certificate"), "{no_certificate}");
    assert!(no_socket.contains("no socket"), "{no_socket}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "kept");
}

// "[::]" takes IPv4 and IPv6; a stale Unix socket is replaced, and has its mode
#[tokio::test]
async fn dual_stack_inherited_and_unix_listeners() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pop3.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let inherited = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = |at| Listener {
        service: Service::Pop3,
        at,
        cleartext_from: Vec::new(),
        proxy_from: Vec::new(),
    };
    let server = Server::bind(
        settings(vec![
            listener(Service::Pop3, "[::]:0"),
            at(Bind::Unix { path: path.clone(), mode: 0o620 }),
            at(Bind::Inherited(inherited.into())),
        ]),
        services(),
    )
    .await
    .unwrap();
    let ports: Vec<u16> =
        server.addresses().iter().filter_map(|(_, a)| a.tcp()).map(|a| a.port()).collect();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    for (host, port) in [("127.0.0.1", ports[0]), ("::1", ports[0]), ("127.0.0.1", ports[1])] {
        let stream = tokio::net::TcpStream::connect((host, port)).await.unwrap();
        assert!(crate::house::Peer::new(stream).line().await.starts_with("+OK"));
    }
    let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let mut peer = crate::house::Peer::new(stream);
    assert!(peer.line().await.starts_with("+OK"));
    // What never leaves the machine may carry a password without TLS.
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o620);
    handle.drain();
    running.await.unwrap();
}

/// Set in the process in which descriptors are to run out: it must not be anybody else's.
const STARVED: &str = "RESTANTE_TEST_STARVED";

// R3: no descriptors left: accepting goes on afterwards, and does not spin meanwhile
#[tokio::test]
async fn running_out_of_descriptors_is_survived() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    if std::env::var_os(STARVED).is_none() {
        let test = "guard::running_out_of_descriptors_is_survived";
        let ended = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(STARVED, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}");
        return;
    }
    let house = House::with(Plan { tls: false, ..Plan::default() }).await;
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let mut limit = getrlimit(Resource::Nofile);
    // Room for six clients, and for two of their connections at our end.
    limit.current = Some(open + 8);
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut clients = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect(house.port(Service::Pop3)) {
        stream.set_nonblocking(true).unwrap();
        clients.push(crate::house::Peer::new(tokio::net::TcpStream::from_std(stream).unwrap()));
    }
    assert!(clients.len() >= 6, "{}", clients.len());
    crate::house::until(|| house.number("restante_accept_failures_total") > 0).await;
    let last = clients.split_off(clients.len() - 2);
    drop(clients);
    for mut client in last {
        assert!(client.line().await.starts_with("+OK"));
    }
    let failures = house.number("restante_accept_failures_total");
    assert!(failures < 100, "{failures} tries: it spins");
}
