//! Python's poplib over POP3, STLS and POP3S.

use crate::expected::{assert_same, samples, without_trace};
use crate::program::{run, script};
use crate::trial::Trial;

fn fetch_all_then_delete(way: &str) {
    let (trial, samples) = (Trial::start(), samples());
    let out = trial.folder().join("fetched");
    std::fs::create_dir(&out).expect("made");
    let address = if way == "pop3s" { trial.pop3s } else { trial.pop3 };
    let ran = run(script("fetch_all.py")
        .args([way, &address.ip().to_string(), &address.port().to_string()])
        .args([&trial.user, &trial.password])
        .args([&trial.ca, &out]));
    ran.expect_success("fetch_all.py");
    for (number, sample) in (1..).zip(&samples) {
        let got = std::fs::read(out.join(format!("{number}.eml"))).expect("fetched");
        assert_same(&without_trace(&got), sample, &format!("{way} message {number}"));
    }
}

#[test]
fn poplib_fetches_and_deletes_over_pop3() {
    fetch_all_then_delete("pop3");
}

#[test]
fn poplib_fetches_and_deletes_over_stls() {
    fetch_all_then_delete("stls");
}

#[test]
fn poplib_fetches_and_deletes_over_pop3s() {
    fetch_all_then_delete("pop3s");
}
