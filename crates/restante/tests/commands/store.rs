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
        assert!(text.contains("to keep it there"), "{command:?}: {text}");
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
    // The log is written by and by; by now it is whole.
    assert!(site.log().contains("the store is damaged: s0"), "{}", site.log());
    let checked = site.run(&["check", "--json"]);
    assert!(checked.out.contains("the store is damaged: s0"), "{checked:?}");
    assert_eq!(site.run(&["maildrop", "show", "anna"]).code, 1);
    site.start();
    let answers = site.pop3_dialogue(&["USER anna@example.org", "PASS tanstaaf", "QUIT"]);
    assert!(answers.contains("\r\n-ERR [SYS/TEMP]"), "{answers}");
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

// issue: on a running server as on a stopped one; progress as plain lines where no terminal is
#[test]
fn a_store_is_counted_verified_and_backed_up() {
    for site in Site::both() {
        with_mail(&site, 3);
        let stats = json(&site.ok(&["store", "stats", "--json"]));
        let messages: u64 = stats["shards"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["messages"].as_u64().unwrap())
            .sum();
        assert_eq!(messages, 3, "{stats}");
        assert!(site.ok(&["store", "stats"]).contains("held"));
        let verified = site.run(&["store", "verify"]);
        assert!(verified.code == 0 && verified.out.contains("nothing is wrong"), "{verified:?}");
        assert!(verified.err.contains(" %: verified"), "{verified:?}");
        let verdict = json(&site.ok(&["store", "verify", "--json"]));
        assert_eq!(
            (&verdict["messages"], verdict["findings"].as_array().unwrap().len()),
            (&3.into(), 0)
        );
        let whole = site.ok(&["maildrop", "verify", "anna"]);
        assert!(whole.contains("3 messages") && whole.contains("nothing is wrong"), "{whole}");
        assert!(site.ok(&["maildrop", "compact"]).contains("nothing is worth it"));
        assert_eq!(
            json(&site.ok(&["maildrop", "purge", "anna", "--yes", "--json"]))["messages"],
            0
        );
        let backup = site.path().join("backup");
        let backup = backup.to_str().unwrap();
        let first = json(&site.ok(&["store", "backup", backup, "--json"]));
        assert_eq!(first["copied"], first["octets"]);
        let again = json(&site.ok(&["store", "backup", backup, "--json"]));
        assert_eq!(again["copied"], 0, "{again}");
        // A folder that is something else is never written to.
        let said = site.run(&["store", "backup", site.path().to_str().unwrap()]);
        assert!(said.code == 1 && said.err.contains("name another folder"), "{said:?}");
    }
}

// rulings 21; rulings 14: what needs a stopped server says so
#[test]
fn a_backup_is_recovered_with_all_unique_ids() {
    let mut site = Site::running();
    with_mail(&site, 3);
    let uidls = site.ok(&["maildrop", "show", "anna", "--json"]);
    let backup = site.path().join("backup");
    let backup = backup.to_str().unwrap();
    site.ok(&["store", "backup", backup]);
    for act in
        [&["store", "recover-from", backup][..], &["store", "repair"], &["store", "rebuild-index"]]
    {
        let said = site.run(act);
        assert!(said.code == 1 && said.err.contains("stop the server first"), "{said:?}");
    }
    site.stop();
    let said = site.run(&["store", "recover-from", backup]);
    assert!(said.code == 1 && said.err.contains("move it away first"), "{said:?}");
    fs::rename(site.state().join("store"), site.path().join("lost")).unwrap();
    let said = site.run(&["maildrop", "list"]);
    assert!(said.err.contains("is its disk mounted?"), "{said:?}");
    let said = site.ok(&["store", "recover-from", backup]);
    assert!(said.contains("3 messages") && said.contains("unique-ids"), "{said}");
    site.start();
    assert_eq!(site.ok(&["maildrop", "show", "anna", "--json"]), uidls);
    site.ok_with(&["deliver", "anna@example.org"], b"Subject: new\n\n");
    assert_eq!(messages(&site), 4);
}

// issue: repair gives back what is whole and says what is lost; then everybody may log in again
#[test]
fn a_repair_opens_what_damage_had_closed() {
    let site = Site::stopped();
    with_mail(&site, 3);
    let first = segments(&site).into_iter().find(|path| fs::metadata(path).unwrap().len() > 300);
    let first = first.unwrap();
    let mut octets = fs::read(&first).unwrap();
    octets[64 + 9] ^= 1;
    fs::write(&first, octets).unwrap();
    let rebuilt = site.run(&["store", "rebuild-index"]);
    assert!(rebuilt.code == 0 && rebuilt.err.contains("repair"), "{rebuilt:?}");
    assert!(rebuilt.err.contains("100 %: indexes made anew"), "{rebuilt:?}");
    assert_eq!(site.run(&["maildrop", "show", "anna"]).code, 1, "P-056");
    let verified = site.run(&["store", "verify"]);
    assert!(verified.code == 1 && verified.out.contains("no record is there"), "{verified:?}");
    let repaired = site.ok(&["store", "repair"]);
    assert!(repaired.contains("nobody knows what was in it"), "{repaired}");
    assert_eq!(messages(&site), 2);
    assert!(json(&site.ok(&["check", "--json"]))["ok"].as_bool().unwrap());
    let verified = site.ok(&["store", "verify"]);
    assert!(verified.contains("nothing is wrong"), "what was dealt with is no news: {verified}");
}
