//! Unique-ids of messages that a recovered store had before its backup was taken.

use crate::log::entry::Entry;
use crate::log::identity::Tags;
use crate::log::walk::Sink;

/// Tells another, with the unique-id written out where it is native of an earlier tag: to
/// whoever lists there is one tag, that of new messages.
pub(crate) struct Tagged<'a, S> {
    pub(crate) tags: &'a Tags,
    pub(crate) sink: &'a mut S,
}

impl<S: Sink> Sink for Tagged<'_, S> {
    fn expect(&mut self, entries: usize) {
        self.sink.expect(entries);
    }

    #[expect(clippy::inline_always, reason = "a million times for one listing")]
    #[inline(always)]
    fn entry(&mut self, entry: &Entry, uidl: Option<&[u8]>) {
        // Hardly any store was ever recovered.
        if self.tags.earlier.is_empty() {
            self.sink.entry(entry, uidl);
            return;
        }
        let tag = self.tags.of(entry.id);
        if uidl.is_none() && tag != self.tags.now {
            self.sink.entry(entry, Some(tag.uidl(entry.id).as_str().as_bytes()));
        } else {
            self.sink.entry(entry, uidl);
        }
    }
}
