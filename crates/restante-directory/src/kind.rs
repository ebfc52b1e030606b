//! What uses a credential.

use serde::{Deserialize, Serialize};

/// What uses a credential (`product` §1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person's device; the main password is one too.
    #[default]
    Device,
    /// A robot, one of several that may share a maildrop (`product` §6).
    Worker,
}
