//! XWAIT: a session that waits for mail, and hears everything else meanwhile.

use std::io;

use restante_store::Maildrop;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::net::conn::{Connection, Heard};

/// What ended the wait.
#[derive(Debug)]
pub(crate) enum Woken {
    /// Mail may have arrived.
    Mail,
    /// The peer, the time, or somebody in the server.
    Heard(io::Result<Heard>),
    /// An account was changed.
    Accounts,
}

/// Waits until something happens. Where octets are unread already it only looks whether there
/// is mail.
pub(crate) async fn wait(
    connection: &mut Connection,
    maildrop: &mut dyn Maildrop,
    accounts: &mut watch::Receiver<u64>,
    until: Option<Instant>,
) -> Woken {
    if !connection.input.unread().is_empty() {
        let mail = tokio::task::unconstrained(maildrop.arrival());
        return tokio::select! {
            biased;
            () = mail => Woken::Mail,
            () = std::future::ready(()) => Woken::Heard(Ok(Heard::Octets)),
        };
    }
    tokio::select! {
        biased;
        () = maildrop.arrival() => Woken::Mail,
        heard = connection.fill(until) => Woken::Heard(heard),
        // The sender lives as long as the server.
        Ok(()) = accounts.changed() => Woken::Accounts,
    }
}
