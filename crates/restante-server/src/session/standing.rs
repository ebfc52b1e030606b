//! What an account's settings say of one of its sessions: its view, its lock, its lease.

use mail_wire::Views;
use restante_directory::{Account, Sessions as Own};
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
        let view = View {
            credential: credential(account.credential),
            peer: Some(peer.to_string()),
            utf8,
            ..View::default()
        };
        Self { view, sessions: sessions(account, site), batch: None }
    }

    /// For whom a worker's deletions count: its credential alone, or (`None`) all.
    pub(crate) fn group(&self) -> Option<u64> {
        (self.view.views == Views::PerCredential).then_some(self.view.credential)
    }
}

/// Whether this account's sessions exclude each other: as its maildrop is kept, else as the
/// server has it.
fn sessions(account: &Account, site: Sessions) -> Sessions {
    match (account.sessions, site) {
        (Some(Own::Snapshot), _) => Sessions::Snapshot,
        (Some(Own::Exclusive), Sessions::Snapshot) => Sessions::default(),
        (_, site) => site,
    }
}

fn credential(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
