//! Mail in by swaks, by Python's smtplib, and by `restante deliver`; octets compared.

use crate::expected::{assert_same, ended, samples, without_trace};
use crate::program::{program, run, run_with, script};
use crate::trial::Trial;

/// The message with this number, as RETR sends it.
pub(crate) fn stored(trial: &Trial, account: &str, number: usize) -> Vec<u8> {
    let number = number.to_string();
    run(&mut trial.restante(&["maildrop", "show", account, "--message", &number]))
        .expect_success("maildrop show")
        .out
}

/// How many messages there are.
pub(crate) fn count(trial: &Trial, account: &str) -> usize {
    let listed = run(&mut trial.restante(&["maildrop", "show", account, "--json"]));
    listed.expect_success("maildrop show").text().lines().count()
}

fn by_smtplib(protocol: &str) {
    let (trial, samples) = (Trial::start(), samples());
    let address = if protocol == "lmtp" { trial.lmtp } else { trial.smtp };
    let mut command = script("send.py");
    command.args([protocol, &address.ip().to_string(), &address.port().to_string()]);
    command.arg(&trial.ca).args(["bob@example.com", "demo@localhost"]);
    for (number, sample) in (1..).zip(&samples) {
        let file = trial.folder().join(format!("{number}.eml"));
        std::fs::write(&file, sample).expect("written");
        command.arg(file);
    }
    run(&mut command).expect_success("send.py");
    assert_eq!(count(&trial, "demo"), 14);
    for (number, sample) in (8..).zip(&samples) {
        let got = stored(&trial, "demo", number);
        assert!(got.starts_with(b"Return-Path: <bob@example.com>\r\n"));
        assert_same(&without_trace(&got), sample, &format!("{protocol} message {number}"));
        // RFC 3848
        let with = [("lmtp", "LMTP"), ("smtp", "ESMTP"), ("smtp+tls", "ESMTPS")];
        let (_, with) = with.iter().find(|(name, _)| *name == protocol).expect("one of these");
        let top = String::from_utf8_lossy(&got[..600.min(got.len())]).replace("\r\n", " ");
        assert!(top.contains(&format!("with {with} ")), "{top}");
    }
}

#[test]
fn smtplib_delivers_over_smtp_with_starttls() {
    by_smtplib("smtp+tls");
}

#[test]
fn smtplib_delivers_over_lmtp() {
    by_smtplib("lmtp");
}

#[test]
fn smtplib_delivers_over_smtp() {
    by_smtplib("smtp");
}

fn by_swaks(protocol: &str) {
    const MESSAGE: &[u8] = b"Subject: by swaks\r\nFrom: bob@example.com\r\n\r\nText\r\n.dot\r\n";
    let trial = Trial::start();
    let file = trial.folder().join("message.eml");
    // swaks ends the last line itself.
    std::fs::write(&file, MESSAGE.trim_ascii_end()).expect("written");
    let address = if protocol == "LMTP" { trial.lmtp } else { trial.smtp };
    let mut command = program("swaks", "swaks");
    command
        .args(["--protocol", protocol, "--server", &address.ip().to_string()])
        .args(["--port", &address.port().to_string(), "--from", "bob@example.com"])
        .args(["--to", "demo@localhost,nobody-at-all@localhost", "--helo", "client.example.com"])
        .arg("--data")
        .arg(format!("@{}", file.display()));
    let ran = run(&mut command);
    // 0 or 24: some recipients were refused, as they had to be.
    assert!(matches!(ran.code, Some(0 | 24)), "{ran}");
    assert!(ran.text().contains("550 5.1.1"), "{ran}");
    assert_eq!(count(&trial, "demo"), 8, "{ran}");
    let got = stored(&trial, "demo", 8);
    assert_same(&without_trace(&got), MESSAGE, protocol);
    let with = format!("with {protocol} ");
    let text = String::from_utf8_lossy(&got).replace("\r\n", " ");
    assert!(text.contains(&with) && text.contains("client.example.com"), "{text}");
}

#[test]
fn swaks_delivers_over_lmtp() {
    by_swaks("LMTP");
}

#[test]
fn swaks_delivers_over_smtp() {
    by_swaks("ESMTP");
}

#[test]
fn restante_deliver_hands_over_every_message() {
    let (trial, samples) = (Trial::start(), samples());
    for sample in &samples {
        let lf_only = crate::expected::lf(sample);
        let mut deliver = trial.restante(&["deliver", "-f", "bob@example.com", "demo@localhost"]);
        run_with(&mut deliver, &lf_only).expect_success("restante deliver");
    }
    for (number, sample) in (8..).zip(&samples) {
        let got = stored(&trial, "demo", number);
        assert_same(&without_trace(&got), &ended(sample), &format!("message {number}"));
    }
}
