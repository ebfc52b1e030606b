//! A configuration in a temporary folder, and the real binary over it, running or not.

use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Longer than anything here takes; only a hang meets it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A site of its own: `example.org`, state and sockets in a temporary folder.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    state: PathBuf,
    under: Vec<String>,
    server: Option<Child>,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Site {
    /// A site that no server serves yet.
    pub(crate) fn stopped() -> Self {
        Self::stopped_with("")
    }

    /// The same with more in its configuration.
    pub(crate) fn stopped_with(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("state");
        Self::made(folder, state, "127.0.0.1:0", more)
    }

    /// A site that listens on Unix sockets alone and has its state there; `more` is what else
    /// stands in the configuration.
    pub(crate) fn local(state: &Path, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pop3 = format!("unix:{}/pop3.sock", folder.path().display());
        Self::made(folder, state.to_owned(), &pop3, more)
    }

    fn made(folder: tempfile::TempDir, state: PathBuf, pop3: &str, more: &str) -> Self {
        let path = folder.path().display();
        let configuration = format!(
            "hostname = \"mail.example.org\"\ndomains = [\"example.org\", \"example.net\"]\n\
             state = \"{}\"\n[listen]\npop3 = \"{pop3}\"\npop3s = \"off\"\n\
             lmtp = \"unix:{path}/lmtp.sock\"\n{more}",
            state.display()
        );
        std::fs::write(folder.path().join("restante.toml"), configuration).expect("written");
        Self { folder, state, under: Vec::new(), server: None }
    }

    /// The server is run under this program from now on.
    pub(crate) fn run_under<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        self.under = words.map(str::to_owned).collect();
    }

    /// A site that is served.
    pub(crate) fn running() -> Self {
        let mut site = Self::stopped();
        site.start();
        site
    }

    /// Both, for what must not make a difference.
    pub(crate) fn both() -> [Self; 2] {
        [Self::stopped(), Self::running()]
    }

    /// Both, with Maildirs.
    pub(crate) fn both_with_maildirs() -> [Self; 2] {
        let stopped = || Self::stopped_with("[store]\nbackend = \"maildir\"\n");
        let mut running = stopped();
        running.start();
        [stopped(), running]
    }

    /// Changes the configuration.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let path = self.path().join("restante.toml");
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).expect("written");
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.state.clone()
    }

    /// Where mail is taken in.
    pub(crate) fn lmtp_socket(&self) -> PathBuf {
        self.path().join("lmtp.sock")
    }

    /// Where a [`Site::local`] serves POP3.
    pub(crate) fn pop3_socket(&self) -> PathBuf {
        self.path().join("pop3.sock")
    }

    /// Starts the server and waits until it says that it is ready (sd_notify).
    pub(crate) fn start(&mut self) {
        let notify = self.path().join("notify.sock");
        let _ = std::fs::remove_file(&notify);
        let socket = UnixDatagram::bind(&notify).expect("a socket to be told on");
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let log = std::fs::File::create(self.path().join("serve.log")).expect("a log");
        let server = self
            .command_under(&self.under, &["serve"])
            .env("NOTIFY_SOCKET", &notify)
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("restante serve starts");
        self.server = Some(server);
        let mut message = [0; 512];
        let told = socket.recv(&mut message).unwrap_or_else(|error| {
            panic!("the server is not ready: {error}\n{}", self.log());
        });
        assert!(message[..told].starts_with(b"READY=1"), "{}", self.log());
    }

    /// Stops the server and waits for its end.
    pub(crate) fn stop(&mut self) {
        self.end(rustix::process::Signal::TERM);
    }

    /// Ends the server without a word, and whatever it runs under.
    pub(crate) fn kill(&mut self) {
        self.end(rustix::process::Signal::KILL);
    }

    /// Stops the server where it is, and whatever it runs under: it says nothing any more.
    pub(crate) fn freeze(&self) {
        self.signal_all(rustix::process::Signal::STOP);
    }

    fn end(&mut self, signal: rustix::process::Signal) {
        self.signal_all(signal);
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }

    fn signal_all(&self, signal: rustix::process::Signal) {
        if let Some(server) = &self.server {
            let group = rustix::process::Pid::from_child(server);
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("serve.log")).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_under(&[], arguments)
    }

    fn command_under(&self, under: &[String], arguments: &[&str]) -> Command {
        let program = [env!("CARGO_BIN_EXE_restante").to_owned()];
        let mut words = under.iter().chain(&program);
        let mut command = Command::new(words.next().expect("the program at least"));
        command
            .args(words)
            .args(arguments)
            .env("RESTANTE_CONFIG", self.path().join("restante.toml"))
            .env_remove("NOTIFY_SOCKET")
            .env_remove("LISTEN_FDS");
        command
    }

    /// Runs a command with nothing on standard input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, b"")
    }

    /// Runs a command with this on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Said {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("restante runs");
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_vec();
        // A command that fails early does not read its input.
        let feeding = std::thread::spawn(move || stdin.write_all(&input));
        let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
        let _ = feeding.join();
        Said {
            code: status.code().expect("no signal ended it"),
            out: String::from_utf8_lossy(&stdout).into_owned(),
            err: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// Runs a command that has to succeed, and gives what it printed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.ok_with(arguments, b"")
    }

    /// The same with input.
    pub(crate) fn ok_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let said = self.run_with(arguments, input);
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}\n{}", self.log());
        said.out
    }

    /// An account with the password `tanstaaf`; of `example.org` unless the name says another.
    pub(crate) fn account(&self, name: &str) {
        let name = if name.contains('@') { name.to_owned() } else { format!("{name}@example.org") };
        self.ok_with(&["account", "add", &name, "--password-stdin"], b"tanstaaf\n");
    }

    /// The address of the POP3 listener, as `restante status` tells it.
    pub(crate) fn pop3(&self) -> std::net::SocketAddr {
        let status: serde_json::Value =
            serde_json::from_str(&self.ok(&["status", "--json"])).expect("JSON");
        let listeners = status["listeners"].as_array().expect("a list").clone();
        let pop3 = listeners.iter().find(|one| one["service"] == "pop3").expect("one is pop3");
        pop3["at"].as_str().expect("an address").parse().expect("an address")
    }

    /// Says these lines over POP3 and gives all that came back until the server closed.
    pub(crate) fn pop3_dialogue(&self, lines: &[&str]) -> String {
        let mut stream = std::net::TcpStream::connect(self.pop3()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let mut answers = String::new();
        for line in lines {
            stream.write_all(format!("{line}\r\n").as_bytes()).expect("it reads");
        }
        stream.read_to_string(&mut answers).expect("it answers and closes");
        answers
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop();
    }
}
