//! Where file work that may wait for the disk is done: a bounded number of threads, a bounded
//! queue before them.

use std::io;

use tokio::sync::Semaphore;
use tokio::task;

use crate::error::StoreError;

/// A bound on blocking work. The threads are tokio's; this decides how many of them one part
/// may keep busy, and how much may wait.
#[derive(Debug)]
pub(crate) struct Pool {
    /// One for each piece of work that runs or waits.
    places: Semaphore,
    /// One for each piece of work that runs.
    threads: Semaphore,
    /// There is nobody else: the work is done where it is asked for.
    #[cfg(feature = "simulation")]
    is_inline: bool,
}

impl Pool {
    /// So many pieces of work at once, and so many more that wait.
    pub(crate) const fn new(threads: usize, queue_max: usize) -> Self {
        Self {
            places: Semaphore::const_new(threads.saturating_add(queue_max)),
            threads: Semaphore::const_new(threads),
            #[cfg(feature = "simulation")]
            is_inline: false,
        }
    }

    /// One without threads: all is done where it is asked for.
    #[cfg(feature = "simulation")]
    pub(crate) const fn inline() -> Self {
        Self { is_inline: true, ..Self::new(1, 1) }
    }

    /// Does the work on a thread that may block. When too much waits already, it is refused at
    /// once: better a `[SYS/TEMP]` now than an answer after the peer has given up.
    ///
    /// Dropping the future before the work has begun means that it never begins; once begun, it
    /// ends on its own.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        #[cfg(feature = "simulation")]
        if self.is_inline {
            return Ok(work());
        }
        let _place = self.places.try_acquire().map_err(|_| StoreError::Unavailable)?;
        let _thread = self.threads.acquire().await.map_err(|_| StoreError::Unavailable)?;
        task::spawn_blocking(work).await.map_err(|fault| StoreError::Disk {
            action: "work on files".into(),
            source: io::Error::other(fault.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused_at_once() {
        let pool = Arc::new(Pool::new(1, 1));
        let (finish, wait) = mpsc::channel::<()>();
        let (begun_tell, begun) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                pool.run(move || {
                    let _ = begun_tell.send(());
                    wait.recv().is_ok()
                })
                .await
            }
        });
        begun.await.unwrap();
        let mut second = Box::pin(pool.run(|| 2));
        // Polled once, so that it stands in the queue.
        tokio::select! {
            biased;
            _ = &mut second => panic!("the only thread is busy"),
            () = std::future::ready(()) => {}
        }
        assert!(matches!(pool.run(|| 3).await, Err(StoreError::Unavailable)));
        finish.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert_eq!(second.await.unwrap(), 2);
        assert_eq!(pool.run(|| 4).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_panic_in_the_work_is_an_error_and_gives_the_thread_back() {
        let pool = Pool::new(1, 0);
        let outcome: Result<(), StoreError> = pool.run(|| panic!("seeded")).await;
        assert!(outcome.is_err());
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    }
}
