//! From verified credentials to an open maildrop: delay, seat, lock, snapshot.

use std::sync::Arc;

use pop3_proto::server::ask::Refusal;
use restante_directory::Account;
use restante_store::{Maildrop, StoreError};
use tokio::time::Instant;

use crate::guard::leases::Lease;
use crate::guard::presence::{Claim, Holder, Sessions};
use crate::ledger::events;
use crate::session::context::Context;
use crate::session::leased::Leased;
use crate::session::standing::Standing;
use crate::session::visit::Visit;

/// Somebody who has logged in. Dropping it frees the maildrop, and removes nothing.
pub(crate) struct Login {
    pub(crate) account: Account,
    /// Before the claim, so that it goes first.
    pub(crate) maildrop: Box<dyn Maildrop>,
    /// What a worker has.
    pub(crate) lease: Option<Arc<Lease>>,
    _claim: Option<Claim>,
    /// How often accounts had changed when this one was last found valid.
    pub(crate) changes_seen: u64,
    /// When that was.
    pub(crate) valid_at: Instant,
}

/// Opens the account's maildrop for this connection. `utf8`: a header may be shown with raw UTF-8,
/// otherwise its stand-in is.
///
/// # Errors
/// Why not; the lock is free again by then (P-023).
pub(crate) async fn open(
    account: Account,
    utf8: bool,
    visit: &mut Visit,
    context: &Context,
) -> Result<Login, Refusal> {
    let opened = try_open(account, utf8, visit, context).await;
    match &opened {
        Ok(login) => welcome(login, visit, context),
        Err(_) => visit.admission.leave_seat(),
    }
    opened
}

async fn try_open(
    account: Account,
    utf8: bool,
    visit: &mut Visit,
    context: &Context,
) -> Result<Login, Refusal> {
    // Read before the answer, so that a change in between is seen.
    let changes_seen = context.account_changes();
    if let Some(delay) = account.login_delay
        && let Some(wait) = context.penalties.login_wait(account.id, delay, Instant::now())
    {
        return Err(Refusal::LoginDelay { wait });
    }
    if !visit.admission.take_seat(account.id) {
        context.stats.logins_in_use.increment();
        events::login_in_use(visit.present.id(), visit.peer, &account.name, "by too many sessions");
        return Err(Refusal::InUse { holder: None });
    }
    let standing = Standing::of(&account, visit.peer, utf8, context.sessions);
    let claim = match standing.sessions {
        Sessions::Exclusive { lock_wait } => {
            visit.present.does("waiting for a maildrop");
            let nudge = Arc::clone(&visit.nudge);
            let me = Holder { peer: visit.peer, since: jiff::Timestamp::now(), nudge };
            match context.presence.claim(account.maildrop, me, lock_wait).await {
                Ok(claim) => Some(claim),
                Err(holder) => {
                    visit.present.does("before login");
                    let holder = holder.map(|holder| holder.describe());
                    context.stats.logins_in_use.increment();
                    let shown = holder.as_deref().unwrap_or("a moment ago");
                    events::login_in_use(visit.present.id(), visit.peer, &account.name, shown);
                    return Err(Refusal::InUse { holder });
                }
            }
        }
        Sessions::Snapshot => None,
    };
    match open_maildrop(&account, standing, context).await {
        Ok((maildrop, lease)) => {
            let valid_at = Instant::now();
            Ok(Login { account, maildrop, lease, _claim: claim, changes_seen, valid_at })
        }
        Err(error) => {
            // P-056: a maildrop that cannot be read in full is never shown empty or in part.
            context.stats.logins_failed.increment();
            let (session, name) = (visit.present.id(), account.name.as_bytes());
            events::login_failed(session, visit.peer, name, &error.to_string());
            Err(if error.is_temporary() { Refusal::Temporary } else { Refusal::Permanent })
        }
    }
}

async fn open_maildrop(
    account: &Account,
    standing: Standing,
    context: &Context,
) -> Result<(Box<dyn Maildrop>, Option<Arc<Lease>>), StoreError> {
    let store = &context.services.store;
    let Some(batch) = standing.batch else {
        return Ok((store.open(account.maildrop, standing.view).await?, None));
    };
    let lease = Arc::new(context.leases.begin(account.maildrop, standing.group(), batch));
    let (store, maildrop) = (Arc::clone(store), account.maildrop);
    let leased = Leased::open(store, maildrop, standing.view, Arc::clone(&lease)).await?;
    Ok((Box::new(leased), Some(lease)))
}

fn welcome(login: &Login, visit: &mut Visit, context: &Context) {
    visit.admission.logged_in();
    visit.present.is(&login.account.name);
    context.stats.logins.increment();
    if let Some(delay) = login.account.login_delay {
        context.penalties.logged_in(login.account.id, delay, Instant::now());
    }
    // P-132
    let secrecy = match &visit.secured {
        Some(secured) => format!("{} {}", secured.version, secured.suite),
        None if visit.tls_at_proxy => "TLS as far as the proxy".to_owned(),
        None if visit.peer.is_loopback() => "without TLS, on this machine".to_owned(),
        None => {
            context.stats.logins_cleartext.increment();
            "in clear text".to_owned()
        }
    };
    let credential = login.account.label.as_deref().unwrap_or("main password");
    events::login(visit.present.id(), visit.peer, &login.account.name, credential, &secrecy);
}
