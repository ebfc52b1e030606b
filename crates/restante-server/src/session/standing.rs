//! What an account's settings say of one of its sessions: its view, its lock, its lease.

use mail_wire::{After, Views};
use restante_directory::{Account, Kind, Sessions as Own};
use restante_store::View;

use crate::guard::presence::Sessions;
use crate::net::service::Peer;

/// As whom a session is in its maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) view: View,
    pub(crate) sessions: Sessions,
    /// How many messages a worker is given; `None`: a device, which sees all.
    pub(crate) batch: Option<usize>,
}

impl Standing {
    /// That of this account, which logged in from there. `utf8`: whether raw UTF-8 in a header
    /// may be shown to it.
    pub(crate) fn of(account: &Account, peer: Peer, utf8: bool, site: Sessions) -> Self {
        let keeping = account.keeping;
        let view = View {
            credential: credential(account.credential),
            peer: Some(peer.to_string()),
            delete: keeping.delete,
            views: keeping.views,
            others: account.active.iter().copied().map(credential).collect(),
            utf8,
            everything: false,
            notes_retrieval: keeping
                .retention
                .is_some_and(|retention| retention.after == After::Retrieval),
        };
        let batch = (account.kind == Kind::Worker)
            .then(|| usize::try_from(account.batch).unwrap_or(usize::MAX).max(1));
        Self { view, sessions: sessions(account, site), batch }
    }

    /// For whom a worker's deletions count: its credential alone, or (`None`) all.
    pub(crate) fn group(&self) -> Option<u64> {
        (self.view.views == Views::PerCredential).then_some(self.view.credential)
    }
}

/// Whether this account's sessions exclude each other: as its maildrop is kept, else as the
/// server has it. Views of their own and workers imply that they do not (`product` §4).
fn sessions(account: &Account, site: Sessions) -> Sessions {
    if account.kind == Kind::Worker || account.keeping.views == Views::PerCredential {
        return Sessions::Snapshot;
    }
    match (account.sessions, site) {
        (Some(Own::Snapshot), _) => Sessions::Snapshot,
        (Some(Own::Exclusive), Sessions::Snapshot) => Sessions::default(),
        (_, site) => site,
    }
}

fn credential(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
