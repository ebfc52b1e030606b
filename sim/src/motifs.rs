//! Acts that come one behind the other, as they do where people and programs work: what chance
//! alone would seldom put together.

use crate::act::{Act, MAILDROPS};
use crate::chance::Chance;
use crate::faults::{Among, Failure, Fault};
use crate::laid::{Effect, How};
use crate::message::Kind;

/// The session that was opened last.
pub(crate) const LAST: usize = usize::MAX;

/// Some acts, mostly about this maildrop.
pub(crate) fn drawn(of: u64, has_custody: bool, chance: &mut Chance) -> Vec<Act> {
    match chance.below(if has_custody { 11 } else { 9 }) {
        0 | 1 => fill(of, chance),
        2 => thin_out(of, chance.next() | chance.next()),
        3 => thin_out(of, u64::MAX),
        4 => half(chance),
        5 => vec![Act::Compact, Act::Settle],
        6 => vec![Act::Restart { lose_index: false }, Act::Compact, Act::Settle],
        7 => stale(of, chance),
        8 => poison(of, chance),
        9 => withhold(of, Act::Custody { maildrop: of, effect: Effect::SetAside, which: u64::MAX }),
        _ => withhold(of, hide(chance)),
    }
}

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
    acts.extend([how, Act::Settle, Act::Close { session: LAST }]);
    acts.extend([
        Act::Custody { maildrop: of, effect: Effect::Restore, which: u64::MAX },
        Act::Settle,
    ]);
    acts
}

fn hide(chance: &mut Chance) -> Act {
    Act::Commit { session: LAST, which: chance.next() | chance.next() }
}
