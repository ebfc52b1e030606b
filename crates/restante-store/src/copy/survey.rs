//! How much there is to be copied, and what of it the target cannot keep.

use std::fmt;
use std::sync::Arc;

use mail_wire::MaildropId;

use crate::copy::looked::Looked;
use crate::error::StoreError;
use crate::store::{Promises, Store};

/// What a target cannot keep of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// Messages that are held or set aside: it would show them to everyone.
    pub withheld: u64,
    /// Messages that are hidden from some: it shows them to everyone.
    pub hidden: u64,
    /// Messages with a stand-in for their header, for who may not see raw UTF-8.
    pub stand_ins: u64,
}

impl Beyond {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            withheld: self.withheld.saturating_add(other.withheld),
            hidden: self.hidden.saturating_add(other.hidden),
            stand_ins: self.stand_ins.saturating_add(other.stand_ins),
        }
    }
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { withheld, hidden, stand_ins } = self;
        let mut first = true;
        for (count, what) in [
            (withheld, "held or set aside"),
            (hidden, "hidden from some credentials"),
            (stand_ins, "with a stand-in for a header in UTF-8"),
        ] {
            if *count > 0 {
                let comma = if first { "" } else { ", " };
                let messages = if *count == 1 { "message" } else { "messages" };
                write!(f, "{comma}{count} {messages} {what}")?;
                first = false;
            }
        }
        Ok(())
    }
}

/// What there is in one maildrop.
pub(super) struct Surveyed {
    /// Messages that will be in the target.
    pub(super) messages: u64,
    /// Their octets.
    pub(super) octets: u64,
    /// What cannot be kept.
    pub(super) beyond: Beyond,
}

/// Looks at one maildrop of the source.
pub(super) async fn survey(
    from: Arc<dyn Store>,
    promises: Promises,
    maildrop: MaildropId,
) -> Result<Surveyed, StoreError> {
    let source = Looked::at(&*from, maildrop).await?;
    let mut found = Surveyed { messages: 0, octets: 0, beyond: Beyond::default() };
    if !promises.custody {
        (found.beyond.withheld, found.beyond.hidden) = source.withheld();
    }
    for number in source.wanted(promises.custody) {
        let entry = source.entry(number)?;
        found.messages = found.messages.saturating_add(1);
        found.octets = found.octets.saturating_add(entry.octets.get());
        if !promises.surrogates && source.stand_in(number).is_some() {
            found.beyond.stand_ins = found.beyond.stand_ins.saturating_add(1);
        }
    }
    Ok(found)
}
