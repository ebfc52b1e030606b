//! Judges what is seen by what was asked and answered.

use crate::failure::Broken;
use crate::look::Seen;
use crate::message::copy_of;
use crate::model::{Model, Sure, What};

/// What a look at all maildrops found: the number of each, and what it holds.
pub(crate) type Looked = Vec<(u64, Vec<Seen>)>;

/// A copy that is there, with its unique-id and its id.
pub(crate) type There = (usize, String, u64);

/// What is seen must be as the model says for this time; answers which copies are there.
pub(crate) fn whole(model: &Model, at: u64, looked: &Looked) -> Result<Vec<There>, Broken> {
    let mut there = Vec::new();
    for (maildrop, seen) in looked {
        there.extend(one(model, at, *maildrop, seen)?);
    }
    let mut is_there = vec![false; model.copies.len()];
    for (copy, ..) in &there {
        let Some(is_there) = is_there.get_mut(*copy) else { continue };
        if std::mem::replace(is_there, true) {
            return Err(Broken::new(5, format!("copy {copy} is there twice")));
        }
    }
    for ((number, copy), is_there) in model.copies.iter().enumerate().zip(&is_there) {
        if !is_there && model.added(copy, at) == Sure::Yes && model.destroyed(copy, at) == Sure::No
        {
            return Err(Broken::new(1, format!("copy {number} of {} is lost", copy.maildrop)));
        }
    }
    for asked in &model.asked {
        if model.outcome(asked, at) == Sure::Maybe {
            all_or_none(model, at, asked.what, &asked.copies, &is_there)?;
        }
    }
    Ok(there)
}

/// The same of one maildrop, but for what is missing.
pub(crate) fn one(
    model: &Model,
    at: u64,
    maildrop: u64,
    seen: &[Seen],
) -> Result<Vec<There>, Broken> {
    let mut there = Vec::with_capacity(seen.len());
    for (place, message) in seen.iter().enumerate() {
        let text = message.text.as_ref().map_err(|fault| {
            Broken::new(10, format!("{} of {maildrop} cannot be read: {fault}", message.uidl))
        })?;
        let copy = copy_of(text)
            .filter(|copy| model.copies.get(*copy).is_some_and(|copy| *copy.text == **text));
        let Some(copy) = copy else {
            let start = String::from_utf8_lossy(text.get(..60).unwrap_or(text)).into_owned();
            let what = format!("{} of {maildrop} was never submitted: {start:?}", message.uidl);
            return Err(Broken::new(5, what));
        };
        judge_copy(model, at, maildrop, copy, message)?;
        if message.octets != text.len() as u64 {
            return Err(Broken::new(11, format!("copy {copy} is listed with {}", message.octets)));
        }
        if place > 0 && seen.get(place.saturating_sub(1)).is_some_and(|one| one.id >= message.id) {
            return Err(Broken::new(4, format!("copy {copy} is not listed in the order of ids")));
        }
        there.push((copy, message.uidl.clone(), message.id));
    }
    Ok(there)
}

fn judge_copy(
    model: &Model,
    at: u64,
    maildrop: u64,
    copy: usize,
    message: &Seen,
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
    let is_same = known.uidl.as_ref().is_none_or(|uidl| *uidl == message.uidl)
        && known.id.is_none_or(|id| id == message.id);
    if !is_same {
        return Err(Broken::new(4, format!("copy {copy} is {} now", message.uidl)));
    }
    match model.given.get(&message.uidl) {
        Some(other) if *other != copy => {
            Err(Broken::new(4, format!("copies {other} and {copy} are both {}", message.uidl)))
        }
        _ => Ok(()),
    }
}

/// What was under way happened whole or not at all.
fn all_or_none(
    model: &Model,
    at: u64,
    what: What,
    copies: &[usize],
    is_there: &[bool],
) -> Result<(), Broken> {
    // Only those that nothing else may have touched.
    let told = copies.iter().filter_map(|number| {
        let copy = model.copies.get(*number)?;
        let is_told = match what {
            What::Add => model.destroyed(copy, at) == Sure::No,
            What::Destroy => {
                model.added(copy, at) == Sure::Yes && model.times_maybe_destroyed(copy, at) == 1
            }
        };
        is_told.then(|| is_there.get(*number).copied().unwrap_or_default())
    });
    let told: Vec<bool> = told.collect();
    if told.iter().any(|there| *there) && told.iter().any(|there| !*there) {
        let invariant = if what == What::Add { 5 } else { 3 };
        return Err(Broken::new(invariant, format!("of {copies:?} some are there: {told:?}")));
    }
    Ok(())
}
