//! Calls that fail.

use std::io;

/// What a call answers that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The device does not do it.
    Io,
    /// There is no room.
    Full,
}

impl Failure {
    pub(crate) fn error(self) -> io::Error {
        // As Linux numbers them: EIO, ENOSPC.
        io::Error::from_raw_os_error(match self {
            Self::Io => 5,
            Self::Full => 28,
        })
    }
}

/// What calls there are, as far as faults tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// A sync of a file.
    Sync,
    /// A sync of a folder.
    SyncFolder,
    /// A name is taken away.
    Unlink,
    Other,
}

/// Of which calls some fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    All,
    Syncs,
    /// Those that take names away, and make that durable.
    Names,
    /// Those that take names away.
    Unlinks,
}

/// Which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// So many calls that count are done before.
    pub(crate) after: u64,
    /// So many fail then.
    pub(crate) times: u64,
    pub(crate) failure: Failure,
    /// Which count.
    pub(crate) among: Among,
}

impl Fault {
    /// Whether the call that comes now fails.
    pub(crate) fn strikes(&mut self, call: Call) -> bool {
        let counts = match self.among {
            Among::All => true,
            Among::Syncs => matches!(call, Call::Sync | Call::SyncFolder),
            Among::Unlinks => matches!(call, Call::Unlink),
            Among::Names => matches!(call, Call::Unlink | Call::SyncFolder),
        };
        if !counts {
            return false;
        }
        if self.after > 0 {
            self.after = self.after.saturating_sub(1);
            return false;
        }
        let strikes = self.times > 0;
        self.times = self.times.saturating_sub(1);
        strikes
    }
}
