//! `restante trace`, `restore` and `hold`: what happened to messages, and those that are kept out
//! of the listings.

use serde_json::Value;

use crate::site::Site;

fn with_mail(site: &Site) {
    site.account("anna");
    for subject in ["one", "two"] {
        let message = format!("Message-ID: <{subject}@example.com>\nSubject: {subject}\n\nbody\n");
        let arguments = ["deliver", "-f", "bob@example.com", "anna@example.org"];
        site.ok_with(&arguments, message.as_bytes());
    }
}

fn uidls(site: &Site) -> Vec<String> {
    let rows = site.ok(&["maildrop", "show", "anna", "--json"]);
    let uidl = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["uidl"].as_str().unwrap().to_owned()
    };
    rows.lines().map(uidl).collect()
}

// `product` §2: a message's whole story, in lines and for machines
#[test]
fn a_message_has_a_story() {
    for site in Site::both() {
        with_mail(&site);
        let told = site.ok(&["trace", "anna"]);
        assert_eq!(told.matches("accepted from <bob@example.com>").count(), 2, "{told}");
        let of_one = site.ok(&["trace", "anna", "--message", &uidls(&site)[1]]);
        assert!(of_one.contains("Message-ID <two@example.com>"), "{of_one}");
        assert!(!of_one.contains("<one@example.com>"), "{of_one}");
        let found = site.ok(&["trace", "anna", "--message-id", "two@example.com"]);
        assert_eq!(found, of_one);
        let json = site.ok(&["trace", "anna", "--message-id", "<one@example.com>", "--json"]);
        let line: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
        assert_eq!(line["what"], "accepted");
        assert_eq!(line["recipient"], "anna@example.org");
        assert!(line["at"].as_str().unwrap().ends_with('Z'), "{line}");
        let unknown = site.run(&["trace", "anna", "--message", "nobody.1"]);
        assert_eq!(unknown.code, 1, "{unknown:?}");
        assert!(unknown.err.contains("nothing is known"), "{unknown:?}");
    }
}

// `rulings` 17: on Maildir, `trace` says that there is none
#[test]
fn maildirs_have_no_story() {
    for site in Site::both_with_maildirs() {
        with_mail(&site);
        for arguments in
            [vec!["trace", "anna"], vec!["hold", "list", "anna"], vec!["restore", "anna", "a.1"]]
        {
            let said = site.run(&arguments);
            assert_eq!(said.code, 1, "{said:?}");
            assert!(said.err.contains("Maildirs"), "{said:?}");
        }
    }
}

// `product` §5: held, restored with its old unique-id or a new one; `rulings` 21
#[test]
fn what_is_held_is_restored_or_released() {
    let mut site = Site::stopped_with("[keeping]\ndelete = \"hold:30d\"\n");
    site.start();
    with_mail(&site);
    let all = uidls(&site);
    let gone = site.pop3_dialogue(&["USER anna", "PASS tanstaaf", "DELE 1", "DELE 2", "QUIT"]);
    assert!(gone.lines().all(|line| line.starts_with("+OK")), "{gone}");
    assert!(uidls(&site).is_empty());
    let listed = site.ok(&["hold", "list", "anna"]);
    assert!(all.iter().all(|uidl| listed.contains(uidl.as_str())), "{listed}");
    assert!(listed.contains("held, will be destroyed "), "{listed}");
    site.ok(&["restore", "anna", &all[0]]);
    assert_eq!(uidls(&site), [all[0].clone()]);
    let said = site.ok(&["restore", "anna", &all[1], "--as-new"]);
    let new = uidls(&site)[1].clone();
    assert!(new != all[1] && said.contains(&new), "{said}");
    let again = site.run(&["restore", "anna", &all[0]]);
    assert!(again.code == 1 && again.err.contains("not withheld"), "{again:?}");
    let story = site.ok(&["trace", "anna", "--message", &all[0]]);
    for what in ["accepted from", "deleted: held until", "offered again"] {
        assert!(story.contains(what), "{story}");
    }
    // What is held is purged, and nothing else.
    let _ = site.pop3_dialogue(&["USER anna", "PASS tanstaaf", "DELE 1", "QUIT"]);
    let purged: Value =
        serde_json::from_str(&site.ok(&["maildrop", "purge", "anna", "--yes", "--json"])).unwrap();
    assert_eq!((&purged["messages"], uidls(&site)), (&1.into(), vec![new.clone()]));
    assert!(site.ok(&["hold", "list", "anna", "--json"]).is_empty());
    // What is offered as new came from where it did.
    let story = site.ok(&["trace", "anna", "--message", &new]);
    assert!(story.contains("accepted from <bob@example.com> for anna@example.org"), "{story}");
    // The same on a stopped server.
    let _ = site.pop3_dialogue(&["USER anna", "PASS tanstaaf", "DELE 1", "QUIT"]);
    site.stop();
    let asked = site.run(&["hold", "release", "anna", "--all"]);
    assert!(asked.code == 1 && asked.err.contains("--yes"), "{asked:?}");
    let released = site.ok(&["hold", "release", "anna", "--all", "--yes"]);
    assert!(released.contains("1 message destroyed"), "{released}");
    assert!(site.ok(&["hold", "list", "anna", "--json"]).is_empty());
}
