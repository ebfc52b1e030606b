//! Random lives of a store against a plain model: deliveries, removals, restarts of every kind.

use std::collections::BTreeMap;

use mail_wire::MaildropId;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, image, open, prefix, read_all, remove, small, text, without_index,
};
use crate::maildir::scratch::quick;
use crate::store::{Maildrop, Store};
use crate::view::View;

#[derive(Clone, Debug)]
enum Act {
    /// To these maildrops, about so many octets.
    Deliver(Vec<u64>, usize),
    /// Of a maildrop, the messages whose bit is set.
    Remove(u64, u16),
    RemoveAll(u64),
    Compact,
    /// A session begins, and stays until the next restart.
    Open(u64),
    /// The store is closed and opened again.
    Restart,
    /// The process is killed, and another opens what is on the disk.
    Kill,
    /// The same, and the index is gone.
    KillWithoutIndex,
}

fn act() -> impl Strategy<Value = Act> {
    let maildrop = 0_u64..3;
    let length = prop_oneof![4 => 0_usize..400, 1 => 700_usize..6000];
    prop_oneof![
        8 => (proptest::collection::vec(maildrop.clone(), 1..4), length)
            .prop_map(|(to, length)| Act::Deliver(to, length)),
        5 => (maildrop.clone(), any::<u16>()).prop_map(|(from, which)| Act::Remove(from, which)),
        1 => maildrop.clone().prop_map(Act::RemoveAll),
        2 => Just(Act::Compact),
        2 => maildrop.prop_map(Act::Open),
        1 => Just(Act::Restart),
        2 => Just(Act::Kill),
        1 => Just(Act::KillWithoutIndex),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (1_u16..3, prop_oneof![Just(2048_u64), Just(128 << 10)], 1_usize..12).prop_map(
        |(shards, segment_octets, checkpoint_messages)| Settings {
            shards,
            segment_octets,
            checkpoint_messages,
            big_octets_min: 2000,
            ..small()
        },
    )
}

type Contents = Vec<(String, String)>;

/// A session, and what it saw when it began.
type Session = (Box<dyn Maildrop>, Contents);

struct Life {
    settings: Settings,
    folder: TempDir,
    store: Option<LogStore>,
    model: BTreeMap<u64, Contents>,
    sessions: Vec<Session>,
    /// All unique-ids that were ever given out.
    given: Vec<String>,
    delivered: usize,
}

impl Life {
    fn store(&self) -> &LogStore {
        self.store.as_ref().unwrap()
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Deliver(to, length) => self.deliver(&to, length).await,
            Act::Remove(from, which) => {
                let all = self.model.entry(from).or_default();
                let is_marked = |place: usize| which >> (place % 16) & 1 == 1;
                let marked: Vec<_> = (0..all.len()).filter(|place| is_marked(*place)).collect();
                let uidls: Vec<_> = marked.iter().map(|place| all[*place].0.clone()).collect();
                all.retain(|(uidl, _)| !uidls.contains(uidl));
                let removed = remove(self.store(), MaildropId::new(from), &uidls).await.unwrap();
                assert_eq!(removed, uidls.len());
            }
            Act::RemoveAll(from) => {
                self.store().remove(MaildropId::new(from)).await.unwrap();
                self.model.remove(&from);
            }
            Act::Compact => drop(self.store().compact().await.unwrap()),
            Act::Open(of) => {
                let snapshot =
                    self.store().open(MaildropId::new(of), View::default()).await.unwrap();
                self.sessions.push((snapshot, self.model.get(&of).cloned().unwrap_or_default()));
            }
            Act::Restart => {
                self.sessions.clear();
                self.store = None;
                closed(self.folder.path());
                self.store = Some(open(self.folder.path(), &self.settings).unwrap());
            }
            Act::Kill => self.kill(),
            Act::KillWithoutIndex => {
                let killed = image(self.folder.path());
                self.sessions.clear();
                self.store = None;
                self.folder = killed;
                without_index(self.folder.path());
                self.store = Some(open(self.folder.path(), &self.settings).unwrap());
            }
        }
    }

    /// The writers are still, as nobody waits for an answer; only an index may be under way,
    /// as it may be when a process is killed.
    fn kill(&mut self) {
        let killed = image(self.folder.path());
        self.sessions.clear();
        self.store = None;
        self.folder = killed;
        self.store = Some(open(self.folder.path(), &self.settings).unwrap());
    }

    async fn deliver(&mut self, to: &[u64], length: usize) {
        self.delivered += 1;
        let text = text(self.delivered, length);
        let to: Vec<_> = to.iter().copied().map(MaildropId::new).collect();
        let outcomes = deliver(self.store(), &to, &text).await.unwrap();
        let mut stored = Vec::new();
        for (maildrop, outcome) in to.iter().zip(outcomes) {
            stored.push((outcome.unwrap().uidl.to_string(), *maildrop));
        }
        // One body a shard, and ids in the order of recipients there; several copies for one
        // maildrop are in that order too.
        for (uidl, maildrop) in stored {
            let whole = prefix(maildrop) + &text;
            self.model.entry(maildrop.get()).or_default().push((uidl.clone(), whole));
            self.given.push(uidl);
        }
    }

    async fn check(&self) {
        for maildrop in 0..3 {
            let found = contents(self.store(), MaildropId::new(maildrop)).await.unwrap();
            let expected = self.model.get(&maildrop).cloned().unwrap_or_default();
            assert!(found == expected, "{maildrop}: {} of {}", found.len(), expected.len());
        }
        assert_eq!(self.store().damage(), []);
        for (snapshot, seen) in &self.sessions {
            assert!(read_all(&**snapshot).await.unwrap() == *seen, "I6: a snapshot changed");
        }
        let mut given = self.given.clone();
        given.sort();
        given.dedup();
        assert_eq!(given.len(), self.given.len(), "I4: a unique-id was given out twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    // I1, I2, I4, I5, I6, I8
    #[test]
    fn the_store_is_its_model(
        settings in settings(),
        acts in proptest::collection::vec(act(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = quick();
            let store = Some(open(folder.path(), &settings).unwrap());
            let mut life = Life {
                settings,
                folder,
                store,
                model: BTreeMap::new(),
                sessions: Vec::new(),
                given: Vec::new(),
                delivered: 0,
            };
            for act in acts {
                life.act(act).await;
                life.check().await;
            }
        });
    }
}
