//! What the tests need from the system, installed where it is missing.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::run::{Run, answers};
use crate::tools;

/// A program the interop tests call, and Debian's package that brings it.
const PROGRAMS: &[(&str, &str)] = &[
    ("curl", "curl"),
    ("python3", "python3"),
    ("openssl", "openssl"),
    ("s-nail", "s-nail"),
    ("mutt", "mutt"),
    ("swaks", "swaks"),
    ("postfix", "postfix"),
    ("fetchmail", "fetchmail"),
    ("mpop", "mpop"),
    ("gsasl", "gsasl"),
    ("ps", "procps"),
    ("cc", "gcc"),
    ("c++", "g++"),
];

/// Asked by Debian before a package's scripts start a service; 101 says: do not.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing, or says by which line it can be done.
pub(crate) fn run(root: &Path) -> Result<bool, String> {
    packages(root)?;
    tools::nextest(root)?;
    tools::deny(root)?;
    Ok(true)
}

fn packages(root: &Path) -> Result<(), String> {
    let mut missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !is_installed(program))
        .map(|&(_, package)| package)
        .collect();
    if !answers("python3", &["-m", "pip", "--version"]) {
        // By it the two cargo tools come ready-made; building them takes many minutes.
        missing.push("python3-pip");
    }
    if !has_scram() {
        // It brings no program: what mutt proves passwords with.
        missing.push("libsasl2-modules");
    }
    if missing.is_empty() {
        println!("setup: every program that the tests call is installed");
        return Ok(());
    }
    let line = format!("apt-get update && apt-get install -y {}", missing.join(" "));
    if std::env::var_os("RESTANTE_CI_OFFLINE").is_some() || !is_root() {
        return Err(format!("the tests need programs that are not installed; as root: {line}"));
    }
    println!("setup: installing Debian packages: {}", missing.join(" "));
    let quiet = Policy::put()?;
    preseed_postfix();
    apt(root, &["update", "-q"])?;
    let mut arguments = vec!["install", "-y", "-q", "--no-install-recommends"];
    arguments.extend(&missing);
    let installed = apt(root, &arguments);
    drop(quiet);
    installed
}

/// Whether Cyrus SASL has its plugin for SCRAM.
fn has_scram() -> bool {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut folders = folders.map(|folder| folder.path().join("sasl2"));
    folders.any(|folder| folder.join("libscram.so").exists())
}

fn apt(root: &Path, arguments: &[&str]) -> Result<(), String> {
    Run::new("apt-get", root)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Old scripts ask this and not the policy; single-user level starts nothing.
        .env("RUNLEVEL", "1")
        .done()
}

/// Postfix asks what kind of site this is; the tests bring their own configuration.
fn preseed_postfix() {
    let child = Command::new("debconf-set-selections").stdin(Stdio::piped()).spawn();
    if let Ok(mut child) = child {
        if let Some(mut input) = child.stdin.take() {
            // Without the answer the package takes its default, which works too.
            let _ = input.write_all(b"postfix postfix/main_mailer_type select No configuration\n");
        }
        let _ = child.wait();
    }
}

/// `/usr/sbin/policy-rc.d`, there for as long as this value lives, unless one was there.
struct Policy {
    ours: bool,
}

impl Policy {
    fn put() -> Result<Self, String> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n")
            .map_err(|error| format!("cannot write {POLICY}: {error}"))?;
        let made = Run::new("chmod", Path::new("/")).args(["755", POLICY]).done();
        made.map(|()| Self { ours: true })
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    // Postfix lies where only root's PATH leads.
    std::env::split_paths(&folders)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
        && answers("apt-get", &["--version"])
}
