//! What a session needs of the world: a store and a directory.

use std::sync::Arc;

use restante_directory::Directory;
use restante_store::Store;

/// The store and the directory behind a server. It names traits, never a backend.
#[derive(Clone)]
pub struct Services {
    /// Where messages are kept.
    pub store: Arc<dyn Store>,
    /// Who is it, and where is theirs.
    pub directory: Arc<dyn Directory>,
}
