//! How a maildrop is kept: what a deletion does, whose it is, how long, and how much.

use std::time::Duration;

/// How one maildrop is kept (`product` §5, `rulings` 12). The default is what RFC 1939 says: a
/// deletion destroys, for everyone; nothing expires; nothing is too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Keeping {
    /// What becomes of a message that was deleted.
    pub delete: Delete,
    /// Whose deletion counts for whom.
    pub views: Views,
    /// When messages go by themselves; `None`: never.
    pub retention: Option<Retention>,
    /// How much it may hold.
    pub quota: Quota,
}

impl Keeping {
    /// Whether the store has to remember something of messages beyond that they are there: it
    /// does unless a deletion destroys, for all, and nothing goes by itself.
    #[must_use]
    pub fn needs_custody(&self) -> bool {
        self.delete != Delete::Destroy || self.views != Views::Shared || self.retention.is_some()
    }
}

/// What becomes of a message that a session deleted and updated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delete {
    /// It is destroyed.
    #[default]
    Destroy,
    /// It leaves every listing, can be restored for so long, and is destroyed then.
    Hold(Duration),
    /// It stays where it is.
    Ignore,
}

/// Whose deletion counts for whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Views {
    /// What one session deletes is deleted for all.
    #[default]
    Shared,
    /// A deletion hides the message from its credential alone. It is deleted when every active
    /// device credential has done so.
    PerCredential,
}

/// When messages go by themselves: announced as EXPIRE (RFC 2449 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retention {
    /// So many days after that.
    pub days: u32,
    /// After what.
    pub after: After,
}

/// What the days of a [`Retention`] are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum After {
    /// The message was delivered.
    Delivery,
    /// The message was retrieved to its end for the first time.
    Retrieval,
}

/// How much a maildrop may hold; `None` is any number. What is held or set aside is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How many messages.
    pub messages: Option<u64>,
    /// How many octets, as LIST counts them.
    pub octets: Option<u64>,
}

impl Quota {
    /// Whether a maildrop that holds this much may take one more message of so many octets.
    #[must_use]
    pub fn has_room(&self, messages: u64, octets: u64, more: u64) -> bool {
        self.messages.is_none_or(|max| messages < max)
            && self.octets.is_none_or(|max| octets.saturating_add(more) <= max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // issue: quotas per maildrop, in messages and octets
    #[test]
    fn a_quota_is_met_to_the_last_octet() {
        let none = Quota::default();
        assert!(none.has_room(u64::MAX, u64::MAX, u64::MAX));
        let both = Quota { messages: Some(2), octets: Some(100) };
        assert!(both.has_room(1, 60, 40));
        assert!(!both.has_room(1, 60, 41), "one octet too many");
        assert!(!both.has_room(2, 0, 1), "one message too many");
    }
}
