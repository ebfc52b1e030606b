//! How maildrops are kept: the site's rules and an account's own.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mail_wire::{After, Delete, Keeping, MaildropId, Quota, Retention, Views};
use restante_directory::{
    AccountChange, AccountRecord, Destination, Directory, Kind, Manage, ManageError, NewAccount,
    NewAppPassword, OverQuota, Rule, RuledBy, Rules, Scope, Sessions, Settings, Spread,
};

use crate::site::{NOON, Site, new_app, settings};

const DAY: i64 = 86_400;

async fn change(site: &Site, rule: Rule, text: Option<&str>) -> Result<AccountRecord, ManageError> {
    let keeping = [(rule, text.map(str::to_owned))].into();
    let change = AccountChange { keeping, ..Default::default() };
    site.accounts.change_account("anna".to_owned(), change).await
}

fn shown(record: &AccountRecord, rule: Rule) -> (&str, RuledBy) {
    let ruling = &record.keeping[&rule];
    (&ruling.value, ruling.from)
}

async fn active(site: &Site, secret: &str) -> Vec<i64> {
    site.login("anna", secret).await.unwrap().active
}

// rulings 12: what holds where nobody said anything
#[tokio::test]
async fn the_default_is_rfc_1939() {
    let site = Site::new();
    site.add("anna", "main").await;
    let anna = site.login("anna", "main").await.unwrap();
    assert_eq!(anna.keeping, Keeping::default());
    assert_eq!((anna.sessions, anna.kind), (Some(Sessions::Exclusive), Kind::Device));
    assert_eq!((anna.login_delay, anna.batch), (None, 50));
    let found = site.accounts.resolve("anna".to_owned(), None).await.unwrap();
    assert_eq!(found, [Destination::unlimited(anna.maildrop)]);
    assert_eq!(site.accounts.spread().await.unwrap(), Spread::default());
}

// product §5: per maildrop, over the site's; what is taken back is the site's again
#[tokio::test]
async fn an_account_has_rules_of_its_own_over_the_sites() {
    let mut rules = Rules::default();
    rules.set(Rule::Delete, "hold:30d").unwrap();
    rules.set(Rule::QuotaMessages, "1000").unwrap();
    let site = Site::with(Settings { rules, ..settings(&["example.org"]) });
    let own = [
        (Rule::Views, "per-credential"),
        (Rule::Retention, "7d after retrieval"),
        (Rule::QuotaOctets, "1024KiB"),
        (Rule::OverQuota, "refuse"),
        (Rule::LoginDelay, "900s"),
        (Rule::WorkerBatch, "5"),
    ];
    let new = NewAccount {
        password: Some("main".to_owned().into()),
        keeping: own.into_iter().map(|(rule, text)| (rule, text.to_owned())).collect(),
        ..NewAccount::named("anna")
    };
    let record = site.accounts.add_account(new).await.unwrap();
    assert_eq!(shown(&record, Rule::Delete), ("hold:30d", RuledBy::Site));
    assert_eq!(shown(&record, Rule::QuotaOctets), ("1MiB", RuledBy::Account));
    assert_eq!(shown(&record, Rule::LoginDelay), ("15m", RuledBy::Account));
    assert_eq!(shown(&record, Rule::Sessions), ("snapshot", RuledBy::Views));
    let anna = site.login("anna", "main").await.unwrap();
    let keeping = Keeping {
        delete: Delete::Hold(Duration::from_hours(30 * 24)),
        views: Views::PerCredential,
        retention: Some(Retention { days: 7, after: After::Retrieval }),
        quota: Quota { messages: Some(1000), octets: Some(1 << 20) },
    };
    assert_eq!(anna.keeping, keeping);
    assert_eq!(anna.login_delay, Some(Duration::from_mins(15)));
    assert_eq!((anna.batch, anna.sessions), (5, Some(Sessions::Snapshot)));
    let found = site.accounts.resolve("anna".to_owned(), None).await.unwrap();
    let maildrop = anna.maildrop;
    let over_quota = OverQuota::Refuse;
    assert_eq!(found, [Destination { maildrop, quota: keeping.quota, over_quota }]);
    // what is changed holds at the next question, whatever was remembered
    change(&site, Rule::QuotaOctets, Some("unlimited")).await.unwrap();
    let record = change(&site, Rule::Views, None).await.unwrap();
    assert_eq!(shown(&record, Rule::Views), ("shared", RuledBy::Site));
    let found = site.accounts.resolve("anna".to_owned(), None).await.unwrap();
    assert_eq!(found[0].quota, Quota { messages: Some(1000), octets: None });
    assert_eq!(site.login("anna", "main").await.unwrap().keeping.views, Views::Shared);
    let error = change(&site, Rule::Delete, Some("hold")).await.unwrap_err().to_string();
    assert!(error.contains("`delete`") && error.contains("hold:30d"), "{error}");
    // it is in the file, not in memory alone
    let site = site.reopened(settings(&["example.org"]));
    let record = site.accounts.account("anna".to_owned()).await.unwrap();
    assert_eq!(shown(&record, Rule::Retention), ("7d after retrieval", RuledBy::Account));
    assert_eq!(shown(&record, Rule::Delete), ("destroy", RuledBy::Site));
}

// product §4: workers imply snapshots, for as long as there are any
#[tokio::test]
async fn a_worker_makes_sessions_overlap() {
    let site = Site::new();
    site.add("anna", "main").await;
    let expires = Some(NOON + DAY);
    let worker = NewAppPassword { kind: Kind::Worker, expires, ..new_app("anna", "zammad") };
    let secret = site.accounts.add_app_password(worker).await.unwrap().secret;
    let session = site.login("anna", secret.expose()).await.unwrap();
    assert_eq!((session.kind, session.sessions), (Kind::Worker, Some(Sessions::Snapshot)));
    let main = site.login("anna", "main").await.unwrap();
    assert_eq!((main.kind, main.sessions), (Kind::Device, Some(Sessions::Snapshot)));
    let record = site.accounts.account("anna".to_owned()).await.unwrap();
    assert_eq!(shown(&record, Rule::Sessions), ("snapshot", RuledBy::Workers));
    site.time.store(NOON + DAY, Ordering::Relaxed);
    let main = site.login("anna", "main").await.unwrap();
    assert_eq!(main.sessions, Some(Sessions::Exclusive));
}

// rulings 12: active is who was used within 30 days; the main password is one like the others
#[tokio::test]
async fn the_active_devices_are_those_that_came_within_30_days() {
    let site = Site::new();
    site.add("anna", "main").await;
    let laptop = site.app("anna", "laptop").await;
    let phone = site.app("anna", "phone").await;
    site.app("anna", "never used").await;
    let worker = NewAppPassword { kind: Kind::Worker, ..new_app("anna", "zammad") };
    let worker = site.accounts.add_app_password(worker).await.unwrap().secret;
    let [laptops, phones] = [&laptop, &phone].map(|app| app.record.id);
    let (laptop, phone) = (laptop.secret.expose(), phone.secret.expose());
    let at = |time| site.time.store(time, Ordering::Relaxed);
    active(&site, laptop).await;
    active(&site, worker.expose()).await;
    at(NOON + DAY);
    assert_eq!(active(&site, phone).await, [laptops]);
    assert_eq!(active(&site, "main").await, [laptops, phones]);
    assert_eq!(active(&site, laptop).await, [0, phones]);
    assert_eq!(active(&site, worker.expose()).await, [0, laptops, phones]);
    // the laptop comes again, the others do not
    at(NOON + 20 * DAY);
    active(&site, laptop).await;
    at(NOON + 31 * DAY - 1);
    assert_eq!(active(&site, laptop).await, [0, phones]);
    at(NOON + 31 * DAY);
    assert!(active(&site, laptop).await.is_empty());
    assert_eq!(active(&site, "main").await, [laptops]);
    // and the same from the file
    let site = site.reopened(settings(&["example.org"]));
    assert_eq!(active(&site, phone).await, [0, laptops]);
    // who is revoked has no say any more, nor has a password that is no more
    site.accounts.revoke_app_password("anna".to_owned(), "laptop".to_owned()).await.unwrap();
    assert_eq!(active(&site, "main").await, [phones]);
    site.accounts.set_password("anna".to_owned(), None).await.unwrap();
    assert_eq!(active(&site, worker.expose()).await, [phones]);
}

// who cannot fetch cannot delete either: mail does not wait for it
#[tokio::test]
async fn a_credential_that_pop3_does_not_take_is_not_active() {
    let site = Site::new();
    site.add("anna", "main").await;
    let scopes = vec![Scope::Submission];
    let sender = NewAppPassword { scopes, ..new_app("anna", "sender") };
    let sender = site.accounts.add_app_password(sender).await.unwrap().secret;
    let origin = restante_directory::Origin { scope: Scope::Submission, ..crate::site::home() };
    site.login_from(b"anna", sender.expose().as_bytes(), origin).await.unwrap();
    assert!(active(&site, "main").await.is_empty());
}

// P-074, P-075: the longest delay and the fewest days of all accounts
#[tokio::test]
async fn the_spread_follows_the_accounts() {
    let mut rules = Rules::default();
    rules.set(Rule::Retention, "30d after delivery").unwrap();
    let site = Site::with(Settings { rules, ..settings(&["example.org"]) });
    let of_the_site = Spread { days: Some(30), ..Spread::default() };
    assert_eq!(site.accounts.spread().await.unwrap(), of_the_site);
    site.add("anna", "main").await;
    site.add("bert", "main").await;
    change(&site, Rule::Retention, Some("7d after retrieval")).await.unwrap();
    change(&site, Rule::LoginDelay, Some("15m")).await.unwrap();
    let login_delay = Some(Duration::from_mins(15));
    let days = Some(7);
    let differs = Spread {
        login_delay,
        login_delay_differs: true,
        days,
        days_differ: true,
        ..Spread::default()
    };
    assert_eq!(site.accounts.spread().await.unwrap(), differs);
    // anna is the only one left: nothing differs
    site.accounts.remove_account("bert".to_owned()).await.unwrap();
    let same = Spread { login_delay_differs: false, days_differ: false, ..differs };
    assert_eq!(site.accounts.spread().await.unwrap(), same);
    site.accounts.remove_account("anna".to_owned()).await.unwrap();
    assert_eq!(site.accounts.spread().await.unwrap(), of_the_site);
}

// the task that lets mail expire hears of every maildrop once
#[tokio::test]
async fn all_maildrops_are_told_with_their_keeping() {
    let site = Site::new();
    let names: Vec<String> = (0..1_005).map(|n| format!("u{n}@example.org:\n")).collect();
    let names = names.concat();
    restante_directory::import_lines(&site.accounts, names.as_bytes(), false, |_| {})
        .await
        .unwrap();
    site.add("anna", "main").await;
    change(&site, Rule::Retention, Some("1d after delivery")).await.unwrap();
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|kept: &restante_directory::Kept| kept.maildrop);
        let page = site.accounts.kept(after).await.unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    assert_eq!(all.len(), 1_006);
    assert!(all.is_sorted_by(|one, next| one.maildrop < next.maildrop));
    let annas = MaildropId::new(site.maildrop("anna").await);
    for kept in all {
        assert_eq!(kept.keeping.retention.is_some(), kept.maildrop == annas);
    }
}

// a rule that cannot be read destroys nothing: nobody is let in until it is repaired
#[tokio::test]
async fn a_damaged_rule_is_an_error_and_not_another_rule() {
    let site = Site::new();
    site.add("anna", "main").await;
    change(&site, Rule::Delete, Some("ignore")).await.unwrap();
    let database = rusqlite::Connection::open(site.path()).unwrap();
    database.execute("UPDATE keeping SET value = 'ignroe'", []).unwrap();
    let site = site.reopened(settings(&["example.org"]));
    let error = site.login("anna", "main").await.unwrap_err();
    assert!(matches!(error, restante_directory::VerifyError::Unavailable { .. }), "{error}");
    let error = site.accounts.kept(None).await.unwrap_err().to_string();
    assert!(error.contains("ignroe"), "{error}");
}
