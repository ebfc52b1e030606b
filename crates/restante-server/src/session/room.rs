//! Whether a maildrop has room for a message.
//!
//! It is asked at RCPT, and once more where several maildrops share one reply. In between the
//! store looks, to the octet, when it makes a copy durable.

use mail_wire::Quota;
use restante_directory::{Destination, OverQuota};
use restante_store::{Store, StoreError};

/// What is to be said of a maildrop that has no room for one more message of so many octets;
/// `None`: it has.
pub(crate) async fn lacking(
    store: &dyn Store,
    destination: &Destination,
    octets: u64,
) -> Result<Option<OverQuota>, StoreError> {
    let Destination { maildrop, quota, over_quota } = *destination;
    if quota == Quota::default() {
        return Ok(None);
    }
    let usage = store.usage(maildrop).await?;
    Ok((!quota.has_room(usage.messages, usage.octets, octets)).then_some(over_quota))
}

/// What is to be said of several maildrops, all of which must have room, with the octets for
/// each. Where one of them defers mail, it is deferred for all: who sent it tries again.
pub(crate) async fn lacking_among(
    store: &dyn Store,
    copies: Vec<(Destination, u64)>,
) -> Result<Option<OverQuota>, StoreError> {
    let mut lacks = None;
    for (destination, octets) in copies {
        match lacking(store, &destination, octets).await? {
            Some(OverQuota::Defer) => return Ok(Some(OverQuota::Defer)),
            Some(OverQuota::Refuse) => lacks = Some(OverQuota::Refuse),
            None => {}
        }
    }
    Ok(lacks)
}
