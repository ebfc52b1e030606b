//! What a POP3 session announces: how the site is set up, and what accounts and connection allow.

use mail_wire::Secret;
use mail_wire::sasl::Chance;
use pop3_proto::server::ask::Expire;
use pop3_proto::server::policy::{Announced, Limits, Policy, Usable};
use restante_directory::{Offered, Spread};

use crate::net::service::Service;
use crate::session::context::Context;
use crate::session::visit::Visit;

/// What a session is told of its connection and of the site.
pub(crate) fn policy(visit: &Visit, context: &Context, spread: Option<Spread>) -> Policy {
    let implicit_tls = visit.service == Service::Pop3s;
    let settings = &context.pop3;
    let (offered, chance, timestamp) = means(spread, context);
    let usable = Usable {
        scram: offered.scram,
        tokens: offered.tokens,
        certificates: offered.certificates,
        digests: offered.digests,
        anonymous: offered.anonymous,
    };
    // A greeting in clear that announces APOP would have it used in clear.
    let apop = timestamp.filter(|_| offered.digests && (implicit_tls || visit.cleartext));
    Policy {
        hostname: context.hostname.clone(),
        implementation: settings.implementation.clone(),
        implicit_tls,
        stls: context.tls.is_some() && !implicit_tls,
        cleartext: visit.cleartext,
        apop,
        usable,
        channel: visit.secured.as_ref().map(|secured| secured.channel.clone()).unwrap_or_default(),
        chance,
        last: settings.last,
        extensions: settings.extensions,
        login_delay: spread.and_then(|spread| {
            let per_user = spread.login_delay_differs;
            spread.login_delay.map(|value| Announced { value, per_user })
        }),
        expire: spread.map(|spread| {
            let value = expire(spread.days, context);
            Announced { value, per_user: spread.days_differ && value != Expire::Never }
        }),
        utf8_legacy: settings.utf8_legacy,
        limits: Limits { idle: settings.idle, ..Limits::default() },
    }
}

/// By what one can log in, chance for nonces, and a timestamp for the greeting (P-018). Without
/// chance there is nothing of it but passwords.
fn means(spread: Option<Spread>, context: &Context) -> (Offered, Secret<[u8; 32]>, Option<String>) {
    let (mut chance, mut stamp) = ([0; 32], [0; 32]);
    if getrandom::fill(&mut chance).and_then(|()| getrandom::fill(&mut stamp)).is_err() {
        return (Offered::default(), Secret::new(chance), None);
    }
    let timestamp = Chance::new(Secret::new(stamp)).challenge(&context.hostname);
    let offered = spread.map(|spread| spread.offered).unwrap_or_default();
    (offered, Secret::new(chance), Some(timestamp))
}

/// What EXPIRE says of so many days (P-075). A store that lets nothing expire keeps it for ever,
/// whatever is asked of it.
pub(crate) fn expire(days: Option<u32>, context: &Context) -> Expire {
    match days {
        Some(days) if context.services.store.promises().custody => Expire::Days(days),
        _ => Expire::Never,
    }
}
