//! Where tests put their stores.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder where a sync costs nothing, if the machine has such a place.
pub(crate) fn quick() -> TempDir {
    TempDir::new_in(quick_place()).unwrap()
}

/// Where such folders are.
pub(crate) fn quick_place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if TempDir::new_in(memory).is_ok() { memory.into() } else { std::env::temp_dir() }
}
