//! How mail is kept, as an operator says it: settings, accounts, app passwords, imports.

use std::io::{BufRead as _, BufReader, Write as _};

use serde_json::Value;

use crate::site::Site;

const MESSAGE: &[u8] = b"Subject: one\n\nbody\n";

fn shown(site: &Site, account: &str) -> Value {
    serde_json::from_str(&site.ok(&["account", "show", account, "--json"])).unwrap()
}

// product §5: per maildrop, and where each rule comes from
#[test]
fn rules_are_the_sites_or_the_accounts_own() {
    const SITE: &str = "[keeping]\ndelete = \"hold:30d\"\nretention = \"90d after delivery\"\n\
                        quota_messages = 1000\nquota_octets = \"1GiB\"\n[workers]\nbatch = 10\n";
    let mut running = Site::stopped_with(SITE);
    running.start();
    for site in [Site::stopped_with(SITE), running] {
        site.account("anna");
        let row = |text: &str, name: &str| {
            let found = text.lines().find(|line| line.starts_with(name)).expect(name);
            found[name.len()..].trim().to_owned()
        };
        let text = site.ok(&["account", "show", "anna"]);
        for (name, told) in [
            ("delete", "hold:30d (the site's)"),
            ("views", "shared (the site's)"),
            ("sessions", "exclusive (the site's)"),
            ("retention", "90d after delivery (the site's)"),
            ("quota-messages", "1000 (the site's)"),
            ("quota-octets", "1GiB (the site's)"),
            ("over-quota", "defer (the site's)"),
            ("login-delay", "none (the site's)"),
            ("worker-batch", "10 (the site's)"),
        ] {
            assert_eq!(row(&text, name), told);
        }
        let change = [
            "account",
            "change",
            "anna",
            "--views",
            "per-credential",
            "--retention",
            "never",
            "--quota-octets",
            "500MiB",
            "--login-delay",
            "15m",
        ];
        let text = site.ok(&change);
        assert_eq!(row(&text, "views"), "per-credential (its own)");
        assert_eq!(row(&text, "sessions"), "snapshot (by its views)");
        assert_eq!(row(&text, "retention"), "never (its own)");
        assert_eq!(row(&text, "quota-octets"), "500MiB (its own)");
        let back = site.ok(&["account", "change", "anna", "--retention", "site"]);
        assert_eq!(row(&back, "retention"), "90d after delivery (the site's)");
        let json = shown(&site, "anna");
        assert_eq!(json["keeping"]["login-delay"]["value"], "15m");
        assert_eq!(json["keeping"]["login-delay"]["from"], "account");
        let said = site.run(&["account", "change", "anna", "--delete", "hold"]);
        assert_eq!(said.code, 2);
        assert!(said.err.contains("hold:30d"), "{said:?}");
        assert_eq!(site.run(&["account", "change", "anna"]).code, 2, "nothing to change");
    }
}

#[test]
fn an_account_is_made_with_its_rules() {
    for site in Site::both() {
        let add = [
            "account",
            "add",
            "anna@example.org",
            "--no-password",
            "--delete",
            "ignore",
            "--views",
            "site",
        ];
        site.ok(&add);
        let json = shown(&site, "anna");
        assert_eq!(json["keeping"]["delete"]["value"], "ignore");
        assert_eq!(json["keeping"]["views"]["from"], "site");
        let file = b"bob@example.org:::delete=hold:7d,quota-messages=5\n\
                     carl@example.org:::delete=never\n";
        let said = site.run_with(&["account", "import", "-"], file);
        assert_eq!(said.code, 1);
        assert!(said.err.contains("line 2: ") && said.err.contains("hold:30d"), "{said:?}");
        assert_eq!(shown(&site, "bob")["keeping"]["delete"]["value"], "hold:7d");
        let again = site.run_with(&["account", "import", "-", "--json"], &file[..50]);
        let report: Value = serde_json::from_str(&again.out).unwrap();
        assert_eq!(report["unchanged"], 1, "{report}");
        let other = b"bob@example.org:::delete=destroy\n";
        let said = site.run_with(&["account", "import", "-"], other);
        assert!(said.err.contains("it is `hold:7d` already"), "{said:?}");
    }
}

// ecosystem: a full maildrop is 75 where mail for it is deferred, 77 where it is refused (P-218)
#[test]
fn a_full_maildrop_is_told_to_the_pipe() {
    for site in Site::both() {
        site.account("anna");
        site.ok(&["account", "change", "anna", "--quota-messages", "1"]);
        let deliver = || site.run_with(&["deliver", "anna@example.org"], MESSAGE);
        assert_eq!(deliver().code, 0);
        let said = deliver();
        assert_eq!(said.code, 75);
        assert!(said.err.contains("452 4.2.2"), "{said:?}");
        site.ok(&["account", "change", "anna", "--over-quota", "refuse"]);
        let said = deliver();
        assert_eq!(said.code, 77);
        assert!(said.err.contains("552 5.2.2"), "{said:?}");
        site.ok(&["account", "change", "anna", "--quota-messages", "2"]);
        assert_eq!(deliver().code, 0);
    }
}

/// The replies to a message over LMTP that nobody has said the size of.
fn lmtp(site: &Site, recipients: &[&str], octets: usize) -> Vec<String> {
    let stream = std::os::unix::net::UnixStream::connect(site.lmtp_socket()).expect("it listens");
    let mut lines = BufReader::new(&stream).lines().map(|line| line.expect("a line"));
    let mut reply = || lines.find(|line| line.as_bytes().get(3) != Some(&b'-')).expect("a reply");
    let say = |text: &str| (&stream).write_all(text.as_bytes()).expect("it reads");
    reply();
    say("LHLO client.example\r\n");
    assert!(reply().starts_with("250"));
    say("MAIL FROM:<b@example.net>\r\n");
    assert!(reply().starts_with("250"));
    for recipient in recipients {
        say(&format!("RCPT TO:<{recipient}>\r\n"));
        let said = reply();
        assert!(said.starts_with("250"), "there is room as far as anybody knows: {said}");
    }
    say("DATA\r\n");
    assert!(reply().starts_with("354"));
    say(&format!("Subject: x\r\n\r\n{}\r\n.\r\n", "0123456789\r\n".repeat(octets / 12)));
    recipients.iter().map(|_| reply()).collect()
}

// issue: quotas enforced at the end of DATA, with 452 4.2.2 / 552 5.2.2 as configured; the same on
// Maildirs
#[test]
fn a_message_that_does_not_fit_is_refused_at_its_end() {
    for backend in ["log", "maildir"] {
        let mut site = Site::stopped_with(&format!("[store]\nbackend = \"{backend}\"\n"));
        for name in ["anna", "berta"] {
            site.account(name);
        }
        site.ok(&["account", "change", "anna", "--quota-octets", "2KiB"]);
        // On a stopped server, where the pipe opens the store itself.
        let long = format!("Subject: x\n\n{}", "0123456789\n".repeat(300));
        let said = site.run_with(&["deliver", "anna@example.org"], long.as_bytes());
        assert!(said.code == 75 && said.err.contains("452 4.2.2"), "{backend}: {said:?}");
        site.ok(&["account", "change", "anna", "--over-quota", "refuse"]);
        let said = site.run_with(&["deliver", "anna@example.org"], long.as_bytes());
        assert!(said.code == 77 && said.err.contains("552 5.2.2"), "{backend}: {said:?}");
        assert_eq!(site_messages(&site, "anna").1, 0, "{backend}");
        site.start();
        let both = ["anna@example.org", "berta@example.org"];
        let said = lmtp(&site, &both, 3000);
        assert!(said[0].starts_with("552 5.2.2"), "{backend}: {said:?}");
        assert!(said[1].starts_with("250"), "{backend}: the other gets hers: {said:?}");
        site.ok(&["account", "change", "anna", "--over-quota", "defer"]);
        let said = lmtp(&site, &both[..1], 3000);
        assert!(said[0].starts_with("452 4.2.2"), "{backend}: {said:?}");
        assert_eq!(site_messages(&site, "anna").1, 0, "{backend}");
        assert!(lmtp(&site, &both[..1], 900)[0].starts_with("250"), "{backend}");
        let said = site.run_with(&["deliver", "anna@example.org"], long.as_bytes());
        assert!(said.code == 75 && said.err.contains("452 4.2.2"), "{backend}: {said:?}");
        assert_eq!(site_messages(&site, "anna").1, 1, "{backend}");
        assert_eq!(site_messages(&site, "berta").1, 1, "{backend}");
    }
}

/// Octets and messages of a maildrop.
fn site_messages(site: &Site, name: &str) -> (u64, u64) {
    let listed: Value =
        serde_json::from_str(&site.ok(&["maildrop", "list", name, "--json"])).unwrap();
    let number = |what: &str| listed["totals"][what].as_u64().unwrap();
    (number("octets"), number("messages"))
}

// product §1: kind, scopes, networks, expiry, last use. What is not good here and now gets the
// same answer as a wrong password.
#[test]
fn app_passwords_are_for_one_purpose() {
    let site = Site::running();
    site.account("anna");
    let add = |label: &str, more: &[&str]| {
        site.ok(&[&["app-password", "add", "anna", label], more].concat()).trim().to_owned()
    };
    let login = |secret: &str| {
        let pass = format!("PASS {secret}");
        site.pop3_dialogue(&["USER anna@example.org", &pass, "QUIT"])
    };
    let worker = add("zammad", &["--kind", "worker", "--expires", "90d"]);
    let elsewhere = add("laptop", &["--network", "192.0.2.0/24"]);
    let sender = add("printer", &["--scope", "submission"]);
    assert!(!login(&worker).contains("-ERR"));
    let wrong = login("rst1-00000000000000000000000000");
    assert!(wrong.contains("-ERR [AUTH]"), "{wrong}");
    assert_eq!(login(&elsewhere), wrong);
    assert_eq!(login(&sender), wrong);
    let listed = site.ok(&["app-password", "list", "anna"]);
    let row = |label: &str| listed.lines().find(|line| line.starts_with(label)).unwrap();
    assert!(row("LABEL").contains("KIND") && row("LABEL").contains("LAST USE"), "{listed}");
    assert!(row("zammad").contains("worker") && row("zammad").contains("127.0.0.1"), "{listed}");
    assert!(row("laptop").contains("never") && row("laptop").contains("192.0.2.0/24"), "{listed}");
    assert!(row("printer").contains("submission"), "{listed}");
    let json = shown(&site, "anna");
    assert_eq!(json["keeping"]["sessions"]["from"], "workers");
}

// rulings 18: promises differ; what a store cannot keep is refused, never silently destroyed
#[test]
fn maildirs_refuse_rules_that_need_a_memory() {
    for site in Site::both_with_maildirs() {
        site.account("anna");
        for (option, value) in [
            ("--delete", "ignore"),
            ("--delete", "hold:30d"),
            ("--views", "per-credential"),
            ("--retention", "7d after delivery"),
        ] {
            let said = site.run(&["account", "change", "anna", option, value]);
            assert_eq!(said.code, 1, "{said:?}");
            assert!(said.err.contains("Maildirs remember nothing"), "{said:?}");
        }
        site.ok(&["account", "change", "anna", "--delete", "destroy", "--quota-messages", "5"]);
    }
    let site =
        Site::stopped_with("[store]\nbackend = \"maildir\"\n[keeping]\ndelete = \"ignore\"\n");
    let said = site.run(&["check"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("Maildirs remember nothing"), "{said:?}");
}

// what is not wrong but will surprise
#[test]
fn a_maildrop_that_only_fills_is_warned_of() {
    let site = Site::stopped_with(
        "[keeping]\ndelete = \"ignore\"\nquota_octets = \"1GiB\"\nretention = \"never\"\n",
    );
    let said = site.run(&["check"]);
    assert!(said.out.contains("nothing ever leaves a maildrop"), "{said:?}");
    let site = Site::stopped_with("[keeping]\ndelete = \"hold\"\nretention = \"30d\"\n");
    let said = site.run(&["check"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("`keeping.delete` takes \"destroy\""), "{said:?}");
    assert!(said.out.contains("30d after delivery"), "{said:?}");
}
