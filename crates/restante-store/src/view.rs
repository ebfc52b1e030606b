//! As whom a maildrop is opened, and what a deletion does there.

use mail_wire::{Delete, Views};

/// As whom a maildrop is opened. The default is the main password's, and RFC 1939's: all that
/// is there, and what is deleted is destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Which credential looks: 0 is the main password, else an app password's number.
    pub credential: u64,
    /// From where, for the journal; `None`: this machine's operator.
    pub peer: Option<String>,
    /// What a deletion does; under [`Views::PerCredential`], once all have deleted the message.
    /// What is ignored then stays hidden from those who deleted it.
    pub delete: Delete,
    /// Whose deletions count for whom.
    pub views: Views,
    /// Under [`Views::PerCredential`]: the other active device credentials. A message that is
    /// hidden from all of these and from this one is deleted.
    pub others: Vec<u64>,
    /// Whether a header may be shown with raw UTF-8: else its stand-in is listed and read,
    /// where there is one.
    pub utf8: bool,
    /// Whether what is held, set aside or hidden is listed too: for whoever copies a maildrop,
    /// never for a client.
    pub everything: bool,
    /// Whether a first retrieval to the end is noted durably: retention counts from it.
    pub notes_retrieval: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            credential: 0,
            peer: None,
            delete: Delete::Destroy,
            views: Views::Shared,
            others: Vec::new(),
            utf8: true,
            everything: false,
            notes_retrieval: false,
        }
    }
}
