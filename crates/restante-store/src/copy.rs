//! Copies any store to any other, unique-ids kept, and compares the two octet for octet.
//!
//! ```text
//!   survey ─► what the target cannot keep is known before anything is written
//!   carry  ─► a maildrop at a time, in order: messages, then what is laid over them
//!   compare ► both are read again: count, unique-ids, octets, digests, what is laid over them
//! ```
//! Nothing is ever written to the source. What was begun and interrupted goes on where it was:
//! a maildrop that begins as the source's does is added to, any other is made anew.

mod carry;
mod compare;
mod each;
mod looked;
mod survey;
mod target;
#[cfg(test)]
mod trials;

use std::collections::BTreeSet;
use std::sync::Arc;

use mail_wire::MaildropId;

use crate::copy::each::{Pair, each};
use crate::error::StoreError;
use crate::store::{Promises, Store};
use crate::upkeep::Watch;

pub use survey::Beyond;
pub(crate) use target::expect_whole;
pub use target::{Begun, Target, is_unfinished};

/// How much there is to be copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The source's maildrops.
    pub maildrops: Vec<MaildropId>,
    /// How many of them hold something.
    pub holding: u64,
    /// Messages that will be in the target.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// What the target cannot keep: it is left out.
    pub beyond: Beyond,
}

/// Looks at all that is to be copied into a store that promises this.
pub async fn survey(
    from: &Arc<dyn Store>,
    promises: Promises,
    watch: &dyn Watch,
) -> Result<Survey, StoreError> {
    let maildrops = from.maildrops().await?;
    let look = |maildrop, _| survey::survey(Arc::clone(from), promises, maildrop);
    let mut survey = Survey::default();
    for one in each(&maildrops, ("looked at", 0), watch, look).await? {
        survey.holding = survey.holding.saturating_add(u64::from(one.messages > 0));
        survey.messages = survey.messages.saturating_add(one.messages);
        survey.octets = survey.octets.saturating_add(one.octets);
        survey.beyond = survey.beyond.plus(one.beyond);
    }
    Ok(Survey { maildrops, ..survey })
}

/// Copies all that was surveyed into another store, which nobody else uses meanwhile, and
/// compares the two. Answers how many messages an interrupted copy had brought there before.
///
/// # Errors
/// [`StoreError::Refused`] if the two are not alike in the end.
pub async fn copy(
    from: &Arc<dyn Store>,
    to: &Arc<dyn Store>,
    survey: &Survey,
    watch: &dyn Watch,
) -> Result<u64, StoreError> {
    let Survey { maildrops, octets, .. } = survey;
    let pair = || Pair { from: Arc::clone(from), to: Arc::clone(to) };
    clear(&**to, maildrops).await?;
    let carry = |maildrop, teller| carry::carry(pair(), maildrop, teller);
    let before = each(maildrops, ("copied", *octets), watch, carry).await?;
    let compare = |maildrop, teller| compare::compare(pair(), maildrop, teller);
    each(maildrops, ("compared", *octets), watch, compare).await?;
    Ok(before.into_iter().fold(0, u64::saturating_add))
}

/// What an earlier try brought here of a maildrop that the source has no more, goes.
async fn clear(to: &dyn Store, maildrops: &[MaildropId]) -> Result<(), StoreError> {
    let there: BTreeSet<_> = maildrops.iter().copied().collect();
    for maildrop in to.maildrops().await? {
        if !there.contains(&maildrop) {
            to.remove(maildrop).await?;
        }
    }
    Ok(())
}
