//! Judges what the conformance suite left in a store by what it was asked and answered.

use std::collections::{BTreeMap, BTreeSet};

use mail_wire::{Form, MaildropId};
use restante_store::custody::{Custody, Happened, JournalEntry};
use restante_store::log::{LogStore, Settings};
use restante_store::{Body, Maildrop, Store, StoreError, View};

use crate::examine::{self, Opened};
use crate::failure::Broken;
use crate::fate::{Effect, Fate};
use crate::look::{self, at_once};
use crate::message::stuffed;
use crate::noted::{Answered, Copy, Noted};
use crate::state::State;

/// What each copy is, if it is there.
type There = Vec<Option<Fate>>;

/// What this disk holds is what it must. `is_certain`: what was refused must not be there.
pub(crate) fn judge(
    state: State,
    settings: &Settings,
    noted: &Noted,
    is_certain: bool,
) -> Result<(), Broken> {
    let mut opened = examine::open(state, settings, 5)?;
    let there = look(opened.stepped.store(), noted)?;
    fates(noted, &there, is_certain)?;
    whole(noted, &there)?;
    journal(opened.stepped.store(), noted, is_certain)?;
    examine::audit(&mut opened.stepped)?;
    examine::wrongs(&opened.disk)?;
    Opened::kill(opened);
    Ok(())
}

fn maildrops(noted: &Noted) -> BTreeSet<MaildropId> {
    noted.copies.iter().map(|copy| copy.maildrop).collect()
}

/// Looks at all maildrops: which copies are there, and what is laid over them.
fn look(store: &LogStore, noted: &Noted) -> Result<There, Broken> {
    let mut there = vec![None; noted.copies.len()];
    for maildrop in maildrops(noted) {
        let cannot = |fault: StoreError| Broken::new(10, format!("{maildrop}: {fault}"));
        let withheld = at_once(store.withheld(maildrop)).unwrap_or(Err(StoreError::Unavailable));
        let mut withheld: BTreeMap<u64, _> =
            withheld.map_err(cannot)?.into_iter().map(|one| (one.id.get(), one)).collect();
        let session = look::open(store, maildrop.get(), View::default()).map_err(cannot)?;
        let ascii = View { utf8: false, ..View::default() };
        let ascii = look::open(store, maildrop.get(), ascii).map_err(cannot)?;
        let mut octets_listed = 0_u64;
        let mut left = Vec::new();
        for entry in session.listing().iter() {
            octets_listed = octets_listed.saturating_add(entry.octets.get());
            let octets = read(&*session, entry.number).map_err(cannot)?;
            let uidl = entry.uidl.to_string();
            let Some(known) = known(noted, (maildrop, &uidl, entry.id.get())) else {
                left.push((uidl, octets, entry.id.get()));
                continue;
            };
            let right = noted.copies.get(known).filter(|copy| is_same(&copy.octets, &octets));
            let Some(copy) = right else {
                return Err(Broken::new(5, format!("{uidl} of {maildrop} has other octets")));
            };
            let stand_in = copy.stand_in.as_ref().unwrap_or(&copy.octets);
            if !is_same(stand_in, &read(&*ascii, entry.number).map_err(cannot)?) {
                return Err(Broken::new(5, format!("{uidl} of {maildrop}: another stand-in")));
            }
            put(&mut there, known, Fate::seen(withheld.remove(&entry.id.get()).as_ref()))?;
        }
        for (uidl, octets, id) in left {
            // One that was refused, or not answered, may be there, once.
            let is_doubtful = |(copy, is_there): (&Copy, &Option<Fate>)| {
                copy.maildrop == maildrop
                    && copy.uidl.is_none()
                    && is_there.is_none()
                    && is_same(&copy.octets, &octets)
            };
            let of_quota = |one: (&Copy, &Option<Fate>)| is_doubtful(one) && !one.0.is_over_quota;
            let doubtful = noted.copies.iter().zip(&there).position(of_quota);
            let doubtful =
                doubtful.or_else(|| noted.copies.iter().zip(&there).position(is_doubtful));
            let never = || Broken::new(5, format!("{uidl} of {maildrop} was never submitted"));
            let fate = Fate::seen(withheld.remove(&id).as_ref());
            put(&mut there, doubtful.ok_or_else(never)?, fate)?;
        }
        for one in withheld.values() {
            let uidl = one.uidl.to_string();
            let known = known(noted, (maildrop, &uidl, one.id.get()));
            let unknown = || Broken::new(5, format!("{uidl} is withheld, and nobody knows it"));
            put(&mut there, known.ok_or_else(unknown)?, Fate::seen(Some(one)))?;
        }
        sums(store, maildrop, (session.listing().len(), octets_listed), &withheld)?;
    }
    Ok(there)
}

/// The copy that a message is. Unique-ids that are brought along may be those of another maildrop,
/// and one that is gone leaves its own to others.
fn known(noted: &Noted, (maildrop, uidl, id): (MaildropId, &str, u64)) -> Option<usize> {
    let is_it = |copy: &Copy| {
        copy.maildrop == maildrop
            && copy.uidl.as_deref() == Some(uidl)
            && copy.id.is_none_or(|known| known == id)
    };
    noted.copies.iter().position(is_it)
}

/// What it is said to hold is what is listed, and what is hidden from somebody alone (I11).
fn sums(
    store: &LogStore,
    maildrop: MaildropId,
    (messages, octets): (usize, u64),
    withheld: &BTreeMap<u64, restante_store::custody::WithheldMessage>,
) -> Result<(), Broken> {
    let hidden = withheld.values().filter(|one| {
        one.held_until.is_none() && one.set_aside.is_none() && one.hidden_from.contains(&0)
    });
    let hidden: Vec<u64> = hidden.map(|one| one.octets.get()).collect();
    let messages = (messages as u64).saturating_add(hidden.len() as u64);
    let octets = octets.saturating_add(hidden.iter().sum());
    match at_once(store.usage(maildrop)) {
        Some(Ok(usage)) if (usage.messages, usage.octets) == (messages, octets) => Ok(()),
        other => {
            let what = format!("{maildrop} has {messages} messages, {octets} octets: {other:?}");
            Err(Broken::new(11, what))
        }
    }
}

fn put(there: &mut There, copy: usize, fate: Fate) -> Result<(), Broken> {
    let Some(place) = there.get_mut(copy) else { return Ok(()) };
    match place.replace(fate) {
        None => Ok(()),
        Some(_) => Err(Broken::new(5, format!("copy {copy} is there twice"))),
    }
}

/// A message in wire form.
fn read(maildrop: &dyn Maildrop, number: mail_wire::MessageNumber) -> Result<Vec<u8>, StoreError> {
    let mut body: Body = look::begin(maildrop, number)?;
    let mut octets = Vec::new();
    while look::piece(&mut body, &mut octets, 1 << 20)? {}
    Ok(if body.form() == Form::Wire { octets } else { stuffed(&octets) })
}

/// A store completes the last line.
fn is_same(submitted: &[u8], octets: &[u8]) -> bool {
    octets.strip_prefix(submitted).is_some_and(|rest| matches!(rest, b"" | b"\r\n" | b"\n"))
}

/// What was acknowledged is there, as it was left; what was refused is not.
fn fates(noted: &Noted, there: &There, is_certain: bool) -> Result<(), Broken> {
    for ((number, copy), fate) in noted.copies.iter().enumerate().zip(there) {
        let told =
            |what: &str| format!("copy {number} of {}, {:?}: {what}", copy.maildrop, copy.uidl);
        let is_acknowledged = copy.uidl.is_some();
        let may_be: BTreeSet<Fate> =
            noted.fates(copy, is_certain).iter().map(Fate::visible).collect();
        match fate {
            Some(fate) if is_acknowledged => {
                if may_be.iter().all(|fate| fate.is_gone) {
                    return Err(Broken::new(2, told("it is back")));
                }
                if !may_be.contains(&fate.visible()) {
                    let what = format!("it is {fate:?}, not one of {may_be:?}");
                    return Err(Broken::new(13, told(&what)));
                }
            }
            Some(_) => {
                let is_refused = noted.answered(copy.added_by) == Answered::Refused;
                if copy.is_over_quota || is_refused && is_certain {
                    return Err(Broken::new(5, told("it was refused, and is there")));
                }
            }
            None if is_acknowledged && !may_be.iter().any(|fate| fate.is_gone) => {
                return Err(Broken::new(1, told("it is lost")));
            }
            None => {}
        }
    }
    Ok(())
}

/// What was under way was done whole or not at all.
fn whole(noted: &Noted, there: &There) -> Result<(), Broken> {
    let copies = || noted.copies.iter().zip(there);
    for asked in 0..noted.asked.len() {
        let of = copies().filter(|(copy, _)| copy.added_by == asked && copy.replaces.is_none());
        // One that was over its quota is there in no case, whoever was told so.
        let may_lack = |copy: &Copy| copy.is_over_quota || copy.has_quota;
        let doubtful =
            of.filter(|(copy, fate)| copy.uidl.is_none() && (fate.is_some() || !may_lack(copy)));
        let added: BTreeSet<bool> = doubtful.map(|(_, fate)| fate.is_some()).collect();
        if added.len() > 1 {
            return Err(Broken::new(5, format!("a half of the delivery {asked} is there")));
        }
        let removed = copies().filter(|(copy, _)| match copy.wanted.as_slice() {
            [(one, Effect::Delete(_))] => *one == asked && copy.uidl.is_some(),
            _ => false,
        });
        let removed: BTreeSet<Option<Fate>> = removed.map(|(_, fate)| fate.clone()).collect();
        if removed.len() > 1 {
            return Err(Broken::new(3, format!("a half of the UPDATE {asked} was done")));
        }
    }
    for (copy, fate) in copies() {
        let Some(old) = copy.replaces else { continue };
        let (Some(known), Some(old_fate)) = (noted.copies.get(old), there.get(old)) else {
            continue;
        };
        let alone = noted.fates_but(known, false, Some(copy.added_by));
        let is_untouched = known.uidl.is_some()
            && copy.wanted.is_empty()
            && !alone.iter().any(|fate| fate.is_gone);
        match (fate, old_fate) {
            (Some(_), Some(_)) => {
                return Err(Broken::new(5, format!("copy {old} is there beside its new one")));
            }
            (None, None) if is_untouched => {
                return Err(Broken::new(1, format!("copy {old} and its new one are lost")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The journal knows when each message was taken in, and what ended it, once.
fn journal(store: &LogStore, noted: &Noted, is_certain: bool) -> Result<(), Broken> {
    let mut journals: BTreeMap<MaildropId, Vec<JournalEntry>> = BTreeMap::new();
    for maildrop in maildrops(noted) {
        let journal = at_once(store.journal(maildrop, None));
        let journal = journal.unwrap_or(Err(StoreError::Unavailable));
        let journal = journal
            .map_err(|fault| Broken::new(14, format!("no journal of {maildrop}: {fault}")))?;
        journals.insert(maildrop, journal);
    }
    for (number, copy) in noted.copies.iter().enumerate() {
        let Some(id) = copy.id else { continue };
        let entries = || {
            let journal = journals.get(&copy.maildrop).into_iter().flatten();
            journal.filter(|entry| entry.message.is_some_and(|one| one.get() == id))
        };
        let accepted =
            entries().filter(|one| matches!(one.what, Happened::Accepted { .. })).count();
        let destroyed =
            entries().filter(|one| matches!(one.what, Happened::Destroyed { .. })).count();
        let may_be = noted.fates(copy, is_certain);
        let may_be_gone = may_be.iter().any(|fate| fate.is_gone);
        let is_gone = may_be.iter().all(|fate| fate.is_gone);
        let is_right =
            accepted == 1 && (destroyed == 1 && may_be_gone || destroyed == 0 && !is_gone);
        if !is_right {
            let what = format!(
                "the journal says of copy {number} {accepted} times that it was accepted, and \
                 {destroyed} times that it was destroyed, as {may_be:?}"
            );
            return Err(Broken::new(14, what));
        }
    }
    Ok(())
}
