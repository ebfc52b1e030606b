//! What a running server does now and then, and what no session waits for: mail whose time is
//! over goes.

use std::sync::Arc;
use std::time::Duration;

use restante_directory::Kept;
use restante_store::custody::Custody;
use tokio::time::{Instant, sleep};

use crate::ledger::events;
use crate::session::context::Context;

/// How often, give or take a tenth: servers that were started together do not work together.
const EVERY: Duration = Duration::from_hours(1);
/// Between two maildrops where something expired: whoever waits for the disk comes first.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks after things for as long as the server runs. It may be dropped at any time: what is
/// being destroyed is or is not, and the next server goes on.
pub(crate) async fn look_after(context: Arc<Context>) {
    loop {
        context.leases.forget_old(Instant::now());
        if let Some(custody) = context.services.store.custody() {
            expire(custody, &context).await;
        }
        sleep(EVERY.mul_f64(0.9 + chance() / 5.0)).await;
    }
}

/// Goes through all maildrops, one after another: also where nothing expires by now something
/// may be held from before.
async fn expire(custody: &dyn Custody, context: &Context) {
    let mut after = None;
    loop {
        let page = match context.services.directory.kept(after).await {
            Ok(page) => page,
            Err(error) => return events::expiry_unknown(&error.to_string()),
        };
        let Some(last) = page.last() else { return };
        after = Some(last.maildrop);
        for Kept { maildrop, keeping } in page {
            match custody.expire(maildrop, keeping.retention).await {
                Ok(0) => {}
                Ok(messages) => {
                    let count = u64::try_from(messages).unwrap_or(u64::MAX);
                    context.stats.messages_expired.add(count);
                    events::messages_expired(maildrop, messages);
                    sleep(PAUSE).await;
                }
                Err(error) => events::expiry_failed(maildrop, &error.to_string()),
            }
        }
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    let mut octet = [0_u8; 1];
    // Without chance it is half past.
    if getrandom::fill(&mut octet).is_err() {
        return 0.5;
    }
    let [octet] = octet;
    f64::from(octet) / 255.0
}
