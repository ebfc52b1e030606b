//! The promises about what is laid over messages: views, holds, what is set aside, retention.

use std::time::Duration;

use mail_wire::{After, Delete, MessageId, Retention, Views};

use crate::conformance::corpus;
use crate::conformance::factory::{Factory, Test};
use crate::conformance::mail::{
    OURS, deliver, deliver_some, demand, numbers, open_as, read_all, uidls,
};
use crate::custody::{Aside, Custody, Note, Noted, Offer, WithheldMessage};
use crate::error::StoreError;
use crate::store::Store;
use crate::view::View;

pub(crate) const TESTS: &[Test] = &[
    ("a device's deletion hides a message from it alone", |f| Box::pin(for_one(f))),
    ("what all devices deleted is deleted, once", |f| Box::pin(for_all(f))),
    ("a deletion that is ignored changes nothing", |f| Box::pin(ignored(f))),
    ("what is held is in no listing, and comes back", |f| Box::pin(held(f))),
    ("what is offered as new stands at the end, under a new unique-id", |f| Box::pin(as_new(f))),
    ("what is held is destroyed when it is released, or its time is over", |f| Box::pin(over(f))),
    ("what is set aside is in no listing, and never destroyed", |f| Box::pin(aside(f))),
    ("deaths are counted running", |f| Box::pin(deaths(f))),
    ("messages go when they were kept for their days", |f| Box::pin(retention(f))),
    ("what was destroyed can only be missed", |f| Box::pin(gone(f))),
    ("what is laid over messages survives a restart", |f| Box::pin(durable(f))),
];

const DAY: Duration = Duration::from_hours(24);

fn view(credential: u64, delete: Delete, others: &[u64]) -> View {
    let views = if others.is_empty() { Views::Shared } else { Views::PerCredential };
    View { credential, delete, views, others: others.to_vec(), ..View::default() }
}

fn custody(store: &dyn Store) -> Result<&dyn Custody, String> {
    store.custody().ok_or_else(|| "custody is promised, and there is none".into())
}

/// The texts that this credential sees.
async fn seen(store: &dyn Store, credential: u64) -> Result<Vec<Vec<u8>>, String> {
    read_all(&*open_as(store, OURS, view(credential, Delete::Destroy, &[])).await?).await
}

async fn delete(store: &dyn Store, view: View, which: &[u32]) -> Result<(), String> {
    let mut maildrop = open_as(store, OURS, view).await?;
    let removed = maildrop.commit(&numbers(which)).await.map_err(|e| format!("commit: {e}"))?;
    demand(removed.messages == which.len(), || format!("{removed:?}"))
}

async fn ids(store: &dyn Store) -> Result<Vec<MessageId>, String> {
    let maildrop = open_as(store, OURS, View::default()).await?;
    Ok(maildrop.listing().iter().map(|entry| entry.id).collect())
}

async fn withheld(store: &dyn Store) -> Result<Vec<WithheldMessage>, String> {
    custody(store)?.withheld(OURS).await.map_err(|e| format!("withheld: {e}"))
}

async fn restore(
    store: &dyn Store,
    which: Vec<MessageId>,
    offer: Offer,
) -> Result<Vec<String>, String> {
    let uidls = custody(store)?.restore(OURS, which, offer).await;
    let uidls = uidls.map_err(|e| format!("restore: {e}"))?;
    Ok(uidls.iter().map(ToString::to_string).collect())
}

// product §5: the laptop no longer steals the phone's mail
async fn for_one(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    let texts = deliver_some(&*store, OURS, 3).await?;
    let first = ids(&*store).await?.into_iter().next().ok_or("nothing is listed")?;
    let phone = open_as(&*store, OURS, view(2, Delete::Destroy, &[1])).await?;
    delete(&*store, view(1, Delete::Destroy, &[2]), &[1]).await?;
    demand(seen(&*store, 1).await? == texts.get(1..).unwrap_or_default(), || "1 sees it".into())?;
    demand(seen(&*store, 2).await? == texts, || "2 does not see it any more".into())?;
    demand(seen(&*store, 0).await? == texts, || "others do not see it any more".into())?;
    demand(read_all(&*phone).await? == texts, || "an open session lost it".into())?;
    let usage = store.usage(OURS).await.map_err(|e| e.to_string())?;
    demand(usage.messages == 3, || format!("hidden is not gone: {usage:?}"))?;
    let hidden = withheld(&*store).await?;
    let right = |one: &WithheldMessage| one.id == first && one.hidden_from == [1];
    demand(hidden.len() == 1 && hidden.iter().all(right), || format!("{hidden:?}"))?;
    restore(&*store, vec![first], Offer::AsItWas).await?;
    demand(seen(&*store, 1).await? == texts, || "restored, and 1 does not see it".into())
}

async fn for_all(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    let texts = deliver_some(&*store, OURS, 3).await?;
    // At the same time: each has a snapshot from before the other's deletion.
    let mut laptop = open_as(&*store, OURS, view(1, Delete::Destroy, &[2, 1])).await?;
    let mut phone = open_as(&*store, OURS, view(2, Delete::Destroy, &[1])).await?;
    let (marks, others) = (numbers(&[1, 2]), numbers(&[2, 3]));
    let (one, other) = tokio::join!(laptop.commit(&marks), phone.commit(&others));
    one.map_err(|e| format!("commit: {e}"))?;
    other.map_err(|e| format!("commit: {e}"))?;
    let expected = |which: &[usize]| -> Vec<Vec<u8>> {
        which.iter().filter_map(|place| texts.get(*place).cloned()).collect()
    };
    demand(seen(&*store, 0).await? == expected(&[0, 2]), || "the second is not gone".into())?;
    demand(seen(&*store, 1).await? == expected(&[2]), || "1 sees something else".into())?;
    demand(seen(&*store, 2).await? == expected(&[0]), || "2 sees something else".into())?;
    let usage = store.usage(OURS).await.map_err(|e| e.to_string())?;
    demand(usage.messages == 2, || format!("counted once: {usage:?}"))?;
    // Again, and by the other: what all have deleted is held, if that is the policy.
    delete(&*store, view(2, Delete::Hold(DAY), &[1]), &[1]).await?;
    let held = withheld(&*store).await?;
    let count = held.iter().filter(|one| one.held_until.is_some()).count();
    demand(count == 1, || format!("{held:?}"))?;
    demand(seen(&*store, 0).await? == expected(&[2]), || "what is held is seen".into())
}

async fn ignored(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    let texts = deliver_some(&*store, OURS, 2).await?;
    delete(&*store, view(0, Delete::Ignore, &[]), &[1, 2]).await?;
    demand(seen(&*store, 0).await? == texts, || "it is gone".into())?;
    demand(withheld(&*store).await?.is_empty(), || "something is withheld".into())
}

// product §5: hold keeps what was deleted out of every listing and restorable
async fn held(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    let texts = deliver_some(&*store, OURS, 3).await?;
    let before = uidls(&*open_as(&*store, OURS, View::default()).await?);
    let all = ids(&*store).await?;
    delete(&*store, view(0, Delete::Hold(DAY), &[]), &[1, 3]).await?;
    for credential in [0, 7] {
        let left = seen(&*store, credential).await?;
        demand(left.len() == 1 && left.first() == texts.get(1), || "it is listed".into())?;
    }
    let usage = store.usage(OURS).await.map_err(|e| e.to_string())?;
    demand(usage.messages == 1, || format!("what is held is counted: {usage:?}"))?;
    let held = withheld(&*store).await?;
    demand(held.len() == 2, || format!("{held:?}"))?;
    let until = held.first().and_then(|one| one.held_until);
    demand(until.is_some() && held.iter().all(|one| one.held_until == until), || {
        format!("held until {until:?}: {held:?}")
    })?;
    let uidls_then = restore(&*store, all.clone(), Offer::AsItWas).await?;
    demand(uidls_then == before, || format!("{uidls_then:?}, before {before:?}"))?;
    demand(seen(&*store, 0).await? == texts, || "not all are back in their order".into())?;
    demand(withheld(&*store).await?.is_empty(), || "something is withheld".into())
}

async fn as_new(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    let mut texts = deliver_some(&*store, OURS, 2).await?;
    let long = corpus::lines(b"a long line\r\n", factory.octets_long());
    texts.insert(0, [b"A: b\r\n\r\n".as_slice(), &long].concat());
    let store = factory.fresh();
    for text in &texts {
        deliver(&*store, OURS, text).await?;
    }
    let before = uidls(&*open_as(&*store, OURS, View::default()).await?);
    let all = ids(&*store).await?;
    delete(&*store, view(0, Delete::Hold(DAY), &[]), &[1, 2]).await?;
    let new = restore(&*store, all.iter().copied().take(2).collect(), Offer::AsNew).await?;
    demand(new.len() == 2 && new.iter().all(|uidl| !before.contains(uidl)), || {
        format!("{new:?} are not new")
    })?;
    texts.rotate_left(2);
    demand(seen(&*store, 0).await? == texts, || "they do not stand at the end".into())?;
    let listed = uidls(&*open_as(&*store, OURS, View::default()).await?);
    demand(listed.ends_with(&new), || format!("{listed:?} do not end in {new:?}"))?;
    demand(withheld(&*store).await?.is_empty(), || "the old ones are kept".into())?;
    let old = all.iter().copied().take(1).collect();
    let again = custody(&*store)?.restore(OURS, old, Offer::AsNew).await;
    demand(matches!(again, Err(StoreError::Absent { .. })), || format!("the old one: {again:?}"))
}

async fn over(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    let texts = deliver_some(&*store, OURS, 4).await?;
    let all = ids(&*store).await?;
    delete(&*store, view(0, Delete::Hold(DAY), &[]), &[1]).await?;
    delete(&*store, view(0, Delete::Hold(Duration::ZERO), &[]), &[1]).await?;
    let custody = custody(&*store)?;
    // The third is not held, and left alone; the second has no time left.
    let which = all.iter().copied().filter(|id| Some(id) != all.get(1)).collect();
    let released = custody.release(OURS, which).await.map_err(|e| format!("release: {e}"))?;
    demand(released == 1, || format!("{released} were released"))?;
    let gone = custody.expire(OURS, None).await.map_err(|e| format!("expire: {e}"))?;
    // It may have gone by itself.
    demand(gone <= 1, || format!("{gone} were over"))?;
    demand(withheld(&*store).await?.is_empty(), || "something is held".into())?;
    let left = seen(&*store, 0).await?;
    demand(left == texts.get(2..).unwrap_or_default(), || format!("{} are left", left.len()))
}

// product §6: out of the listing, restorable, never destroyed by the guard
async fn aside(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    let texts = deliver_some(&*store, OURS, 2).await?;
    let first = ids(&*store).await?.into_iter().next().ok_or("nothing is listed")?;
    let custody = custody(&*store)?;
    let set = custody.set_aside(OURS, first, Aside::NeverFinished).await;
    set.map_err(|e| format!("set aside: {e}"))?;
    let left = seen(&*store, 0).await?;
    demand(left.len() == 1, || format!("{} are listed", left.len()))?;
    let usage = store.usage(OURS).await.map_err(|e| e.to_string())?;
    demand(usage.messages == 1, || format!("it is counted: {usage:?}"))?;
    let retention = Some(Retention { days: 0, after: After::Delivery });
    let gone = custody.expire(OURS, retention).await.map_err(|e| format!("expire: {e}"))?;
    demand(gone == 1, || format!("{gone} went, of one that is listed"))?;
    let kept = withheld(&*store).await?;
    let right = |one: &WithheldMessage| one.set_aside == Some(Aside::NeverFinished);
    demand(kept.len() == 1 && kept.iter().all(right), || format!("{kept:?}"))?;
    restore(&*store, vec![first], Offer::AsItWas).await?;
    demand(seen(&*store, 0).await? == texts.get(..1).unwrap_or_default(), || "not back".into())
}

async fn deaths(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    deliver_some(&*store, OURS, 2).await?;
    let all = ids(&*store).await?;
    let [first, second] = <[MessageId; 2]>::try_from(all).map_err(|all| format!("{all:?}"))?;
    let custody = custody(&*store)?;
    let died = |message| async move {
        custody.died(OURS, message).await.map_err(|e| format!("died: {e}"))
    };
    let counted = [died(first).await?, died(first).await?, died(second).await?];
    demand(counted == [1, 2, 1], || format!("{counted:?}"))?;
    custody.survived(OURS, first).await.map_err(|e| format!("survived: {e}"))?;
    let counted = [died(first).await?, died(second).await?];
    demand(counted == [1, 2], || format!("{counted:?} after the first was survived"))?;
    let shown = seen(&*store, 0).await?.len();
    demand(shown == 2, || "what is counted is withheld".into())?;
    // A restored one starts anew.
    restore(&*store, vec![second], Offer::AsItWas).await?;
    let counted = died(second).await?;
    demand(counted == 1, || format!("{counted} after it was restored"))
}

// RFC 2449 §6.7: the days that are announced are a minimum
async fn retention(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    deliver_some(&*store, OURS, 3).await?;
    let all = ids(&*store).await?;
    let custody = custody(&*store)?;
    let expire = |days, after| async move {
        let retention = Some(Retention { days, after });
        custody.expire(OURS, retention).await.map_err(|e| format!("expire: {e}"))
    };
    for after in [After::Delivery, After::Retrieval] {
        let gone = expire(1, after).await?;
        demand(gone == 0, || format!("{gone} went before a day was over, {after:?}"))?;
    }
    let session = View { notes_retrieval: true, ..View::default() };
    let session = open_as(&*store, OURS, session).await?;
    for (message, complete) in all.iter().zip([true, false]) {
        let what = Noted::Retrieved { octets: 10, complete };
        custody.note(OURS, Note { message: Some(*message), credential: 0, peer: None, what });
    }
    // Whatever was noted before is written with it.
    custody.died(OURS, *all.get(2).ok_or("no third")?).await.map_err(|e| format!("died: {e}"))?;
    drop(session);
    let gone = expire(1, After::Retrieval).await?;
    demand(gone == 0, || format!("{gone} went before a day was over"))?;
    let gone = expire(0, After::Retrieval).await?;
    demand(gone == 1, || format!("{gone} went, one was retrieved to its end"))?;
    let gone = expire(0, After::Delivery).await?;
    demand(gone == 2, || format!("{gone} went, two were there"))?;
    demand(seen(&*store, 0).await?.is_empty(), || "some are listed".into())
}

async fn gone(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().custody {
        return Ok(());
    }
    deliver_some(&*store, OURS, 2).await?;
    let all = ids(&*store).await?;
    let first = *all.first().ok_or("nothing is listed")?;
    delete(&*store, View::default(), &[1]).await?;
    let custody = custody(&*store)?;
    let outcomes = [
        custody.set_aside(OURS, first, Aside::Asked).await,
        custody.died(OURS, first).await.map(drop),
        custody.restore(OURS, all.clone(), Offer::AsItWas).await.map(drop),
    ];
    for outcome in outcomes {
        let is_absent = matches!(outcome, Err(StoreError::Absent { .. }));
        demand(is_absent, || format!("of one that is gone: {outcome:?}"))?;
    }
    custody.survived(OURS, first).await.map_err(|e| format!("survived: {e}"))?;
    let released = custody.release(OURS, all).await.map_err(|e| format!("release: {e}"))?;
    demand(released == 0, || format!("{released} were released"))?;
    demand(seen(&*store, 0).await?.len() == 1, || "it is back".into())?;
    demand(withheld(&*store).await?.is_empty(), || "it is withheld".into())
}

async fn durable(factory: &dyn Factory) -> Result<(), String> {
    let mut store = factory.fresh();
    if !store.promises().custody || !store.promises().durable {
        return Ok(());
    }
    deliver_some(&*store, OURS, 5).await?;
    let all = ids(&*store).await?;
    delete(&*store, view(0, Delete::Hold(DAY), &[]), &[1]).await?;
    delete(&*store, view(3, Delete::Destroy, &[4]), &[1]).await?;
    let third = *all.get(2).ok_or("no third")?;
    custody(&*store)?.set_aside(OURS, third, Aside::Deaths).await.map_err(|e| e.to_string())?;
    custody(&*store)?.died(OURS, third).await.map_err(|e| e.to_string())?;
    let before = (withheld(&*store).await?, seen(&*store, 3).await?, seen(&*store, 0).await?);
    demand(before.0.len() == 3, || format!("{:?}", before.0))?;
    let usage = store.usage(OURS).await.map_err(|e| e.to_string())?;
    for start in 0..2 {
        drop(store);
        store = factory.again();
        let after = (withheld(&*store).await?, seen(&*store, 3).await?, seen(&*store, 0).await?);
        demand(after == before, || format!("start {start}: {:?}, before {:?}", after.0, before.0))?;
        let counted = store.usage(OURS).await.map_err(|e| e.to_string())?;
        demand(counted == usage, || format!("{counted:?}, before {usage:?}"))?;
    }
    restore(&*store, all, Offer::AsItWas).await?;
    drop(store);
    let store = factory.again();
    demand(withheld(&*store).await?.is_empty(), || "withheld again after a start".into())?;
    demand(seen(&*store, 3).await?.len() == 5, || "not all are back after a start".into())
}
