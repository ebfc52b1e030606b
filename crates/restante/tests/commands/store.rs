//! Which store a site has, and what is said of a store that is damaged.

use std::fs;
use std::path::PathBuf;

use crate::site::Site;

const MAILDIRS: &str = "[store]\nbackend = \"maildir\"\n";

fn with_mail(site: &Site, messages: usize) {
    site.account("anna");
    for number in 0..messages {
        let message = format!("Subject: {number}\n\nbody\n");
        site.ok_with(&["deliver", "anna@example.org"], message.as_bytes());
    }
}

fn messages(site: &Site) -> u64 {
    let listed: serde_json::Value =
        serde_json::from_str(&site.ok(&["maildrop", "list", "anna", "--json"])).unwrap();
    listed["totals"]["messages"].as_u64().unwrap()
}

// issue: a ten-line configuration uses the log store
#[test]
fn a_new_site_has_a_log() {
    for site in Site::both() {
        with_mail(&site, 1);
        assert!(site.state().join("store/FORMAT").exists());
        assert!(!site.state().join("mail").exists());
        // A command, too, leaves it in good order.
        assert_eq!(messages(&site), 1);
    }
}

// rulings 18: "A site's backend is never switched implicitly"
#[test]
fn a_site_with_maildirs_keeps_them_and_is_told() {
    let mut site = Site::stopped_with(MAILDIRS);
    with_mail(&site, 2);
    site.configure(MAILDIRS, "");
    assert_eq!(messages(&site), 2);
    let checked = site.run(&["check", "--json"]);
    assert!(checked.out.contains("stays in Maildirs"), "{checked:?}");
    site.start();
    assert_eq!(messages(&site), 2);
    assert!(site.log().contains("stays in Maildirs"), "{}", site.log());
    site.stop();
    assert!(!site.state().join("store").exists());
    // Said plainly it is fine, and the other is refused, by every command.
    site.configure("[listen]", "[store]\nbackend = \"log\"\n[listen]");
    for command in [&["maildrop", "list"][..], &["serve"], &["check"], &["account", "list"]] {
        let said = site.run(command);
        assert_ne!(said.code, 0, "{command:?}");
        let text = said.err + &said.out;
        assert!(text.contains("restante store copy maildir log"), "{command:?}: {text}");
    }
    let said = site.run_with(&["deliver", "anna@example.org"], b"Subject: x\n\n");
    assert_eq!(said.code, 75, "the MTA keeps it: {said:?}");
    site.configure("\"log\"", "\"maildir\"");
    assert_eq!(messages(&site), 2);
    let checked = site.run(&["check", "--json"]);
    assert!(!checked.out.contains("stays in Maildirs"), "{checked:?}");
}

// P-056: what is not mounted is no empty store
#[test]
fn a_store_that_is_not_there_is_not_begun_anew() {
    let site = Site::stopped();
    with_mail(&site, 1);
    fs::rename(site.state().join("store"), site.path().join("elsewhere")).unwrap();
    fs::create_dir(site.state().join("store")).unwrap();
    let said = site.run(&["maildrop", "list"]);
    assert!(said.code == 1 && said.err.contains("is its disk mounted?"), "{said:?}");
    fs::remove_dir(site.state().join("store")).unwrap();
    std::os::unix::fs::symlink(site.path().join("elsewhere"), site.state().join("store")).unwrap();
    assert_eq!(messages(&site), 1);
}

/// The segments that hold something.
fn segments(site: &Site) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for shard in ["s00", "s01"] {
        for entry in fs::read_dir(site.state().join("store").join(shard)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ext| ext == "log") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

// P-056, security: what is damaged is told everywhere, and nobody is shown a maildrop that may
// lack messages
#[test]
fn a_damaged_store_is_told_and_its_maildrops_stay_closed() {
    let mut site = Site::stopped();
    with_mail(&site, 3);
    // The head of the first message, in a store whose index has to be made anew.
    let first = segments(&site).into_iter().find(|path| fs::metadata(path).unwrap().len() > 300);
    let first = first.unwrap();
    let mut octets = fs::read(&first).unwrap();
    octets[64 + 9] ^= 1;
    fs::write(&first, octets).unwrap();
    for shard in ["s00", "s01"] {
        fs::remove_file(site.state().join("store").join(shard).join("index.redb")).unwrap();
    }
    site.start();
    assert!(site.log().contains("the store is damaged: s0"), "{}", site.log());
    let status = site.ok(&["status"]);
    assert!(status.contains("restante store repair"), "{status}");
    let status: serde_json::Value = serde_json::from_str(&site.ok(&["status", "--json"])).unwrap();
    assert_eq!(status["damage"].as_array().unwrap().len(), 1, "{status}");
    let answers = site.pop3_dialogue(&["USER anna@example.org", "PASS tanstaaf", "QUIT"]);
    assert!(answers.contains("\r\n-ERR [SYS/TEMP]"), "{answers}");
    let listed = site.ok(&["maildrop", "list"]);
    assert!(listed.contains("restante store repair"), "{listed}");
    // Mail is taken in all the same.
    site.ok_with(&["deliver", "anna@example.org"], b"Subject: x\n\n");
    // It is remembered, though the index has gone past it.
    site.stop();
    let checked = site.run(&["check", "--json"]);
    assert!(checked.out.contains("the store is damaged: s0"), "{checked:?}");
    assert_eq!(site.run(&["maildrop", "show", "anna"]).code, 1);
    site.start();
    let answers = site.pop3_dialogue(&["USER anna@example.org", "PASS tanstaaf", "QUIT"]);
    assert!(answers.contains("\r\n-ERR [SYS/TEMP]"), "{answers}");
}
