//! Does something with each maildrop, several at once, and tells how far that has come.

use std::future::Future;
use std::sync::Arc;

use mail_wire::MaildropId;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::{JoinError, JoinSet, LocalSet};

use crate::error::StoreError;
use crate::store::Store;
use crate::upkeep::{Advance, Watch};

/// From where, and to where.
pub(super) struct Pair {
    pub(super) from: Arc<dyn Store>,
    pub(super) to: Arc<dyn Store>,
}

/// Whom work tells that so many octets more are behind it.
#[derive(Clone)]
pub(super) struct Teller(Sender<u64>);

impl Teller {
    /// So many octets more. Waits while nobody listens: so work ends soon after it is to.
    pub(super) async fn tell(&self, octets: u64) {
        // Nobody listens any more: it is over.
        let _ = self.0.send(octets).await;
    }
}

/// So many maildrops are worked on at once: where each waits for the disk, they wait together.
const AT_ONCE: usize = 32;

/// Does this with each maildrop. `about` says what is done, and of how many octets; 0: maildrops
/// are counted. Answers in no order.
pub(super) async fn each<T, F>(
    maildrops: &[MaildropId],
    (what, octets): (&'static str, u64),
    watch: &dyn Watch,
    work: impl Fn(MaildropId, Teller) -> F,
) -> Result<Vec<T>, StoreError>
where
    T: 'static,
    F: Future<Output = Result<T, StoreError>> + 'static,
{
    let counts = octets == 0;
    let all = if counts { maildrops.len() as u64 } else { octets };
    let advance = Advance { what, done: 0, all };
    let run = run(maildrops, (advance, counts), watch, work);
    // A maildrop that is open stays with one thread.
    LocalSet::new().run_until(run).await
}

async fn run<T, F>(
    maildrops: &[MaildropId],
    (mut advance, counts): (Advance, bool),
    watch: &dyn Watch,
    work: impl Fn(MaildropId, Teller) -> F,
) -> Result<Vec<T>, StoreError>
where
    T: 'static,
    F: Future<Output = Result<T, StoreError>> + 'static,
{
    let (teller, mut told) = mpsc::channel(1);
    let mut running = JoinSet::new();
    let mut waiting = maildrops.iter();
    let mut done = Vec::with_capacity(maildrops.len());
    loop {
        while running.len() < AT_ONCE
            && let Some(maildrop) = waiting.next()
        {
            running.spawn_local(work(*maildrop, Teller(teller.clone())));
        }
        let more = tokio::select! {
            Some(more) = told.recv() => if counts { 0 } else { more },
            joined = running.join_next() => match joined {
                None => return Ok(done),
                Some(outcome) => {
                    done.push(outcome.map_err(broken).flatten()?);
                    u64::from(counts)
                }
            },
        };
        advance.done = advance.done.saturating_add(more).min(advance.all);
        if !watch.goes_on(&advance) {
            // What is under way ends before the stores are closed.
            running.shutdown().await;
            return Err(StoreError::Interrupted);
        }
    }
}

fn broken(fault: JoinError) -> StoreError {
    StoreError::disk("copy a maildrop", std::io::Error::other(fault))
}
