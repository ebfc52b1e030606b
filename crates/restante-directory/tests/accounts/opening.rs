//! The database's file: who may open it, and what it must be.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use restante_directory::{Accounts, Directory, Manage, OpenError, Settings};

use crate::site::{Site, settings};

// rulings 14: no second process opens the database of a running server
#[tokio::test]
async fn a_second_opener_learns_that_it_is_in_use() {
    let site = Site::new();
    let error = Accounts::open(&site.path(), settings(&["example.org"])).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains("control socket"), "{error}");
    let path = site.path();
    let site = site.reopened(settings(&["example.org"]));
    assert_eq!(site.path(), path);
}

// CVE-2022-45935: nobody else can read it, nor what SQLite puts beside it
#[tokio::test]
async fn all_files_are_private() {
    let site = Site::new();
    site.add("anna", "x").await;
    let folder = site.path().parent().unwrap().to_owned();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{:?}", entry.path());
        files += 1;
    }
    assert!(files >= 3);
}

#[test]
fn a_loose_file_is_tightened_and_a_strange_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    std::fs::write(&path, b"").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    drop(Accounts::open(&path, settings(&["example.org"])).unwrap());
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    let text = folder.path().join("b.db");
    std::fs::write(&text, "hostname = \"mail.example.org\"\n".repeat(100)).unwrap();
    let error = Accounts::open(&text, settings(&["example.org"])).unwrap_err();
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
    let link = folder.path().join("c.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let error = Accounts::open(&link, settings(&["example.org"])).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    let nowhere = folder.path().join("none/d.db");
    assert!(Accounts::open(&nowhere, settings(&["example.org"])).is_err());
}

// security M15, C4: a newer database is refused with a sentence, and left as it is
#[tokio::test]
async fn a_newer_database_is_refused() {
    let site = Site::new();
    site.add("anna", "x").await;
    let path = site.path();
    drop(site.accounts);
    let version = |to: Option<i64>| -> i64 {
        let connection = rusqlite::Connection::open(&path).unwrap();
        if let Some(to) = to {
            connection.pragma_update(None, "user_version", to).unwrap();
        }
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let ours = version(None);
    version(Some(1_000));
    let error = Accounts::open(&path, settings(&["example.org"])).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 1_000, .. }));
    assert!(error.to_string().contains("newer version"), "{error}");
    assert_eq!(version(None), 1_000);
    version(Some(ours));
    Accounts::open(&path, settings(&["example.org"])).unwrap();
}

// a database as schema 1 made it opens for ever
#[tokio::test]
async fn schema_1_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    let fixture = include_str!("../fixtures/schema-1.sql");
    rusqlite::Connection::open(&path).unwrap().execute_batch(fixture).unwrap();
    let accounts = Accounts::open(&path, settings(&["example.org"])).unwrap();
    let anna = accounts.account("anna".to_owned()).await.unwrap();
    assert_eq!((anna.id, anna.maildrop, anna.app_passwords), (3, 8, 1));
    assert_eq!(anna.addresses, ["anna@example.org", "info@example.org"]);
    // the app password's key is in the database: the secret is still good
    let credentials = mail_wire::Credentials::Password {
        authzid: None,
        name: b"anna".to_vec(),
        password: b"rst1-00000000000000000000000000".to_vec().into(),
    };
    let account = accounts.verify(credentials, crate::site::home()).await.unwrap();
    assert_eq!(account.label.as_deref(), Some("laptop"));
    // what came with schema 2 is as the site has it, and can be set
    assert!(anna.keeping.values().all(|ruling| ruling.from == restante_directory::RuledBy::Site));
    let keeping = [(restante_directory::Rule::Delete, Some("ignore".to_owned()))].into();
    let change = restante_directory::AccountChange { keeping, ..Default::default() };
    let anna = accounts.change_account("anna".to_owned(), change).await.unwrap();
    assert_eq!(anna.keeping[&restante_directory::Rule::Delete].value, "ignore");
}

// a database as schema 2 made it opens for ever: its app passwords have no keys for SCRAM, as
// nobody knows them any more; a new one has
#[tokio::test]
async fn schema_2_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    let fixture = include_str!("../fixtures/schema-2.sql");
    rusqlite::Connection::open(&path).unwrap().execute_batch(fixture).unwrap();
    let accounts = Accounts::open(&path, settings(&["example.org"])).unwrap();
    let anna = accounts.account("anna".to_owned()).await.unwrap();
    assert_eq!(anna.keeping[&restante_directory::Rule::Delete].value, "hold:30d");
    assert!(!accounts.spread().await.unwrap().offered.scram);
    let new = crate::site::new_app("anna", "phone");
    accounts.add_app_password(new).await.unwrap();
    assert!(accounts.spread().await.unwrap().offered.scram);
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = settings(&["example.org"]);
    for (name, bad) in [
        ("domains", Settings { domains: vec!["a..b".into()], ..good.clone() }),
        ("plus_separator", Settings { plus_separator: Some('@'), ..good.clone() }),
        ("plus_separator", Settings { plus_separator: Some('a'), ..good.clone() }),
        ("postmaster", Settings { postmaster: Some("@example.org".into()), ..good.clone() }),
        ("anonymous", Settings { anonymous: Some("@".into()), ..good.clone() }),
        (
            "hash",
            Settings {
                hash: restante_directory::HashCost { memory_kib: 1, passes: 0, lanes: 0 },
                ..good.clone()
            },
        ),
    ] {
        let error = Accounts::open(&folder.path().join("x.db"), bad).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{name}`")), "{error}");
    }
}
