//! What happens in a life, drawn from its seed: acts, and the settings of its store.

use restante_store::log::Settings;

use crate::act::{Act, MAILDROPS};
use crate::chance::Chance;
use crate::drawing;
use crate::hard;

/// A life: a store's settings, and what is done.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
    /// Each with a number that decides its chance.
    pub(crate) acts: Vec<(u64, Act)>,
}

/// The lives of seeds with this bit are those in which something is laid over messages, too: so
/// those without it stay what they were.
pub(crate) const CUSTODY: u64 = 1 << 32;

/// The lives of seeds with this bit are hard ones.
pub(crate) const HARD: u64 = 1 << 33;

/// The seed of the life that is searched next: of each number the life of the usual kind, the one
/// in which something is laid over messages, and both once more as hard ones.
pub(crate) const fn next(seed: u64) -> u64 {
    let kind = seed & (CUSTODY | HARD);
    match kind {
        0 | HARD => seed | CUSTODY,
        CUSTODY => seed ^ CUSTODY | HARD,
        _ => (seed ^ kind).wrapping_add(1),
    }
}

impl Plan {
    /// Whether it is a hard one.
    pub(crate) const fn is_hard(&self) -> bool {
        self.seed & HARD != 0
    }

    /// The life of this seed.
    pub(crate) fn drawn(seed: u64) -> Self {
        if seed & HARD != 0 {
            let (settings, acts) = hard::drawn(seed, seed & CUSTODY != 0);
            return Self { seed, settings, acts: (0..).zip(acts).collect() };
        }
        let mut chance = Chance::of(seed, &[1]);
        let mut settings = settings(&mut chance);
        let mut temper = Temper::drawn(&mut chance);
        if seed & CUSTODY != 0 {
            temper.custody = chance.from(10, 60) as u64;
            settings.compacts_by_itself = chance.percent(40);
        }
        let count = 30_u64.saturating_add(chance.below(60));
        let acts = (0..count).map(|number| (number, temper.act(&mut chance))).collect();
        Self { seed, settings, acts }
    }
}

fn settings(chance: &mut Chance) -> Settings {
    Settings {
        shards: if chance.percent(70) { 1 } else { 2 },
        segment_octets: 2048 << chance.below(4),
        ahead_octets: 512 << chance.below(5),
        big_octets_min: 600 << chance.below(3),
        checkpoint_messages: chance.from(1, 14),
        checkpoint_octets: 1024 << chance.below(6),
        reserve_octets: 16 << 10,
        index_cache_octets: 1 << 20,
        ..Settings::default()
    }
}

/// What is likely in a life: not all lives are alike.
#[derive(Clone, Debug)]
struct Temper {
    faults: bool,
    full: bool,
    crashes: u64,
    compacts: u64,
    big: u64,
    /// Of so many acts in a hundred something is laid over messages.
    custody: u64,
}

impl Temper {
    fn drawn(chance: &mut Chance) -> Self {
        Self {
            faults: chance.percent(30),
            full: chance.percent(10),
            crashes: chance.below(8).saturating_add(1),
            compacts: chance.below(14).saturating_add(2),
            big: chance.below(30),
            custody: 0,
        }
    }

    fn act(&self, chance: &mut Chance) -> Act {
        if self.custody > 0 && chance.percent(self.custody) {
            return drawing::custody(chance);
        }
        let maildrop = chance.below(MAILDROPS);
        let session = chance.place(8);
        let acts_and_crashes = self.crashes.saturating_add(100);
        match chance.below(self.compacts.saturating_add(acts_and_crashes)) {
            0..25 => drawing::deliver(self.big, chance),
            25..30 => Act::Open { maildrop },
            30..33 => Act::Close { session },
            33..39 => {
                let octets = if chance.percent(50) { chance.from(1, 900) } else { usize::MAX };
                Act::Read { session, message: chance.place(12), octets }
            }
            39..42 => Act::Refresh { session },
            42..54 => Act::Commit { session, which: chance.next() & chance.next() },
            54 => Act::Remove { maildrop },
            55..76 => Act::Step { shard: chance.place(2), jobs: chance.from(1, 6) },
            76..82 => Act::Settle,
            82..85 => Act::Checkpoint { shard: chance.place(2) },
            85..88 => Act::Restart { lose_index: chance.percent(25) },
            88..92 => drawing::clock(chance),
            92..97 if self.faults => Act::Fault(drawing::fault(chance)),
            97..100 if self.full => Act::Full(chance.percent(50)),
            92..100 => Act::Commit { session, which: u64::MAX },
            rest if rest < acts_and_crashes => {
                Act::Crash { lose_index: chance.percent(20), fault: None }
            }
            _ => Act::Compact,
        }
    }
}
