//! What a session needs to know of its connection.

use std::sync::Arc;

use crate::guard::limits::Admission;
use crate::guard::nudge::Nudge;
use crate::ledger::roll::Present;
use crate::net::service::{Peer, Service};
use crate::net::tls::Secured;

/// What a session needs to know of its connection.
pub(crate) struct Visit {
    pub(crate) peer: Peer,
    pub(crate) service: Service,
    pub(crate) cleartext: bool,
    /// TLS ends at a proxy, behind which nobody listens.
    pub(crate) tls_at_proxy: bool,
    pub(crate) admission: Admission,
    pub(crate) present: Present,
    pub(crate) nudge: Arc<Nudge>,
    pub(crate) secured: Option<Secured>,
}
