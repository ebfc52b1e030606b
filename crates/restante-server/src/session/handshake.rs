//! The switch to TLS, whichever command or port asked for it.

use std::io;

use crate::ledger::events;
use crate::net::conn::Connection;
use crate::net::tls::{Protocol, Secured, Tls};
use crate::session::context::Context;
use crate::session::visit::Visit;

/// Switches to TLS and counts it.
pub(crate) async fn handshake(
    connection: &mut Connection,
    tls: &Tls,
    protocol: Protocol,
    visit: &Visit,
    context: &Context,
) -> Result<Secured, ()> {
    match connection.secure(tls, protocol, context.handshake_limit()).await {
        Ok(secured) => {
            context.stats.tls_handshakes.increment();
            if secured.resumed {
                context.stats.tls_handshakes_resumed.increment();
            }
            Ok(secured)
        }
        Err(error) => {
            context.stats.tls_handshakes_failed.increment();
            // A peer that went away before it said a word is a probe, not a failure.
            if error.kind() != io::ErrorKind::UnexpectedEof {
                events::handshake_failed(visit.present.id(), visit.service, visit.peer, &error);
            }
            Err(())
        }
    }
}
