//! Mail programs that people read with: s-nail and mutt copy all messages into a file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::delivery::count;
use crate::expected::{assert_same, lf, samples, without_trace};
use crate::program::{Ran, program, run, run_with, script};
use crate::trial::Trial;

/// The messages of an mbox file, without what the mail program wrote into their headers.
fn messages(mbox: &Path) -> Vec<Vec<u8>> {
    let octets = fs::read(mbox).expect("the mail program wrote it");
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut after_blank = true;
    let mut in_header = false;
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        if after_blank && line.starts_with(b"From ") {
            messages.push(Vec::new());
            in_header = true;
        } else if let Some(message) = messages.last_mut() {
            in_header &= line != b"\n";
            let added = ["Status: ", "X-Status: ", "Content-Length: ", "Lines: "];
            let is_added = added.iter().any(|name| line.starts_with(name.as_bytes()));
            if !(in_header && is_added) {
                message.extend_from_slice(line);
            }
        }
        after_blank = line == b"\n";
    }
    for message in &mut messages {
        // The empty line that separates.
        assert_eq!(message.pop(), Some(b'\n'));
    }
    messages
}

fn compare(mbox: &Path, who: &str) {
    let (got, samples) = (messages(mbox), samples());
    assert_eq!(got.len(), samples.len());
    for (number, (got, sample)) in (1..).zip(got.iter().zip(&samples)) {
        assert_same(&without_trace(got), &lf(sample), &format!("{who}, message {number}"));
    }
}

#[test]
fn s_nail_copies_every_message_over_pop3s() {
    let trial = Trial::start();
    let mbox = trial.folder().join("s-nail.mbox");
    let url = format!("pop3s://{}:{}@localhost:{}", trial.user, trial.password, trial.pop3s.port());
    let commands = format!("copy * {}\nxit\n", mbox.display());
    let ran = run_with(
        program("s-nail", "s-nail")
            .args(["-:/", "-S", "v15-compat", "-S", "tls-verify=strict"])
            .arg("-S")
            .arg(format!("tls-ca-file={}", trial.ca.display()))
            .args(["-S", "mbox-rfc4155", "-S", "pop3-auth=plain", "-R", "-f", &url])
            .env("HOME", trial.folder())
            .env("TERM", "dumb"),
        commands.as_bytes(),
    );
    assert!(mbox.exists(), "{ran}");
    compare(&mbox, "s-nail");
    assert_eq!(count(&trial, "demo"), 7);
}

#[test]
fn mutt_copies_every_message_over_stls_and_deletes_one() {
    let trial = Trial::start();
    let (mbox, ran) = mutt(
        &trial,
        &trial.password,
        "set pop_delete = yes\nset delete = yes\nset sort = mailbox-order\n",
        |mbox| {
            format!(
                "<tag-pattern>~A<enter><tag-prefix><copy-message>{mbox}<enter>\
                 <untag-pattern>~A<enter><first-entry><delete-message><quit>"
            )
        },
    );
    assert!(mbox.exists(), "{ran}");
    compare(&mbox, "mutt");
    assert_eq!(count(&trial, "demo"), 6, "{ran}");
}

/// Runs mutt over STLS: with this password and these settings besides, it types these keys, which
/// copy into the mbox that is named to them and answered.
pub(crate) fn mutt(
    trial: &Trial,
    password: &str,
    more: &str,
    keys: impl Fn(&str) -> String,
) -> (PathBuf, Ran) {
    let mbox = trial.folder().join("mutt.mbox");
    let rc = trial.folder().join("muttrc");
    let text = format!(
        "set pop_pass = \"{password}\"\nset ssl_starttls = yes\n\
         set ssl_force_tls = yes\nset ssl_ca_certificates_file = \"{}\"\n\
         set certificate_file = \"{}\"\nset mbox_type = mbox\nset confirmappend = no\n\
         set confirmcreate = no\nset quit = yes\nset copy = no\nset folder = \"{}\"\n\
         set header_cache = \"\"\nset message_cachedir = \"\"\nset wait_key = no\n\
         set check_new = no\nset mark_old = no\n{more}push '{}'\n",
        trial.ca.display(),
        trial.ca.display(),
        trial.folder().display(),
        keys(&mbox.display().to_string()),
    );
    fs::write(&rc, text).expect("written");
    // Fails with the package's name where it is missing.
    let _ = program("mutt", "mutt");
    let url = format!("pop://{}@localhost:{}", trial.user, trial.pop3.port());
    let ran = run(script("on_a_terminal.py")
        .args(["mutt", "-n", "-F"])
        .arg(&rc)
        .args(["-f", &url])
        .env("HOME", trial.folder()));
    (mbox, ran)
}
