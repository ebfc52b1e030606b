//! Tests of *is it you*: who is let in, who is not, and what it costs.

use std::sync::atomic::Ordering;

use mail_wire::{Credentials, Secret};
use restante_directory::{
    AccountChange, Directory, HashCost, Manage, NewAppPassword, Origin, Scope, Secrecy, Settings,
    VerifyError,
};

use crate::site::{NOON, Site, from, home, new_app, reason, settings};

// RFC 1939 §7; the issue: "mail for demo@localhost and for demo arrives, either logs in"
#[tokio::test]
async fn the_name_and_its_address_log_in() {
    let site = Site::with(settings(&["localhost"]));
    let id = site.add("demo", "tanstaaf").await;
    for name in ["demo", "demo@localhost", "DEMO", "Demo@LocalHost."] {
        let account = site.login(name, "tanstaaf").await.unwrap();
        assert_eq!((account.id, account.name.as_str()), (id, "demo@localhost"), "{name}");
        assert_eq!((account.credential, account.label), (0, None));
    }
}

// P-028, security A1 to A3, §2.3 (popa3d): unknown, wrong and disabled cost the same. Hashes
// are counted, not timed.
#[tokio::test]
async fn whatever_is_wrong_the_same_is_computed() {
    let site = Site::new();
    site.add("anna", "right").await;
    site.add("gone", "right").await;
    site.accounts.change_account("gone".to_owned(), AccountChange::enabled(false)).await.unwrap();
    let apps_only = restante_directory::NewAccount::named("robot");
    site.accounts.add_account(apps_only).await.unwrap();
    // Passwords of one form and of more: SASLprep maps U+00AA to `a`.
    for (password, hashes) in [("wrong", 1), ("wr\u{aa}ng", 2)] {
        for name in ["anna", "nobody", "gone", "robot", "nobody@example.com", "a\u{1b}[2J", "@"] {
            let (answer, computed) = site.counted(name, password).await;
            assert_eq!(computed, hashes, "{name} {password}");
            reason(answer);
        }
    }
    // The right password of a disabled account is no cheaper to offer than a wrong one (A3).
    let (answer, computed) = site.counted("gone", "right").await;
    assert_eq!((reason(answer), computed), ("the account is disabled", 1));
}

// P-032: the password is everything, spaces too; security A7, A8
#[tokio::test]
async fn passwords_are_octets() {
    let site = Site::new();
    site.add("anna", "a b  ").await;
    site.login("anna", "a b  ").await.unwrap();
    reason(site.login("anna", "a b ").await);
    site.add("bert", "Grüße:%\"\\").await;
    site.login("bert", "Gru\u{308}ße:%\"\\").await.unwrap();
}

// security A4 to A6, CVE-2019-10691: nothing that comes in falls over, and nothing is cut
#[tokio::test]
async fn strange_names_and_passwords_are_just_wrong() {
    let site = Site::new();
    let longest = "x".repeat(512);
    site.add("anna", &longest).await;
    let long_name = vec![b'a'; 1_000];
    let too_long = format!("{longest}y");
    for (name, password) in [
        (&b""[..], &b""[..]),
        (b"anna", b""),
        (b"", b"x"),
        (&long_name, b"x"),
        (b"anna", too_long.as_bytes()),
        (b"anna", &longest.as_bytes()[..511]),
        (b"ann\xe4", b"x"),
        (b"\xf0\x9f\x98", b"\xff\xfe"),
        (b"user@domain@other", b"x"),
        (b"anna\0", b"x"),
        (b"%n%s%x", b"%n%s%x"),
    ] {
        reason(site.login_from(name, password, home()).await);
    }
    site.login("anna", &longest).await.unwrap();
}

// CVE-2026-24031, -27860, CVE-2017-2669; CVE-2026-0394: no query, path or variable from a name
#[tokio::test]
async fn names_are_no_queries_and_no_paths() {
    let site = Site::new();
    site.add("anna", "right").await;
    for name in [
        "' OR '1'='1",
        "anna' --",
        "anna'; DROP TABLE account; --",
        "anna\" OR \"\"=\"",
        "%",
        "_",
        "ann_",
        "ann%",
        "anna@example.org' OR 1=1 --",
        "*)(uid=*",
        "%u",
        "${anna}",
        "../../etc/passwd",
        "anna@../../etc",
        "anna@..",
        "anna/../anna",
        "./anna",
        "anna\u{0}",
    ] {
        reason(site.login(name, "right").await);
        reason(site.login(name, "' OR '1'='1").await);
    }
    site.login("anna", "right").await.unwrap();
    let beside: Vec<_> = std::fs::read_dir(site.path().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(beside.iter().all(|name| name.starts_with("accounts.db")), "{beside:?}");
}

// security A9: the same name in two domains
#[tokio::test]
async fn an_ambiguous_bare_name_is_refused() {
    let site = Site::with(settings(&["example.org", "example.net"]));
    let org = site.add("anna@example.org", "one").await;
    assert_eq!(site.login("anna", "one").await.unwrap().id, org);
    let net = site.add("anna@example.net", "two").await;
    for password in ["one", "two"] {
        let (answer, computed) = site.counted("anna", password).await;
        assert_eq!((reason(answer), computed), ("the name stands for several accounts", 1));
    }
    assert_eq!(site.login("anna@example.org", "one").await.unwrap().id, org);
    assert_eq!(site.login("anna@example.net", "two").await.unwrap().id, net);
    reason(site.login("anna@example.net", "one").await);
}

// CVE-2007-6598, CVE-2025-30189: two users, one password, taking turns, cached and not
#[tokio::test]
async fn users_with_the_same_password_stay_apart() {
    let site = Site::new();
    let anna = site.add("anna", "same").await;
    let bert = site.add("bert", "same").await;
    site.add("carl", "other").await;
    for _ in 0..3 {
        assert_eq!(site.login("anna", "same").await.unwrap().id, anna);
        assert_eq!(site.login("bert", "same").await.unwrap().id, bert);
        reason(site.login("carl", "same").await);
        reason(site.login("anna", "other").await);
    }
}

// rulings 11: a success is remembered, a failure never
#[tokio::test]
async fn only_successes_are_remembered() {
    let site = Site::new();
    site.add("anna", "right").await;
    assert_eq!(site.counted("anna", "right").await.1, 1);
    for name in ["anna", "anna@example.org"] {
        site.login(name, "right").await.unwrap();
    }
    let (answer, computed) = site.counted("anna", "right").await;
    assert!(answer.is_ok());
    assert_eq!(computed, 0);
    for _ in 0..3 {
        assert_eq!(site.counted("anna", "wrong").await.1, 1);
    }
    // the right one is still known
    assert_eq!(site.counted("anna", "right").await.1, 0);
}

#[tokio::test]
async fn the_cache_can_be_switched_off() {
    let life = std::time::Duration::ZERO;
    let site = Site::with(Settings { cache_life: life, ..settings(&["example.org"]) });
    site.add("anna", "right").await;
    for _ in 0..2 {
        assert_eq!(site.counted("anna", "right").await.1, 1);
    }
}

// performance §6.1: no hop, no wait: a hit is ready when it is first polled
#[tokio::test]
async fn a_hit_is_ready_at_once() {
    let site = Site::new();
    site.add("anna", "right").await;
    let secret = site.app("anna", "laptop").await.secret;
    site.login("anna", "right").await.unwrap();
    for password in ["right", secret.expose()] {
        let mut login = Box::pin(site.login("anna", password));
        let first = std::future::poll_fn(|context| {
            std::task::Poll::Ready(Future::poll(login.as_mut(), context))
        });
        assert!(first.await.is_ready());
    }
}

// RFC 4616 §2: acting for another is not offered
#[tokio::test]
async fn nobody_acts_for_another() {
    let site = Site::new();
    site.add("anna", "right").await;
    site.add("bert", "right").await;
    let plain = |authzid: &[u8]| {
        let credentials = Credentials::Password {
            authzid: Some(authzid.to_vec()),
            name: b"anna".to_vec(),
            password: Secret::new(b"right".to_vec()),
        };
        site.accounts.verify(credentials, home())
    };
    plain(b"ANNA").await.unwrap();
    for other in [&b"bert"[..], b"root", b"\xff", b"anna@example.org@x"] {
        assert_eq!(reason(plain(other).await), "acting for another account is not offered");
    }
}

// security A28: another's, revoked, expired, wrong scope, wrong address
#[tokio::test]
async fn an_app_password_is_good_for_what_it_says() {
    let site = Site::new();
    let anna = site.add("anna", "main").await;
    site.add("bert", "main").await;
    let request = NewAppPassword {
        networks: vec!["192.0.2.0/24".to_owned()],
        expires: Some(NOON + 3_600),
        ..new_app("anna", "laptop")
    };
    let made = site.accounts.add_app_password(request).await.unwrap();
    let secret = made.secret.expose().clone();
    let account = site.login("anna", &secret).await.unwrap();
    assert_eq!((account.id, account.credential), (anna, made.record.id));
    assert_eq!(account.label.as_deref(), Some("laptop"));
    site.login("anna", &secret.to_uppercase()).await.unwrap();
    // never slow, right or wrong
    let (answer, computed) = site.counted("nobody", &secret).await;
    assert_eq!((reason(answer), computed), ("no such account", 0));
    let (answer, computed) = site.counted("bert", &secret).await;
    assert_eq!((reason(answer), computed), ("no such app password", 0));
    let from_elsewhere = site.login_from(b"anna", secret.as_bytes(), from("198.51.100.1")).await;
    assert_eq!(reason(from_elsewhere), "the credential may not be used from this address");
    site.login_from(b"anna", secret.as_bytes(), from("::ffff:192.0.2.9")).await.unwrap();
    let other_service = Origin { scope: Scope::Submission, ..home() };
    let answer = site.login_from(b"anna", secret.as_bytes(), other_service).await;
    assert_eq!(reason(answer), "the app password is not for this service");
    site.time.store(NOON + 3_600, Ordering::Relaxed);
    assert_eq!(reason(site.login("anna", &secret).await), "the app password has expired");
    assert!(!site.accounts.still_valid(&account));
}

// product §1: the main password can be kept off POP3, by site and by account
#[tokio::test]
async fn main_passwords_can_be_kept_off_pop3() {
    let site =
        Site::with(Settings { main_password_over_pop3: false, ..settings(&["example.org"]) });
    site.add("anna", "main").await;
    let (answer, computed) = site.counted("anna", "main").await;
    assert!(reason(answer).contains("app passwords"));
    assert_eq!(computed, 1);
    let secret = site.app("anna", "laptop").await.secret;
    site.login("anna", secret.expose()).await.unwrap();
    let web = Origin { scope: Scope::Web, ..home() };
    site.login_from(b"anna", b"main", web).await.unwrap();
    // remembered from the web, and still not good for POP3
    assert!(reason(site.login("anna", "main").await).contains("app passwords"));
    let change = AccountChange { main_password_over_pop3: Some(Some(true)), ..Default::default() };
    site.accounts.change_account("anna".to_owned(), change).await.unwrap();
    site.login("anna", "main").await.unwrap();
}

// security A31, rulings 1: clear text only where the account allows it too
#[tokio::test]
async fn clear_text_needs_the_accounts_leave() {
    let site = Site::new();
    site.add("anna", "main").await;
    let secret = site.app("anna", "scanner").await.secret;
    let clear = Origin { secrecy: Secrecy::Clear, ..home() };
    for password in ["main", secret.expose()] {
        let answer = site.login_from(b"anna", password.as_bytes(), clear).await;
        assert_eq!(reason(answer), "the account does not allow clear text");
    }
    let change = AccountChange { allow_clear_text: Some(true), ..Default::default() };
    site.accounts.change_account("anna".to_owned(), change).await.unwrap();
    for password in ["main", secret.expose()] {
        site.login_from(b"anna", password.as_bytes(), clear).await.unwrap();
    }
}

// security A32: an account made a moment after somebody tried it
#[tokio::test]
async fn a_new_account_works_at_once() {
    let site = Site::new();
    reason(site.login("anna", "right").await);
    site.mail_for("anna@example.org").await.unwrap_err();
    site.add("anna", "right").await;
    site.login("anna", "right").await.unwrap();
    site.mail_for("anna@example.org").await.unwrap();
}

// security §4.2: rehash on login when the cost was raised; the password and sessions stay
#[tokio::test]
async fn old_hashes_are_renewed_at_login() {
    let site = Site::new();
    site.add("anna", "right").await;
    let session = site.login("anna", "right").await.unwrap();
    let dearer = Settings {
        hash: HashCost { memory_kib: 64, passes: 2, lanes: 1 },
        ..settings(&["example.org"])
    };
    let hash_of = |site: &Site| -> String {
        rusqlite::Connection::open(site.path())
            .unwrap()
            .query_row("SELECT hash FROM account", [], |row| row.get(0))
            .unwrap()
    };
    assert!(hash_of(&site).contains("m=8,t=1"));
    let site = site.reopened(dearer);
    reason(site.login("anna", "wrong").await);
    assert!(hash_of(&site).contains("m=8,t=1"));
    site.login("anna", "right").await.unwrap();
    assert!(hash_of(&site).contains("m=64,t=2"));
    assert!(site.accounts.still_valid(&session));
    assert_eq!(site.counted("anna", "right").await.1, 0);
}

// security §4.2: a full queue says "not now" at once
#[tokio::test]
async fn an_overloaded_pool_says_so() {
    let site = Site::with(Settings {
        hash_places: 1,
        hash_queue: 0,
        hash: HashCost { memory_kib: 8 * 1_024, passes: 4, lanes: 1 },
        ..settings(&["example.org"])
    });
    let guesses = (0..40).map(|n| {
        let credentials = Credentials::Password {
            authzid: None,
            name: b"nobody".to_vec(),
            password: Secret::new(format!("guess {n}").into_bytes()),
        };
        site.accounts.verify(credentials, home())
    });
    let mut guesses: Vec<_> = guesses.collect();
    let mut answers = Vec::new();
    // All are polled before any is awaited alone.
    std::future::poll_fn(|context| {
        guesses.retain_mut(|guess| match guess.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            std::task::Poll::Pending => true,
        });
        if guesses.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    let overloaded = answers
        .iter()
        .filter(|answer| matches!(answer, Err(VerifyError::Unavailable { .. })))
        .count();
    assert!(overloaded > 0);
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(site.accounts.numbers().hashes_refused, u64::try_from(overloaded).unwrap());
    assert_eq!(site.accounts.numbers().hashes_waiting, 0);
    reason(site.login("nobody", "calm again").await);
}

// product §1: last use, when and from where, off the hot path
#[tokio::test]
async fn last_use_is_kept() {
    let site = Site::new();
    site.add("anna", "main").await;
    let secret = site.app("anna", "laptop").await.secret;
    site.login("anna", "main").await.unwrap();
    site.time.store(NOON + 60, Ordering::Relaxed);
    let origin = from("::ffff:192.0.2.9");
    site.login_from(b"anna", secret.expose().as_bytes(), origin).await.unwrap();
    reason(site.login("anna", "wrong").await);
    let site = site.reopened(settings(&["example.org"]));
    let main = site.accounts.account("anna".to_owned()).await.unwrap().last_use.unwrap();
    assert_eq!((main.at, main.from.as_str()), (NOON, "192.0.2.7"));
    let apps = site.accounts.app_passwords("anna".to_owned()).await.unwrap();
    let app = apps[0].last_use.clone().unwrap();
    assert_eq!((app.at, app.from.as_str(), app.client), (NOON + 60, "192.0.2.9", None));
}
