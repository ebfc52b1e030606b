//! The promises about mail that arrives while a snapshot is open.

use std::sync::Arc;
use std::time::Duration;

use mail_wire::{MaildropId, MessageNumber};

use crate::conformance::factory::{Factory, Test};
use crate::conformance::mail::{
    OURS, deliver, deliver_some, demand, numbers, open, read, read_all, uidls,
};
use crate::error::StoreError;
use crate::store::Maildrop;

pub(crate) const TESTS: &[Test] = &[
    ("a refresh lists what has arrived behind what is listed", |f| Box::pin(appended(f))),
    ("a refresh lists nothing twice", |f| Box::pin(once(f))),
    ("a refresh leaves what others removed as it was", |f| Box::pin(removed_by_others(f))),
    ("what a refresh lists can be read and removed", |f| Box::pin(in_use(f))),
    ("an arrival before the wait is not missed", |f| Box::pin(before(f))),
    ("an arrival is told to who waits for it", |f| Box::pin(told(f))),
    ("who waits sees all that arrives meanwhile", |f| Box::pin(stream(f))),
];

/// Longer than any of these takes that does not hang.
const HANGS_AFTER: Duration = Duration::from_mins(2);

// rulings 20, XREFRESH: numbers stay, new messages at the end
async fn appended(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let mut texts = deliver_some(&*store, OURS, 3).await?;
    let mut maildrop = open(&*store, OURS).await?;
    let before = uidls(&*maildrop);
    texts.extend(deliver_some(&*store, OURS, 2).await?);
    demand(uidls(&*maildrop) == before, || "it is listed before it is asked for".into())?;
    let added = refresh(&mut *maildrop).await?;
    demand(added == 2, || format!("{added} of 2 were added"))?;
    demand(uidls(&*maildrop).starts_with(&before), || "numbers changed".into())?;
    demand(read_all(&*maildrop).await? == texts, || "other messages".into())?;
    let all = uidls(&*open(&*store, OURS).await?);
    demand(uidls(&*maildrop) == all, || "another order than the next session's".into())?;
    let total = maildrop.listing().iter().map(|entry| entry.octets).sum();
    demand(maildrop.listing().total() == total, || "the total is not the sum".into())
}

async fn once(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let mut maildrop = open(&*store, OURS).await?;
    for round in 0..3 {
        let added = refresh(&mut *maildrop).await?;
        demand(added == 0, || format!("{round}: {added} were added, none came"))?;
        deliver_some(&*store, OURS, 2).await?;
        let added = refresh(&mut *maildrop).await?;
        demand(added == 2, || format!("{round}: {added} of 2 were added"))?;
    }
    // What it has removed itself stays listed under its number, and does not come again.
    maildrop.commit(&numbers(&[1, 6])).await.map_err(|e| e.to_string())?;
    let added = refresh(&mut *maildrop).await?;
    demand(added == 0, || format!("{added} were added after a removal"))?;
    let listed = maildrop.listing().len();
    demand(listed == 6, || format!("{listed} of 6 are listed"))
}

// I6: a session's snapshot never changes, but by XREFRESH, which adds
async fn removed_by_others(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let mut texts = deliver_some(&*store, OURS, 4).await?;
    let mut maildrop = open(&*store, OURS).await?;
    let before = uidls(&*maildrop);
    let mut remover = open(&*store, OURS).await?;
    remover.commit(&numbers(&[2, 4])).await.map_err(|e| e.to_string())?;
    texts.extend(deliver_some(&*store, OURS, 1).await?);
    let added = refresh(&mut *maildrop).await?;
    demand(added == 1, || format!("{added} of 1 were added"))?;
    demand(uidls(&*maildrop).starts_with(&before), || "numbers changed".into())?;
    for (index, text) in texts.iter().enumerate() {
        let number = MessageNumber::from_index(index).ok_or("no number")?;
        match maildrop.read(number).await {
            Ok(_) => {
                let read = read(&*maildrop, number).await?;
                demand(read == *text, || format!("{number} is another message"))?;
            }
            Err(StoreError::Absent { .. }) if matches!(index, 1 | 3) => {}
            Err(fault) => return Err(format!("{number}: {fault}")),
        }
    }
    Ok(())
}

async fn in_use(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let mut maildrop = open(&*store, OURS).await?;
    let texts = deliver_some(&*store, OURS, 3).await?;
    refresh(&mut *maildrop).await?;
    demand(read_all(&*maildrop).await? == texts, || "other messages".into())?;
    maildrop.commit(&numbers(&[1, 3])).await.map_err(|e| e.to_string())?;
    let left = read_all(&*open(&*store, OURS).await?).await?;
    demand(left.as_slice() == texts.get(1..2).unwrap_or_default(), || format!("{left:?}"))
}

// rulings 20, XWAIT
async fn before(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let mut maildrop = open(&*store, OURS).await?;
    deliver(&*store, OURS, b"A: b\r\n\r\n").await?;
    arrive(&mut *maildrop).await?;
    let listed = maildrop.listing().len();
    demand(listed == 1, || format!("{listed} of 1 are listed"))
}

async fn told(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    deliver(&*store, OURS, b"A: b\r\n\r\n").await?;
    let mut maildrop = open(&*store, OURS).await?;
    for round in 1..4 {
        quiet(&mut *maildrop).await?;
        // Another maildrop's mail is not ours.
        deliver(&*store, MaildropId::new(8), b"A: b\r\n\r\n").await?;
        quiet(&mut *maildrop).await?;
        let (arrived, delivered) =
            tokio::join!(arrive(&mut *maildrop), deliver(&*store, OURS, b"A: b\r\n\r\n"));
        delivered?;
        arrived?;
        let listed = maildrop.listing().len();
        let wanted = usize::saturating_add(round, 1);
        demand(listed == wanted, || format!("{listed} of {wanted} are listed"))?;
    }
    Ok(())
}

async fn stream(factory: &dyn Factory) -> Result<(), String> {
    const MESSAGES: usize = 40;
    let store = factory.fresh();
    let mut maildrop = open(&*store, OURS).await?;
    let deliverer = tokio::spawn({
        let store = Arc::clone(&store);
        async move { deliver_some(&*store, OURS, MESSAGES).await }
    });
    let mut fault = None;
    while maildrop.listing().len() < MESSAGES && fault.is_none() {
        fault = arrive(&mut *maildrop).await.err();
    }
    let texts = deliverer.await.map_err(|e| e.to_string())??;
    fault.map_or(Ok(()), Err)?;
    demand(read_all(&*maildrop).await? == texts, || "other messages".into())
}

async fn refresh(maildrop: &mut dyn Maildrop) -> Result<usize, String> {
    maildrop.refresh().await.map_err(|e| format!("open: refresh: {e}"))
}

/// Waits until something has arrived, and lists it. That nothing has when it is said that
/// something may have is allowed, but not again and again.
async fn arrive(maildrop: &mut dyn Maildrop) -> Result<(), String> {
    for _ in 0..10 {
        let told = tokio::time::timeout(HANGS_AFTER, maildrop.arrival()).await;
        demand(told.is_ok(), || "what arrived was never told".into())?;
        if refresh(maildrop).await? > 0 {
            return Ok(());
        }
    }
    Err("it was told ten times of nothing".into())
}

/// Nothing has arrived: so nothing is told, at least not at once and again and again.
async fn quiet(maildrop: &mut dyn Maildrop) -> Result<(), String> {
    for _ in 0..3 {
        tokio::select! {
            biased;
            () = maildrop.arrival() => {}
            () = std::future::ready(()) => return Ok(()),
        }
    }
    Err("it was told of nothing three times".into())
}
