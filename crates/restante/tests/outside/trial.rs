//! `restante try` from outside: what it prints, what it sets, how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::pop3::Pop3;
use crate::program::restante;

/// A trial that runs, told to stop when the test is over however it ends.
struct Trial {
    process: Child,
    stdout: BufReader<ChildStdout>,
    facts: Value,
}

impl Trial {
    fn start(arguments: &[&str]) -> Self {
        let mut command = restante(&["try", "--json"]);
        let mut process = command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("restante runs");
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "one line when ready, not {line:?}");
        let facts = serde_json::from_str(&line).expect("it is JSON");
        Self { process, stdout, facts }
    }

    fn fact(&self, name: &str) -> &str {
        self.facts[name].as_str().expect("a string")
    }

    fn log_in(&self, user: &str) -> Pop3 {
        Pop3::log_in(self.fact("pop3"), user, self.fact("password"))
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Ends it, and gives its exit code and what else it printed.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap().code(), rest)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // Where the test has failed before the end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/messages");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    files.sort();
    let mut samples: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    let large = Command::new("python3").arg(folder.join("large.py")).output().unwrap();
    samples.push(large.stdout);
    samples
}

// issue 2: "With `--json` one line when ready, with exactly these keys"
#[test]
fn json_is_one_line_with_exactly_these_keys() {
    let mut process =
        restante(&["try", "--json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let keys: Vec<&str> =
        line.split('"').filter(|part| line.contains(&format!("\"{part}\":"))).collect();
    assert_eq!(
        keys,
        ["pop3", "pop3s", "lmtp", "smtp", "user", "password", "ca", "dir", "pid"],
        "{line}"
    );
    let facts: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(facts["pid"].as_u64(), Some(u64::from(process.id())));
    assert_eq!(facts["user"], "demo");
    assert!(Path::new(facts["ca"].as_str().unwrap()).is_file());
    let pid = process.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

// issue 2: "either logs in, and on this loopback also without TLS"
#[test]
fn the_samples_are_there_octet_for_octet_and_either_name_logs_in() {
    let trial = Trial::start(&[]);
    let mut session = trial.log_in("demo");
    let samples = samples();
    assert_eq!(session.messages(), samples.len());
    for (sample, number) in samples.iter().zip(1..) {
        let message = session.retrieve(number);
        assert_eq!(message.len(), session.size(number), "message {number}: LIST and RETR");
        let mut expected = sample.clone();
        if !expected.ends_with(b"\r\n") {
            expected.extend_from_slice(b"\r\n");
        }
        assert!(message.ends_with(&expected), "message {number} is as it was sent");
        let trace =
            String::from_utf8_lossy(&message[..message.len() - expected.len()]).into_owned();
        let names: Vec<&str> = trace
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split(':').next())
            .collect();
        // rulings 6: on top, in this order, no other header
        assert_eq!(names, ["Return-Path", "Delivered-To", "Received"], "message {number}");
    }
    session.quit();
    let session = trial.log_in("demo@localhost");
    session.quit();
    let folder = PathBuf::from(trial.fact("dir"));
    assert!(folder.is_dir());
    let (code, rest) = trial.end("TERM");
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    assert!(!folder.exists(), "the temporary folder goes at the end");
}

#[test]
fn a_command_gets_the_environment_and_its_status_is_passed_on() {
    let script = "env | grep -E '^(RESTANTE_|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|NODE_EXTRA)' | sort; \
                  test -f \"$RESTANTE_CA\" || exit 99; exit 7";
    let output = restante(&["try", "--", "sh", "-c", script]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    let names: Vec<&str> = said.lines().filter_map(|line| line.split('=').next()).collect();
    assert_eq!(
        names,
        [
            "NODE_EXTRA_CA_CERTS",
            "REQUESTS_CA_BUNDLE",
            "RESTANTE_CA",
            "RESTANTE_LMTP",
            "RESTANTE_PASSWORD",
            "RESTANTE_POP3",
            "RESTANTE_POP3S",
            "RESTANTE_SMTP",
            "RESTANTE_USER",
            "SSL_CERT_FILE",
        ]
    );
    let ca = said.lines().find_map(|line| line.strip_prefix("RESTANTE_CA=")).unwrap();
    assert!(!Path::new(ca).exists(), "the temporary folder goes with the command");
}

#[test]
fn a_signal_that_ends_the_command_is_128_and_its_number() {
    let code = |script: &str| restante(&["try", "--", "sh", "-c", script]).status().unwrap().code();
    assert_eq!(code("kill -KILL $$"), Some(137));
    assert_eq!(code("exit 0"), Some(0));
    let missing = restante(&["try", "--", "no-such-command-at-all"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(127));
}

// The command's own children hold the other end of our pipe: it ends when the last has ended.
#[test]
fn an_interrupt_stops_the_whole_group_of_the_command() {
    let script = "sleep 1000 & echo running; wait";
    let mut trial = Trial::start(&["--", "sh", "-c", script]);
    let mut line = String::new();
    trial.stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "running\n");
    let folder = PathBuf::from(trial.fact("dir"));
    let (code, _) = trial.end("INT");
    assert_eq!(code, Some(130));
    assert!(!folder.exists());
}

#[test]
fn a_folder_of_its_own_is_kept_and_taken_up_again() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("trial");
    let dir_text = dir.to_str().unwrap();
    let trial = Trial::start(&["--dir", dir_text]);
    let config = dir.join("restante.toml");
    let list = ["account", "list", "--config", config.to_str().unwrap()];
    let listed = restante(&list).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    assert!(String::from_utf8_lossy(&listed.stdout).contains("demo@localhost"));
    let mut session = trial.log_in("demo");
    session.delete(1);
    session.quit();
    let first_password = trial.fact("password").to_owned();
    assert_eq!(trial.end("TERM").0, Some(0));
    assert!(config.is_file());

    let trial = Trial::start(&["--dir", dir_text]);
    assert_ne!(trial.fact("password"), first_password);
    assert_eq!(trial.log_in("demo").messages(), samples().len() - 1);
    assert_eq!(trial.end("TERM").0, Some(0));

    fs::write(home.path().join("mine.txt"), "not a trial").unwrap();
    let refused = restante(&["try", "--dir", home.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not empty"));
}
