//! A site moves from one store to another, and no client notices.

use std::fs;

use crate::site::Site;

const MAILDIRS: &str = "[store]\nbackend = \"maildir\"\n";
const LOG: &str = "[store]\nbackend = \"log\"\n";

fn with_mail(site: &Site) {
    for name in ["anna", "berta"] {
        site.account(name);
        for number in 0..3 {
            let message = format!("Subject: {number}\n\n.dot of {name}\n\nend");
            site.ok_with(&["deliver", &format!("{name}@example.org")], message.as_bytes());
        }
    }
    site.ok(&["account", "add", "empty@example.org", "--no-password"]);
}

/// All that a client sees, octet by octet, but for the banner.
fn seen(site: &Site) -> Vec<String> {
    let look = |name: &str| {
        let user = format!("USER {name}@example.org");
        let lines =
            [&user, "PASS tanstaaf", "STAT", "LIST", "UIDL", "RETR 1", "RETR 2", "RETR 3", "QUIT"];
        let answers = site.pop3_dialogue(&lines);
        let (_, after) = answers.split_once("\r\n").expect("a banner");
        assert_eq!(after.matches("\r\n.\r\n").count(), 5, "{after}");
        after.to_owned()
    };
    ["anna", "berta"].map(look).into()
}

// issue: `restante store copy FROM TO`; product §3: migration without clients noticing
#[test]
fn no_client_notices_that_the_store_is_another() {
    let mut site = Site::stopped_with(MAILDIRS);
    with_mail(&site);
    site.start();
    let before = seen(&site);
    let said = site.run(&["store", "copy", "maildir", "log"]);
    assert!(said.code == 1 && said.err.contains("stop the server first"), "{said:?}");
    site.stop();
    let said = site.run(&["store", "copy", "maildir", "log"]);
    assert!(said.code == 0 && said.out.contains("6 messages in 2 maildrops"), "{said:?}");
    assert!(said.err.contains("puts it into use") && said.err.contains(" %: compared"), "{said:?}");
    // It is not switched by that alone, and not copied again.
    let said = site.run(&["store", "copy", "maildir", "log"]);
    assert!(said.code == 1 && said.err.contains("is not empty"), "{said:?}");
    site.start();
    assert_eq!(seen(&site), before);
    site.stop();
    site.configure(MAILDIRS, LOG);
    site.start();
    assert_eq!(seen(&site), before);
    // And back, to a folder of its own.
    site.stop();
    let there = format!("maildir:{}", site.path().join("other").display());
    let said = site.ok(&["store", "copy", "log", &there, "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["messages"], &said["maildrops"]), (&6.into(), &2.into()));
    fs::remove_dir_all(site.state().join("mail")).unwrap();
    fs::rename(site.path().join("other"), site.state().join("mail")).unwrap();
    site.configure(LOG, MAILDIRS);
    site.start();
    assert_eq!(seen(&site), before);
}

// P-056: what is copied half way is never served; begun again, it goes on
#[test]
fn half_a_copy_is_not_served() {
    let mut site = Site::stopped();
    fs::create_dir_all(site.state().join("mail")).unwrap();
    with_mail(&site);
    let store = site.state().join("store");
    let words = |from: &str| format!("from maildir {}\n", site.path().join(from).display());
    fs::create_dir_all(&store).unwrap();
    fs::write(store.join("UNFINISHED"), words("elsewhere")).unwrap();
    let said = site.run(&["store", "copy", "maildir", "log"]);
    assert!(said.code == 1 && said.err.contains("another copy was begun"), "{said:?}");
    // Without a word in the configuration the Maildirs are still what is meant.
    site.start();
    let before = seen(&site);
    site.stop();
    site.configure("[listen]", &format!("{LOG}[listen]"));
    let said = site.run(&["serve"]);
    assert!(said.code == 78 && said.err.contains("the mail of this site is in"), "{said:?}");
    fs::remove_dir_all(&store).unwrap();
    site.ok(&["store", "copy", "maildir", "log"]);
    site.start();
    assert_eq!(seen(&site), before);
}

// issue: what the target cannot keep is refused with a clear word, before anything is written
#[test]
fn what_a_maildir_cannot_keep_is_refused() {
    let mut site = Site::running();
    site.configure("[listen]", "[keeping]\ndelete = \"hold:30d\"\n[listen]");
    with_mail(&site);
    site.stop();
    site.start();
    site.pop3_dialogue(&["USER anna@example.org", "PASS tanstaaf", "DELE 2", "QUIT"]);
    site.stop();
    let said = site.run(&["store", "copy", "log", "maildir"]);
    assert!(said.code == 1 && said.err.contains("1 message held or set aside"), "{said:?}");
    assert!(said.err.contains("--leave-out"), "{said:?}");
    assert!(!site.state().join("mail").exists(), "nothing was written");
    let said = site.run(&["store", "copy", "log", "maildir", "--leave-out"]);
    assert!(said.code == 0 && said.out.contains("5 messages in 2 maildrops"), "{said:?}");
    assert!(said.err.contains("left out"), "{said:?}");
    // Words that name no store, and stores that are not there.
    let said = site.run(&["store", "copy", "mbox", "log"]);
    assert!(said.code == 2 && said.err.contains("maildir:DIR"), "{said:?}");
    let nowhere = format!("log:{}", site.path().join("nowhere").display());
    let said = site.run(&["store", "copy", &nowhere, "maildir"]);
    assert!(said.code == 1 && said.err.contains("there is no log store in"), "{said:?}");
    assert!(!site.path().join("nowhere").exists());
}
