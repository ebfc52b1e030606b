//! Looks at what a crash leaves: the store is opened there, and judged.

use std::sync::Arc;

use mail_wire::{Form, MaildropId, MessageNumber};
use restante_store::log::Settings;
use restante_store::log::simulation::{Disk, Stepped};
use restante_store::{Incoming, Provenance, Recipient, Store, StoreError, View};

use crate::act::MAILDROPS;
use crate::chance::Chance;
use crate::death;
use crate::disk::SimDisk;
use crate::failure::Broken;
use crate::judge::{self, Looked};
use crate::look::{self, at_once};
use crate::model::{Model, Sure, There};
use crate::persist::Choice;
use crate::session::Session;
use crate::state::State;

/// A store that was opened on what a crash left.
pub(crate) struct Opened {
    pub(crate) disk: SimDisk,
    pub(crate) stepped: Stepped,
}

impl Opened {
    /// Its process is killed.
    pub(crate) fn kill(self) {
        death::kill(&self.disk, self.stepped);
    }
}

/// Opens the store that is there, which must be possible.
pub(crate) fn open(state: State, settings: &Settings, seed: u64) -> Result<Opened, Broken> {
    let disk = SimDisk::new(state, seed);
    open_on(&disk, settings).map(|stepped| Opened { disk, stepped })
}

/// The same on a disk.
pub(crate) fn open_on(disk: &SimDisk, settings: &Settings) -> Result<Stepped, Broken> {
    let as_disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let stepped = Stepped::open(&as_disk, settings)
        .map_err(|fault| Broken::new(0, format!("the store cannot be opened: {fault}")))?;
    match stepped.store().damage() {
        [] => Ok(stepped),
        damage => Err(Broken::new(8, format!("what nobody damaged is reported: {damage:?}"))),
    }
}

/// What all maildrops hold.
pub(crate) fn look(store: &dyn Store) -> Result<Looked, Broken> {
    let mut looked = Vec::new();
    for maildrop in 0..MAILDROPS {
        let seen = look::all(store, maildrop).map_err(|fault| {
            Broken::new(10, format!("the maildrop {maildrop} cannot be opened: {fault}"))
        })?;
        let usage = at_once(store.usage(MaildropId::new(maildrop)));
        let octets: u64 = seen.iter().map(|message| message.octets).sum();
        match usage {
            Some(Ok(usage)) if usage.messages == seen.len() as u64 && usage.octets == octets => {}
            other => {
                let what = format!("the maildrop {maildrop} has {octets} octets, not {other:?}");
                return Err(Broken::new(11, what));
            }
        }
        let withheld = look::withheld(store, maildrop).map_err(|fault| {
            Broken::new(10, format!("what {maildrop} withholds cannot be told: {fault}"))
        })?;
        looked.push((maildrop, seen, withheld));
    }
    Ok(looked)
}

/// What a maildrop is said to hold is what is listed for all (I11).
pub(crate) fn same_usage(
    store: &dyn Store,
    session: &Session,
    has_struck: bool,
) -> Result<(), Broken> {
    let octets: u64 = session.seen.iter().map(|message| message.octets).sum();
    match at_once(store.usage(MaildropId::new(session.of))) {
        Some(Ok(usage)) => {
            if (usage.messages, usage.octets) == (session.seen.len() as u64, octets) {
                return Ok(());
            }
            let what = format!("the maildrop {} has {octets} octets, not {usage:?}", session.of);
            Err(Broken::new(11, what))
        }
        _ if has_struck => Ok(()),
        other => Err(Broken::new(11, format!("nobody knows what a maildrop holds: {other:?}"))),
    }
}

/// A full disk refuses no deletion while room is kept for it (I12).
pub(crate) fn kept_for_deletions(
    state: &State,
    shards: u16,
    fault: &StoreError,
) -> Result<(), Broken> {
    if is_kept(state, shards) {
        return Err(Broken::new(12, format!("a deletion was refused: {fault}")));
    }
    Ok(())
}

/// Whether room is kept for deletions in so many shards.
pub(crate) fn is_kept(state: &State, shards: u16) -> bool {
    (0..shards).all(|shard| {
        let reserve = state.find(&format!("s{shard:02x}/reserve"));
        reserve.and_then(|file| state.file(file)).is_ok_and(|file| file.pages() > 0)
    })
}

/// The disk without its indexes.
pub(crate) fn without_indexes(state: &State) -> State {
    let mut state = state.clone();
    for folder in ["s00", "s01"] {
        let _ = state.unlink(&format!("{folder}/index.redb"));
        let _ = state.sync_folder(folder);
    }
    state
}

/// What one crash leaves is judged; answers how many points that were.
pub(crate) fn point(
    model: &Model,
    settings: &Settings,
    (at, state): (u64, &State),
    choice: Choice,
    seed: u64,
) -> Result<u64, Broken> {
    let mut chance = Chance::of(seed, &[2]);
    let image = state.crashed(choice);
    if let Choice::Flip(_) = choice {
        return flipped(model, settings, (at, image), seed).map(|()| 1);
    }
    if image.is_full() && !is_kept(&image, settings.shards) {
        // What is kept for deletions was used up by them: no start is promised any more.
        return Ok(0);
    }
    let opened = open(image.clone(), settings, seed)?;
    let looked = look(opened.stepped.store())?;
    let there = judge::whole(model, at, &looked)?;
    wrongs(&opened.disk)?;
    let mut points = 1;
    if image.is_full() {
        // Nobody can log in to a store that does not open.
        deletes(settings, opened, &looked, &mut chance)?;
        return Ok(points);
    }
    if chance.percent(33) {
        rebuilt(&image, settings, seed, &looked)?;
        points = 2;
    }
    if chance.percent(8) {
        points = points.saturating_add(goes_on(
            model,
            settings,
            opened,
            (&looked, &there),
            &mut chance,
        )?);
    } else {
        opened.kill();
    }
    Ok(points)
}

/// On a full disk all of one maildrop is deleted, for which room is kept (I12).
fn deletes(
    settings: &Settings,
    mut opened: Opened,
    looked: &Looked,
    chance: &mut Chance,
) -> Result<(), Broken> {
    let filled: Vec<u64> =
        looked.iter().filter(|(_, seen, _)| !seen.is_empty()).map(|(number, ..)| *number).collect();
    let chosen = filled.get(chance.place(filled.len())).copied();
    if let Some(maildrop) = chosen.filter(|_| is_kept(&opened.disk.state(), settings.shards)) {
        let refused = |fault: String| Broken::new(12, format!("a deletion was refused: {fault}"));
        let session = look::open(opened.stepped.store(), maildrop, View::default());
        let mut session = session.map_err(|fault| refused(fault.to_string()))?;
        let all: Vec<MessageNumber> = session.listing().iter().map(|entry| entry.number).collect();
        let mut work = Box::pin(async move { session.commit(&all).await });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let outcome = loop {
            match work.as_mut().poll(&mut context) {
                std::task::Poll::Ready(outcome) => break outcome,
                std::task::Poll::Pending => step_all(&mut opened.stepped),
            }
        };
        outcome.map_err(|fault| refused(fault.to_string()))?;
        let left =
            look::all(opened.stepped.store(), maildrop).map_err(|f| refused(f.to_string()))?;
        if !left.is_empty() {
            return Err(Broken::new(2, format!("what was deleted from {maildrop} is listed")));
        }
    }
    opened.kill();
    Ok(())
}

/// Without its index the store says the same (I8).
pub(crate) fn rebuilt(
    image: &State,
    settings: &Settings,
    seed: u64,
    looked: &Looked,
) -> Result<(), Broken> {
    let rebuilt = open(without_indexes(image), settings, seed)?;
    let again = look(rebuilt.stepped.store())?;
    rebuilt.kill();
    same(looked, &again, "made anew from the segments")
}

fn same(looked: &Looked, again: &Looked, when: &str) -> Result<(), Broken> {
    for ((maildrop, before, laid), (_, after, laid_after)) in looked.iter().zip(again) {
        if laid != laid_after {
            let what = format!("the maildrop {maildrop}, {when}: {laid:?}, then {laid_after:?}");
            return Err(Broken::new(8, what));
        }
        if before != after {
            let names = |seen: &[look::Seen]| -> Vec<String> {
                seen.iter().map(|message| message.uidl.clone()).collect()
            };
            let (before, after) = (names(before), names(after));
            let what = format!("the maildrop {maildrop}, {when}: {before:?}, then {after:?}");
            return Err(Broken::new(8, what));
        }
    }
    Ok(())
}

/// The store goes on from there: it takes a message under a new id, gives room back, ends, and
/// still holds what it held.
pub(crate) fn goes_on(
    model: &Model,
    settings: &Settings,
    mut opened: Opened,
    (looked, there): (&Looked, &[There]),
    chance: &mut Chance,
) -> Result<u64, Broken> {
    let maildrop = chance.below(MAILDROPS);
    let text = b"X-Probe: 1\r\n\r\nprobe\r\n".to_vec();
    let stored = deliver(&mut opened.stepped, maildrop, &text)?;
    let id = stored.0;
    if model.given.contains_key(&stored.1)
        || there.iter().any(|known| known.uidl == stored.1 || known.id >= id)
    {
        return Err(Broken::new(4, format!("{} was given out again", stored.1)));
    }
    if chance.percent(50) {
        let store = opened.stepped.store().clone();
        let mut compacting = Box::pin(store.compact());
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        while compacting.as_mut().poll(&mut context).is_pending() {
            step_all(&mut opened.stepped);
        }
    }
    audit(&mut opened.stepped)?;
    wrongs(&opened.disk)?;
    let is_orderly = chance.percent(50);
    let Opened { disk, stepped } = opened;
    let state = if is_orderly {
        stepped.end();
        disk.state()
    } else {
        let state = disk.state();
        death::kill(&disk, stepped);
        state
    };
    let state = if chance.percent(50) { without_indexes(&state) } else { state };
    let again = open(state, settings, chance.next())?;
    let mut after = look(again.stepped.store())?;
    again.kill();
    let mut found = false;
    for (number, seen, _) in &mut after {
        let before = seen.len();
        seen.retain(|message| message.id != id);
        found |= seen.len() != before && *number == maildrop;
    }
    if !found {
        return Err(Broken::new(1, "a message that was delivered after a crash is lost"));
    }
    same(looked, &after, "after one more message").map(|()| 1)
}

/// One message goes in.
pub(crate) fn deliver(
    stepped: &mut Stepped,
    maildrop: u64,
    text: &[u8],
) -> Result<(u64, String), Broken> {
    let incoming = Incoming {
        recipients: vec![Recipient::new(MaildropId::new(maildrop), Vec::new())],
        form: Form::Text,
        utf8: false,
        provenance: Provenance::default(),
    };
    let store = stepped.store().clone();
    let refused = |fault: String| Broken::new(0, format!("a delivery after a crash: {fault}"));
    let mut work = Box::pin(async move {
        let mut delivery = store.deliver(incoming).await?;
        delivery.write(text)?;
        Ok::<_, StoreError>(delivery.commit().await)
    });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(outcomes) = work.as_mut().poll(&mut context) {
            let mut outcomes = outcomes.map_err(|fault| refused(fault.to_string()))?;
            let one = outcomes.pop().ok_or_else(|| refused("no answer".into()))?;
            let stored = one.map_err(|fault| refused(fault.to_string()))?;
            return Ok((stored.id.get(), stored.uidl.to_string()));
        }
        step_all(stepped);
    }
}

/// Every writer does what waits for it.
pub(crate) fn step_all(stepped: &mut Stepped) {
    for shard in 0..stepped.shards() {
        stepped.step(shard, usize::MAX);
    }
}

/// What the index counts is what it holds (I11).
pub(crate) fn audit(stepped: &mut Stepped) -> Result<(), Broken> {
    for shard in 0..stepped.shards() {
        stepped.checkpoint(shard);
        if let Some(wrong) = stepped.audit(shard).into_iter().next() {
            return Err(Broken::new(11, wrong));
        }
    }
    Ok(())
}

/// Nothing was written that must not be (I9).
pub(crate) fn wrongs(disk: &SimDisk) -> Result<(), Broken> {
    disk.wrongs().into_iter().next().map_or(Ok(()), |wrong| Err(Broken::new(9, wrong)))
}

/// One bit at rest is another: no other octets are ever answered, and what can be read is right.
fn flipped(
    model: &Model,
    settings: &Settings,
    (at, image): (u64, State),
    seed: u64,
) -> Result<(), Broken> {
    // With an index what is damaged may not be read before it is asked for.
    let is_lost = Chance::of(seed, &[6]).percent(50);
    let image = if is_lost { without_indexes(&image) } else { image };
    let disk = SimDisk::new(image, seed);
    let as_disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let Ok(mut stepped) = Stepped::open(&as_disk, settings) else { return Ok(()) };
    let is_seen = !stepped.store().damage().is_empty();
    for compacted in [false, true] {
        if compacted {
            let store = stepped.store().clone();
            let mut compacting = Box::pin(store.compact());
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            while compacting.as_mut().poll(&mut context).is_pending() {
                step_all(&mut stepped);
            }
        }
        let mut unread = 0_usize;
        let mut looked = Vec::new();
        for maildrop in 0..MAILDROPS {
            let Ok(mut listed) = look::all(stepped.store(), maildrop) else { return Ok(()) };
            let before = listed.len();
            listed.retain(|message| {
                message.text.is_ok() && !matches!(message.plain, Some((_, Err(_))))
            });
            unread = unread.saturating_add(before.saturating_sub(listed.len()));
            looked.push((maildrop, listed));
        }
        for (maildrop, seen) in &looked {
            match judge::one(model, at, *maildrop, 0, seen) {
                // What was said to be gone, or withheld, may be what is damaged: that is told.
                Err(broken) if matches!(broken.invariant, 2 | 13) && is_seen => return Ok(()),
                outcome => drop(outcome?),
            }
        }
        let there: Vec<usize> = looked
            .iter()
            .flat_map(|(_, seen)| seen)
            .filter_map(|message| crate::message::copy_of(message.text.as_ref().ok()?))
            .collect();
        let lost = (0..).zip(&model.copies).filter(|(number, copy)| {
            model.added(copy, at) == Sure::Yes
                && model.may_be(copy, at).iter().all(|laid| laid.is_listed(0))
                && !there.contains(number)
        });
        if lost.count() > unread && !is_seen {
            return Err(Broken::new(1, "a damaged message is not listed, and nobody is told"));
        }
    }
    death::kill(&disk, stepped);
    Ok(())
}
