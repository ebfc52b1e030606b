//! The promises of `store.rs` as tests for every store.
//!
//! A backend says how a store is made and opened again, and [`all`] answers which promises it
//! breaks. Only what [`crate::Store::promises`] says is asked for.

mod arriving;
mod bringing;
mod corpus;
mod custody;
mod factory;
pub(crate) mod mail;
mod quotas;
mod reading;
mod removing;
mod writing;

use factory::Test;
pub use factory::{Broken, Factory};

const TESTS: [&[Test]; 7] = [
    writing::TESTS,
    reading::TESTS,
    removing::TESTS,
    arriving::TESTS,
    bringing::TESTS,
    quotas::TESTS,
    custody::TESTS,
];

/// Tests all promises, each on a fresh store, and answers with those that are broken.
pub async fn all(factory: &dyn Factory) -> Vec<Broken> {
    let mut broken = Vec::new();
    for promise in promises() {
        broken.extend(one(factory, promise).await);
    }
    broken
}

/// The promises that are tested.
pub fn promises() -> impl Iterator<Item = &'static str> {
    TESTS.into_iter().flatten().map(|(promise, _)| *promise)
}

/// Tests one of [`promises`] on a fresh store, and answers if it is broken.
pub async fn one(factory: &dyn Factory, promise: &str) -> Option<Broken> {
    let (promise, test) = TESTS.into_iter().flatten().find(|(known, _)| *known == promise)?;
    test(factory).await.err().map(|seen| Broken { promise, seen })
}

/// The same with a maildrop of this many messages: all are listed, in order, and can be
/// removed together.
pub async fn many(factory: &dyn Factory, messages: usize) -> Vec<Broken> {
    let outcome = removing::many(factory, messages).await;
    outcome.err().map(|seen| Broken { promise: "a large maildrop", seen }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use crate::store::Store;
    use std::sync::Arc;

    struct Memory;

    impl Factory for Memory {
        fn fresh(&self) -> Arc<dyn Store> {
            Arc::new(MemoryStore::new())
        }

        fn again(&self) -> Arc<dyn Store> {
            unreachable!("memory does not promise to be durable")
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn memory_keeps_its_promises() {
        assert_eq!(all(&Memory).await, []);
        assert_eq!(many(&Memory, 10_000).await, []);
    }
}
