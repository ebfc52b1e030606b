//! A process that is killed at any moment loses nothing that it acknowledged (M20).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use mail_wire::{Form, MaildropId, MessageNumber};
use restante_store::log::{self, LogStore};
use restante_store::maildir::{self, MaildirStore};
use restante_store::{Incoming, Maildrop, Progress, Provenance, Recipient, Store, View};

const OURS: MaildropId = MaildropId::new(1);

/// Where the child finds its store.
const FOLDER: &str = "RESTANTE_TEST_KILLED";

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let open = |folder: &Path| -> Box<dyn Store> {
        Box::new(MaildirStore::open(folder, maildir::Settings::default()).unwrap())
    };
    survives("what_was_acknowledged_survives_a_kill", open).await;
}

#[tokio::test]
async fn what_a_log_acknowledged_survives_a_kill() {
    // Segments and checkpoints come and go all the time.
    let settings = log::Settings {
        segment_octets: 64 << 10,
        ahead_octets: 16 << 10,
        checkpoint_messages: 3,
        ..log::Settings::default()
    };
    let open = |folder: &Path| -> Box<dyn Store> {
        let store = LogStore::open(folder, &settings).unwrap();
        assert_eq!(store.damage(), []);
        Box::new(store)
    };
    survives("what_a_log_acknowledged_survives_a_kill", open).await;
}

async fn survives(this_test: &str, open: impl Fn(&Path) -> Box<dyn Store>) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return work(&*open(Path::new(&folder))).await;
    }
    let folder = tempfile::tempdir().unwrap();
    // What must be there, and what may be there or not: a line was not written for it.
    let mut present: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", this_test, "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut removed_perhaps = Vec::new();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        for line in lines {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["added", uidl, number] => {
                    present.insert(uidl.to_owned(), number.to_owned());
                }
                ["removing", uidl] => {
                    removed_perhaps.push((uidl.to_owned(), present.remove(uidl).unwrap()));
                }
                ["removed", uidl] => removed_perhaps.retain(|(known, _)| known != uidl),
                _ => continue,
            }
            acknowledged += 1;
            if acknowledged == 3 + round {
                // SIGKILL; what is in the pipe already was acknowledged too, and is read on.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let store = open(folder.path());
        let maildrop = store.open(OURS, View::default()).await.unwrap();
        let mut found = BTreeMap::new();
        for entry in maildrop.listing().iter() {
            let mut body = maildrop.read(entry.number).await.unwrap();
            let mut text = Vec::new();
            while body.read(&mut text, 4096).await.unwrap() != Progress::Ended {}
            let text = String::from_utf8(text).unwrap();
            let number = text.strip_prefix("Subject: ").unwrap().split_once("\r\n").unwrap();
            assert_eq!(number.1, format!("\r\n{}\r\n", "x".repeat(5000)), "half a message");
            found.insert(entry.uidl.to_string(), number.0.to_owned());
        }
        for (uidl, number) in &present {
            assert_eq!(found.get(uidl), Some(number), "acknowledged in round {round}, and lost");
        }
        let more = found.len() - present.len();
        let perhaps = removed_perhaps.iter().filter(|(uidl, _)| found.contains_key(uidl)).count();
        assert!(more <= perhaps + 1, "{more} messages too many in round {round}");
        present = found;
        drop(maildrop);
        drop(store);
        wait_closed(folder.path());
    }
}

/// A store may still do something in the background after it was dropped.
fn wait_closed(folder: &Path) {
    let lock = std::fs::File::open(folder.join("LOCK")).unwrap();
    lock.lock().unwrap();
}

/// Delivers and removes, and says so, until it is killed.
async fn work(store: &dyn Store) {
    let mut output = std::io::stdout();
    // The test runner's own line has no end yet.
    writeln!(output).unwrap();
    for number in 0.. {
        let recipients = vec![Recipient::new(OURS, Vec::new())];
        let incoming = Incoming {
            recipients,
            form: Form::Text,
            utf8: false,
            provenance: Provenance::default(),
        };
        let mut delivery = store.deliver(incoming).await.unwrap();
        let text = format!("Subject: {number}\r\n\r\n{}\r\n", "x".repeat(5000));
        delivery.write(text.as_bytes()).unwrap();
        let stored = delivery.commit().await.remove(0).unwrap();
        writeln!(output, "added {} {number}", stored.uidl).unwrap();
        if number % 3 == 2 {
            let mut maildrop: Box<dyn Maildrop> = store.open(OURS, View::default()).await.unwrap();
            let first = MessageNumber::new(1).unwrap();
            let uidl = maildrop.listing().get(first).unwrap().uidl.to_string();
            writeln!(output, "removing {uidl}").unwrap();
            maildrop.commit(&[first]).await.unwrap();
            writeln!(output, "removed {uidl}").unwrap();
        }
    }
}
