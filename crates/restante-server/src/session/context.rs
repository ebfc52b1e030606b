//! What all sessions of one server share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::guard::deaths::Deaths;
use crate::guard::leases::Leases;
use crate::guard::limits::{Gate, Limits};
use crate::guard::penalty::Penalties;
use crate::guard::presence::{Presence, Sessions};
use crate::guard::shown::Shown;
use crate::ledger::events;
use crate::ledger::roll::Roll;
use crate::ledger::stats::Stats;
use crate::net::tls::{Certificate, Tls};
use crate::session::services::Services;
use crate::session::settings::{IntakeSettings, Pop3Settings};

/// What all sessions of one server share.
pub(crate) struct Context {
    pub(crate) hostname: String,
    pub(crate) pop3: Pop3Settings,
    pub(crate) intake: IntakeSettings,
    pub(crate) limits: Limits,
    pub(crate) sessions: Sessions,
    pub(crate) services: Services,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) deaths: Arc<Deaths>,
    /// What each credential was shown last.
    pub(crate) shown: Arc<Shown>,
    /// At how many deaths running a message is suspected, and set aside for workers.
    pub(crate) deaths_max: u32,
    pub(crate) penalties: Penalties,
    pub(crate) roll: Arc<Roll>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) draining: watch::Sender<bool>,
    pub(crate) accounts_changed: watch::Sender<u64>,
}

impl Context {
    /// How often accounts changed so far: a session that sees another number than before asks
    /// the directory whether it may go on.
    pub(crate) fn account_changes(&self) -> u64 {
        *self.accounts_changed.borrow()
    }

    /// How long a TLS handshake may take now.
    pub(crate) fn handshake_limit(&self) -> Duration {
        if self.gate.is_under_pressure() {
            self.limits.tls_handshake_under_pressure
        } else {
            self.limits.tls_handshake
        }
    }

    /// This certificate is in use from now on.
    pub(crate) fn certificate_in_use(&self, certificate: &Certificate) {
        let ends = u64::try_from(certificate.not_after.as_second()).unwrap_or_default();
        self.stats.certificate_not_after.set(ends);
        events::certificate_loaded(certificate);
        if !certificate.holds_at(jiff::Timestamp::now()) {
            events::certificate_out_of_date(certificate);
        }
    }

    /// An account changed.
    pub(crate) fn account_changed(&self, _account_id: i64) {
        self.accounts_changed.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}
