//! The promises about quotas.

use std::sync::Arc;

use mail_wire::{Form, MaildropId, Quota};

use crate::conformance::factory::{Factory, Test};
use crate::conformance::mail::{OURS, demand, numbers, open, read_all};
use crate::error::StoreError;
use crate::store::{Incoming, Provenance, Recipient, Store, Stored};

pub(crate) const TESTS: &[Test] = &[
    ("a quota is met, and the other recipients get theirs", |f| Box::pin(met(f))),
    ("deliveries at once stay below a quota", |f| Box::pin(at_once(f))),
];

const TEXT: &[u8] = b"A: b\r\n\r\n0123456789\r\n";

async fn send(
    store: &dyn Store,
    to: &[(MaildropId, Quota)],
) -> Result<Vec<Result<Stored, StoreError>>, String> {
    let recipient = |(maildrop, quota): &(MaildropId, Quota)| Recipient {
        quota: *quota,
        ..Recipient::new(*maildrop, b"X: y\r\n".to_vec())
    };
    let incoming = Incoming {
        recipients: to.iter().map(recipient).collect(),
        form: Form::Text,
        utf8: false,
        provenance: Provenance::default(),
    };
    let mut delivery = store.deliver(incoming).await.map_err(|e| format!("deliver: {e}"))?;
    delivery.write(TEXT).map_err(|e| format!("write: {e}"))?;
    Ok(delivery.commit().await)
}

// issue: quotas per maildrop (messages, octets), enforced at the end of DATA
async fn met(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let octets = (TEXT.len() as u64).saturating_add(6);
    let other = MaildropId::new(8);
    let two = Quota { messages: Some(2), octets: None };
    let tight = Quota { messages: None, octets: Some(octets.saturating_mul(3).saturating_sub(1)) };
    for (quota, room) in [(two, 2_usize), (tight, 2)] {
        // The maildrop twice in one message counts twice.
        let to = [(OURS, quota), (other, Quota::default()), (OURS, quota), (OURS, quota)];
        let outcomes = send(&*store, &to).await?;
        let taken: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
        demand(taken == [true, true, true, false], || format!("{outcomes:?}"))?;
        let last = outcomes.into_iter().next_back();
        let is_quota = matches!(last, Some(Err(StoreError::Full { quota: true, .. })));
        demand(is_quota, || format!("{last:?}"))?;
        let refused = send(&*store, &[(OURS, quota)]).await?;
        demand(refused.iter().all(Result::is_err), || format!("{refused:?}"))?;
        let mut maildrop = open(&*store, OURS).await?;
        let read = read_all(&*maildrop).await?;
        demand(read.len() == room, || format!("{} are there", read.len()))?;
        let usage = store.usage(OURS).await.map_err(|e| e.to_string())?;
        demand(usage.messages == 2 && usage.octets == octets.saturating_mul(2), || {
            format!("{usage:?}")
        })?;
        // What was removed makes room at once.
        maildrop.commit(&numbers(&[1])).await.map_err(|e| format!("commit: {e}"))?;
        drop(maildrop);
        let taken = send(&*store, &[(OURS, quota)]).await?;
        demand(taken.iter().all(Result::is_ok), || format!("there was room: {taken:?}"))?;
        store.remove(OURS).await.map_err(|e| e.to_string())?;
    }
    let others = read_all(&*open(&*store, other).await?).await?;
    demand(others.len() == 2, || format!("{} of the other", others.len()))
}

async fn at_once(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    if store.promises().shared_with_others {
        // Others add messages beside us: nobody could keep to it.
        return Ok(());
    }
    let quota = Quota { messages: Some(7), octets: None };
    let sending: Vec<_> = (0..20)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { send(&*store, &[(OURS, quota)]).await })
        })
        .collect();
    let mut taken = 0_usize;
    for one in sending {
        for outcome in one.await.map_err(|e| e.to_string())?? {
            match outcome {
                Ok(_) => taken = taken.saturating_add(1),
                Err(StoreError::Full { quota: true, .. }) => {}
                Err(fault) => return Err(fault.to_string()),
            }
        }
    }
    let listed = open(&*store, OURS).await?.listing().len();
    demand(taken == 7 && listed == 7, || format!("{taken} were taken, {listed} are there"))
}
