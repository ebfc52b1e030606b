//! Random lives of a store against a plain model: deliveries, removals, restarts of every kind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, RwLock};

use mail_wire::MaildropId;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::custody::{Happened, Note, Noted};
use crate::disk::Disk;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, image, open_with, prefix, read_all, remove, small, text,
    without_index,
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
    /// A session tells that it has seen a maildrop.
    Note(u64),
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
        2 => maildrop.clone().prop_map(Act::Note),
        2 => maildrop.prop_map(Act::Open),
        1 => Just(Act::Restart),
        2 => Just(Act::Kill),
        1 => Just(Act::KillWithoutIndex),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (1_u16..3, prop_oneof![Just(2048_u64), Just(128 << 10)], 1_usize..12, any::<bool>()).prop_map(
        |(shards, segment_octets, checkpoint_messages, compacts_by_itself)| Settings {
            shards,
            segment_octets,
            checkpoint_messages,
            compacts_by_itself,
            big_octets_min: 2000,
            ..small()
        },
    )
}

fn open_behind(gate: &Arc<RwLock<()>>, root: &Path, settings: &Settings) -> LogStore {
    let gate = Arc::clone(gate);
    let disk = Disk::behind(Arc::new(move |_| {
        drop(gate.read().unwrap());
        Ok(())
    }));
    open_with(&disk, root, settings).unwrap()
}

type Contents = Vec<(String, String)>;

/// A session, and what it saw when it began.
type Session = (Box<dyn Maildrop>, Contents);

/// What the journal of a maildrop tells.
#[derive(Debug, Default)]
struct Told {
    accepted: BTreeSet<String>,
    destroyed: BTreeSet<String>,
    noted: BTreeSet<u64>,
}

struct Life {
    settings: Settings,
    folder: TempDir,
    store: Option<LogStore>,
    model: BTreeMap<u64, Contents>,
    sessions: Vec<Session>,
    /// All unique-ids that were ever given out.
    given: Vec<String>,
    delivered: usize,
    /// What the journal must tell: of each maildrop the unique-ids, and the numbers of notes.
    accepted: BTreeMap<u64, BTreeSet<String>>,
    noted: BTreeMap<u64, BTreeSet<u64>>,
    notes: u64,
    /// Held, no call to the disk begins.
    gate: Arc<RwLock<()>>,
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
            Act::Note(of) => {
                self.notes += 1;
                let what = Noted::Listed { messages: self.notes };
                let note = Note { message: None, credential: 0, peer: None, what };
                self.store().write_down(MaildropId::new(of), &note);
                self.noted.entry(of).or_default().insert(self.notes);
            }
            Act::Open(of) => {
                let snapshot =
                    self.store().open(MaildropId::new(of), View::default()).await.unwrap();
                self.sessions.push((snapshot, self.model.get(&of).cloned().unwrap_or_default()));
            }
            Act::Restart => {
                self.sessions.clear();
                self.store = None;
                closed(self.folder.path());
                self.store = Some(open_behind(&self.gate, self.folder.path(), &self.settings));
            }
            Act::Kill => {
                self.kill();
                self.lose_notes().await;
            }
            Act::KillWithoutIndex => {
                let killed = self.image();
                self.sessions.clear();
                self.store = None;
                self.folder = killed;
                without_index(self.folder.path());
                self.store = Some(open_behind(&self.gate, self.folder.path(), &self.settings));
                self.lose_notes().await;
            }
        }
    }

    /// What is on the disk at one moment. Room may be given back just then, or an index be under
    /// way.
    fn image(&self) -> TempDir {
        let _still = self.gate.write().unwrap();
        image(self.folder.path())
    }

    fn kill(&mut self) {
        let killed = self.image();
        self.sessions.clear();
        self.store = None;
        self.folder = killed;
        self.store = Some(open_behind(&self.gate, self.folder.path(), &self.settings));
    }

    /// The last ones may be lost in a crash, none in part, and never others.
    async fn lose_notes(&mut self) {
        for maildrop in 0..3 {
            let told = self.told(maildrop).await.noted;
            let before = self.noted.entry(maildrop).or_default();
            assert!(told.is_subset(before), "{told:?} of {before:?}");
            *before = told;
        }
    }

    async fn told(&self, maildrop: u64) -> Told {
        let entries = self.store().told(MaildropId::new(maildrop), None).await.unwrap();
        assert!(entries.is_sorted_by_key(|entry| entry.at), "{entries:?}");
        let mut told = Told::default();
        for entry in entries {
            let uidl = entry.uidl.map(|uidl| uidl.to_string()).unwrap_or_default();
            let is_new = match entry.what {
                Happened::Accepted { .. } => told.accepted.insert(uidl),
                Happened::Destroyed { .. } => told.destroyed.insert(uidl),
                Happened::Noted(Noted::Listed { messages }) => told.noted.insert(messages),
                other => panic!("{other:?}"),
            };
            assert!(is_new, "told twice");
        }
        told
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
            self.accepted.entry(maildrop.get()).or_default().insert(uidl.clone());
            self.given.push(uidl);
        }
    }

    async fn check(&self) {
        for maildrop in 0..3 {
            let found = contents(self.store(), MaildropId::new(maildrop)).await.unwrap();
            let expected = self.model.get(&maildrop).cloned().unwrap_or_default();
            assert!(found == expected, "{maildrop}: {} of {}", found.len(), expected.len());
            // rulings 17: the journal tells of all, also of what is gone.
            let told = self.told(maildrop).await;
            assert_eq!(told.accepted, self.accepted.get(&maildrop).cloned().unwrap_or_default());
            let there: BTreeSet<String> = found.into_iter().map(|(uidl, _)| uidl).collect();
            let gone: BTreeSet<String> = told.accepted.difference(&there).cloned().collect();
            assert_eq!(told.destroyed, gone);
            assert_eq!(told.noted, self.noted.get(&maildrop).cloned().unwrap_or_default());
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
            let gate = Arc::default();
            let store = Some(open_behind(&gate, folder.path(), &settings));
            let mut life = Life {
                settings,
                folder,
                store,
                model: BTreeMap::new(),
                sessions: Vec::new(),
                given: Vec::new(),
                delivered: 0,
                accepted: BTreeMap::new(),
                noted: BTreeMap::new(),
                notes: 0,
                gate,
            };
            for act in acts {
                life.act(act).await;
                life.check().await;
            }
        });
    }
}
