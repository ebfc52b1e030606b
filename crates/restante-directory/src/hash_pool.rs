//! Where hashes are computed: a bounded pool, so that a flood of guesses keeps neither the
//! event loop nor all of the machine busy.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::workbench::Workbench;

/// As many places as hashes may be computed at once, and a queue in front of them.
pub(crate) struct HashPool {
    places: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    inside_max: usize,
    counts: Arc<Counts>,
    benches: Arc<Benches>,
}

/// The workbenches that nobody works on now; as many as places at most.
#[derive(Default)]
struct Benches(Mutex<Vec<Workbench>>);

/// What the pool has done since it was made.
#[derive(Default)]
struct Counts {
    computed: Mutex<BTreeMap<&'static str, u64>>,
    refused: AtomicU64,
}

/// The queue is full, or the computation broke.
#[derive(Debug)]
pub(crate) struct Overloaded(pub(crate) &'static str);

impl HashPool {
    pub(crate) fn new(places: usize, queue_per_place: usize) -> Self {
        let places = places.clamp(1, 1_024);
        Self {
            places: Arc::new(Semaphore::new(places)),
            inside: Arc::default(),
            inside_max: places.saturating_add(places.saturating_mul(queue_per_place)),
            counts: Arc::default(),
            benches: Arc::default(),
        }
    }

    /// Runs work that computes hashes and counts them. Full: refused at once, so that a peer
    /// hears "not now" instead of waiting for nothing.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Workbench) -> T + Send + 'static,
    ) -> Result<T, Overloaded> {
        let Some(inside) = Inside::enter(&self.inside, self.inside_max) else {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Overloaded("the queue for password hashes is full"));
        };
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| Overloaded("the pool for password hashes is closed"))?;
        let (counts, benches) = (Arc::clone(&self.counts), Arc::clone(&self.benches));
        // The place goes with the work: when the asker gives up, the place is taken until the
        // work is done.
        tokio::task::spawn_blocking(move || {
            let mut bench = benches.take();
            let result = work(&mut bench);
            counts.add(bench.counted());
            // Before the place is free, so that who gets it finds the bench.
            benches.give_back(bench);
            drop((place, inside));
            result
        })
        .await
        .map_err(|_| Overloaded("a password hash could not be computed"))
    }

    /// How many hashes were computed.
    pub(crate) fn computed(&self) -> u64 {
        self.computed_by_family().values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many hashes of each family were computed.
    pub(crate) fn computed_by_family(&self) -> BTreeMap<&'static str, u64> {
        self.counts.computed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was too full.
    pub(crate) fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed)
    }

    /// How many are computed or wait.
    pub(crate) fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }
}

impl Counts {
    fn add(&self, computed: &[(&'static str, u64)]) {
        let mut counts = self.computed.lock().unwrap_or_else(PoisonError::into_inner);
        for (family, computed) in computed {
            let count = counts.entry(family).or_default();
            *count = count.saturating_add(*computed);
        }
    }
}

impl Benches {
    /// One that was used before, if there is one.
    fn take(&self) -> Workbench {
        self.idle().pop().unwrap_or_default()
    }

    fn give_back(&self, bench: Workbench) {
        let bench = bench.tidied();
        self.idle().push(bench);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Workbench>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One in the pool, waiting or computing; leaves when dropped.
struct Inside(Arc<AtomicUsize>);

impl Inside {
    fn enter(inside: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        inside
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
                (now < max).then(|| now.saturating_add(1))
            })
            .ok()
            .map(|_| Self(Arc::clone(inside)))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::password::Hasher;
    use crate::settings::HashCost;

    // security §4.2: a full queue says so at once, and empties again
    #[tokio::test]
    async fn a_full_queue_refuses_and_recovers() {
        let pool = Arc::new(HashPool::new(1, 1));
        let (release, held) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                pool.run(move |_| {
                    started.send(()).unwrap();
                    held.recv().unwrap();
                })
                .await
            }
        });
        has_started.await.unwrap();
        // The second takes the only place in the queue as soon as it is polled.
        let mut second = Box::pin(pool.run(|_| ()));
        assert!(matches!(
            std::future::poll_fn(|context| std::task::Poll::Ready(second.as_mut().poll(context)))
                .await,
            std::task::Poll::Pending
        ));
        assert_eq!(pool.inside(), 2);
        pool.run(|_| ()).await.unwrap_err();
        assert_eq!(pool.refused(), 1);
        // Who gives up in the queue makes room.
        drop(second);
        let second = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(|bench| (0..3).for_each(|_| bench.count("PLAIN"))).await }
        });
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!((pool.inside(), pool.computed()), (0, 3));
    }

    // security R7, asset "availability": sixty wrong passwords once made a gigabyte
    #[tokio::test]
    async fn many_hashes_use_as_many_benches_as_there_are_places() {
        let pool = Arc::new(HashPool::new(2, 100));
        let cost = HashCost { memory_kib: 64, passes: 1, lanes: 1 };
        let hash = Hasher::new(cost).unwrap().dummy().unwrap();
        let asked = (0..60).map(|_| {
            let (pool, hash) = (Arc::clone(&pool), hash.clone());
            let fits = move |bench: &mut Workbench| hash.fits(b"wrong", bench);
            tokio::spawn(async move { pool.run(fits).await.unwrap() })
        });
        for asked in asked.collect::<Vec<_>>() {
            assert!(!asked.await.unwrap());
        }
        assert_eq!(pool.computed(), 60);
        let octets: Vec<usize> = pool.benches.idle().iter().map(Workbench::octets).collect();
        assert!(matches!(octets[..], [65_536] | [65_536, 65_536]), "{octets:?}");
    }

    #[tokio::test]
    async fn a_panic_inside_takes_no_place_with_it() {
        let pool = HashPool::new(1, 0);
        pool.run(|_| panic!("on purpose")).await.unwrap_err();
        assert_eq!(pool.inside(), 0);
        pool.run(|_| ()).await.unwrap();
    }
}
