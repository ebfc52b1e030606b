//! Every change holds at once, whatever was remembered.

use restante_directory::{
    AccountChange, AppPasswordChange, Directory, Manage, NewAddress, ResolveError,
};

use crate::site::{Site, from, home, reason};

fn secret(text: &str) -> mail_wire::Secret<String> {
    mail_wire::Secret::new(text.to_owned())
}

// security S18: sessions of the old password end, device passwords stay
#[tokio::test]
async fn a_new_password_ends_the_old_one() {
    let site = Site::new();
    site.add("anna", "old").await;
    let app = site.app("anna", "laptop").await.secret;
    let session = site.login("anna", "old").await.unwrap();
    let device = site.login("anna", app.expose()).await.unwrap();
    site.accounts.set_password("anna".to_owned(), Some(secret("new"))).await.unwrap();
    assert_eq!(reason(site.login("anna", "old").await), "wrong password");
    site.login("anna", "new").await.unwrap();
    site.login("anna", app.expose()).await.unwrap();
    assert!(!site.accounts.still_valid(&session));
    assert!(site.accounts.still_valid(&device));
    // the same password once more is a change too
    let session = site.login("anna", "new").await.unwrap();
    site.accounts.set_password("anna".to_owned(), Some(secret("new"))).await.unwrap();
    assert!(!site.accounts.still_valid(&session));
    assert_eq!(site.counted("anna", "new").await.1, 1);
    site.accounts.set_password("anna".to_owned(), None).await.unwrap();
    assert_eq!(reason(site.login("anna", "new").await), "the account has no main password");
}

// security S17: disabled in a session; the mail is kept and no more is taken
#[tokio::test]
async fn a_disabled_account_is_out_at_once() {
    let site = Site::new();
    site.add("anna", "main").await;
    let app = site.app("anna", "laptop").await.secret;
    let sessions = [
        site.login("anna", "main").await.unwrap(),
        site.login("anna", app.expose()).await.unwrap(),
    ];
    let drop = site.maildrop("anna").await;
    assert_eq!(site.mail_for("anna@example.org").await, Ok(vec![drop]));
    let set =
        |enabled| site.accounts.change_account("anna".to_owned(), AccountChange::enabled(enabled));
    set(false).await.unwrap();
    for password in ["main", app.expose()] {
        assert_eq!(reason(site.login("anna", password).await), "the account is disabled");
    }
    assert!(sessions.iter().all(|session| !site.accounts.still_valid(session)));
    assert_eq!(site.mail_for("anna@example.org").await, Err(ResolveError::Disabled));
    set(true).await.unwrap();
    assert_eq!(site.maildrop("anna").await, drop);
    assert!(sessions.iter().all(|session| site.accounts.still_valid(session)));
    site.login("anna", "main").await.unwrap();
    assert_eq!(site.mail_for("anna@example.org").await, Ok(vec![drop]));
}

// security S19: removed in a session; ids are never used again
#[tokio::test]
async fn a_removed_account_leaves_its_name_and_no_number() {
    let site = Site::new();
    let old = site.add("anna", "main").await;
    site.accounts
        .add_address(NewAddress {
            address: "info@example.org".to_owned(),
            accounts: vec!["anna".to_owned()],
        })
        .await
        .unwrap();
    let session = site.login("anna", "main").await.unwrap();
    let removed = site.accounts.remove_account("anna".to_owned()).await.unwrap();
    assert_eq!((removed.id, removed.maildrop), (old, session.maildrop.get()));
    assert_eq!(reason(site.login("anna", "main").await), "no such account");
    assert!(!site.accounts.still_valid(&session));
    for address in ["anna@example.org", "info@example.org"] {
        assert_eq!(site.mail_for(address).await, Err(ResolveError::Unknown));
    }
    let new = site.add("anna", "main").await;
    assert!(new > old);
    assert!(!site.accounts.still_valid(&session));
    let again = site.login("anna", "main").await.unwrap();
    assert!(again.maildrop > session.maildrop);
    // the store is told until it says that it is done, and then the number is gone for good
    let gone = session.maildrop.get();
    assert_eq!(site.accounts.removed_maildrops().await.unwrap(), [gone]);
    site.accounts.maildrop_destroyed(gone).await.unwrap();
    site.accounts.maildrop_destroyed(gone).await.unwrap();
    assert!(site.accounts.removed_maildrops().await.unwrap().is_empty());
    site.accounts.maildrop_destroyed(again.maildrop.get()).await.unwrap_err();
    let removed = site.accounts.remove_account("anna".to_owned()).await.unwrap();
    site.accounts.maildrop_destroyed(removed.maildrop).await.unwrap();
    site.add("bert", "main").await;
    assert!(site.maildrop("bert").await > removed.maildrop);
}

// security A28, rulings 11: networks and revocation are looked at on every hit
#[tokio::test]
async fn networks_and_revocation_hold_at_once() {
    let site = Site::new();
    site.add("anna", "main").await;
    let app = site.app("anna", "laptop").await.secret;
    let session = site.login("anna", app.expose()).await.unwrap();
    site.login("anna", "main").await.unwrap();
    let elsewhere = Some(vec!["198.51.100.0/24".to_owned()]);
    let change = AppPasswordChange { networks: elsewhere.clone(), ..Default::default() };
    let changed = site.accounts.change_app_password("anna".into(), "laptop".into(), change);
    assert_eq!(changed.await.unwrap().networks, ["198.51.100.0/24"]);
    let change = AccountChange { networks: elsewhere, ..Default::default() };
    site.accounts.change_account("anna".to_owned(), change).await.unwrap();
    for password in ["main", app.expose()] {
        let inside = from("198.51.100.9");
        site.login_from(b"anna", password.as_bytes(), inside).await.unwrap();
        let answer = site.login_from(b"anna", password.as_bytes(), home()).await;
        assert_eq!(reason(answer), "the credential may not be used from this address");
    }
    let id = session.credential.to_string();
    site.accounts.revoke_app_password("anna".to_owned(), id).await.unwrap();
    let answer = site.login_from(b"anna", app.expose().as_bytes(), from("198.51.100.9")).await;
    assert_eq!(reason(answer), "no such app password");
    assert!(!site.accounts.still_valid(&session));
}

// a name that comes to stand for two must not go on standing for one
#[tokio::test]
async fn a_name_that_becomes_ambiguous_is_refused_at_once() {
    let site = Site::new();
    site.add("anna", "main").await;
    site.add("bert", "main").await;
    let add = |account: &str| {
        site.accounts.add_address(NewAddress {
            address: "info@example.org".to_owned(),
            accounts: vec![account.to_owned()],
        })
    };
    add("anna").await.unwrap();
    site.login("info", "main").await.unwrap();
    add("bert").await.unwrap();
    assert_eq!(reason(site.login("info", "main").await), "the name stands for several accounts");
    site.accounts.remove_address("info@example.org".to_owned()).await.unwrap();
    assert_eq!(reason(site.login("info", "main").await), "no such account");
}
