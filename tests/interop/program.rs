//! Runs other people's programs.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    /// Fails the test unless it succeeded.
    pub(crate) fn expect_success(self, what: &str) -> Self {
        assert!(self.code == Some(0), "{what}: {self}");
        self
    }

    /// Its output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {:?}\n--- out\n{}\n--- err\n{}", self.code, self.text(), self.err)
    }
}

/// A program that one of Debian's packages brings.
pub(crate) fn program(name: &str, package: &str) -> Command {
    let found = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin"]
        .iter()
        .map(|folder| PathBuf::from(folder).join(name))
        .find(|path| path.exists());
    let path = found.unwrap_or_else(|| {
        panic!("`{name}` is missing: install Debian's package `{package}`, or run `cargo xtask ci`, which does")
    });
    let mut command = Command::new(path);
    // Programs of the tests see no configuration but their own.
    command.env_remove("SSL_CERT_FILE").env("HOME", "/nonexistent").env("LC_ALL", "C.UTF-8");
    command
}

/// One of the scripts in this folder.
pub(crate) fn script(name: &str) -> Command {
    let mut command = program("python3", "python3");
    command.arg(folder().join(name));
    command
}

/// Where these tests are.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/interop"))
}

/// Runs it with nothing on standard input.
pub(crate) fn run(command: &mut Command) -> Ran {
    run_with(command, b"")
}

/// Runs it with this on standard input.
pub(crate) fn run_with(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // A program that ends early does not read its input.
    let feeding = std::thread::spawn(move || stdin.write_all(&input));
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let _ = feeding.join();
    let err = String::from_utf8_lossy(&stderr).into_owned();
    Ran { code: status.code(), out: stdout, err }
}
