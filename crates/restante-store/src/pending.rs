//! Work that is under way.

use std::future::Future;
use std::pin::Pin;

/// Work that is under way. Dropping it may leave the work to finish on its own: nothing half
/// done is ever visible.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
