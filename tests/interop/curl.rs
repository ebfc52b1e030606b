//! curl over POP3, STLS and POP3S.

use std::process::Command;

use crate::expected::{assert_same, samples, without_trace};
use crate::program::{Ran, program, run};
use crate::trial::Trial;

#[derive(Clone, Copy, Debug)]
enum Way {
    Plain,
    Stls,
    Pop3s,
}

fn curl(trial: &Trial, way: Way, path: &str) -> Command {
    let (scheme, address) = match way {
        Way::Plain | Way::Stls => ("pop3", trial.pop3),
        Way::Pop3s => ("pop3s", trial.pop3s),
    };
    let mut command = program("curl", "curl");
    command.args(["--silent", "--show-error", "--disable", "--cacert"]).arg(&trial.ca);
    command.arg("--user").arg(format!("{}:{}", trial.user, trial.password));
    if matches!(way, Way::Stls) {
        command.arg("--ssl-reqd");
    }
    command.arg(format!("{scheme}://localhost:{}/{path}", address.port()));
    command.arg("--resolve").arg(format!("localhost:{}:{}", address.port(), address.ip()));
    command
}

fn get(trial: &Trial, way: Way, path: &str) -> Ran {
    run(&mut curl(trial, way, path)).expect_success("curl")
}

#[test]
fn curl_fetches_every_message_octet_for_octet() {
    let (trial, samples) = (Trial::start(), samples());
    for way in [Way::Plain, Way::Stls, Way::Pop3s] {
        let listed = get(&trial, way, "").text();
        assert_eq!(listed.lines().count(), samples.len(), "{way:?}: {listed}");
        for (number, sample) in (1..).zip(&samples) {
            let got = get(&trial, way, &number.to_string()).out;
            // P-040: LIST says what RETR sends
            let row = format!("{number} {}", got.len());
            assert!(listed.lines().any(|line| line == row), "{way:?}: {row} in {listed}");
            assert_same(&without_trace(&got), sample, &format!("{way:?} message {number}"));
        }
    }
}

#[test]
fn curl_deletes_and_the_message_stays_away() {
    let trial = Trial::start();
    let before = run(curl(&trial, Way::Pop3s, "").args(["--request", "UIDL"])).text();
    run(curl(&trial, Way::Pop3s, "2").args(["--request", "DELE", "--list-only"]))
        .expect_success("DELE");
    let after = run(curl(&trial, Way::Stls, "").args(["--request", "UIDL"])).text();
    let uidls = |listed: &str| -> Vec<String> {
        listed.lines().map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned()).collect()
    };
    let mut expected = uidls(&before);
    assert_eq!(expected.len(), 7, "{before}");
    expected.remove(1);
    // The others keep their unique-ids (P-050).
    assert_eq!(uidls(&after), expected);
}

// P-037: the certificate is checked by clients that check it
#[test]
fn curl_refuses_a_certificate_that_it_does_not_know() {
    let trial = Trial::start();
    let mut command = program("curl", "curl");
    command.args(["--silent", "--disable", "--user", "demo:x"]);
    command.arg(format!("pop3s://localhost:{}/", trial.pop3s.port()));
    let ran = run(&mut command);
    assert!(matches!(ran.code, Some(60 | 77)), "{ran}");
}
