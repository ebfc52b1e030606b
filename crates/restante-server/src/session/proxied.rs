//! A connection by way of a proxy: who really calls is known after the PROXY header.

use std::sync::Arc;

use ipnet::IpNet;

use crate::guard::limits::Admission;
use crate::guard::nudge::Nudge;
use crate::ledger::events;
use crate::net::proxy_header::read_header;
use crate::net::service::{Peer, Service};
use crate::net::socket::Socket;
use crate::session::accepted::{Accepted, serve, turn_away};
use crate::session::context::Context;

/// What a listener lets in.
pub(crate) struct Door {
    pub(crate) service: Service,
    pub(crate) cleartext_from: Arc<[IpNet]>,
}

impl Door {
    /// Whether a password of this peer may come without TLS.
    pub(crate) fn takes_cleartext(&self, peer: Peer) -> bool {
        peer.is_loopback() || contains(&self.cleartext_from, peer)
    }
}

/// Whether a peer is in one of these networks.
pub(crate) fn contains(networks: &[IpNet], peer: Peer) -> bool {
    networks.iter().any(|network| network.contains(&peer.ip()))
}

/// Serves one connection of a proxy. Limits, log and everything else know the caller that it
/// names (P-235); nothing is said before that is known (P-230).
pub(crate) async fn serve_proxied(
    mut socket: Socket,
    proxy: Peer,
    door: Door,
    (mut admission, nudge): (Admission, Arc<Nudge>),
    context: Arc<Context>,
) {
    let service = door.service;
    let header = match read_header(&mut socket).await {
        Ok(header) => header,
        Err(error) => {
            context.stats.proxy_headers_refused.increment();
            events::connection_refused(service, proxy, &error.to_string());
            return;
        }
    };
    let peer = header.addresses.map_or(proxy, |(from, _)| Peer::at(from));
    // What the proxy passes on in the clear must not pass by anybody.
    let tls_at_proxy = header.tls.is_some() && door.takes_cleartext(proxy);
    let refused = match peer {
        // The proxy's own check of whether we are there is no caller of its network.
        _ if header.addresses.is_none() => Ok(()),
        _ if service == Service::Lmtp => Ok(()),
        _ => admission.comes_from(peer.ip()),
    };
    if let Err(why) = refused {
        context.stats.connections_refused.of(service).increment();
        events::connection_refused(service, peer, why.text());
        turn_away(&socket, service, why);
        return;
    }
    let cleartext = tls_at_proxy || door.takes_cleartext(peer);
    let present = context.roll.enter(service, peer, &nudge);
    let accepted =
        Accepted { socket, peer, service, cleartext, tls_at_proxy, admission, present, nudge };
    serve(accepted, context).await;
}
