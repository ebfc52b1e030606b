//! Passwd files chained beside the database (issue 4, "Authentication"; rulings 9 to 13).

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use restante_directory::{
    AccountChange, FileFormat, Filter, ImportBatch, ImportLine, Manage, ManageError, NewAccount,
    Notices, OpenError, ResolveError, Settings, Source, VerifyError,
};
use restante_directory::{Accounts, Directory};

use crate::site::{Site, from, home, reason, settings};

/// A folder with passwd files, and what the directory said.
struct Files {
    folder: tempfile::TempDir,
    said: Arc<Mutex<Vec<String>>>,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), said: Arc::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file in place as tools do it: whole, by its name.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let (new, path) = (self.path("new"), self.path(name));
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o640)).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }

    fn settings(&self, chain: Vec<Source>) -> Settings {
        let said = Arc::clone(&self.said);
        let notices = Notices::to(move |word| said.lock().unwrap().push(word.to_owned()));
        Settings { chain, notices, ..settings(&["example.org", "example.net"]) }
    }

    /// A site whose chain is the database, then this file.
    fn site(&self, text: &str) -> Site {
        let path = self.write("users", text);
        Site::with(self.settings(vec![Source::Own, passwd(&path)]))
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }
}

fn passwd(path: &Path) -> Source {
    Source::File { path: path.to_owned(), format: FileFormat::Passwd }
}

fn unavailable<T: std::fmt::Debug>(answer: Result<T, VerifyError>) -> String {
    match answer {
        Err(VerifyError::Unavailable { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

/// Hashes of each family that one login computes, when it fails.
async fn work(site: &Site, name: &str, password: &str) -> Vec<(&'static str, u64)> {
    let before = site.accounts.hashes_by_family();
    reason(site.login(name, password).await);
    let more =
        site.accounts.hashes_by_family().into_iter().map(|(family, count)| {
            (family, count - before.get(family).copied().unwrap_or_default())
        });
    more.filter(|(_, count)| *count > 0).collect()
}

// "Dovecot's and htpasswd's formats, with every scheme that an operator brings": golden hashes
#[tokio::test]
async fn every_scheme_logs_in_from_a_file_and_the_file_stays_as_it_is() {
    let golden: Vec<(&str, &str)> = include_str!("../fixtures/hashes/golden.txt")
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|fields| (fields[0], fields[1]))
        .filter(|(password, hash)| *password == "tanstaaf" && !hash.contains("ARGON2"))
        .collect();
    let mut text = String::new();
    for ((_, hash), number) in golden.iter().zip(1..) {
        writeln!(text, "u{number}@example.org:{hash}:1000:1000::/home::").unwrap();
    }
    let files = Files::new();
    let site = files.site(&text);
    for ((_, hash), number) in golden.iter().zip(1..) {
        let name = format!("u{number}@example.org");
        let account = site.login(&name, "tanstaaf").await.unwrap_or_else(|_| panic!("{hash}"));
        assert_eq!((account.name, account.credential), (name.clone(), 0));
        assert_eq!(reason(site.login(&name, "Tanstaaf").await), "wrong password");
    }
    assert_eq!(fs::read_to_string(files.path("users")).unwrap(), text);
}

// htpasswd's format: bare names are in the main domain
#[tokio::test]
async fn an_htpasswd_file_is_a_backend_too() {
    let files = Files::new();
    let made = include_str!("../fixtures/hashes/golden.txt")
        .lines()
        .find(|line| line.starts_with("tanstaaf\t$apr1$") && line.contains("htpasswd -nb -m"));
    let hash = made.unwrap().split('\t').nth(1).unwrap();
    let path = files.write("htpasswd", &format!("anna:{hash}\n"));
    let source = Source::File { path, format: FileFormat::Htpasswd };
    let site = Site::with(files.settings(vec![source]));
    site.login("anna@example.org", "tanstaaf").await.unwrap();
    site.login("anna", "tanstaaf").await.unwrap();
    let record = site.accounts.account("anna".to_owned()).await.unwrap();
    assert_eq!(record.name, "anna@example.org");
    assert_eq!(record.file.unwrap().line, 1);
}

// the first backend that knows the name decides
#[tokio::test]
async fn the_first_backend_that_knows_a_name_decides() {
    let files = Files::new();
    let users = files.write("users", "bert:{PLAIN}file\n");
    let site = Site::with(files.settings(vec![Source::Own]));
    site.add("anna@example.org", "database").await;
    site.add("bert@example.org", "database").await;
    let drops = [site.maildrop("anna@example.org").await, site.maildrop("bert@example.org").await];
    let mut site = site;
    for (chain, good, bad) in [
        (vec![Source::Own, passwd(&users)], "database", "file"),
        (vec![passwd(&users), Source::Own], "file", "database"),
        (vec![Source::Own], "database", "file"),
    ] {
        site = site.reopened(files.settings(chain));
        site.login("anna@example.org", "database").await.unwrap();
        site.login("bert@example.org", good).await.unwrap();
        assert_eq!(reason(site.login("bert@example.org", bad).await), "wrong password");
        // One name, one maildrop, whoever decides.
        assert_eq!(site.mail_for("bert@example.org").await, Ok(vec![drops[1]]));
        assert_eq!(site.mail_for("anna@example.org").await, Ok(vec![drops[0]]));
    }
    let concerns = {
        site = site.reopened(files.settings(vec![Source::Own, passwd(&users)]));
        site.accounts.concerns().await.unwrap().join("\n")
    };
    assert!(concerns.contains("bert@example.org") && concerns.contains("users:1"), "{concerns}");
}

// "stable maildrop ids (never reused, also across reordering and removal)"
#[tokio::test]
async fn a_maildrop_stays_its_names_whatever_becomes_of_the_line() {
    let files = Files::new();
    let site = files.site("anna:{PLAIN}x\nbert:{PLAIN}y\n");
    let (anna, bert) =
        (site.maildrop("anna@example.org").await, site.maildrop("bert@example.org").await);
    files.write("users", "bert:{PLAIN}y\nanna:{PLAIN}x\n");
    assert_eq!(site.login("anna@example.org", "x").await.unwrap().maildrop.get(), anna);
    files.write("users", "carl:{PLAIN}z\n");
    let carl = site.login("carl@example.org", "z").await.unwrap().maildrop.get();
    assert!(carl != anna && carl != bert);
    assert_eq!(reason(site.login("anna@example.org", "x").await), "no such account");
    files.write("users", "anna:{PLAIN}new\ncarl:{PLAIN}z\n");
    assert_eq!(site.login("anna@example.org", "new").await.unwrap().maildrop.get(), anna);
    // A file that is taken out of the chain and put back.
    let site = site.reopened(files.settings(vec![Source::Own]));
    assert_eq!(reason(site.login("anna@example.org", "new").await), "no such account");
    let site = site.reopened(files.settings(vec![Source::Own, passwd(&files.path("users"))]));
    assert_eq!(site.login("anna@example.org", "new").await.unwrap().maildrop.get(), anna);
}

// rulings 11; security S17 to S19: at once, and for sessions that are open
#[tokio::test]
async fn a_changed_file_counts_at_once() {
    let files = Files::new();
    let site = files.site("anna:{PLAIN}old\nbert:{PLAIN}y\n");
    let anna = site.login("anna@example.org", "old").await.unwrap();
    let bert = site.login("bert@example.org", "y").await.unwrap();
    // What was verified needs no hash again.
    assert_eq!(site.counted("anna@example.org", "old").await.1, 0);
    files.write("users", "bert:{PLAIN}y\nanna:{PLAIN}new\n");
    assert_eq!(reason(site.login("anna@example.org", "old").await), "wrong password");
    site.login("anna@example.org", "new").await.unwrap();
    assert!(!site.accounts.still_valid(&anna));
    assert!(site.accounts.still_valid(&bert));
    files.write("users", "anna:{PLAIN}new\n");
    site.login("anna@example.org", "new").await.unwrap();
    assert!(!site.accounts.still_valid(&bert));
    // Mail for a name that has just vanished waits: a file may be half written.
    assert_eq!(site.mail_for("bert@example.org").await, Err(ResolveError::Disabled));
    site.time.fetch_add(3_601, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(site.mail_for("bert@example.org").await, Err(ResolveError::Unknown));
    files.write("users", "anna:{PLAIN}new\nbert:{PLAIN}y\ncarl:{PLAIN}z\n");
    site.mail_for("carl@example.org").await.unwrap();
    site.mail_for("bert@example.org").await.unwrap();
}

// "a broken new file keeps the old one and says so with file:line"
#[tokio::test]
async fn a_broken_file_keeps_what_it_said_before() {
    let files = Files::new();
    let site = files.site("anna:{PLAIN}x\n");
    files.write("users", "anna:{PLAIN}other\n\nbert:{OTP}secret\n");
    site.login("anna@example.org", "x").await.unwrap();
    assert_eq!(reason(site.login("anna@example.org", "other").await), "wrong password");
    let said = files.said();
    assert!(said.contains("users:3: ") && said.contains("{OTP}"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    assert!(site.accounts.concerns().await.unwrap().join("\n").contains("users:3"));
    files.write("users", "anna:{PLAIN}other\n");
    site.login("anna@example.org", "other").await.unwrap();
    // An address of somebody else is no account's name.
    let alias = NewAccount {
        addresses: vec!["info@example.org".to_owned()],
        ..NewAccount::named("owner@example.org")
    };
    site.accounts.add_account(alias).await.unwrap();
    files.write("users", "info:{PLAIN}x\nanna:{PLAIN}third\n");
    site.login("anna@example.org", "other").await.unwrap();
    assert!(files.said().contains("users:1: the address `info@example.org`"), "{}", files.said());
}

// P-082: a backend that is down is "not now", never "wrong", and never the next one's turn
#[tokio::test]
async fn a_file_out_of_reach_is_not_now() {
    let files = Files::new();
    let users = files.write("users", "anna:{PLAIN}x\nbert:{PLAIN}file\n");
    let site = Site::with(files.settings(vec![Source::Own, passwd(&users)]));
    site.add("owner@example.org", "y").await;
    fs::rename(&users, files.path("away")).unwrap();
    for (name, password) in
        [("anna@example.org", "x"), ("anna@example.org", "wrong"), ("nobody@example.org", "x")]
    {
        let detail = unavailable(site.login(name, password).await);
        assert!(detail.contains("users"), "{detail}");
    }
    // Who is known before the file is asked is not held up.
    site.login("owner@example.org", "y").await.unwrap();
    assert!(matches!(
        site.mail_for("nobody@example.org").await,
        Err(ResolveError::Unavailable { .. })
    ));
    // Where an account's maildrop is, is known all the same.
    site.mail_for("anna@example.org").await.unwrap();
    fs::rename(files.path("away"), &users).unwrap();
    site.login("anna@example.org", "x").await.unwrap();
    assert_eq!(reason(site.login("nobody@example.org", "x").await), "no such account");
    // Asked first, it holds up everybody.
    let site = site.reopened(files.settings(vec![passwd(&users), Source::Own]));
    fs::rename(&users, files.path("away")).unwrap();
    unavailable(site.login("owner@example.org", "y").await);
}

// P-028: unknown, wrong, locked, absent and disabled cost the same hashes of the same kinds
#[tokio::test]
async fn whatever_is_wrong_the_same_is_computed() {
    let files = Files::new();
    let sha = "{SHA256}2OZJiX4f3IEocTIetqYiu1a2GovhuIBYRxZR+uXBLKo=";
    let site = files.site(&format!(
        "anna:{sha}\nbert:{sha}\ncarl:*\nout:{sha}::::::nologin\nfar:{sha}::::::allow_nets=198.51.100.0/24\nrare:{{PLAIN}}x\n"
    ));
    site.add("owner@example.org", "y").await;
    let change = AccountChange::enabled(false);
    site.accounts.change_account("bert@example.org".to_owned(), change).await.unwrap();
    let all = [("ARGON2ID", 1), ("SHA256", 1)];
    for name in ["anna", "bert", "carl", "out", "far", "owner", "nobody"] {
        let name = format!("{name}@example.org");
        assert_eq!(work(&site, &name, "wrong").await, all, "{name}");
    }
    // The right password is no cheaper to offer where it is not good.
    for name in ["bert", "out", "far"] {
        let name = format!("{name}@example.org");
        assert_eq!(work(&site, &name, "tanstaaf").await, all, "{name}");
    }
    // A rare kind comes on top.
    assert_eq!(
        work(&site, "rare@example.org", "wrong").await,
        [("ARGON2ID", 1), ("PLAIN", 1), ("SHA256", 1)]
    );
    let far = b"far@example.org";
    site.login_from(far, b"tanstaaf", from("198.51.100.9")).await.unwrap();
    assert_eq!(
        reason(site.login_from(far, b"tanstaaf", home()).await),
        "the account's line does not allow this address"
    );
    site.mail_for("out@example.org").await.unwrap();
}

// product §1: app passwords, aliases and rules are the database's, for accounts of files too
#[tokio::test]
async fn an_account_of_a_file_has_everything_but_its_password_from_us() {
    let files = Files::new();
    let site = files.site("anna:{PLAIN}x\nbert:{PLAIN}y\n");
    let app = site.app("anna@example.org", "laptop").await;
    let account = site.login("anna@example.org", app.secret.expose()).await.unwrap();
    assert_eq!(account.label.as_deref(), Some("laptop"));
    // The main password can be kept off POP3 as for any account.
    let change = AccountChange { main_password_over_pop3: Some(Some(false)), ..Default::default() };
    site.accounts.change_account("anna@example.org".to_owned(), change).await.unwrap();
    reason(site.login("anna@example.org", "x").await);
    site.login("anna@example.org", app.secret.expose()).await.unwrap();
    // What only the file can change says where.
    let name = || "anna@example.org".to_owned();
    let there = |answer: Result<(), ManageError>| match answer {
        Err(ManageError::InFile { line, path, .. }) => (line, path.ends_with("users")),
        other => panic!("{other:?}"),
    };
    assert_eq!(there(site.accounts.set_password(name(), None).await.map(drop)), (1, true));
    assert_eq!(there(site.accounts.remove_account(name()).await.map(drop)), (1, true));
    let page = site.accounts.accounts(Filter::default()).await.unwrap();
    let lines: Vec<_> =
        page.records.iter().map(|record| record.file.clone().unwrap().line).collect();
    assert_eq!(lines, [1, 2]);
    assert!(page.records.iter().all(|record| record.has_password && !record.gone));
    files.write("users", "bert:{PLAIN}y\n");
    reason(site.login("anna@example.org", app.secret.expose()).await);
    assert!(site.accounts.account(name()).await.unwrap().gone);
    let removed = site.accounts.remove_account(name()).await.unwrap();
    assert_eq!(removed.name, "anna@example.org");
}

// moving: a name of a file becomes an account of the database, with its mail
#[tokio::test]
async fn an_import_takes_over_the_accounts_of_a_file() {
    let files = Files::new();
    let site = files.site("anna:{PLAIN}x\n");
    let anna = site.maildrop("anna@example.org").await;
    let line = ImportLine { number: 1, text: "anna@example.org:{PLAIN}x".to_owned().into() };
    let batch = || ImportBatch { lines: vec![line.clone()], dry_run: false };
    let report = site.accounts.import(batch()).await.unwrap();
    assert_eq!((report.added, report.refused), (1, 0), "{report:?}");
    files.write("users", "");
    assert_eq!(site.login("anna@example.org", "x").await.unwrap().maildrop.get(), anna);
    let report = site.accounts.import(batch()).await.unwrap();
    assert_eq!((report.unchanged, report.refused), (1, 0), "{report:?}");
}

// at the start a file that is broken, missing or everybody's to write is an error with its place
#[tokio::test]
async fn what_cannot_be_taken_is_refused_at_the_start() {
    let files = Files::new();
    let open = |path: &Path| {
        let folder = tempfile::tempdir().unwrap();
        let settings = files.settings(vec![Source::Own, passwd(path)]);
        match Accounts::open(&folder.path().join("accounts.db"), settings) {
            Err(OpenError::PasswordFile { why }) => why,
            other => panic!("{other:?}"),
        }
    };
    let broken = files.write("broken", "anna:{PLAIN}x\nanna@example.com:{PLAIN}y\n");
    assert!(open(&broken).contains("broken:2: `example.com`"), "{}", open(&broken));
    assert!(open(&files.path("missing")).contains("missing"));
    assert!(open(files.folder.path()).contains("regular file"));
    let writable = files.write("writable", "anna:{PLAIN}x\n");
    fs::set_permissions(&writable, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(open(&writable).contains("chmod o-w"));
    // One that everybody reads is taken, with a word.
    let readable = files.write("readable", "anna:{PLAIN}x\n");
    fs::set_permissions(&readable, fs::Permissions::from_mode(0o644)).unwrap();
    let site = Site::with(files.settings(vec![passwd(&readable)]));
    assert!(site.accounts.concerns().await.unwrap().join("\n").contains("chmod o-r"));
}
