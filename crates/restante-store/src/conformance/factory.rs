//! What a backend gives to be tested, and what it gets back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::store::Store;

/// How a backend is made.
pub trait Factory {
    /// A store that is empty.
    fn fresh(&self) -> Arc<dyn Store>;

    /// The store that was made last, after a restart of the process. Asked only of stores that
    /// promise to be durable, after all that came from the old one was dropped.
    fn again(&self) -> Arc<dyn Store>;

    /// How long a body is that the store keeps in another way than a short one, in octets.
    fn octets_long(&self) -> usize {
        2 << 20
    }
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: &'static str,
    /// What was seen.
    pub seen: String,
}

/// A promise's name, and its test.
pub(crate) type Test = (&'static str, fn(&dyn Factory) -> Outcome<'_>);

/// Nothing, or what was seen that must not be.
pub(crate) type Outcome<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;
