//! The acts: what they refuse, and what they say.

use mail_wire::Secret;
use restante_directory::{
    AccountRecord, Filter, GeneratedAppPassword, Kind, Manage, ManageError, NewAccount, NewAddress,
    NewAppPassword, Scope, Settings,
};

use crate::site::{NOON, Site, new_app, settings};

async fn refusal(site: &Site, new: NewAccount) -> ManageError {
    site.accounts.add_account(new).await.unwrap_err()
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let site = Site::new();
    site.add("anna", "x").await;
    let exists = refusal(&site, NewAccount::named("ANNA@Example.Org")).await;
    assert!(matches!(&exists, ManageError::AccountExists { name } if name == "anna@example.org"));
    assert!(exists.to_string().contains("passwd"));
    let domain = refusal(&site, NewAccount::named("bert@exampel.org")).await;
    assert!(matches!(&domain, ManageError::NoSuchDomain { near: Some(near), .. }
        if near == "example.org"));
    let near = site.accounts.account("ana".to_owned()).await.unwrap_err();
    assert!(near.to_string().contains("did you mean `anna@example.org`?"), "{near}");
    let two = Site::with(settings(&["example.org", "example.net"]));
    let bare = refusal(&two, NewAccount::named("anna")).await.to_string();
    assert!(bare.contains("anna@example.org"), "{bare}");
    for domain in ["example.org", "example.net"] {
        two.add(&format!("anna@{domain}"), "x").await;
    }
    let both = two.accounts.account("anna".to_owned()).await.unwrap_err().to_string();
    assert!(both.contains("anna@example.net or anna@example.org"), "{both}");
    let none = Site::with(settings(&[]));
    assert!(refusal(&none, NewAccount::named("anna")).await.to_string().contains("`domains`"));
}

// security C7: each hostile name, and nothing of it comes back raw
#[tokio::test]
async fn hostile_names_make_no_account() {
    let site = Site::new();
    for name in [
        "",
        "@",
        "a b",
        "a/b",
        "../x",
        "a'b",
        "a\u{1b}[2J",
        "a\u{202e}b",
        "a\nb",
        "a\0b",
        "..",
        "аnna",
        "a@b@c",
        "-\u{2028}",
    ] {
        let error = refusal(&site, NewAccount::named(name)).await;
        assert!(matches!(&error, ManageError::BadName { .. }), "{name:?}: {error:?}");
        assert!(!error.to_string().contains(|c: char| c.is_control() || c == '\u{202e}'));
    }
    let all = site.accounts.accounts(Filter::default()).await.unwrap();
    assert_eq!(all.records, []);
}

#[tokio::test]
async fn passwords_are_checked_before_they_are_hashed() {
    let site = Site::new();
    let app = "rst1-10abcdefghjkmnpqrstvwxyz01";
    for password in ["", &"x".repeat(513), "a\r\nb", "a\0", app] {
        let new = NewAccount {
            password: Some(Secret::new(password.to_owned())),
            ..NewAccount::named("anna")
        };
        assert!(matches!(refusal(&site, new).await, ManageError::BadPassword { .. }));
    }
    assert_eq!(site.accounts.numbers().hashes, 0);
}

// an act that is refused leaves nothing behind
#[tokio::test]
async fn a_refused_act_changes_nothing() {
    let site = Site::new();
    site.add("anna", "x").await;
    let new = NewAccount {
        addresses: vec!["info".to_owned(), "anna@example.org".to_owned()],
        ..NewAccount::named("bert")
    };
    assert!(matches!(refusal(&site, new).await, ManageError::AddressExists { .. }));
    assert!(site.accounts.account("bert".to_owned()).await.is_err());
    assert!(site.mail_for("info@example.org").await.is_err());
    let bad = NewAccount { networks: vec!["10.0.0.1/8".into()], ..NewAccount::named("bert") };
    assert!(refusal(&site, bad).await.to_string().contains("10.0.0.0/8"));
}

// product §1: a name may not be another one's tag
#[tokio::test]
async fn names_and_tags_do_not_clash() {
    let site = Site::new();
    site.add("anna", "x").await;
    let clash = refusal(&site, NewAccount::named("anna+work")).await;
    assert!(matches!(&clash, ManageError::TagClash { other, separator: '+', .. }
        if other == "anna@example.org"));
    site.add("team+a", "x").await;
    assert!(matches!(
        refusal(&site, NewAccount::named("team")).await,
        ManageError::TagClash { other, .. } if other == "team+a@example.org"
    ));
    site.add("teams", "x").await;
    site.add("anna-maria", "x").await;
    // a separator that makes names clash is refused when it is configured
    let path = site.path();
    drop(site.accounts);
    let settings = Settings { plus_separator: Some('-'), ..settings(&["example.org"]) };
    let error = restante_directory::Accounts::open(&path, settings).unwrap_err().to_string();
    assert!(
        error.contains("anna-maria@example.org") && error.contains("plus_separator"),
        "{error}"
    );
}

#[tokio::test]
async fn accounts_are_listed_in_pages() {
    let site = Site::with(settings(&["example.org", "example.net"]));
    for n in 0..5 {
        let name = format!("user{n}@example.org");
        site.accounts.add_account(NewAccount::named(name)).await.unwrap();
    }
    site.accounts.add_account(NewAccount::named("anna@example.net")).await.unwrap();
    let mut names = Vec::new();
    let mut filter = Filter { limit: 2, ..Filter::default() };
    loop {
        let page = site.accounts.accounts(filter.clone()).await.unwrap();
        assert!(page.records.len() <= 2);
        names.extend(page.records.into_iter().map(|record| record.name));
        match page.next {
            Some(next) => filter.after = Some(next),
            None => break,
        }
    }
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!((names.len(), names), (6, sorted));
    let only =
        |filter: Filter| async { site.accounts.accounts(filter).await.unwrap().records.len() };
    assert_eq!(only(Filter { domain: Some("Example.Net".into()), ..Filter::default() }).await, 1);
    assert_eq!(only(Filter { contains: Some("SER3".into()), ..Filter::default() }).await, 1);
    assert_eq!(only(Filter { contains: Some("%".into()), ..Filter::default() }).await, 0);
    assert_eq!(only(Filter { enabled: Some(false), ..Filter::default() }).await, 0);
    assert!(site.accounts.accounts(Filter { limit: 0, ..Filter::default() }).await.is_err());
}

#[tokio::test]
async fn addresses_are_added_listed_and_removed() {
    let site = Site::new();
    site.add("anna", "x").await;
    site.add("bert", "x").await;
    let new = |address: &str, accounts: &[&str]| NewAddress {
        address: address.to_owned(),
        accounts: accounts.iter().map(ToString::to_string).collect(),
    };
    let made = site.accounts.add_address(new("Sales", &["anna"])).await.unwrap();
    assert_eq!((made.address.as_str(), made.own), ("Sales@example.org", false));
    let made = site.accounts.add_address(new("sales@example.org", &["bert"])).await.unwrap();
    assert_eq!(made.accounts, ["anna@example.org", "bert@example.org"]);
    assert!(site.accounts.add_address(new("x", &[])).await.is_err());
    let gone = site.accounts.add_address(new("y", &["anna", "carla"])).await.unwrap_err();
    assert!(matches!(gone, ManageError::NoSuchAccount { .. }));
    assert!(site.mail_for("y@example.org").await.is_err());
    site.accounts.add_address(new("@example.org", &["bert"])).await.unwrap();
    let filter = Filter { account: Some("bert".into()), limit: 2, ..Filter::default() };
    let page = site.accounts.addresses(filter.clone()).await.unwrap();
    let listed: Vec<_> = page.records.iter().map(|record| record.address.as_str()).collect();
    assert_eq!(listed, ["@example.org", "Sales@example.org"]);
    let page = site.accounts.addresses(Filter { after: page.next, ..filter }).await.unwrap();
    assert_eq!((page.records.len(), page.next), (1, None));
    let own = site.accounts.remove_address("anna".to_owned()).await.unwrap_err();
    assert!(matches!(own, ManageError::OwnAddress { .. }));
    let near = site.accounts.remove_address("sale@example.org".to_owned()).await.unwrap_err();
    assert!(near.to_string().contains("Sales@example.org"), "{near}");
    site.accounts.remove_address("@example.org".to_owned()).await.unwrap();
    assert!(site.mail_for("whoever@example.org").await.is_err());
}

// rulings 10: every column, the secret shown once and never kept
#[tokio::test]
async fn app_passwords_are_generated_listed_and_revoked() {
    let site = Site::new();
    site.add("anna", "x").await;
    let request = NewAppPassword {
        kind: Kind::Worker,
        scopes: vec![Scope::Pop3, Scope::Submission],
        networks: vec!["192.0.2.0/24".into()],
        expires: Some(NOON + 10),
        ..new_app("anna", " zammad ")
    };
    let made = site.accounts.add_app_password(request.clone()).await.unwrap();
    let record = made.record.clone();
    assert_eq!((record.label.as_str(), record.kind), ("zammad", Kind::Worker));
    assert_eq!(record.scopes, [Scope::Pop3, Scope::Submission]);
    assert_eq!((record.expires, record.created), (Some(NOON + 10), NOON));
    assert_eq!(site.accounts.app_passwords("anna".into()).await.unwrap(), [record]);
    let database = std::fs::read(site.path()).unwrap();
    let wal = std::fs::read(site.path().with_extension("db-wal")).unwrap_or_default();
    for kept in [database, wal] {
        let secret = made.secret.expose().as_bytes();
        assert!(!kept.windows(secret.len()).any(|window| window == secret));
    }
    let refused = |request: NewAppPassword| async {
        site.accounts.add_app_password(request).await.unwrap_err()
    };
    assert!(matches!(refused(request.clone()).await, ManageError::LabelExists { .. }));
    let other = NewAppPassword { label: "x".into(), ..request };
    for bad in [
        NewAppPassword { scopes: vec![], ..other.clone() },
        NewAppPassword { expires: Some(NOON), ..other.clone() },
        NewAppPassword { label: " ".into(), ..other.clone() },
        NewAppPassword { label: "a\u{1b}b".into(), ..other.clone() },
        NewAppPassword { label: "x".repeat(65), ..other.clone() },
        NewAppPassword { networks: vec!["x".into()], ..other.clone() },
        NewAppPassword { account: "nobody".into(), ..other },
    ] {
        refused(bad).await;
    }
    let near = site.accounts.revoke_app_password("anna".into(), "zamad".into()).await.unwrap_err();
    assert!(near.to_string().contains("zammad"), "{near}");
    site.accounts.revoke_app_password("anna".into(), "zammad".into()).await.unwrap();
    assert!(site.accounts.app_passwords("anna".into()).await.unwrap().is_empty());
}

// requests and answers travel through the control socket; secrets only where they must
#[tokio::test]
async fn requests_and_answers_travel() {
    let site = Site::new();
    let new =
        NewAccount { password: Some(Secret::new("x y".to_owned())), ..NewAccount::named("anna") };
    assert!(!format!("{new:?}").contains("x y"));
    let text = serde_json::to_string(&new).unwrap();
    let back: NewAccount = serde_json::from_str(&text).unwrap();
    assert_eq!(back.password.unwrap().expose(), "x y");
    let short: NewAccount = serde_json::from_str(r#"{"name":"anna"}"#).unwrap();
    let record = site.accounts.add_account(short).await.unwrap();
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<AccountRecord>(&text).unwrap(), record);
    let made = site.app("anna", "laptop").await;
    assert!(!format!("{made:?}").contains("rst1-"));
    let text = serde_json::to_string(&made).unwrap();
    let back: GeneratedAppPassword = serde_json::from_str(&text).unwrap();
    assert_eq!(back.secret.expose(), made.secret.expose());
    let error = site.accounts.account("ana".into()).await.unwrap_err();
    let text = serde_json::to_string(&error).unwrap();
    assert_eq!(serde_json::from_str::<ManageError>(&text).unwrap(), error);
    let filter: Filter = serde_json::from_str("{}").unwrap();
    assert_eq!(filter.limit, 1_000);
}
