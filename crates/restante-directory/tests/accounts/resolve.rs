//! Tests of *where is theirs*: which maildrops mail for an address goes to.

use restante_directory::{Manage, NewAddress, ResolveError, Settings};

use crate::site::{Site, reason, settings};

async fn alias(site: &Site, address: &str, accounts: &[&str]) {
    site.accounts
        .add_address(NewAddress {
            address: address.to_owned(),
            accounts: accounts.iter().map(ToString::to_string).collect(),
        })
        .await
        .unwrap();
}

// P-216, RFC 5321 §2.4: case does not matter by default, in the domain never
#[tokio::test]
async fn case_is_folded_by_default() {
    let site = Site::new();
    site.add("Bob", "x").await;
    let drop = site.maildrop("bob").await;
    for address in ["Bob@example.org", "bob@EXAMPLE.ORG", "BOB@example.org."] {
        assert_eq!(site.mail_for(address).await, Ok(vec![drop]), "{address}");
    }
    // stored as given
    assert_eq!(site.accounts.account("bob".into()).await.unwrap().name, "Bob@example.org");
}

// P-216: the other mode differs
#[tokio::test]
async fn case_can_count() {
    let site =
        Site::with(Settings { local_parts_case_sensitive: true, ..settings(&["example.org"]) });
    site.add("Bob", "x").await;
    site.add("bob", "y").await;
    let (upper, lower) = (site.maildrop("Bob").await, site.maildrop("bob").await);
    assert_ne!(upper, lower);
    assert_eq!(site.mail_for("Bob@Example.Org").await, Ok(vec![upper]));
    assert_eq!(site.mail_for("bob@example.org").await, Ok(vec![lower]));
    assert_eq!(site.mail_for("BOB@example.org").await, Err(ResolveError::Unknown));
    reason(site.login("Bob", "y").await);
    // back to the default: exact spelling first, and `check` says so
    let site = site.reopened(settings(&["example.org"]));
    assert_eq!(site.mail_for("bob@example.org").await, Ok(vec![lower]));
    assert_eq!(site.mail_for("Bob@example.org").await, Ok(vec![upper]));
    let concerns = site.accounts.concerns().await.unwrap();
    assert!(concerns.iter().any(|concern| concern.contains("bob@example.org")), "{concerns:?}");
}

// security D19
#[tokio::test]
async fn tags_lead_to_the_name_before_them() {
    let site = Site::new();
    site.add("anna", "x").await;
    let drop = site.maildrop("anna").await;
    for address in ["anna+tag@example.org", "Anna+a+b@example.org", "anna+@example.org"] {
        assert_eq!(site.mail_for(address).await, Ok(vec![drop]), "{address}");
    }
    for address in ["+tag@example.org", "bert+tag@example.org", "anna-tag@example.org"] {
        assert_eq!(site.mail_for(address).await, Err(ResolveError::Unknown), "{address}");
    }
    let none = Site::with(Settings { plus_separator: None, ..settings(&["example.org"]) });
    none.add("anna", "x").await;
    assert_eq!(none.mail_for("anna+tag@example.org").await, Err(ResolveError::Unknown));
}

// aliases to several, each maildrop once; the disabled are left out
#[tokio::test]
async fn an_alias_leads_to_each_of_its_accounts_once() {
    let site = Site::new();
    for name in ["anna", "bert", "carl"] {
        site.add(name, "x").await;
    }
    alias(&site, "sales", &["bert", "anna", "BERT", "anna@example.org"]).await;
    let (anna, bert) = (site.maildrop("anna").await, site.maildrop("bert").await);
    assert_eq!(site.mail_for("sales@example.org").await, Ok(vec![anna, bert]));
    assert_eq!(site.mail_for("sales+x@example.org").await, Ok(vec![anna, bert]));
    let disable = restante_directory::AccountChange::enabled(false);
    site.accounts.change_account("anna".into(), disable.clone()).await.unwrap();
    assert_eq!(site.mail_for("sales@example.org").await, Ok(vec![bert]));
    site.accounts.change_account("bert".into(), disable).await.unwrap();
    assert_eq!(site.mail_for("sales@example.org").await, Err(ResolveError::Disabled));
    site.accounts.remove_account("anna@example.org".into()).await.unwrap();
    site.accounts.remove_account("bert".into()).await.unwrap();
    assert_eq!(site.mail_for("sales@example.org").await, Err(ResolveError::Unknown));
}

#[tokio::test]
async fn a_catch_all_takes_what_is_left() {
    let site = Site::with(settings(&["example.org", "example.net"]));
    site.add("anna@example.org", "x").await;
    site.add("bert@example.org", "x").await;
    alias(&site, "@example.org", &["bert"]).await;
    let (anna, bert) = (site.maildrop("anna").await, site.maildrop("bert").await);
    assert_eq!(site.mail_for("anna@example.org").await, Ok(vec![anna]));
    assert_eq!(site.mail_for("anna+x@example.org").await, Ok(vec![anna]));
    assert_eq!(site.mail_for("whoever@example.org").await, Ok(vec![bert]));
    assert_eq!(site.mail_for("o'brien/x@example.org").await, Ok(vec![bert]));
    assert_eq!(site.mail_for("whoever@example.net").await, Err(ResolveError::Unknown));
    // nobody logs in by it
    reason(site.login("whoever", "x").await);
    reason(site.login("@example.org", "x").await);
}

#[tokio::test]
async fn what_is_not_ours_is_foreign() {
    let site = Site::new();
    site.add("anna", "x").await;
    for address in
        ["anna@example.com", "anna@sub.example.org", "anna@[127.0.0.1]", "anna@", "anna@a..b"]
    {
        assert_eq!(site.mail_for(address).await, Err(ResolveError::Foreign), "{address}");
    }
    for address in ["\"a b\"@example.org", "..@example.org", "@example.org", "a\u{0}@example.org"] {
        assert_eq!(site.mail_for(address).await, Err(ResolveError::Unknown), "{address:?}");
    }
}

// RFC 5890, RFC 6531: U-label and A-label, NFC and NFD are one address
#[tokio::test]
async fn international_addresses_have_one_meaning() {
    let site = Site::with(settings(&["bücher.example"]));
    site.add("jürgen", "x").await;
    let drop = site.maildrop("jürgen").await;
    for address in
        ["jürgen@bücher.example", "ju\u{308}rgen@xn--bcher-kva.example", "JÜRGEN@BÜCHER.example"]
    {
        assert_eq!(site.mail_for(address).await, Ok(vec![drop]), "{address}");
    }
    site.login("jürgen@XN--BCHER-KVA.example", "x").await.unwrap();
}

// P-198, RFC 5321 §4.5.1 and §4.1.1.3: postmaster with and without domain, in any case
#[tokio::test]
async fn postmaster_leads_somewhere() {
    let domains = ["example.org", "example.net"];
    let site = Site::with(settings(&domains));
    site.add("anna@example.org", "x").await;
    let anna = site.maildrop("anna").await;
    for address in ["postmaster", "postmaster@example.org"] {
        assert_eq!(site.mail_for(address).await, Err(ResolveError::Unknown), "{address}");
    }
    assert_eq!(site.accounts.concerns().await.unwrap().len(), 2);
    let site = site.reopened(Settings {
        postmaster: Some("anna@example.org".to_owned()),
        ..settings(&domains)
    });
    for address in ["Postmaster", "postMaster@example.org", "POSTMASTER@Example.Net"] {
        assert_eq!(site.mail_for(address).await, Ok(vec![anna]), "{address}");
    }
    assert!(site.accounts.concerns().await.unwrap().is_empty());
    // an address of its own goes first, and before a catch-all
    site.add("bert@example.net", "x").await;
    let bert = site.maildrop("bert").await;
    alias(&site, "@example.net", &["anna"]).await;
    alias(&site, "postmaster@example.net", &["bert"]).await;
    assert_eq!(site.mail_for("postmaster@example.net").await, Ok(vec![bert]));
    assert_eq!(site.mail_for("postmaster").await, Ok(vec![bert]));
}

// bare names, where the server takes them (`try`)
#[tokio::test]
async fn a_bare_name_is_found_where_it_is_the_only_one() {
    let site = Site::with(settings(&["localhost"]));
    site.add("demo", "x").await;
    let demo = site.maildrop("demo").await;
    for address in ["demo", "demo@localhost", "demo+tag"] {
        assert_eq!(site.mail_for(address).await, Ok(vec![demo]), "{address}");
    }
    let two = Site::with(settings(&["example.org", "example.net"]));
    two.add("anna@example.org", "x").await;
    assert!(two.mail_for("anna").await.is_ok());
    two.add("anna@example.net", "x").await;
    assert_eq!(two.mail_for("anna").await, Err(ResolveError::Unknown));
}
