//! `restante maildrop`, and Maildirs that accounts take over.

use std::path::Path;
use std::process::Command;

use crate::site::Site;

const MESSAGES: [&[u8]; 4] = [
    b"Subject: plain\n\nbody\n",
    b"Subject: from lines\n\nFrom here\n>From there\n\nFrom a@b Thu Jan  1 00:00:00 1970\n",
    b"Subject: no end\n\nlast line",
    b"Subject: 8 bit\n\n\xe4\xf6\xfc\n.\n",
];

fn with_mail(site: &Site) {
    site.account("anna");
    for message in MESSAGES {
        site.ok_with(&["deliver", "-f", "bob@example.com", "anna@example.org"], message);
    }
}

/// What RETR would send, as octets.
fn message(site: &Site, number: u32) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_restante"))
        .args(["maildrop", "show", "anna", "--message", &number.to_string(), "--config"])
        .arg(site.path().join("restante.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn python(script: &str, argument: &Path) -> Vec<u8> {
    let output = Command::new("python3").args(["-c", script]).arg(argument).output();
    let output = output.expect(
        "python3 is missing: install Debian's package python3, or run `cargo xtask ci`, which does",
    );
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[test]
fn mail_is_counted_listed_and_printed() {
    for site in Site::both() {
        with_mail(&site);
        let table = site.ok(&["maildrop", "list"]);
        assert!(table.contains("anna@example.org"), "{table}");
        let rows = site.ok(&["maildrop", "show", "anna", "--json"]);
        let rows: Vec<serde_json::Value> =
            rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), 4);
        for (row, number) in rows.iter().zip(1_u32..) {
            assert_eq!(row["number"], number);
            assert_eq!(row["sender"], "bob@example.com");
            assert!(row["arrived"].as_str().unwrap().ends_with('Z'), "{row}");
            let octets = message(&site, number);
            assert_eq!(row["octets"], octets.len());
            let uidl = row["uidl"].as_str().unwrap();
            let by_uidl = site.ok(&["maildrop", "show", "anna", "--message", uidl]);
            assert_eq!(by_uidl, String::from_utf8_lossy(&octets));
        }
        assert!(message(&site, 4).ends_with(b"\r\n\r\n\xe4\xf6\xfc\r\n.\r\n"));
        assert!(message(&site, 3).ends_with(b"\r\n\r\nlast line\r\n"));
        let said = site.run(&["maildrop", "show", "anna", "--message", "5"]);
        assert_eq!(said.code, 1, "{said:?}");
    }
}

// More than one piece of a message, through the socket and without it.
#[test]
fn a_long_message_is_printed_whole() {
    for site in Site::both() {
        site.account("anna");
        let body = b"0123456789abcdef\n".repeat(100_000);
        let long = [b"Subject: long\n\n".to_vec(), body].concat();
        site.ok_with(&["deliver", "anna@example.org"], &long);
        let printed = message(&site, 1);
        let crlf = String::from_utf8(long).unwrap().replace('\n', "\r\n").into_bytes();
        assert!(printed.ends_with(&crlf), "{} of {} octets", printed.len(), crlf.len());
    }
}

// P-227: what Python's mailbox.mbox reads is what was in the maildrop
#[test]
fn an_mbox_holds_the_same_messages_for_python() {
    const SCRIPT: &str = "import mailbox, sys, re\n\
        for message in mailbox.mbox(sys.argv[1], create=False):\n\
        \x20 octets = message.as_bytes()\n\
        \x20 sys.stdout.buffer.write(b'%s\\n%d\\n%s' % (message.get_from().encode(), len(octets), octets))\n";
    for site in Site::both() {
        with_mail(&site);
        let to = site.path().join("anna.mbox");
        site.ok(&["maildrop", "export", "anna", "--to", to.to_str().unwrap()]);
        let mut read = python(SCRIPT, &to).as_slice().to_vec();
        for number in 1..=4 {
            let mut parts = read.splitn(3, |&octet| octet == b'\n');
            let from = String::from_utf8(parts.next().unwrap().to_vec()).unwrap();
            let length = std::str::from_utf8(parts.next().unwrap()).unwrap().parse().unwrap();
            let rest = parts.next().unwrap();
            let (octets, rest) = rest.split_at(length);
            assert!(from.starts_with("bob@example.com "), "{from}");
            let stored = message(&site, number);
            assert_eq!(unquoted(octets), lf(&stored), "message {number}");
            read = rest.to_vec();
        }
        assert!(read.is_empty());
        let uidls = std::fs::read_to_string(site.path().join("anna.mbox.uidls.tsv")).unwrap();
        assert_eq!(uidls.lines().count(), 5, "{uidls}");
        assert!(std::fs::read(&to).unwrap().ends_with(b"\n\n"));
        assert!(!std::fs::read(&to).unwrap().contains(&b'\r'));
        // Nothing is overwritten.
        let said = site.run(&["maildrop", "export", "anna", "--to", to.to_str().unwrap()]);
        assert_eq!(said.code, 1);
        assert!(said.err.contains("is there already"), "{said:?}");
    }
}

/// mboxrd: one `>` off each line that is `From ` after any number of them.
fn unquoted(octets: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        let from = line.iter().take_while(|&&octet| octet == b'>').count();
        let is_quoted = from > 0 && line[from..].starts_with(b"From ");
        plain.extend_from_slice(if is_quoted { &line[1..] } else { line });
    }
    plain
}

fn lf(octets: &[u8]) -> Vec<u8> {
    let mut plain = octets.to_vec();
    plain.retain(|&octet| octet != b'\r');
    plain
}

#[test]
fn a_maildir_holds_the_same_messages_and_becomes_a_maildrop_again() {
    for site in Site::both_with_maildirs() {
        with_mail(&site);
        let to = site.path().join("anna-copy");
        site.ok(&["maildrop", "export", "anna", "--to", to.to_str().unwrap()]);
        let mut names: Vec<_> =
            std::fs::read_dir(to.join("new")).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let copies: Vec<_> = names.iter().map(|name| std::fs::read(name).unwrap()).collect();
        let stored: Vec<_> = (1..=4).map(|number| lf(&message(&site, number))).collect();
        assert_eq!(copies, stored);
        // Taken over by another account, as it is.
        let maildir = to.to_str().unwrap();
        let add = ["account", "add", "bob@example.org", "--password-stdin", "--maildir", maildir];
        site.ok_with(&add, b"x\n");
        let listed = site.ok(&["maildrop", "list", "bob", "--json"]);
        assert!(listed.contains("\"messages\":4"), "{listed}");
        let add = ["account", "add", "carl@example.org", "--password-stdin", "--maildir", maildir];
        let said = site.run_with(&add, b"x\n");
        assert!(said.err.contains("already"), "{said:?}");
        assert_eq!(site.run(&["account", "show", "carl"]).code, 1);
    }
}

#[test]
fn a_folder_that_is_no_maildir_makes_no_account() {
    let [site, _] = Site::both_with_maildirs();
    let folder = site.path().to_str().unwrap().to_owned();
    let add = ["account", "add", "anna@example.org", "--password-stdin", "--maildir", &folder];
    let said = site.run_with(&add, b"x\n");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("`cur`"), "{said:?}");
    assert_eq!(site.ok(&["account", "list"]), "");
}

#[test]
fn the_mail_of_a_removed_account_stays_until_it_is_destroyed() {
    for site in Site::both() {
        with_mail(&site);
        let said = site.run(&["account", "remove", "anna", "--yes"]);
        assert!(said.err.contains("4 messages"), "{said:?}");
        assert!(said.err.contains("stays in the store"), "{said:?}");
        let listed: serde_json::Value =
            serde_json::from_str(&site.ok(&["maildrop", "list", "--json"])).unwrap();
        assert_eq!(listed["totals"]["messages"], 4, "{listed}");
        let maildrop = listed["maildrop"].to_string();
        let to = site.path().join("left.mbox");
        let to = to.to_str().unwrap();
        site.ok(&["maildrop", "export", "--maildrop", &maildrop, "--to", to]);
        site.ok(&["maildrop", "destroy", &maildrop, "--yes"]);
        assert_eq!(site.ok(&["maildrop", "list"]), "");
        assert_eq!(site.run(&["maildrop", "destroy", &maildrop, "--yes"]).code, 1);
    }
}

#[test]
fn an_account_goes_with_its_mail_where_that_is_asked_for() {
    for site in Site::both() {
        with_mail(&site);
        let removed = site.ok(&["account", "remove", "anna", "--yes", "--delete-mail"]);
        assert!(removed.contains("its mail is destroyed"), "{removed}");
        assert_eq!(site.ok(&["maildrop", "list"]), "");
        // A new account of that name begins with nothing.
        site.account("anna");
        assert!(site.ok(&["maildrop", "list", "--json"]).contains("\"messages\":0"));
    }
}

// A Maildir that an account left is no maildrop of its own any more: an account may have it again,
// and no mail has to be destroyed for that.
#[test]
fn a_maildir_that_was_left_can_be_taken_over_again() {
    for site in Site::both_with_maildirs() {
        with_mail(&site);
        let maildir = site.path().join("anna-copy");
        let maildir = maildir.to_str().unwrap();
        site.ok(&["maildrop", "export", "anna", "--to", maildir]);
        let add = |name: &str| {
            let add = ["account", "add", name, "--password-stdin", "--maildir", maildir];
            site.ok_with(&add, b"x\n");
        };
        add("bob@example.org");
        let uidls = site.ok(&["maildrop", "show", "bob", "--json"]);
        site.ok(&["account", "remove", "bob", "--yes"]);
        add("carl@example.org");
        assert_eq!(site.ok(&["maildrop", "show", "carl", "--json"]), uidls);
        assert!(!site.ok(&["maildrop", "list"]).contains("(removed)"));
    }
}
