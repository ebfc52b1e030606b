//! Acts that come one behind the other, as they do where people and programs work: what chance
//! alone would seldom put together.

use crate::act::{Act, MAILDROPS};
use crate::chance::Chance;
use crate::faults::{Among, Failure, Fault};
use crate::laid::{Effect, How};
use crate::message::Kind;

/// The session that was opened last.
pub(crate) const LAST: usize = usize::MAX;

/// The session that was opened before that.
pub(crate) const LAST_BUT_ONE: usize = usize::MAX - 1;

/// For whom rows of acts are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motifs {
    /// The maildrop that most of it is about.
    pub(crate) of: u64,
    /// How long a segment becomes.
    pub(crate) segment_octets: u64,
    pub(crate) has_custody: bool,
}

impl Motifs {
    /// Some acts.
    pub(crate) fn drawn(self, chance: &mut Chance) -> Vec<Act> {
        let of = self.of;
        match chance.below(if self.has_custody { 20 } else { 12 }) {
            0 | 1 => fill(of, chance),
            2 => thin_out(of, chance.next() | chance.next()),
            3 => thin_out(of, u64::MAX),
            4 => half(chance),
            5 => vec![Act::Compact, Act::Settle],
            6 => vec![Act::Restart { lose_index: false }, Act::Compact, Act::Settle],
            7 => stale(of, chance),
            8 => poison(of, chance),
            9 => self.outlived(chance),
            10 => self.moved_on(chance),
            11 => self.shared(chance),
            12 => withhold(of, set_aside(of)),
            13 => withhold(of, hide(chance)),
            14 => self.marked(chance),
            15..18 => by_both(of, chance),
            18 => at_once(of, chance),
            _ => counted(of),
        }
    }

    /// Another maildrop, and the third.
    fn others(self) -> (u64, u64) {
        let behind =
            |by: u64| self.of.saturating_add(by).checked_rem(MAILDROPS).unwrap_or_default();
        (behind(1), behind(2))
    }

    /// So many messages, one by one, that another segment is begun.
    fn roll(self, to: u64) -> Vec<Act> {
        let one = || {
            let deliver = Act::Deliver { to: vec![to], kind: Kind::Plain(500), wire: false };
            [deliver, Act::Settle]
        };
        let count = self.segment_octets.checked_div(600).unwrap_or_default().saturating_add(1);
        (0..count).flat_map(|_| one()).collect()
    }

    /// A segment was copied on, and its file does not go, while the segment that holds the copy,
    /// and the one that says that it was deleted, do; once with a start in between.
    fn outlived(self, chance: &mut Chance) -> Vec<Act> {
        let (of, (other, _)) = (self.of, self.others());
        let stays = || [Act::Fault(UNLINK), Act::Compact, Act::Settle];
        let mut acts = vec![Act::Compact, Act::Settle, deliver(of, chance), Act::Settle];
        acts.extend(self.roll(other));
        acts.extend(thin_out(other, u64::MAX));
        acts.extend(stays());
        if chance.percent(50) {
            acts.push(Act::Restart { lose_index: false });
            acts.extend(thin_out(of, u64::MAX));
            acts.extend(stays());
        } else {
            acts.extend(thin_out(of, u64::MAX));
        }
        acts.extend(self.roll(other));
        acts.extend(thin_out(other, u64::MAX));
        acts.extend([Act::Compact, Act::Settle]);
        acts.extend(self.roll(other));
        acts.extend([Act::Compact, Act::Settle, Act::Restart { lose_index: true }]);
        acts
    }

    /// A session deletes what was copied on since it began, to a segment that outlives the one
    /// that says so.
    fn moved_on(self, chance: &mut Chance) -> Vec<Act> {
        let (of, (other, third)) = (self.of, self.others());
        let mut acts = vec![deliver(of, chance), Act::Settle];
        acts.extend(self.roll(other));
        acts.push(Act::Open { maildrop: of });
        acts.extend(thin_out(other, u64::MAX));
        acts.extend([Act::Compact, Act::Settle]);
        acts.extend(self.roll(third));
        acts.extend([Act::Commit { session: LAST, which: u64::MAX }, Act::Settle]);
        acts.extend([Act::Close { session: LAST }]);
        acts.extend(self.roll(other));
        acts.extend(thin_out(other, u64::MAX));
        acts.extend([Act::Compact, Act::Settle, Act::Restart { lose_index: true }]);
        acts
    }

    /// Of a message with raw UTF-8 for all, one copy is deleted, and the rest is copied on.
    fn shared(self, chance: &mut Chance) -> Vec<Act> {
        let (of, (other, third)) = (self.of, self.others());
        let kind = Kind::Utf8(chance.place(300));
        let to = vec![other, of, third];
        let mut acts = vec![Act::Deliver { to, kind, wire: false }, Act::Settle];
        acts.extend(self.roll(other));
        acts.extend(thin_out(other, u64::MAX));
        acts.extend([Act::Compact, Act::Settle, Act::Restart { lose_index: false }]);
        acts
    }

    /// Something is withheld and offered again, and one of the two segments that say so goes.
    fn marked(self, chance: &mut Chance) -> Vec<Act> {
        let (of, (other, third)) = (self.of, self.others());
        let (first, second) = if chance.percent(50) { (other, third) } else { (third, other) };
        let mut acts = vec![deliver(of, chance), Act::Settle];
        acts.extend(delete_as(of, 1, u64::MAX));
        acts.extend(self.roll(first));
        if chance.percent(70) {
            acts.extend([restore(of), Act::Settle]);
        }
        acts.extend(self.roll(second));
        acts.extend(thin_out(other, u64::MAX));
        let lose_index = chance.percent(50);
        acts.extend([Act::Compact, Act::Settle, Act::Restart { lose_index }]);
        acts
    }
}

/// A name does not go away.
const UNLINK: Fault = Fault { after: 0, times: 1, failure: Failure::Io, among: Among::Unlinks };

/// Messages come, for this maildrop and for another.
fn fill(of: u64, chance: &mut Chance) -> Vec<Act> {
    let count = chance.from(2, 4);
    let mut acts: Vec<Act> = (0..count).map(|_| deliver(of, chance)).collect();
    acts.push(Act::Settle);
    acts
}

fn deliver(of: u64, chance: &mut Chance) -> Act {
    let of = if chance.percent(60) { of } else { chance.below(MAILDROPS) };
    Act::Deliver { to: vec![of], kind: Kind::Plain(chance.place(300)), wire: false }
}

/// Some are deleted, by a session that ends then.
fn thin_out(of: u64, which: u64) -> Vec<Act> {
    vec![
        Act::Open { maildrop: of },
        Act::Commit { session: LAST, which },
        Act::Settle,
        Act::Close { session: LAST },
    ]
}

/// Some are deleted by a device, for which they are hidden then.
fn delete_as(of: u64, device: u64, which: u64) -> Vec<Act> {
    vec![
        Act::OpenAs { maildrop: of, device, how: How::Hide },
        Act::Commit { session: LAST, which },
        Act::Settle,
        Act::Close { session: LAST },
    ]
}

/// Room is given back, and before that is done the process ends.
fn half(chance: &mut Chance) -> Vec<Act> {
    let mut acts = vec![Act::Compact];
    let step = Act::Step { shard: 0, jobs: 1 };
    acts.extend(std::iter::repeat_n(step, chance.from(1, 4)));
    acts.push(Act::Crash { lose_index: false, fault: None });
    acts
}

/// A session deletes what was copied on since it began.
fn stale(of: u64, chance: &mut Chance) -> Vec<Act> {
    let mut acts = vec![Act::Open { maildrop: of }];
    acts.extend(thin_out(of, chance.next()));
    acts.extend([
        Act::Compact,
        Act::Settle,
        Act::Commit { session: LAST, which: chance.next() & chance.next() },
        Act::Settle,
        Act::Close { session: LAST },
    ]);
    acts
}

/// A sync fails, and what comes in then is soon gone.
fn poison(of: u64, chance: &mut Chance) -> Vec<Act> {
    let other = of.saturating_add(1).checked_rem(MAILDROPS).unwrap_or_default();
    let fault = Fault { after: 0, times: 1, failure: Failure::Io, among: Among::Syncs };
    let mut acts = vec![Act::Settle, deliver(of, chance), Act::Fault(fault), Act::Settle];
    let later = Act::Deliver { to: vec![other], kind: Kind::Plain(chance.place(300)), wire: false };
    acts.extend([later, Act::Settle]);
    acts.extend(thin_out(other, u64::MAX));
    acts.extend([Act::Restart { lose_index: false }, Act::Compact, Act::Settle]);
    acts
}

/// Something is withheld, and offered again.
fn withhold(of: u64, how: Act) -> Vec<Act> {
    let mut acts = vec![Act::Settle, Act::OpenAs { maildrop: of, device: 1, how: How::Hide }];
    acts.extend([how, Act::Settle, Act::Close { session: LAST }, restore(of), Act::Settle]);
    acts
}

fn hide(chance: &mut Chance) -> Act {
    Act::Commit { session: LAST, which: chance.next() | chance.next() }
}

const fn set_aside(of: u64) -> Act {
    Act::Custody { maildrop: of, effect: Effect::SetAside, which: u64::MAX }
}

const fn restore(of: u64) -> Act {
    Act::Custody { maildrop: of, effect: Effect::Restore, which: u64::MAX }
}

/// What one device has deleted already is destroyed by the other, what it has not is hidden: both
/// in one UPDATE, which is long enough to be torn, and soon the process ends.
fn by_both(of: u64, chance: &mut Chance) -> Vec<Act> {
    let mut acts = Vec::new();
    for _ in 0..2 {
        let one = || Act::Deliver { to: vec![of], kind: Kind::Plain(60), wire: false };
        acts.extend(std::iter::repeat_with(one).take(chance.from(6, 8)));
        acts.push(Act::Settle);
        acts.extend(delete_as(of, 1, chance.next()));
        acts.extend([
            Act::OpenAs { maildrop: of, device: 2, how: How::Hide },
            Act::Commit { session: LAST, which: u64::MAX },
            Act::Step { shard: 0, jobs: 1 },
            Act::Crash { lose_index: false, fault: None },
        ]);
    }
    acts
}

/// Two ask for something at once, and what becomes of the second depends on the first.
fn at_once(of: u64, chance: &mut Chance) -> Vec<Act> {
    if chance.percent(50) {
        return vec![Act::Settle, set_aside(of), restore(of), Act::Settle];
    }
    let open = |device| Act::OpenAs { maildrop: of, device, how: How::Hide };
    vec![
        Act::Settle,
        open(1),
        open(2),
        Act::Commit { session: LAST_BUT_ONE, which: chance.next() },
        Act::Commit { session: LAST, which: u64::MAX },
        Act::Settle,
        Act::Close { session: LAST },
        Act::Close { session: LAST },
    ]
}

/// How much there is is asked for, before something is withheld and behind it.
fn counted(of: u64) -> Vec<Act> {
    let ask = || [Act::Open { maildrop: of }, Act::Close { session: LAST }];
    let mut acts = vec![Act::Settle];
    acts.extend(ask());
    acts.extend([set_aside(of), Act::Settle]);
    acts.extend(ask());
    acts
}
