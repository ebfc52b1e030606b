//! Every number the server counts: name, help and unit, defined once, rendered as OpenMetrics.
//!
//! Plain atomics do here what a metrics crate would: nothing is looked up by name, nothing is
//! allocated, and two servers in one process keep their numbers apart.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::net::service::Service;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more, for now.
    pub fn raise(&self) {
        self.raise_by(1);
    }

    /// So many more, for now.
    pub fn raise_by(&self, more: usize) {
        self.0.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// One less.
    pub fn lower(&self) {
        let _before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_sub(1)));
    }

    /// Exactly this.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One number for each service.
#[derive(Debug, Default)]
pub struct ByService<N>([N; 4]);

impl<N> ByService<N> {
    /// The number of this service.
    pub const fn of(&self, service: Service) -> &N {
        let [pop3, pop3s, lmtp, smtp] = &self.0;
        match service {
            Service::Pop3 => pop3,
            Service::Pop3s => pop3s,
            Service::Lmtp => lmtp,
            Service::Smtp => smtp,
        }
    }
}

/// How a number is shown: one row, or one for each service.
trait Shown {
    /// `counter` or `gauge`, as OpenMetrics names it.
    const KIND: &'static str;
    /// Appends the rows.
    fn rows(&self, name: &str, text: &mut String);
}

impl Shown for Counter {
    const KIND: &'static str = "counter";

    fn rows(&self, name: &str, text: &mut String) {
        let _ok = writeln!(text, "{name}_total {}", self.value());
    }
}

impl Shown for Gauge {
    const KIND: &'static str = "gauge";

    fn rows(&self, name: &str, text: &mut String) {
        let _ok = writeln!(text, "{name} {}", self.value());
    }
}

impl<N: Shown> Shown for Arc<N> {
    const KIND: &'static str = N::KIND;

    fn rows(&self, name: &str, text: &mut String) {
        self.as_ref().rows(name, text);
    }
}

impl Shown for ByService<Counter> {
    const KIND: &'static str = "counter";

    fn rows(&self, name: &str, text: &mut String) {
        for service in Service::ALL {
            let value = self.of(service).value();
            let _ok = writeln!(text, "{name}_total{{service=\"{service}\"}} {value}");
        }
    }
}

impl Shown for ByService<Gauge> {
    const KIND: &'static str = "gauge";

    fn rows(&self, name: &str, text: &mut String) {
        for service in Service::ALL {
            let value = self.of(service).value();
            let _ok = writeln!(text, "{name}{{service=\"{service}\"}} {value}");
        }
    }
}

/// One definition gives the field, its documentation, the reference and the rendering.
macro_rules! numbers {
    ($($field:ident: $kind:ty = $name:literal, $help:literal;)*) => {
        /// All numbers of one server.
        #[derive(Debug, Default)]
        pub struct Stats {
            $(#[doc = $help] pub $field: $kind,)*
        }

        impl Stats {
            /// All numbers as OpenMetrics text.
            pub fn render(&self) -> String {
                let mut text = String::new();
                $(
                    let _ok = writeln!(text, "# TYPE {} {}", $name, <$kind as Shown>::KIND);
                    let _ok = writeln!(text, "# HELP {} {}", $name, $help);
                    self.$field.rows($name, &mut text);
                )*
                text.push_str("# EOF\n");
                text
            }
        }

        /// Every number: its name, `counter` or `gauge`, and what it means; for the reference.
        pub const REFERENCE: &[(&str, &str, &str)] =
            &[$(($name, <$kind as Shown>::KIND, $help),)*];
    };
}

numbers! {
    connections: ByService<Counter> =
        "restante_connections", "Connections accepted.";
    connections_open: ByService<Gauge> =
        "restante_connections_open", "Connections that are open now.";
    connections_refused: ByService<Counter> =
        "restante_connections_refused", "Connections turned away with a line, by the limits.";
    proxy_headers_refused: Counter =
        "restante_proxy_headers_refused", "Connections of proxies that did not begin with a PROXY header.";
    connections_displaced: Counter =
        "restante_connections_displaced", "Idle connections without a login that had to make room.";
    accept_failures: Counter =
        "restante_accept_failures", "Times the system could not hand over a connection, such as for want of file descriptors.";
    tls_handshakes: Counter =
        "restante_tls_handshakes", "TLS handshakes that succeeded.";
    tls_handshakes_resumed: Counter =
        "restante_tls_handshakes_resumed", "TLS handshakes that resumed an earlier session.";
    tls_handshakes_failed: Counter =
        "restante_tls_handshakes_failed", "TLS handshakes that failed or took too long.";
    certificate_reloads: Counter =
        "restante_certificate_reloads", "Certificates that were taken into use after the start.";
    certificate_reloads_failed: Counter =
        "restante_certificate_reloads_failed", "New certificates that could not be used; the old one stayed.";
    certificate_not_after: Gauge =
        "restante_certificate_not_after_seconds", "When the certificate in use ends, in seconds since 1970.";
    logins: Counter =
        "restante_logins", "POP3 logins that succeeded.";
    logins_refused: Counter =
        "restante_logins_refused", "POP3 logins with a wrong name or password.";
    logins_blocked: Counter =
        "restante_logins_blocked", "POP3 logins that were not judged, since too many had failed from there.";
    logins_in_use: Counter =
        "restante_logins_in_use", "POP3 logins refused because another session held the maildrop.";
    logins_failed: Counter =
        "restante_logins_failed", "POP3 logins refused because directory or store could not answer.";
    logins_cleartext: Counter =
        "restante_logins_cleartext", "POP3 logins without TLS from beyond this machine.";
    take_overs: Counter =
        "restante_take_overs", "Dead sessions that were ended because their account logged in again.";
    messages_sent: Counter =
        "restante_messages_sent", "Messages sent whole by RETR.";
    octets_sent: Counter =
        "restante_octets_sent_octets", "Octets of messages sent, as LIST counts them.";
    messages_removed: Counter =
        "restante_messages_removed", "Messages removed by QUIT and XCOMMIT.";
    updates_failed: Counter =
        "restante_updates_failed", "QUITs and XCOMMITs whose removals failed.";
    messages_digested: Counter =
        "restante_messages_digested", "Messages whose SHA-256 was told by XDIGEST.";
    waits: Counter =
        "restante_waits", "Times a session began to wait for mail by XWAIT.";
    messages_cut: Counter =
        "restante_messages_cut", "Messages cut off because they could not be read to their end.";
    messages_unreadable: Counter =
        "restante_messages_unreadable", "Messages that could not be read at all when asked for.";
    messages_accepted: ByService<Counter> =
        "restante_messages_accepted", "Copies of messages taken in, one a maildrop.";
    octets_accepted: Counter =
        "restante_octets_accepted_octets", "Octets of messages taken in, one count a maildrop.";
    recipients_refused: ByService<Counter> =
        "restante_recipients_refused", "Recipients refused.";
    deliveries_failed: ByService<Counter> =
        "restante_deliveries_failed", "Deliveries that failed after their recipient was accepted.";
    messages_repaired: Counter =
        "restante_messages_repaired", "Messages changed at intake: NUL, missing blank line, old Return-Path.";
    messages_leased: Arc<Gauge> =
        "restante_messages_leased", "Messages that are with a worker's session now.";
    messages_offered_again: Counter =
        "restante_messages_offered_again", "Messages that a worker's session left unfinished.";
    sessions_died_at_messages: Counter =
        "restante_sessions_died_at_messages", "Sessions that ended without QUIT at a message.";
    messages_suspected: Counter =
        "restante_messages_suspected", "Times that session after session ended at a message that was not set aside.";
    messages_set_aside: Counter =
        "restante_messages_set_aside", "Messages taken out of every listing for what they do to workers.";
    messages_expired: Counter =
        "restante_messages_expired", "Messages destroyed because their time was over.";
    sessions_panicked: Counter =
        "restante_sessions_panicked", "Sessions that ended by a fault of ours.";
    sessions_idle_ended: ByService<Counter> =
        "restante_sessions_idle_ended", "Sessions ended by the autologout timer.";
    sessions_write_timed_out: ByService<Counter> =
        "restante_sessions_write_timed_out", "Sessions ended because the peer did not read.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendering_follows_openmetrics() {
        let stats = Stats::default();
        stats.logins.increment();
        stats.connections.of(Service::Lmtp).add(3);
        let text = stats.render();
        assert!(text.contains("# TYPE restante_logins counter\n"), "{text}");
        assert!(text.contains("\nrestante_logins_total 1\n"), "{text}");
        assert!(text.contains("\nrestante_connections_total{service=\"lmtp\"} 3\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn every_number_has_a_name_of_its_own_and_a_sentence() {
        for (index, (name, _, help)) in REFERENCE.iter().enumerate() {
            assert!(name.starts_with("restante_") && help.ends_with('.'), "{name}: {help}");
            assert!(!name.ends_with("_total"), "{name}: the suffix is added where it is shown");
            assert!(REFERENCE.iter().skip(index + 1).all(|(other, ..)| other != name), "{name}");
        }
    }

    #[test]
    fn a_gauge_never_wraps() {
        let gauge = Gauge::default();
        gauge.lower();
        assert_eq!(gauge.value(), 0);
    }
}
