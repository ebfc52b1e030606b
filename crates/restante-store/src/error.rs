//! What can go wrong in a store: absent, full, damaged, disk.

use std::io;

/// Why a store could not do it.
///
/// The public text of a reply is made elsewhere from [`StoreError::is_temporary`] and the
/// variant; the detail here is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The message is not there any more.
    #[error("the message is gone: {detail}")]
    Absent {
        /// What was looked for.
        detail: String,
    },
    /// The disk, or its inodes, or the maildrop's quota.
    #[error("no room: {detail}")]
    Full {
        /// What is full.
        detail: String,
        /// Whether it is this maildrop's own quota.
        quota: bool,
    },
    /// The message is larger than the store takes.
    #[error("too large: at most {octets_max} octets are taken")]
    TooLarge {
        /// The limit.
        octets_max: u64,
    },
    /// What is on the disk is not what was written there.
    #[error("damaged: {detail}")]
    Damaged {
        /// What is wrong, and where.
        detail: String,
    },
    /// Something near it is damaged, and nobody has repaired it yet: what would be shown may
    /// lack messages.
    #[error("not shown before `restante store repair` has looked at what is damaged: {detail}")]
    Doubtful {
        /// What is damaged, and where.
        detail: String,
    },
    /// The system refused.
    #[error("{action}: {source}")]
    Disk {
        /// What was tried, with the path.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the store open.
    #[error("another process has the store {path} open: stop it first, or use its control socket")]
    Locked {
        /// The store's folder.
        path: String,
    },
    /// Whoever asked for it wants it no more. Nothing is harmed.
    #[error("interrupted; nothing is harmed")]
    Interrupted,
    /// What was asked makes no sense here.
    #[error("{detail}")]
    Refused {
        /// Why, and what would.
        detail: String,
    },
    /// The store is closing, or its pool is overloaded.
    #[error("the store takes no more work now")]
    Unavailable,
}

impl StoreError {
    /// What the system said about an action: a full disk (or its inodes) is told apart from
    /// everything else. A quota of the system's is no maildrop's: mail is never refused for
    /// good because of it.
    pub fn disk(action: impl Into<String>, source: io::Error) -> Self {
        let action = action.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { detail: format!("{action}: {source}"), quota: false }
            }
            _ => Self::Disk { action, source },
        }
    }

    /// The same once more, for another who waited for the same thing.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Absent { detail } => Self::Absent { detail: detail.clone() },
            Self::Full { detail, quota } => Self::Full { detail: detail.clone(), quota: *quota },
            Self::TooLarge { octets_max } => Self::TooLarge { octets_max: *octets_max },
            Self::Damaged { detail } => Self::Damaged { detail: detail.clone() },
            Self::Doubtful { detail } => Self::Doubtful { detail: detail.clone() },
            Self::Disk { action, source } => Self::Disk {
                action: action.clone(),
                source: match source.raw_os_error() {
                    Some(number) => io::Error::from_raw_os_error(number),
                    None => io::Error::new(source.kind(), source.to_string()),
                },
            },
            Self::Locked { path } => Self::Locked { path: path.clone() },
            Self::Interrupted => Self::Interrupted,
            Self::Refused { detail } => Self::Refused { detail: detail.clone() },
            Self::Unavailable => Self::Unavailable,
        }
    }

    /// Whether the same may succeed later without anybody's help: `[SYS/TEMP]` against
    /// `[SYS/PERM]` (RFC 3206 §4).
    pub const fn is_temporary(&self) -> bool {
        !matches!(self, Self::Damaged { .. } | Self::TooLarge { .. })
    }
}
