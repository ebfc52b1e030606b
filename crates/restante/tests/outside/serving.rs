//! `restante serve` and `check` from outside, over the folder that a trial leaves behind.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::pop3::Pop3;
use crate::program::restante;

/// A folder with certificate, account and mail, as `restante try --dir` leaves it, and the
/// account's password.
fn site() -> (TempDir, PathBuf, String) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("site");
    let output = restante(&["try", "--dir", dir.to_str().unwrap(), "--", "sh", "-c"])
        .arg("printf %s \"$RESTANTE_PASSWORD\"")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config = dir.join("restante.toml");
    // Ports that were free then need not be free now.
    let text = fs::read_to_string(&config).unwrap();
    let (head, _) = text.split_once("[listen]").unwrap();
    let listen = "[listen]\npop3 = \"127.0.0.1:0\"\npop3s = \"127.0.0.1:0\"\n";
    fs::write(&config, format!("{head}{listen}")).unwrap();
    (home, config, String::from_utf8(output.stdout).unwrap())
}

fn signal(process: &Child, name: &str) {
    let pid = process.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

struct Serving {
    process: Child,
    states: UnixDatagram,
}

impl Serving {
    fn start(home: &Path, mut command: Command) -> Self {
        let path = home.join("notify.sock");
        let _ = fs::remove_file(&path);
        let states = UnixDatagram::bind(&path).unwrap();
        let process = command.env("NOTIFY_SOCKET", &path).stderr(Stdio::piped()).spawn().unwrap();
        Self { process, states }
    }

    /// What the service manager is told next.
    fn state(&self) -> String {
        let mut octets = [0; 256];
        let length = self.states.recv(&mut octets).unwrap();
        String::from_utf8_lossy(&octets[..length]).into_owned()
    }

    fn end(mut self) -> String {
        signal(&self.process, "TERM");
        assert_eq!(self.state(), "STOPPING=1");
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0), "{log}");
        log
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// issue 2: "without one it explains, in five lines, what to write"
#[test]
fn without_a_configuration_it_explains_in_five_lines() {
    let output = restante(&["serve", "--config", "/nonexistent/restante.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    let (explanation, hint) = said.split_once(" hint:").unwrap();
    assert_eq!(explanation.lines().count(), 5, "{said}");
    assert!(hint.contains("restante check"));
    // What it says to write is read without a complaint about its form.
    let written = explanation.lines().skip(1).collect::<Vec<_>>().join("\n");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("restante.toml");
    fs::write(&config, written).unwrap();
    let checked = restante(&["check", "--json", "--config", config.to_str().unwrap()]);
    let verdict = String::from_utf8({ checked }.output().unwrap().stdout).unwrap();
    for complaint in ["no setting", "takes", "missing", "unit", "is a table"] {
        assert!(!verdict.contains(complaint), "{verdict}");
    }
}

#[test]
fn a_bad_configuration_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("restante.toml");
    fs::write(&config, "hostnmae = \"a.example\"\n").unwrap();
    let output = restante(&["serve", "--config", config.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("did you mean `hostname`?") && said.contains("not started"), "{said}");
}

#[test]
fn it_tells_the_service_manager_and_reloads_and_stops() {
    let (home, config, _) = site();
    let command = restante(&["serve", "--log", "json", "--config", config.to_str().unwrap()]);
    let serving = Serving::start(home.path(), command);
    assert_eq!(serving.state(), "READY=1");

    signal(&serving.process, "HUP");
    assert!(serving.state().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(serving.state(), "READY=1");

    // security C8: a bad file keeps the old, and so does a bad certificate
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("lock_wait = 3\n{good}")).unwrap();
    fs::write(config.with_file_name("key.pem"), "rubbish").unwrap();
    signal(&serving.process, "HUP");
    assert!(serving.state().starts_with("RELOADING=1"));
    assert_eq!(serving.state(), "READY=1");

    let moved = good.replace("\"certificate.pem\"", "\"./certificate.pem\"");
    fs::write(&config, format!("last = true\n{moved}")).unwrap();
    signal(&serving.process, "HUP");
    assert!(serving.state().starts_with("RELOADING=1"));
    assert_eq!(serving.state(), "READY=1");

    let log = serving.end();
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
    assert!(log.contains("the old configuration stays in use"), "{log}");
    assert!(log.contains("new certificate not used, the old one stays"), "{log}");
    assert!(log.contains("\"settings\":\"last tls.certificate\""), "{log}");
}

// `/run` is empty after each start of the machine, and ten lines are to be enough
#[test]
fn the_folders_of_sockets_are_made() {
    let (home, config, _) = site();
    let socket = home.path().join("run/lmtp.sock");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}lmtp = \"unix:{}\"\n", socket.display())).unwrap();
    let serving =
        Serving::start(home.path(), restante(&["serve", "--config", config.to_str().unwrap()]));
    assert_eq!(serving.state(), "READY=1");
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok());
    serving.end();
}

#[test]
fn a_socket_from_the_service_manager_is_served() {
    let (home, config, password) = site();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // The shell becomes the server, so its number is the one to announce; the socket is its
    // standard input, and descriptor 3 by its own doing.
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=pop3 \
                  exec \"$0\" serve --config \"$1\" 3<&0 0</dev/null";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_restante"), config.to_str().unwrap()])
        .env_remove("RESTANTE_CONFIG")
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .process_group(0);
    let serving = Serving::start(home.path(), command);
    assert_eq!(serving.state(), "READY=1");
    assert_eq!(Pop3::log_in(&address, "demo", &password).messages(), 7);
    serving.end();
}

#[test]
fn check_finds_what_is_wrong_on_this_machine() {
    let (_home, config, _) = site();
    let check = |arguments: &[&str]| {
        let mut command = restante(&["check", "--config", config.to_str().unwrap()]);
        let output = command.args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = check(&["--strict"]);
    assert_eq!((code, said.contains("nothing is wrong")), (Some(0), true), "{said}");

    // security D24: who reads the postmaster's mail
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace("postmaster = \"demo\"", "")).unwrap();
    let (code, said) = check(&["--strict"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("mail for postmaster@localhost leads nowhere"), "{said}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    fs::write(
        &config,
        good.replace("pop3 = \"127.0.0.1:0\"", &format!("pop3 = \"127.0.0.1:{port}\"")),
    )
    .unwrap();
    let (code, said) = check(&[]);
    assert_eq!(code, Some(1));
    let owner = format!("port {port} is in use by");
    assert!(said.contains(&owner) && said.contains(&std::process::id().to_string()), "{said}");

    fs::write(&config, good.replace("hostname = \"localhost\"", "hostname = \"mail.example.org\""))
        .unwrap();
    assert_eq!(check(&[]).0, Some(0));
    let (code, said) = check(&["--strict"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("not good for `mail.example.org`"), "{said}");

    fs::write(&config, &good).unwrap();
    let key = config.with_file_name("key.pem");
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    fs::write(&key, other).unwrap();
    let (code, said) = check(&["--json"]);
    assert_eq!(code, Some(1));
    let verdict: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(verdict["ok"], false);
    assert_eq!(verdict["problems"][0]["message"], "this key does not belong to the certificate");
    assert!(verdict["problems"][0]["line"].as_u64().is_some());

    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&key, mode).unwrap();
    assert!(check(&[]).1.contains("everybody on this machine can read the private key"));
}

#[test]
fn a_missing_file_is_no_riddle() {
    let output = restante(&["check", "--config", "/nonexistent.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let mut lines = BufReader::new(&*output.stderr).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "error: there is no configuration at /nonexistent.toml");
}
