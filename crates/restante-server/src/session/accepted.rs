//! From accept to goodbye: what every connection goes through, whatever it speaks.

use std::sync::Arc;

use tokio::time::timeout;

use crate::guard::limits::{Admission, Refused};
use crate::guard::nudge::Nudge;
use crate::ledger::events;
use crate::ledger::roll::Present;
use crate::net::conn::Connection;
use crate::net::service::{Peer, Service};
use crate::net::socket::Socket;
use crate::net::tls::{Protocol, Secured, Tls};
use crate::session::context::Context;
use crate::session::handshake::handshake;
use crate::session::visit::Visit;
use crate::session::{lmtp, pop3};

/// A connection that was let in.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) peer: Peer,
    pub(crate) service: Service,
    /// Whether a password may come without TLS.
    pub(crate) cleartext: bool,
    /// TLS ends at a proxy, behind which nobody listens.
    pub(crate) tls_at_proxy: bool,
    pub(crate) admission: Admission,
    pub(crate) present: Present,
    pub(crate) nudge: Arc<Nudge>,
}

/// Serves one connection from accept to close.
pub(crate) async fn serve(accepted: Accepted, context: Arc<Context>) {
    let Accepted { socket, peer, service, cleartext, tls_at_proxy, admission, present, nudge } =
        accepted;
    let _open = Open::new(&context, service, peer, present.id());
    let mut connection = Connection::new(socket, Arc::clone(&nudge), context.limits.write);
    let mut visit =
        Visit { peer, service, cleartext, tls_at_proxy, admission, present, nudge, secured: None };
    if service == Service::Pop3s {
        let Some(tls) = &context.tls else { return };
        if let Ok(secured) = begin_with_tls(&mut connection, tls, &visit, &context).await {
            visit.secured = Some(secured);
        } else {
            connection.close().await;
            return;
        }
    }
    if service.is_pop3() {
        pop3::serve(connection, visit, &context).await;
    } else {
        lmtp::serve(connection, visit, &context).await;
    }
}

/// Port 995: the handshake comes first, nothing is said before it (P-124).
async fn begin_with_tls(
    connection: &mut Connection,
    tls: &Tls,
    visit: &Visit,
    context: &Context,
) -> Result<Secured, ()> {
    visit.present.does("TLS handshake");
    let limit = context.handshake_limit();
    let first = timeout(limit, connection.first_octet()).await;
    if !matches!(first, Ok(Ok(Some(0x16) | None) | Err(_))) {
        // Clear text, or a client that waits for a greeting in the clear (`rulings` 5).
        events::wrong_port(visit.present.id(), visit.service, visit.peer);
        connection.output.extend_from_slice(b"-ERR this port speaks TLS from the first octet\r\n");
        return Err(());
    }
    handshake(connection, tls, Protocol::Pop3, visit, context).await
}

/// Says in one line why a connection is not let in, and closes it (P-017). Nothing is waited
/// for: whoever floods us must not cost us a task each.
pub(crate) fn turn_away(socket: &Socket, service: Service, why: Refused) {
    let line = match service {
        Service::Pop3 => format!("-ERR [SYS/TEMP] {}\r\n", why.text()),
        Service::Lmtp | Service::Smtp => format!("421 4.7.0 {}\r\n", why.text()),
        // Nothing can be said before the handshake.
        Service::Pop3s => return,
    };
    socket.say_now(line.as_bytes());
}

/// Counts a connection for as long as it is open, and notices when it ends in a panic.
struct Open<'c> {
    context: &'c Context,
    service: Service,
    peer: Peer,
    session: u64,
}

impl<'c> Open<'c> {
    fn new(context: &'c Context, service: Service, peer: Peer, session: u64) -> Self {
        context.stats.connections_open.of(service).raise();
        Self { context, service, peer, session }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.context.stats.connections_open.of(self.service).lower();
        if std::thread::panicking() {
            self.context.stats.sessions_panicked.increment();
            events::session_panicked(self.session, self.service, self.peer);
        }
    }
}
