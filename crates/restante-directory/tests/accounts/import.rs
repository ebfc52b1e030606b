//! Accounts in bulk.

use std::fmt::Write as _;
use std::io::{self, BufReader, Cursor, Read};

use restante_directory::{
    ImportBatch, ImportError, ImportLine, ImportReport, Manage, import_lines,
};

use crate::site::{Site, reason, settings};

const DIGEST: &str = "c29tZXRoaW5nIHRoYXQgaXMgMzIgb2N0ZXRzIGxvbmc";

fn hash(n: usize) -> String {
    format!("$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ{n:05}${DIGEST}")
}

async fn import(site: &Site, file: &str, dry_run: bool) -> ImportReport {
    import_lines(&site.accounts, Cursor::new(file), dry_run, |_| {}).await.unwrap()
}

/// Counted past the directory, as a listing of a hundred thousand takes its time.
fn count(site: &Site) -> u64 {
    rusqlite::Connection::open(site.path())
        .unwrap()
        .query_row("SELECT count(*) FROM account", [], |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn a_file_becomes_accounts() {
    let site = Site::new();
    let file = "\u{feff}# from the old server\r\n\
        anna@example.org:{PLAIN}tanstaaf:info@example.org,sales\r\n\
        \r\n\
        bert::@example.org\n\
        carl@example.org:{PLAIN}pass word ";
    let report = import(&site, file, false).await;
    assert_eq!((report.lines, report.added, report.hashed, report.refused), (5, 3, 2, 0));
    site.login("anna", "tanstaaf").await.unwrap();
    site.login("info", "tanstaaf").await.unwrap();
    site.login("carl", "pass word ").await.unwrap();
    let anna = site.maildrop("anna").await;
    assert_eq!(site.mail_for("sales@example.org").await, Ok(vec![anna]));
    assert_eq!(site.mail_for("whoever@example.org").await, Ok(vec![site.maildrop("bert").await]));
    assert_eq!(reason(site.login("bert", "").await), "the password is empty or over 512 octets");
}

// a vector of the reference implementation (phc-winner-argon2, test.c)
#[tokio::test]
async fn imported_hashes_log_in() {
    let site = Site::new();
    let phc =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for line in [format!("anna:{{ARGON2ID}}{phc}\n"), format!("bert:{phc}::::::\n")] {
        let report = import(&site, &line, false).await;
        assert_eq!((report.added, report.hashed, report.refused), (1, 0, 0), "{report:?}");
    }
    for name in ["anna", "bert"] {
        site.login(name, "password").await.unwrap();
        assert_eq!(reason(site.login(name, "Password").await), "wrong password");
    }
}

// issue 4: every scheme that an operator brings is taken as it is, and is argon2id after the
// first login. A failed login at a cheap hash costs what one at no account at all costs.
#[tokio::test]
async fn foreign_hashes_are_renewed_at_login() {
    let site = Site::new();
    let golden: Vec<(&str, &str)> = include_str!("../fixtures/hashes/golden.txt")
        .lines()
        .filter_map(|line| line.split_once('\t').zip(line.rsplit_once('\t')))
        .map(|((password, _), (head, _))| (password, head.split_once('\t').unwrap().1))
        .filter(|(password, hash)| *password == "tanstaaf" && !hash.contains("ARGON2"))
        .collect();
    assert!(golden.len() > 40);
    let mut lines = String::new();
    for ((_, hash), number) in golden.iter().zip(1..) {
        writeln!(lines, "u{number}:{hash}").unwrap();
    }
    let report = import(&site, &lines, false).await;
    assert_eq!((report.added, report.refused), (golden.len() as u64, 0), "{report:?}");
    let work = async |name: &str| {
        let before = site.accounts.hashes_by_family();
        reason(site.login(name, "Tanstaaf").await);
        let after = site.accounts.hashes_by_family();
        let more = after.into_iter().map(|(family, count)| {
            (family, count - before.get(family).copied().unwrap_or_default())
        });
        more.filter(|(_, count)| *count > 0).collect::<Vec<_>>()
    };
    assert_eq!(work("nobody").await, [("ARGON2ID", 1)]);
    for ((_, hash), number) in golden.iter().zip(1..) {
        let name = format!("u{number}");
        let failed = work(&name).await;
        assert!(failed.contains(&("ARGON2ID", 1)) && failed.len() <= 2, "{hash}: {failed:?}");
        site.login(&name, "tanstaaf").await.unwrap_or_else(|why| panic!("{hash}: {why}"));
        assert_eq!(work(&name).await, [("ARGON2ID", 1)], "{hash}");
        site.login(&name, "tanstaaf").await.unwrap();
    }
    let foreign: u64 = rusqlite::Connection::open(site.path())
        .unwrap()
        .query_row("SELECT count(*) FROM account WHERE hash NOT LIKE '$argon2id$%'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(foreign, 0);
    // A second run knows the lines, though the hashes are others now.
    let report = import(&site, &lines, false).await;
    assert_eq!((report.added, report.refused), (0, 0), "{report:?}");
}

// all problems at once, each with its line and the scheme; nothing of a password in them
#[tokio::test]
async fn problems_have_line_numbers() {
    let site = Site::new();
    site.add("there", "x").await;
    let file = format!(
        "anna@example.org:{{OTP}}c2VjcmV0\n\
         bert@example.com:{h}\n\
         a/b@example.org:{h}\n\
         nothing\n\
         there@example.org:{h}\n\
         carl@example.org:{h}:there@example.org\n\
         good@example.org:{h}\n\
         Good@Example.org:{{PLAIN}}secret\n",
        h = hash(1)
    );
    for dry_run in [true, false] {
        let report = import(&site, &file, dry_run).await;
        assert_eq!((report.lines, report.added, report.refused), (8, 1, 7), "{report:?}");
        let mut lines: Vec<_> = report.problems.iter().map(|problem| problem.line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 8]);
        let says = |line, text: &str| {
            let problem = report.problems.iter().find(|problem| problem.line == line).unwrap();
            assert!(problem.why.contains(text), "{problem:?}");
            assert!(!problem.why.contains("secret"));
        };
        says(1, "{OTP}");
        says(2, "example.com");
        says(5, "another password");
        says(6, "there@example.org");
        says(8, "line 7");
        assert_eq!(count(&site), if dry_run { 1 } else { 2 });
    }
    // the refused line made nothing, not even its account
    assert!(site.accounts.account("carl".into()).await.is_err());
}

// idempotent: what is there is skipped, what is missing is added, no password is changed
#[tokio::test]
async fn a_second_run_changes_nothing() {
    let site = Site::new();
    let file = format!("anna:{}:info\nbert:{{PLAIN}}tanstaaf\ncarl::\n", hash(1));
    import(&site, &file, false).await;
    let again = import(&site, &file, false).await;
    assert_eq!((again.added, again.unchanged, again.refused, again.hashed), (0, 3, 0, 0));
    let more = import(&site, &format!("anna:{}:info,sales\n", hash(1)), false).await;
    assert_eq!((more.completed, more.unchanged), (1, 0));
    // the owner has changed the password since: the old line does not bring the old one back
    let new = Some(mail_wire::Secret::new("new".to_owned()));
    site.accounts.set_password("anna".into(), new).await.unwrap();
    let again = import(&site, &file, false).await;
    assert_eq!((again.unchanged, again.refused), (3, 0));
    site.login("anna", "new").await.unwrap();
    let other = import(&site, &format!("anna:{}\nbert:{{PLAIN}}x\n", hash(2)), false).await;
    assert_eq!(other.refused, 2);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let site = Site::new();
    let file = format!("anna:{}:info\nbert:{{PLAIN}}tanstaaf\nanna:*\n", hash(1));
    let report = import(&site, &file, true).await;
    assert_eq!((report.added, report.refused, report.hashed), (2, 1, 0));
    assert_eq!(count(&site), 0);
    assert_eq!(site.accounts.numbers().hashes, 0);
    site.add("first", "x").await;
    assert_eq!(site.maildrop("first").await, 1);
}

/// A reader that breaks.
struct Breaks;
impl Read for Breaks {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk has gone"))
    }
}

// a hundred thousand lines; cut in the middle, begun again, all there once
#[tokio::test]
async fn a_hundred_thousand_lines_survive_a_cut() {
    let mut file = String::new();
    for n in 0..100_000 {
        writeln!(file, "user{n}@example.org:{}:alias{n}@example.org", hash(n)).unwrap();
    }
    let site = Site::new();
    let part = &file.as_bytes()[..file.len() * 2 / 3];
    let cut = BufReader::new(Cursor::new(part).chain(Breaks));
    let mut reports = 0;
    let error = import_lines(&site.accounts, cut, false, |_| reports += 1).await.unwrap_err();
    let ImportError::Read { line, .. } = error else { panic!("{error}") };
    assert!(reports > 50 && line > 60_000);
    // The process ends here as by a kill: the file is opened again as it is.
    let site = site.reopened(settings(&["example.org"]));
    let before = count(&site);
    assert_eq!(before, line - 1);
    let report = import(&site, &file, false).await;
    assert_eq!((report.lines, report.added), (100_000, 100_000 - before));
    assert_eq!((report.unchanged, report.refused), (before, 0));
    assert_eq!(count(&site), 100_000);
    let drop = site.maildrop("user99999").await;
    assert_eq!(site.mail_for("alias99999@example.org").await, Ok(vec![drop]));
}

// a wrong file does not fill memory or screen
#[tokio::test]
async fn problems_are_bounded() {
    let site = Site::new();
    let mut file = vec![b'x'; 200_000];
    file.push(b'\n');
    file.extend_from_slice(b"caf\xe9:x\n");
    for n in 0..5_000 {
        file.extend_from_slice(format!("user{n}:{{CRYPT}}x\n").as_bytes());
    }
    let report = import_lines(&site.accounts, Cursor::new(&file), false, |_| {}).await.unwrap();
    assert_eq!((report.lines, report.refused, report.problems.len()), (5_002, 5_002, 100));
    assert!(report.problems[0].why.contains("longer than"));
    assert!(report.problems[1].why.contains("UTF-8"));
}

// batches may come from a control socket, in any shape
#[tokio::test]
async fn a_batch_stands_alone() {
    let site = Site::new();
    let line = |number, text: &str| ImportLine { number, text: text.to_owned().into() };
    let batch = ImportBatch {
        lines: vec![line(7, "anna:"), line(9, "anna:"), line(11, "anna:{PLAIN}x"), line(13, "x")],
        dry_run: false,
    };
    let report = site.accounts.import(batch).await.unwrap();
    assert_eq!((report.added, report.unchanged, report.refused), (1, 1, 2));
}
