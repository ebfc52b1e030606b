//! The operations whose sequences are gone through exhaustively, and what a store is before.

use restante_store::log::Settings;

use crate::act::Act;
use crate::message::Kind;
use crate::plan::Plan;

/// One operation on a store with two maildrops, 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A message for maildrop 0.
    DeliverToOne,
    /// One for both: one body, two copies.
    DeliverToBoth,
    /// The same, so large that the body has a file of its own.
    DeliverLargeToBoth,
    /// A session deletes the first message of maildrop 0.
    DeleteFirst,
    /// A session deletes all of maildrop 0.
    DeleteAll,
    /// A session deletes all of maildrop 1.
    DeleteAllOfOther,
    /// Maildrop 0 is removed.
    Remove,
    Compact,
    /// The index is brought up to date.
    Checkpoint,
    /// The store ends in good order and is opened again.
    Reopen,
    /// The same, and the index is lost between.
    ReopenWithoutIndex,
}

/// All of them.
pub(crate) const ALPHABET: [Operation; 11] = [
    Operation::DeliverToOne,
    Operation::DeliverToBoth,
    Operation::DeliverLargeToBoth,
    Operation::DeleteFirst,
    Operation::DeleteAll,
    Operation::DeleteAllOfOther,
    Operation::Remove,
    Operation::Compact,
    Operation::Checkpoint,
    Operation::Reopen,
    Operation::ReopenWithoutIndex,
];

/// What a sequence finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// A store that was just made.
    Empty,
    /// One that has messages of each kind in both maildrops, and was opened again.
    Used,
}

/// When the writer works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Each operation is done before the next is asked for.
    OneByOne,
    /// All are asked for, and then done in one batch where that is possible.
    Together,
}

/// Operations, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    pub(crate) start: Start,
    pub(crate) pace: Pace,
    pub(crate) operations: Vec<Operation>,
}

/// All sequences of so many operations at most, short ones first.
pub(crate) fn sequences(length_max: usize) -> Vec<Sequence> {
    let mut all = Vec::new();
    let mut longest: Vec<Vec<Operation>> = vec![Vec::new()];
    for length in 0..=length_max {
        for operations in &longest {
            for start in [Start::Empty, Start::Used] {
                for pace in [Pace::OneByOne, Pace::Together] {
                    // One alone is not together with anything.
                    if pace == Pace::OneByOne || length > 1 {
                        let operations = operations.clone();
                        all.push(Sequence { start, pace, operations });
                    }
                }
            }
        }
        longest = longest
            .iter()
            .flat_map(|before| {
                ALPHABET.map(|last| before.iter().copied().chain([last]).collect::<Vec<_>>())
            })
            .collect();
    }
    all
}

impl Sequence {
    /// The acts of a life, and the number of the first act that no shorter sequence has.
    pub(crate) fn plan(&self) -> (Plan, u64) {
        let mut acts = Vec::new();
        if self.start == Start::Used {
            acts.extend(Self::before());
        }
        let mut lasting = usize::from(self.start == Start::Used);
        let mut new_from = if self.operations.is_empty() { 0 } else { acts.len() };
        for (place, operation) in self.operations.iter().enumerate() {
            // All that is done together is new with the last that is asked for.
            if self.pace == Pace::OneByOne && place.saturating_add(1) == self.operations.len() {
                new_from = acts.len();
            }
            acts.extend(operation.acts(lasting));
            if self.pace == Pace::OneByOne {
                acts.push(Act::Settle);
            }
            if matches!(operation, Operation::Reopen | Operation::ReopenWithoutIndex) {
                lasting = 0;
            }
        }
        acts.push(Act::Settle);
        let plan = Plan { seed: 1, settings: settings(), acts: (0..).zip(acts).collect() };
        (plan, new_from as u64)
    }

    /// What a used store went through; a session on maildrop 0 is open at the end, and stays so.
    fn before() -> Vec<Act> {
        vec![
            deliver(&[0, 1], SMALL),
            deliver(&[0], SMALL),
            deliver(&[1, 0], LARGE),
            Act::Settle,
            Act::Restart { lose_index: false },
            Act::Open { maildrop: 0 },
        ]
    }
}

impl Operation {
    /// With so many sessions that were open before.
    fn acts(self, lasting: usize) -> Vec<Act> {
        let delete = |maildrop, which| {
            vec![
                Act::Open { maildrop },
                Act::Commit { session: lasting, which },
                Act::Close { session: lasting },
            ]
        };
        match self {
            Self::DeliverToOne => vec![deliver(&[0], SMALL)],
            Self::DeliverToBoth => vec![deliver(&[0, 1], SMALL)],
            Self::DeliverLargeToBoth => vec![deliver(&[0, 1], LARGE)],
            Self::DeleteFirst => delete(0, 1),
            Self::DeleteAll => delete(0, u64::MAX),
            Self::DeleteAllOfOther => delete(1, u64::MAX),
            Self::Remove => vec![Act::Remove { maildrop: 0 }],
            Self::Compact => vec![Act::Compact],
            Self::Checkpoint => vec![Act::Checkpoint { shard: 0 }],
            Self::Reopen => vec![Act::Restart { lose_index: false }],
            Self::ReopenWithoutIndex => vec![Act::Restart { lose_index: true }],
        }
    }
}

const SMALL: Kind = Kind::Plain(300);

/// Longer than what has its place in a segment.
const LARGE: Kind = Kind::Plain(900);

fn deliver(to: &[u64], kind: Kind) -> Act {
    Act::Deliver { to: to.to_vec(), kind, wire: false }
}

/// Segments of a few records, so that sequences of three reach the end of one; the index is
/// brought up to date only where the sequence says so, or its segment is full.
fn settings() -> Settings {
    Settings {
        shards: 1,
        segment_octets: 2048,
        ahead_octets: 1024,
        big_octets_min: 700,
        checkpoint_messages: 100,
        checkpoint_octets: 1 << 20,
        reserve_octets: 16 << 10,
        index_cache_octets: 1 << 20,
        ..Settings::default()
    }
}
