//! A `restante try` of a test's own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A server that runs, with the sample messages in the maildrop of `demo`.
pub(crate) struct Trial {
    server: Child,
    folder: tempfile::TempDir,
    pub(crate) pop3: SocketAddr,
    pub(crate) pop3s: SocketAddr,
    pub(crate) lmtp: SocketAddr,
    pub(crate) smtp: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) ca: PathBuf,
}

impl Trial {
    /// Starts one, and returns when it says that it is ready.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let mut server = Command::new(env!("CARGO_BIN_EXE_restante"))
            .args(["try", "--json", "--dir"])
            .arg(folder.path().join("site"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("restante try starts");
        let mut line = String::new();
        let stdout = server.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says when it is ready");
        let facts: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("not ready: {error}: {line:?}\n{log}")
        });
        let text = |key: &str| facts[key].as_str().expect("a string").to_owned();
        let address = |key: &str| text(key).parse().expect("an address");
        Self {
            pop3: address("pop3"),
            pop3s: address("pop3s"),
            lmtp: address("lmtp"),
            smtp: address("smtp"),
            user: text("user"),
            password: text("password"),
            ca: PathBuf::from(text("ca")),
            server,
            folder,
        }
    }

    /// A folder of the test's own, which goes with it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command over the accounts and the mail of this server.
    pub(crate) fn restante(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_restante"));
        command.args(arguments).env("RESTANTE_CONFIG", self.configuration());
        command
    }

    /// The server's configuration.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.path().join("site/restante.toml")
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.server);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.server.wait();
    }
}
