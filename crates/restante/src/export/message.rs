//! What an export knows of a message beside its octets.

/// A message that is about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its number.
    pub(crate) number: u32,
    /// Its unique-id.
    pub(crate) uidl: String,
    /// When it came: seconds since 1970.
    pub(crate) arrived: i64,
    /// Its reverse-path; `None` for a bounce, or where its header does not say.
    pub(crate) sender: Option<String>,
}
