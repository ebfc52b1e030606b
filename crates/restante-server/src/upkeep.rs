//! What a running server does now and then, and what no session waits for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::session::context::Context;

/// How often.
const EVERY: Duration = Duration::from_hours(1);

/// Looks after things for as long as the server runs.
pub(crate) async fn keep_up(context: Arc<Context>) {
    loop {
        context.leases.forget_old(Instant::now());
        sleep(EVERY).await;
    }
}
