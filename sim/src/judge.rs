//! Judges what is seen by what was asked and answered.

use std::collections::BTreeMap;

use crate::failure::Broken;
use crate::laid::Laid;
use crate::look::{Seen, Withheld};
use crate::message::copy_of;
use crate::model::{Copy, Model, Sure, There, What};

/// What a look at all maildrops found: the number of each, what it lists and what it withholds.
pub(crate) type Looked = Vec<(u64, Vec<Seen>, Vec<Withheld>)>;

/// What is seen must be as the model says for this time; answers which copies are there.
pub(crate) fn whole(model: &Model, at: u64, looked: &Looked) -> Result<Vec<There>, Broken> {
    let mut there = Vec::new();
    for (maildrop, seen, withheld) in looked {
        let mut listed = one(model, at, *maildrop, 0, seen)?;
        lay(model, at, *maildrop, withheld, &mut listed)?;
        there.extend(listed);
    }
    let mut is_there = vec![None; model.copies.len()];
    for one in &there {
        let Some(is_there) = is_there.get_mut(one.copy) else { continue };
        if is_there.replace(one.laid.clone()).is_some() {
            return Err(Broken::new(5, format!("copy {} is there twice", one.copy)));
        }
    }
    for ((number, copy), laid) in model.copies.iter().enumerate().zip(&is_there) {
        let may_be = model.may_be(copy, at);
        match laid {
            None if model.added(copy, at) == Sure::Yes && !may_be.contains(&Laid::gone()) => {
                let what = format!("copy {number} of {} is lost", copy.maildrop);
                return Err(Broken::new(1, what));
            }
            Some(laid) if !may_be.contains(laid) => {
                let what = format!("copy {number}: {laid:?}, which must be one of {may_be:?}");
                return Err(Broken::new(13, what));
            }
            _ => {}
        }
    }
    for (number, asked) in model.asked.iter().enumerate() {
        if model.outcome(asked, at) == Sure::Maybe {
            match asked.what {
                What::Add => all_or_none(model, at, &asked.copies, &is_there)?,
                What::Change => done_or_not(model, at, (number, &asked.copies), &is_there)?,
            }
        }
    }
    Ok(there)
}

/// What is withheld is laid over what is listed, and stands beside it where it is not listed.
fn lay(
    model: &Model,
    at: u64,
    maildrop: u64,
    withheld: &[Withheld],
    listed: &mut Vec<There>,
) -> Result<(), Broken> {
    let mut places: BTreeMap<u64, usize> =
        listed.iter().zip(0..).map(|(one, place)| (one.id, place)).collect();
    for Withheld { id, uidl, octets, laid } in withheld {
        if let Some(one) = places.remove(id).and_then(|place| listed.get_mut(place)) {
            if !laid.is_listed(0) {
                return Err(Broken::new(13, format!("{uidl} is listed, and is withheld")));
            }
            one.laid = laid.clone();
            continue;
        }
        let known = model.given.get(uidl).and_then(|copy| Some((*copy, model.copies.get(*copy)?)));
        let Some((copy, known)) = known else {
            return Err(Broken::new(5, format!("{uidl} is withheld, and nobody knows it")));
        };
        if laid.is_listed(0) {
            return Err(Broken::new(1, format!("{uidl} is not withheld, and not listed")));
        }
        if known.text.len() as u64 != *octets {
            return Err(Broken::new(11, format!("{uidl} is withheld with {octets} octets")));
        }
        judge_copy(model, at, maildrop, copy, (uidl, *id))?;
        listed.push(There { copy, uidl: uidl.clone(), id: *id, laid: laid.clone() });
    }
    Ok(())
}

/// What one maildrop lists for a credential, but for what is missing.
pub(crate) fn one(
    model: &Model,
    at: u64,
    maildrop: u64,
    credential: u64,
    seen: &[Seen],
) -> Result<Vec<There>, Broken> {
    let mut there = Vec::with_capacity(seen.len());
    for (place, message) in seen.iter().enumerate() {
        let text = message.text.as_ref().map_err(|fault| {
            Broken::new(10, format!("{} of {maildrop} cannot be read: {fault}", message.uidl))
        })?;
        let copy = copy_of(text).and_then(|copy| Some((copy, model.copies.get(copy)?)));
        let Some((copy, known)) = copy.filter(|(_, copy)| *copy.text == **text) else {
            let start = String::from_utf8_lossy(text.get(..60).unwrap_or(text)).into_owned();
            let what = format!("{} of {maildrop} was never submitted: {start:?}", message.uidl);
            return Err(Broken::new(5, what));
        };
        judge_copy(model, at, maildrop, copy, (&message.uidl, message.id))?;
        if let Some((octets, plain)) = &message.plain {
            let wanted = crate::message::plain(text);
            let is_right = *octets == wanted.len() as u64 && plain.as_ref() == Ok(&wanted);
            if !is_right {
                let what = format!("copy {copy} without raw UTF-8 has {octets} octets: {plain:?}");
                return Err(Broken::new(1, what));
            }
        }
        if !model.may_be(known, at).iter().any(|laid| laid.is_listed(credential)) {
            let what = format!("copy {copy} is listed for {credential}, and was withheld");
            return Err(Broken::new(13, what));
        }
        if message.octets != text.len() as u64 {
            return Err(Broken::new(11, format!("copy {copy} is listed with {}", message.octets)));
        }
        if place > 0 && seen.get(place.saturating_sub(1)).is_some_and(|one| one.id >= message.id) {
            return Err(Broken::new(4, format!("copy {copy} is not listed in the order of ids")));
        }
        let (uidl, laid) = (message.uidl.clone(), Laid::default());
        there.push(There { copy, uidl, id: message.id, laid });
    }
    Ok(there)
}

fn judge_copy(
    model: &Model,
    at: u64,
    maildrop: u64,
    copy: usize,
    (uidl, id): (&str, u64),
) -> Result<(), Broken> {
    let Some(known) = model.copies.get(copy) else { return Ok(()) };
    if known.maildrop != maildrop {
        return Err(Broken::new(5, format!("copy {copy} is in the maildrop {maildrop}")));
    }
    if model.destroyed(known, at) == Sure::Yes {
        return Err(Broken::new(2, format!("copy {copy} of {maildrop} is back")));
    }
    if model.added(known, at) == Sure::No {
        // It was seen once, and then not: or it was refused, finally.
        let was_seen = known.uidl.is_some();
        let what = format!("copy {copy} of {maildrop} is there, and must not be");
        return Err(Broken::new(if was_seen { 2 } else { 5 }, what));
    }
    let is_same = known.uidl.as_ref().is_none_or(|known| known == uidl)
        && known.id.is_none_or(|known| known == id);
    if !is_same {
        return Err(Broken::new(4, format!("copy {copy} is {uidl} now")));
    }
    match model.given.get(uidl) {
        Some(other) if *other != copy => {
            Err(Broken::new(4, format!("copies {other} and {copy} are both {uidl}")))
        }
        _ => Ok(()),
    }
}

/// What was under way was added whole or not at all.
fn all_or_none(
    model: &Model,
    at: u64,
    copies: &[usize],
    is_there: &[Option<Laid>],
) -> Result<(), Broken> {
    // Only those that nothing else may have touched.
    let told = copies.iter().filter_map(|number| {
        let is_told = model.destroyed(model.copies.get(*number)?, at) == Sure::No;
        is_told.then(|| is_there.get(*number).is_some_and(Option::is_some))
    });
    let told: Vec<bool> = told.collect();
    if told.iter().any(|there| *there) && told.iter().any(|there| !*there) {
        return Err(Broken::new(5, format!("of {copies:?} some are there: {told:?}")));
    }
    Ok(())
}

/// What was under way was done to all, or to none: what one copy shows only if it was done, and
/// another only if it was not, is half of it.
fn done_or_not(
    model: &Model,
    at: u64,
    (asked, copies): (usize, &[usize]),
    is_there: &[Option<Laid>],
) -> Result<(), Broken> {
    let (mut done, mut undone) = (None, None);
    for number in copies {
        let Some(copy) = model.copies.get(*number) else { continue };
        let laid = match is_there.get(*number).and_then(Clone::clone) {
            Some(laid) => laid,
            None if model.added(copy, at) == Sure::Yes => Laid::gone(),
            // It may never have been there.
            None => continue,
        };
        let may_be = |copy: &Copy, is_done| {
            model.may_be_if(copy, at, Some((asked, is_done))).contains(&laid)
        };
        match (may_be(copy, true), may_be(copy, false)) {
            (true, false) => done = Some(*number),
            (false, true) => undone = Some(*number),
            _ => {}
        }
    }
    match (done, undone) {
        (Some(done), Some(undone)) => {
            let what = format!("it was done to copy {done}, and not to {undone}");
            Err(Broken::new(3, what))
        }
        _ => Ok(()),
    }
}
