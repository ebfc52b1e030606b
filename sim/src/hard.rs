//! Hard lives: segments of a few messages, room given back bit by bit all the time, and of all that
//! may happen some things often and others never, in each life others.

use std::time::Duration;

use restante_store::log::Settings;

use crate::act::{Act, MAILDROPS};
use crate::chance::Chance;
use crate::drawing;
use crate::faults::{Among, Failure, Fault};
use crate::message::Kind;
use crate::motifs::Motifs;

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Deliver,
    Open,
    Close,
    Read,
    Refresh,
    Commit,
    CommitAll,
    Remove,
    Step,
    Settle,
    Checkpoint,
    Compact,
    Restart,
    Crash,
    Years,
    Clock,
    Fault,
    FaultOfNames,
    Full,
    Custody,
}

/// How likely each is, before a life makes some of them more likely, or takes them away.
const USUAL: [(Happening, u64); 20] = [
    (Happening::Deliver, 22),
    (Happening::Open, 9),
    (Happening::Close, 4),
    (Happening::Read, 2),
    (Happening::Refresh, 2),
    (Happening::Commit, 10),
    (Happening::CommitAll, 4),
    (Happening::Remove, 2),
    (Happening::Step, 24),
    (Happening::Settle, 4),
    (Happening::Checkpoint, 3),
    (Happening::Compact, 8),
    (Happening::Restart, 2),
    (Happening::Crash, 6),
    (Happening::Years, 1),
    (Happening::Clock, 1),
    (Happening::Fault, 3),
    (Happening::FaultOfNames, 3),
    (Happening::Full, 3),
    (Happening::Custody, 12),
];

/// The settings of the store, and what is done.
pub(crate) fn drawn(seed: u64, has_custody: bool) -> (Settings, Vec<Act>) {
    let mut chance = Chance::of(seed, &[7]);
    let settings = settings(&mut chance);
    let weights = weights(has_custody, &mut chance);
    let big = if chance.percent(70) { 0 } else { chance.below(30) };
    let count = 50_u64.saturating_add(chance.below(110));
    let motifs = match chance.below(10) {
        0..4 => 0,
        4..9 => chance.below(40),
        _ => 100,
    };
    let favourite = chance.below(MAILDROPS);
    let mut acts = Vec::new();
    while (acts.len() as u64) < count {
        if chance.percent(motifs) {
            let of = if chance.percent(60) { favourite } else { chance.below(MAILDROPS) };
            let segment_octets = settings.segment_octets;
            acts.extend(Motifs { of, segment_octets, has_custody }.drawn(&mut chance));
        } else {
            acts.push(act(&weights, big, &mut chance));
        }
    }
    (settings, acts)
}

fn settings(chance: &mut Chance) -> Settings {
    Settings {
        shards: if chance.percent(90) { 1 } else { 2 },
        segment_octets: 1024 << chance.below(4),
        ahead_octets: 256 << chance.below(5),
        big_octets_min: 600 << chance.below(3),
        checkpoint_messages: chance.from(1, 14),
        checkpoint_octets: 1024 << chance.below(6),
        reserve_octets: 16 << 10,
        journal_keep: if chance.percent(60) {
            Duration::ZERO
        } else {
            Settings::default().journal_keep
        },
        compacts_by_itself: chance.percent(50),
        step_octets: if chance.percent(30) { 4 << 20 } else { 256 << chance.below(4) },
        index_cache_octets: 1 << 20,
        ..Settings::default()
    }
}

/// What must go on in every life, or nothing happens in it.
const fn is_needed(happening: Happening) -> bool {
    matches!(happening, Happening::Deliver | Happening::Open | Happening::Step)
}

fn weights(has_custody: bool, chance: &mut Chance) -> Vec<(Happening, u64)> {
    let one = |(happening, usual): (Happening, u64)| {
        let times = match chance.below(10) {
            0..3 if !is_needed(happening) => 0,
            0..7 => 2,
            7..9 => 4,
            _ => 10,
        };
        let is_left_out = matches!(happening, Happening::Custody) && !has_custody;
        (happening, if is_left_out { 0 } else { usual.saturating_mul(times) })
    };
    USUAL.into_iter().map(one).collect()
}

fn act(weights: &[(Happening, u64)], big: u64, chance: &mut Chance) -> Act {
    let all = weights.iter().map(|(_, weight)| *weight).fold(0, u64::saturating_add);
    let mut left = chance.below(all);
    let mut chosen = Happening::Step;
    for (happening, weight) in weights {
        if left < *weight {
            chosen = *happening;
            break;
        }
        left = left.saturating_sub(*weight);
    }
    happens(chosen, big, chance)
}

/// The same, sometimes with raw UTF-8 in its header.
fn with_raw_utf8(act: Act, chance: &mut Chance) -> Act {
    match act {
        Act::Deliver { to, kind: Kind::Plain(length), wire } if chance.percent(25) => {
            Act::Deliver { to, kind: Kind::Utf8(length), wire }
        }
        act => act,
    }
}

fn happens(happening: Happening, big: u64, chance: &mut Chance) -> Act {
    let maildrop = chance.below(MAILDROPS);
    let session = chance.place(8);
    match happening {
        Happening::Deliver => with_raw_utf8(drawing::deliver(big, chance), chance),
        Happening::Open => Act::Open { maildrop },
        Happening::Close => Act::Close { session },
        Happening::Read => {
            let octets = if chance.percent(50) { chance.from(1, 900) } else { usize::MAX };
            Act::Read { session, message: chance.place(12), octets }
        }
        Happening::Refresh => Act::Refresh { session },
        Happening::Commit => Act::Commit { session, which: chance.next() & chance.next() },
        Happening::CommitAll => Act::Commit { session, which: u64::MAX },
        Happening::Remove => Act::Remove { maildrop },
        Happening::Step => Act::Step { shard: chance.place(2), jobs: chance.from(1, 6) },
        Happening::Settle => Act::Settle,
        Happening::Checkpoint => Act::Checkpoint { shard: chance.place(2) },
        Happening::Compact => Act::Compact,
        Happening::Restart => Act::Restart { lose_index: chance.percent(35) },
        Happening::Crash => Act::Crash {
            lose_index: chance.percent(35),
            fault: chance.percent(25).then(|| drawing::fault(chance)),
        },
        // So that nothing is kept of what happened before.
        Happening::Years => Act::Clock { forward: true, by: 1 << 36 },
        Happening::Clock => drawing::clock(chance),
        Happening::Fault => Act::Fault(drawing::fault(chance)),
        Happening::FaultOfNames => Act::Fault(Fault {
            after: chance.below(4),
            times: if chance.percent(70) { 1 } else { chance.below(6).saturating_add(1) },
            failure: Failure::Io,
            among: Among::Names,
        }),
        Happening::Full => Act::Full(chance.percent(60)),
        Happening::Custody => drawing::custody(chance),
    }
}
