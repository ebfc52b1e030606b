//! A message to read: a range of a file, or octets in memory.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use mail_wire::Form;

/// The octets of one message, to be streamed once.
#[derive(Debug)]
pub struct Body {
    form: Form,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Chunk(Bytes),
    File { file: Arc<File>, offset: u64, left: u64 },
}

impl Body {
    /// A body that is in memory.
    pub const fn chunk(form: Form, octets: Bytes) -> Self {
        Self { form, source: Source::Chunk(octets) }
    }

    /// A body that is `octets` of a file, from `offset` on.
    pub const fn range(form: Form, file: Arc<File>, offset: u64, octets: u64) -> Self {
        Self { form, source: Source::File { file, offset, left: octets } }
    }

    /// The shape in which [`Body::read`] hands the octets over.
    pub const fn form(&self) -> Form {
        self.form
    }
}
