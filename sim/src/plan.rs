//! What happens in a life, drawn from its seed: acts, each with all that it needs, so that those
//! that are left do the same when others are taken out.

use restante_store::log::Settings;

use crate::chance::Chance;
use crate::faults::{Failure, Fault};
use crate::laid::{DEVICES, Effect, How};
use crate::message::Kind;

/// A life: a store's settings, and what is done.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
    /// Each with a number that decides its chance.
    pub(crate) acts: Vec<(u64, Act)>,
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A message for these maildrops is given to the store.
    Deliver { to: Vec<u64>, kind: Kind, wire: bool },
    /// A session begins.
    Open { maildrop: u64 },
    /// A session of a device begins, whose deletions do this.
    OpenAs { maildrop: u64, device: u64, how: How },
    /// This is asked for of the messages of a maildrop whose bits are set.
    Custody { maildrop: u64, effect: Effect, which: u64 },
    /// Something is noted in the journal of a maildrop.
    Note { maildrop: u64 },
    /// Of the open sessions, this one ends.
    Close { session: usize },
    /// A session reads a message, or some octets of one.
    Read { session: usize, message: usize, octets: usize },
    /// A session lists what has come since.
    Refresh { session: usize },
    /// A session deletes the messages whose bits are set, and ends or goes on.
    Commit { session: usize, which: u64 },
    /// A maildrop is removed, with all that is in it.
    Remove { maildrop: u64 },
    /// Room is to be given back.
    Compact,
    /// A writer takes so many jobs.
    Step { shard: usize, jobs: usize },
    /// All that waits is done.
    Settle,
    /// A writer brings the index up to date.
    Checkpoint { shard: usize },
    /// The store ends in good order and is opened again, perhaps without its index.
    Restart { lose_index: bool },
    /// The process, or the power, ends somewhere in the act before, and the store is opened
    /// again.
    Crash { lose_index: bool },
    /// The clock is set, by so many milliseconds.
    Clock { forward: bool, by: u64 },
    /// Calls fail.
    Fault(Fault),
    /// The disk is full from now on, or no more.
    Full(bool),
}

/// How many maildrops there are.
pub(crate) const MAILDROPS: u64 = 3;

/// The lives of seeds with this bit are those in which something is laid over messages, too: so
/// those without it stay what they were.
pub(crate) const CUSTODY: u64 = 1 << 32;

impl Plan {
    /// The life of this seed.
    pub(crate) fn drawn(seed: u64) -> Self {
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
            return custody(chance);
        }
        let maildrop = chance.below(MAILDROPS);
        let session = chance.place(8);
        let acts_and_crashes = self.crashes.saturating_add(100);
        match chance.below(self.compacts.saturating_add(acts_and_crashes)) {
            0..25 => self.deliver(chance),
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
            88..92 => clock(chance),
            92..97 if self.faults => Act::Fault(fault(chance)),
            97..100 if self.full => Act::Full(chance.percent(50)),
            92..100 => Act::Commit { session, which: u64::MAX },
            rest if rest < acts_and_crashes => Act::Crash { lose_index: chance.percent(20) },
            _ => Act::Compact,
        }
    }

    fn deliver(&self, chance: &mut Chance) -> Act {
        let recipients = if chance.percent(60) { 1 } else { chance.from(1, 4) };
        let to = (0..recipients).map(|_| chance.below(MAILDROPS)).collect();
        let kind = if chance.percent(self.big) {
            Kind::Plain(chance.from(1000, 4000))
        } else {
            match chance.below(8) {
                0 => Kind::Empty,
                1 | 2 => Kind::Dots(chance.place(500)),
                _ => Kind::Plain(chance.place(700)),
            }
        };
        Act::Deliver { to, kind, wire: chance.percent(30) }
    }
}

fn custody(chance: &mut Chance) -> Act {
    let maildrop = chance.below(MAILDROPS);
    let which = chance.next() & chance.next();
    let device = DEVICES.get(chance.place(DEVICES.len())).copied().unwrap_or_default();
    let effect = match chance.below(100) {
        0..35 => {
            let how = match chance.below(10) {
                0..2 => How::Hold,
                2..7 => How::Hide,
                _ => How::HideThenHold,
            };
            return Act::OpenAs { maildrop, device, how };
        }
        35..65 => return Act::Commit { session: chance.place(8), which },
        65..70 => return Act::Note { maildrop },
        70..80 => Effect::Restore,
        80..88 => Effect::SetAside,
        88..94 => Effect::Expire,
        _ => Effect::Release,
    };
    Act::Custody { maildrop, effect, which }
}

/// Also back, and by years.
fn clock(chance: &mut Chance) -> Act {
    let by = 1_u64 << chance.below(38);
    Act::Clock { forward: chance.percent(60), by }
}

fn fault(chance: &mut Chance) -> Fault {
    let far = 1 << chance.below(7);
    Fault {
        after: chance.below(far),
        times: if chance.percent(70) { 1 } else { chance.below(12).saturating_add(1) },
        failure: if chance.percent(60) { Failure::Io } else { Failure::Full },
        only_syncs: chance.percent(35),
    }
}
