//! The promises about snapshots and what outlives them.

use std::collections::HashSet;

use mail_wire::MessageNumber;

use crate::conformance::factory::{Factory, Test};
use crate::conformance::mail::{
    OURS, deliver, deliver_some, demand, numbers, open, read, read_all, uidls,
};
use crate::error::StoreError;

pub(crate) const TESTS: &[Test] = &[
    ("a maildrop that was never written to is empty", |f| Box::pin(empty(f))),
    ("a snapshot does not see what is delivered later", |f| Box::pin(isolated(f))),
    ("a snapshot keeps what another session removes", |f| Box::pin(kept(f))),
    ("a snapshot that is dropped changes nothing", |f| Box::pin(dropped(f))),
    ("a number that is not listed is an error", |f| Box::pin(no_such_number(f))),
    ("unique-ids stay", |f| Box::pin(stable(f))),
    ("what was acknowledged survives a restart", |f| Box::pin(durable(f))),
    ("nothing is given the unique-id of another", |f| Box::pin(never_reused(f))),
];

async fn empty(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let maildrop = open(&*store, OURS).await?;
    demand(maildrop.listing().is_empty(), || format!("{:?}", maildrop.listing()))?;
    demand(maildrop.listing().total().get() == 0, || "octets in nothing".into())
}

// P-047
async fn isolated(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let texts = deliver_some(&*store, OURS, 3).await?;
    let early = open(&*store, OURS).await?;
    let before = uidls(&*early);
    deliver_some(&*store, OURS, 2).await?;
    demand(uidls(&*early) == before, || "its listing changed".into())?;
    demand(read_all(&*early).await? == texts, || "its messages changed".into())?;
    let late = open(&*store, OURS).await?;
    demand(late.listing().len() == 5, || format!("{} messages later", late.listing().len()))?;
    demand(uidls(&*late).starts_with(&before), || "the first three are others".into())
}

// rulings 18: still readable wherever that is possible, and never anything else
async fn kept(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let texts = deliver_some(&*store, OURS, 4).await?;
    let reader = open(&*store, OURS).await?;
    let mut remover = open(&*store, OURS).await?;
    remover.commit(&numbers(&[1, 3])).await.map_err(|e| e.to_string())?;
    demand(reader.listing().len() == 4, || "its listing changed".into())?;
    for (index, text) in texts.iter().enumerate() {
        let number = MessageNumber::from_index(index).ok_or("no number")?;
        match reader.read(number).await {
            Ok(_) => {
                let read = read(&*reader, number).await?;
                demand(read == *text, || format!("{number} is another message"))?;
            }
            Err(StoreError::Absent { .. }) if matches!(index, 0 | 2) => {}
            Err(fault) => return Err(format!("{number}: {fault}")),
        }
    }
    drop((reader, remover));
    let left = read_all(&*open(&*store, OURS).await?).await?;
    let expected: Vec<_> = texts.iter().skip(1).step_by(2).cloned().collect();
    demand(left == expected, || format!("{} messages are left", left.len()))
}

// P-060
async fn dropped(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let texts = deliver_some(&*store, OURS, 3).await?;
    drop(open(&*store, OURS).await?);
    let maildrop = open(&*store, OURS).await?;
    demand(read_all(&*maildrop).await? == texts, || "messages changed".into())
}

async fn no_such_number(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    deliver_some(&*store, OURS, 2).await?;
    let mut maildrop = open(&*store, OURS).await?;
    let third = MessageNumber::new(3).ok_or("no number")?;
    demand(maildrop.read(third).await.is_err(), || "3 of 2 can be read".into())?;
    let removed = maildrop.commit(&numbers(&[1, 3])).await;
    demand(removed.is_err(), || format!("3 of 2 removed: {removed:?}"))?;
    let left = open(&*store, OURS).await?.listing().len();
    demand(left == 2, || format!("{left} of 2 are left"))
}

// P-053
async fn stable(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    deliver_some(&*store, OURS, 6).await?;
    let mut maildrop = open(&*store, OURS).await?;
    let before = uidls(&*maildrop);
    maildrop.commit(&numbers(&[2, 5])).await.map_err(|e| e.to_string())?;
    demand(uidls(&*maildrop) == before, || "the listing changed at its end".into())?;
    let after = uidls(&*open(&*store, OURS).await?);
    let left = [0, 2, 3, 5].map(|index: usize| before.get(index).cloned().unwrap_or_default());
    demand(after == left, || format!("{after:?}, before {before:?}"))
}

async fn durable(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if !store.promises().durable {
        return Ok(());
    }
    let mut texts = deliver_some(&*store, OURS, 5).await?;
    let mut maildrop = open(&*store, OURS).await?;
    maildrop.commit(&numbers(&[1])).await.map_err(|e| e.to_string())?;
    drop(maildrop);
    let before = uidls(&*open(&*store, OURS).await?);
    // The last was never listed before the restart.
    let last = deliver(&*store, OURS, b"A: b\r\n\r\nlast\r\n").await?;
    texts.remove(0);
    texts.push(b"A: b\r\n\r\nlast\r\n".to_vec());
    drop(store);
    let store = factory.again();
    let maildrop = open(&*store, OURS).await?;
    let expected = [before, vec![last.uidl.to_string()]].concat();
    demand(uidls(&*maildrop) == expected, || "other unique-ids".into())?;
    demand(read_all(&*maildrop).await? == texts, || "other messages".into())?;
    let ids: Vec<_> = maildrop.listing().iter().map(|entry| entry.id).collect();
    demand(ids.last() == Some(&last.id), || format!("{ids:?} does not end in {:?}", last.id))
}

// P-053, P-054
async fn never_reused(factory: &dyn Factory) -> Result<(), String> {
    let mut store = factory.fresh();
    let (mut ids, mut seen) = (HashSet::new(), HashSet::new());
    for round in 0..6 {
        for _ in 0..5 {
            let stored = deliver(&*store, OURS, b"A: b\r\n\r\nthe same\r\n").await?;
            demand(ids.insert(stored.id), || format!("{:?} twice", stored.id))?;
            demand(seen.insert(stored.uidl.to_string()), || format!("{} twice", stored.uidl))?;
        }
        let mut maildrop = open(&*store, OURS).await?;
        let all: Vec<_> = maildrop.listing().iter().map(|entry| entry.number).collect();
        maildrop.commit(&all).await.map_err(|e| e.to_string())?;
        drop(maildrop);
        if round == 2 && store.promises().durable {
            drop(store);
            store = factory.again();
        }
    }
    Ok(())
}
