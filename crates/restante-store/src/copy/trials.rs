//! Copies between all pairs of backends, looked at as clients and operators see them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use mail_wire::{Delete, Form, MaildropId, Uidl, Views};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::conformance::mail::{numbers, open_as, read_all, uidls};
use crate::copy::{Beyond, Survey, copy, survey};
use crate::custody::{Aside, Laid, WithheldMessage};
use crate::error::StoreError;
use crate::log::LogStore;
use crate::log::trial::small;
use crate::maildir::scratch::quick;
use crate::maildir::{MaildirStore, Settings};
use crate::memory::MemoryStore;
use crate::store::{Incoming, Provenance, Recipient, Store, Stored, Surrogate, Usage};
use crate::upkeep::{Advance, Watch};
use crate::view::View;

/// What a store is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Memory,
    Maildir,
    Log,
}

const KINDS: [Kind; 3] = [Kind::Memory, Kind::Maildir, Kind::Log];

fn store(kind: Kind, root: &Path) -> Arc<dyn Store> {
    opened(kind, root).unwrap()
}

fn opened(kind: Kind, root: &Path) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match kind {
        Kind::Memory => Arc::new(MemoryStore::new()),
        Kind::Maildir => Arc::new(MaildirStore::open(root, Settings::default())?),
        Kind::Log => {
            // Some bodies get files of their own, and the index is behind at times.
            let more = crate::log::Settings { big_octets_min: 3000, shards: 2, ..small() };
            let settings = crate::log::Settings { checkpoint_messages: 3, ..more };
            Arc::new(LogStore::open(root, &settings)?)
        }
    })
}

/// The same, once what the last one had under way has ended.
async fn again(kind: Kind, root: &Path) -> Arc<dyn Store> {
    loop {
        match opened(kind, root) {
            Err(StoreError::Locked { .. }) => tokio::task::yield_now().await,
            outcome => return outcome.unwrap(),
        }
    }
}

fn fresh(kind: Kind) -> (TempDir, Arc<dyn Store>) {
    let folder = quick();
    let store = store(kind, folder.path());
    (folder, store)
}

/// A message, and what became of it.
#[derive(Clone, Debug)]
struct Mail {
    maildrop: u64,
    body: Vec<u8>,
    brings: bool,
    utf8: bool,
    fate: Fate,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Kept,
    Destroyed,
    Held,
    SetAside,
    HiddenFrom(u64),
    Died,
    Retrieved,
}

fn mail() -> impl Strategy<Value = Mail> {
    let line = prop_oneof![
        Just(String::new()),
        Just(".".to_owned()),
        Just("..x".to_owned()),
        "[ -~]{0,40}",
        Just("long ".repeat(900)),
    ];
    let body = (vec(line, 0..5), any::<bool>()).prop_map(|(lines, ends)| {
        let text = format!("Subject: x\r\n\r\n{}", lines.join("\r\n"));
        if ends { format!("{text}\r\n").into_bytes() } else { text.into_bytes() }
    });
    let fate = prop_oneof![
        4 => Just(Fate::Kept),
        2 => Just(Fate::Destroyed),
        1 => Just(Fate::Held),
        1 => Just(Fate::SetAside),
        1 => (1..3_u64).prop_map(Fate::HiddenFrom),
        1 => Just(Fate::Died),
        1 => Just(Fate::Retrieved),
    ];
    (1..4_u64, body, any::<bool>(), any::<bool>(), fate).prop_map(
        |(maildrop, body, brings, utf8, fate)| Mail { maildrop, body, brings, utf8, fate },
    )
}

async fn deliver(store: &dyn Store, number: usize, mail: &Mail) -> Stored {
    let uidl = mail.brings.then(|| Uidl::new(format!("old~{number}").as_bytes()).unwrap());
    let prefix = "X: \u{e9}\r\n".as_bytes().to_vec();
    let whole = Recipient::new(MaildropId::new(mail.maildrop), prefix);
    let recipient = Recipient { uidl, address: "anna@example.org".into(), ..whole };
    let provenance = Provenance { peer: "::1".into(), sender: "b@example.net".into() };
    let incoming =
        Incoming { recipients: vec![recipient], form: Form::Text, utf8: mail.utf8, provenance };
    let mut delivery = store.deliver(incoming).await.unwrap();
    delivery.write(&mail.body).unwrap();
    delivery.accepted(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
    if mail.utf8 {
        let header = b"Subject: ascii\r\n.odd: x\r\n\r\n".to_vec();
        delivery.surrogate(Surrogate { header, prefixes: vec![b"X: e\r\n".to_vec()] }).unwrap();
    }
    delivery.commit().await.pop().unwrap().unwrap()
}

/// What becomes of a message, by what sessions and operators do.
async fn befall(store: &dyn Store, mail: &Mail, stored: &Stored) {
    let maildrop = MaildropId::new(mail.maildrop);
    let delete = async |view: View| {
        let mut session = store.open(maildrop, view).await.unwrap();
        let place = session.listing().iter().position(|entry| entry.id == stored.id);
        let number = u32::try_from(place.unwrap() + 1).unwrap();
        session.commit(&numbers(&[number])).await.unwrap();
    };
    if let Fate::Destroyed = mail.fate {
        return delete(View::default()).await;
    }
    let Some(custody) = store.custody() else { return };
    let lay = async |laid| custody.lay(maildrop, vec![(stored.id, laid)]).await.unwrap();
    match mail.fate {
        Fate::Kept | Fate::Destroyed => {}
        Fate::Held => {
            let hold = Delete::Hold(Duration::from_hours(24));
            delete(View { delete: hold, ..View::default() }).await;
        }
        Fate::SetAside => custody.set_aside(maildrop, stored.id, Aside::Asked).await.unwrap(),
        Fate::HiddenFrom(credential) => {
            let (views, others) = (Views::PerCredential, vec![9]);
            delete(View { credential, views, others, ..View::default() }).await;
        }
        Fate::Died => drop(custody.died(maildrop, stored.id).await.unwrap()),
        Fate::Retrieved => {
            let retrieved = Some(UNIX_EPOCH + Duration::from_millis(1_710_000_000_456));
            lay(Laid { retrieved, ..Laid::default() }).await;
        }
    }
}

async fn fill(store: &dyn Store, mails: &[Mail]) {
    for (number, mail) in mails.iter().enumerate() {
        let stored = deliver(store, number, mail).await;
        befall(store, mail, &stored).await;
    }
}

/// Unique-ids and texts, in order.
type Texts = Vec<(String, Vec<u8>)>;

/// All that can be seen of a store.
#[derive(Debug, PartialEq)]
struct Picture {
    /// By maildrop, credential, and whether raw UTF-8 is shown: unique-ids and texts.
    seen: BTreeMap<(u64, u64, bool), Texts>,
    withheld: Vec<(String, WithheldMessage)>,
    retrieved: Vec<Laid>,
    usage: Vec<Usage>,
}

async fn picture(store: &dyn Store) -> Picture {
    let mut seen = BTreeMap::new();
    let (mut withheld, mut retrieved, mut usage) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..4 {
        let maildrop = MaildropId::new(number);
        for credential in 0..3 {
            for utf8 in [false, true] {
                let view = View { credential, utf8, ..View::default() };
                let session = open_as(store, maildrop, view).await.unwrap();
                let texts = read_all(&*session).await.unwrap();
                let all = uidls(&*session).into_iter().zip(texts).collect();
                seen.insert((number, credential, utf8), all);
            }
        }
        usage.push(store.usage(maildrop).await.unwrap());
        if let Some(custody) = store.custody() {
            for mut message in custody.withheld(maildrop).await.unwrap() {
                message.id = mail_wire::MessageId::new(0);
                message.held_until = message.held_until.map(in_millis);
                withheld.push((message.uidl.to_string(), message));
            }
            for (_, mut laid) in custody.laid(maildrop).await.unwrap() {
                laid.held_until = laid.held_until.map(in_millis);
                retrieved.push(laid);
            }
        }
    }
    Picture { seen, withheld, retrieved, usage }
}

fn in_millis(at: std::time::SystemTime) -> std::time::SystemTime {
    let millis = at.duration_since(UNIX_EPOCH).unwrap().as_millis();
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap())
}

/// Ends the work when it has been told so often.
struct Ends(AtomicU64);

impl Watch for Ends {
    fn goes_on(&self, advance: &Advance) -> bool {
        assert!(advance.done <= advance.all, "{advance:?}");
        self.0.fetch_sub(1, Ordering::Relaxed) != 1
    }
}

/// Surveys and copies. What cannot be kept is left out.
async fn copied(
    from: &Arc<dyn Store>,
    to: &Arc<dyn Store>,
    watch: &Ends,
) -> Result<(Survey, u64), StoreError> {
    let survey = survey(from, to.promises(), watch).await?;
    let before = copy(from, to, &survey, watch).await?;
    Ok((survey, before))
}

async fn whole(from: &Arc<dyn Store>, to: &Arc<dyn Store>) -> Result<(Survey, u64), StoreError> {
    copied(from, to, &Ends(AtomicU64::new(0))).await
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    // issue: `restante store copy`; rulings 18: any store to any store, UIDLs kept; product §3:
    // migration without clients noticing
    #[test]
    fn every_backend_is_copied_to_every_other(mails in vec(mail(), 0..12)) {
        block_on(async {
            for (of, kind) in KINDS.into_iter().flat_map(|of| KINDS.map(|kind| (of, kind))) {
                let ((_a, from), (_b, to)) = (fresh(of), fresh(kind));
                fill(&*from, &mails).await;
                let before = picture(&*from).await;
                let (copied, _) = whole(&from, &to).await.unwrap();
                assert_eq!(picture(&*from).await, before, "{of:?}: the source was changed");
                let after = picture(&*to).await;
                let pair = format!("{of:?} to {kind:?}");
                let keeps = to.promises().custody || !from.promises().custody;
                if keeps {
                    assert_eq!(copied.beyond, Beyond::default(), "{pair}");
                    assert_eq!(after, before, "{pair}");
                } else {
                    // What is withheld is left out, what is hidden is shown to all, and there is
                    // one text for all.
                    let offered = |of: &Picture, maildrop| of.seen[&(maildrop, 0, true)].clone();
                    for maildrop in 1..4 {
                        assert_eq!(offered(&after, maildrop), offered(&before, maildrop), "{pair}");
                    }
                    assert_eq!(&after.usage, &before.usage, "{pair}");
                    let is = |wanted: fn(&WithheldMessage) -> bool| {
                        before.withheld.iter().filter(|(_, one)| wanted(one)).count() as u64
                    };
                    let held = |one: &WithheldMessage| {
                        one.held_until.is_some() || one.set_aside.is_some()
                    };
                    assert_eq!(copied.beyond.withheld, is(held), "{pair}");
                    assert_eq!(
                        copied.beyond.hidden,
                        is(|one| one.held_until.is_none() && one.set_aside.is_none()),
                        "{pair}"
                    );
                }
                // When it is done again, nothing is left to be done.
                let (_, again) = whole(&from, &to).await.unwrap();
                assert_eq!(again, copied.messages, "{pair}");
                assert_eq!(picture(&*to).await, after, "{pair}");
            }
        });
    }

    // issue: interrupted, it goes on where it was, and nothing is doubled
    #[test]
    fn an_interrupted_copy_goes_on(
        mails in vec(mail(), 1..10),
        ends in vec(1..40_u64, 1..5),
        kind in prop::sample::select(vec![Kind::Maildir, Kind::Log]),
    ) {
        block_on(async {
            let ((_a, from), folder) = (fresh(Kind::Memory), quick());
            fill(&*from, &mails).await;
            for end in ends {
                let to = again(kind, folder.path()).await;
                let ended = copied(&from, &to, &Ends(AtomicU64::new(end))).await;
                assert!(matches!(ended, Ok(_) | Err(StoreError::Interrupted)), "{ended:?}");
            }
            let to = again(kind, folder.path()).await;
            whole(&from, &to).await.unwrap();
            let (is, of) = (picture(&*to).await, picture(&*from).await);
            for maildrop in 1..4 {
                let key = (maildrop, 0, true);
                assert_eq!(is.seen[&key], of.seen[&key]);
            }
            if kind == Kind::Log {
                assert_eq!(is, of);
            }
        });
    }
}

fn plain(maildrop: u64, body: &[u8], fate: Fate) -> Mail {
    Mail { maildrop, body: body.to_vec(), brings: true, utf8: false, fate }
}

// issue: what the target cannot keep is said before anything is written
#[test]
fn what_cannot_be_kept_is_said_first() {
    block_on(async {
        let ((_a, from), (_b, to)) = (fresh(Kind::Log), fresh(Kind::Maildir));
        let mut with_stand_in = plain(1, b"Subject: x\r\n\r\n", Fate::Kept);
        with_stand_in.utf8 = true;
        let mails = [
            plain(1, b"A: b\r\n\r\nkept\r\n", Fate::Kept),
            plain(1, b"A: b\r\n\r\nheld\r\n", Fate::Held),
            plain(2, b"A: b\r\n\r\nhidden\r\n", Fate::HiddenFrom(2)),
            with_stand_in,
        ];
        fill(&*from, &mails).await;
        let found = survey(&from, to.promises(), &Ends(AtomicU64::new(0))).await.unwrap();
        let said = found.beyond.to_string();
        for part in ["1 message held", "1 message hidden", "1 message with a stand-in"] {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(to.maildrops().await.unwrap(), [], "nothing was written");
        let (copied, _) = whole(&from, &to).await.unwrap();
        assert_eq!((copied.messages, copied.holding), (3, 2));
        assert_eq!(copied.beyond, Beyond { withheld: 1, hidden: 1, stand_ins: 1 });
    });
}

// issue: verified after copying: octets of every message are compared
#[test]
fn other_octets_and_other_orders_are_found() {
    block_on(async {
        for kind in KINDS {
            let ((_a, from), (_b, to)) = (fresh(Kind::Memory), fresh(kind));
            fill(&*from, &[plain(1, b"A: b\r\n\r\none\r\n", Fate::Kept)]).await;
            // The same unique-id and size, as a copy would have brought it, but for one octet.
            fill(&*to, &[plain(1, b"A: b\r\n\r\nonf\r\n", Fate::Kept)]).await;
            let said = whole(&from, &to).await.unwrap_err().to_string();
            assert!(said.contains("message old~0: it has other octets"), "{kind:?}: {said}");
            // Another unique-id, or more than there should be: it is made anew.
            let (_c, to) = fresh(kind);
            let other = plain(1, b"A: b\r\n\r\nmore\r\n", Fate::Kept);
            fill(&*to, &[other.clone(), plain(2, b"A: b\r\n\r\n", Fate::Kept), other]).await;
            let (_, before) = whole(&from, &to).await.unwrap();
            assert_eq!(before, 0);
            assert_eq!(picture(&*to).await.seen, picture(&*from).await.seen, "{kind:?}");
        }
    });
}

// product §2: from where and to whom a message came, and when, is carried; of a Maildir, as far
// as its header says so
#[test]
fn the_journal_of_the_copy_says_where_messages_came_from() {
    block_on(async {
        for of in [Kind::Log, Kind::Memory] {
            let ((_a, from), (_b, to)) = (fresh(of), fresh(Kind::Log));
            fill(&*from, &[plain(1, b"A: b\r\n\r\none\r\n", Fate::Kept)]).await;
            whole(&from, &to).await.unwrap();
            let journal = to.custody().unwrap().journal(MaildropId::new(1), None).await.unwrap();
            let accepted = journal.first().unwrap();
            assert_eq!(accepted.at, UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
            assert_eq!(accepted.peer.as_deref(), Some("::1"));
            let said = format!("{:?}", accepted.what);
            assert!(said.contains("b@example.net") && said.contains("anna@example.org"), "{said}");
        }
        let folder = quick();
        let root = folder.path().join("mail");
        drop(store(Kind::Maildir, &root));
        for part in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(root.join("7").join(part)).unwrap();
        }
        let text = "Return-Path: <c@example.net>\nDelivered-To: anna@example.org\n\nx\n";
        std::fs::write(root.join("7/cur/1100000000.7.host:2,S"), text).unwrap();
        let (from, (_b, to)) = (store(Kind::Maildir, &root), fresh(Kind::Log));
        whole(&from, &to).await.unwrap();
        let journal = to.custody().unwrap().journal(MaildropId::new(7), None).await.unwrap();
        let accepted = journal.first().unwrap();
        assert_eq!(accepted.at, UNIX_EPOCH + Duration::from_secs(1_100_000_000));
        assert_eq!(accepted.peer.as_deref(), Some("copy"));
        let said = format!("{:?}", accepted.what);
        assert!(said.contains("c@example.net") && said.contains("anna@example.org"), "{said}");
        assert!(root.join("7/cur/1100000000.7.host:2,S").exists(), "it is where it was");
    });
}
