//! Programs that fetch mail and hand it on: fetchmail (with `restante deliver` as its MDA) and
//! mpop.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::delivery::{count, stored};
use crate::expected::{assert_same, lf, samples, without_trace};
use crate::program::{program, run};
use crate::trial::Trial;

#[test]
fn fetchmail_moves_all_mail_to_another_server() {
    let (from, to, samples) = (Trial::start(), Trial::start(), samples());
    // Another address: mail whose Delivered-To names the recipient already has gone in a circle.
    run(&mut to.restante(&["account", "add", "anna@localhost", "--no-password"]))
        .expect_success("account add");
    let rc = from.folder().join("fetchmailrc");
    let text = format!(
        "set invisible\npoll localhost service {} protocol pop3 uidl\n\
         \x20 user \"{}\" password \"{}\" ssl sslcertck sslcertfile \"{}\"\n\
         \x20 fetchall nokeep no rewrite\n\
         \x20 mda \"{} deliver --config {} -f %F -- anna@localhost\"\n",
        from.pop3s.port(),
        from.user,
        from.password,
        from.ca.display(),
        env!("CARGO_BIN_EXE_restante"),
        to.configuration().display(),
    );
    fs::write(&rc, text).expect("written");
    fs::set_permissions(&rc, fs::Permissions::from_mode(0o600)).expect("private");
    let fetch = || {
        run(program("fetchmail", "fetchmail")
            .arg("--fetchmailrc")
            .arg(&rc)
            .args(["--nodetach", "--nosyslog", "--verbose"])
            .env("FETCHMAILHOME", from.folder())
            .env("HOME", from.folder()))
    };
    let ran = fetch().expect_success("fetchmail");
    assert_eq!((count(&from, "demo"), count(&to, "anna")), (0, 7), "{ran}");
    for (number, sample) in (1..).zip(&samples) {
        let got = stored(&to, "anna", number);
        // What fetchmail got had the first server's lines on top; Return-Path is replaced.
        let inner = without_trace(&got);
        assert!(inner.starts_with(b"Delivered-To: "), "message {number}");
        let at = inner.len().saturating_sub(sample.len());
        assert_same(&inner[at..], sample, &format!("message {number} through fetchmail"));
    }
    // 1: there is no mail, so nothing went away and came back.
    assert_eq!(fetch().code, Some(1));
}

#[test]
fn mpop_fetches_over_stls_into_a_maildir_and_deletes() {
    let (trial, samples) = (Trial::start(), samples());
    let maildir = trial.folder().join("Maildir");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(maildir.join(part)).expect("made");
    }
    let secret = trial.folder().join("secret");
    fs::write(&secret, &trial.password).expect("written");
    let mpop = || {
        run(program("mpop", "mpop")
            .args(["--file=/dev/null", "--host=localhost", "--received-header=off"])
            .arg(format!("--port={}", trial.pop3.port()))
            .arg(format!("--user={}", trial.user))
            .arg(format!("--passwordeval=cat {}", secret.display()))
            .args(["--tls=on", "--tls-starttls=on", "--keep=off"])
            .arg(format!("--tls-trust-file={}", trial.ca.display()))
            .arg(format!("--uidls-file={}", trial.folder().join("uidls").display()))
            .arg(format!("--delivery=maildir,{}", maildir.display()))
            .env("HOME", trial.folder()))
    };
    mpop().expect_success("mpop");
    let mut got: Vec<Vec<u8>> = fs::read_dir(maildir.join("new"))
        .expect("there")
        .map(|entry| fs::read(entry.expect("readable").path()).expect("readable"))
        .collect();
    assert_eq!(got.len(), 7);
    let mut expected: Vec<Vec<u8>> = samples.iter().map(|sample| lf(sample)).collect();
    got = got.iter().map(|message| without_trace(message)).collect();
    got.sort();
    expected.sort();
    for (got, expected) in got.iter().zip(&expected) {
        assert_same(got, expected, "mpop");
    }
    assert_eq!(count(&trial, "demo"), 0);
    mpop().expect_success("mpop again");
}
