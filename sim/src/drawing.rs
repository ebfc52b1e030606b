//! Acts that are drawn alike in all lives.

use crate::act::{Act, MAILDROPS};
use crate::chance::Chance;
use crate::faults::{Among, Failure, Fault};
use crate::laid::{DEVICES, Effect, How};
use crate::message::Kind;

/// A message, large so many times in a hundred.
pub(crate) fn deliver(big: u64, chance: &mut Chance) -> Act {
    let recipients = if chance.percent(60) { 1 } else { chance.from(1, 4) };
    let to = (0..recipients).map(|_| chance.below(MAILDROPS)).collect();
    let kind = if chance.percent(big) {
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

/// Something of custody.
pub(crate) fn custody(chance: &mut Chance) -> Act {
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
pub(crate) fn clock(chance: &mut Chance) -> Act {
    let by = 1_u64 << chance.below(38);
    Act::Clock { forward: chance.percent(60), by }
}

/// Some calls fail.
pub(crate) fn fault(chance: &mut Chance) -> Fault {
    let far = 1 << chance.below(7);
    Fault {
        after: chance.below(far),
        times: if chance.percent(70) { 1 } else { chance.below(12).saturating_add(1) },
        failure: if chance.percent(60) { Failure::Io } else { Failure::Full },
        among: if chance.percent(35) { Among::Syncs } else { Among::All },
    }
}
