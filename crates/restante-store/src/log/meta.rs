//! What records say behind their heads, as octets and back.

use crate::log::actor::Actor;
use crate::log::extensions::{ACTOR, ALL, Extensions, push};
use crate::log::fields::Fields;
use crate::log::record::{Head, Kind, aligned_record};

/// For whom a message is, as a record keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecipientRow<'a> {
    pub(crate) id: u64,
    pub(crate) maildrop: u64,
    pub(crate) prefix: &'a [u8],
    /// Empty for a native one.
    pub(crate) uidl: &'a [u8],
}

/// The recipients of a message, with ids to be filled in.
#[derive(Debug)]
pub(crate) struct Recipients {
    /// The octets of the meta.
    pub(crate) octets: Vec<u8>,
    /// Where the first id stands.
    ids_at: usize,
}

const ROW_OCTETS: usize = 24;

impl Recipients {
    /// The meta of a message; with the number of its file, of one that has its body there, and
    /// extension fields. `None` if there are more or longer ones than a record can say.
    pub(crate) fn new(
        file_id: Option<u64>,
        rows: &[RecipientRow<'_>],
        extensions: &[u8],
    ) -> Option<Self> {
        Self::encode(Vec::new(), file_id, rows, extensions)
    }

    /// The meta of a copy of messages that stand in this segment.
    pub(crate) fn moved(
        source: u32,
        file_id: Option<u64>,
        rows: &[RecipientRow<'_>],
        extensions: &[u8],
    ) -> Option<Vec<u8>> {
        let start = [source.to_le_bytes(), [0; 4]].concat();
        Self::encode(start, file_id, rows, extensions).map(|recipients| recipients.octets)
    }

    fn encode(
        start: Vec<u8>,
        file_id: Option<u64>,
        rows: &[RecipientRow<'_>],
        extensions: &[u8],
    ) -> Option<Self> {
        let mut octets = start;
        if let Some(file_id) = file_id {
            octets.extend_from_slice(&file_id.to_le_bytes());
        }
        octets.extend_from_slice(&u32::try_from(rows.len()).ok()?.to_le_bytes());
        octets.extend_from_slice(&[0; 4]);
        let ids_at = octets.len();
        for row in rows {
            octets.extend_from_slice(&row.id.to_le_bytes());
            octets.extend_from_slice(&row.maildrop.to_le_bytes());
            octets.extend_from_slice(&u32::try_from(row.prefix.len()).ok()?.to_le_bytes());
            octets.extend_from_slice(&[u8::try_from(row.uidl.len()).ok()?, 0, 0, 0]);
        }
        for row in rows {
            octets.extend_from_slice(row.prefix);
            octets.extend_from_slice(row.uidl);
        }
        octets.extend_from_slice(extensions);
        u32::try_from(octets.len()).ok()?;
        Some(Self { octets, ids_at })
    }

    /// Gives the recipient with this number a native unique-id in the place of its own.
    pub(crate) fn unname(&mut self, wanted: usize) {
        let count = self.octets.get(self.ids_at.saturating_sub(8)..);
        let count = count.and_then(|octets| Fields(octets).u32()).unwrap_or_default();
        let count = usize::try_from(count).unwrap_or_default();
        if wanted >= count {
            return;
        }
        let rows_length = count.saturating_mul(ROW_OCTETS);
        let mut text_at = self.ids_at.saturating_add(rows_length);
        for number in 0..=wanted {
            let at = self.ids_at.saturating_add(number.saturating_mul(ROW_OCTETS));
            let row = self.octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<ROW_OCTETS>);
            let Some(row) = row else { return };
            let mut fields = Fields(row.get(16..).unwrap_or_default());
            let prefix = usize::try_from(fields.u32().unwrap_or_default()).unwrap_or_default();
            let uidl = usize::from(fields.u8().unwrap_or_default());
            text_at = text_at.saturating_add(prefix);
            let end = text_at.saturating_add(uidl);
            if number == wanted {
                if let Some(length) = row.get_mut(20) {
                    *length = 0;
                }
                self.octets.drain(text_at..end);
                return;
            }
            text_at = end;
        }
    }

    /// Puts these ids in, as many as there are recipients.
    pub(crate) fn set_ids(&mut self, ids: &[u64]) {
        let rows = self.octets.get_mut(self.ids_at..).unwrap_or_default();
        for (row, id) in rows.chunks_exact_mut(ROW_OCTETS).zip(ids) {
            if let Some(place) = row.first_chunk_mut() {
                *place = id.to_le_bytes();
            }
        }
    }
}

/// What the meta of a message, or of a copy, says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Where a copy was made from.
    pub(crate) source: Option<u32>,
    /// The file of the body, if it has one.
    pub(crate) file_id: Option<u64>,
    /// For whom.
    pub(crate) rows: Vec<RecipientRow<'a>>,
    /// What else is told of it.
    pub(crate) extensions: Extensions<'a>,
}

/// The message in a record. `None` if it is not right.
pub(crate) fn message<'a>(head: &Head, meta: &'a [u8]) -> Option<Message<'a>> {
    let mut fields = Fields(meta);
    let mut source = None;
    if head.kind == Kind::Move.number() {
        source = Some(fields.u32()?);
        fields.u32()?;
    }
    let (file_id, rows) = recipients(&mut fields, head.is_big())?;
    Some(Message { source, file_id, rows, extensions: Extensions::decode(fields.0)? })
}

fn recipients<'a>(
    fields: &mut Fields<'a>,
    big: bool,
) -> Option<(Option<u64>, Vec<RecipientRow<'a>>)> {
    let file_id = if big { Some(fields.u64()?) } else { None };
    let count = usize::try_from(fields.u32()?).ok()?;
    fields.u32()?;
    let mut rows = Fields(fields.octets(count.checked_mul(ROW_OCTETS)?)?);
    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        let (id, maildrop, prefix) = (rows.u64()?, rows.u64()?, rows.u32()?);
        let uidl = rows.u8()?;
        rows.array::<3>()?;
        let prefix = fields.octets(usize::try_from(prefix).ok()?)?;
        found.push(RecipientRow { id, maildrop, prefix, uidl: fields.octets(usize::from(uidl))? });
    }
    (count > 0).then_some((file_id, found))
}

/// Which messages of a maildrop are gone, each with a segment that holds a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destroyed {
    pub(crate) maildrop: u64,
    pub(crate) copies: Vec<(u64, u32)>,
    /// Extension fields, as they are written.
    pub(crate) extensions: Vec<u8>,
}

impl Destroyed {
    /// These, by nobody that is told.
    pub(crate) const fn new(maildrop: u64, copies: Vec<(u64, u32)>) -> Self {
        Self { maildrop, copies, extensions: Vec::new() }
    }

    /// The same, by this one.
    pub(crate) fn by(mut self, actor: &Actor) -> Self {
        push(&mut self.extensions, ACTOR, ALL, &actor.encode());
        self
    }

    /// How many octets its record has.
    pub(crate) fn size(&self) -> u64 {
        let copies = self.copies.len().saturating_mul(16).saturating_add(16);
        aligned_record(copies.saturating_add(self.extensions.len()) as u64)
    }

    /// The meta. `None` if there are more than a record can say.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut octets = Vec::with_capacity(self.copies.len().saturating_mul(16));
        octets.extend_from_slice(&self.maildrop.to_le_bytes());
        octets.extend_from_slice(&u32::try_from(self.copies.len()).ok()?.to_le_bytes());
        octets.extend_from_slice(&[0; 4]);
        for (id, segment) in &self.copies {
            octets.extend_from_slice(&id.to_le_bytes());
            octets.extend_from_slice(&segment.to_le_bytes());
            octets.extend_from_slice(&[0; 4]);
        }
        octets.extend_from_slice(&self.extensions);
        u32::try_from(octets.len()).ok()?;
        Some(octets)
    }

    /// What a meta says. `None` if it is not right.
    pub(crate) fn decode(meta: &[u8]) -> Option<Self> {
        let mut fields = Fields(meta);
        let (maildrop, count) = (fields.u64()?, usize::try_from(fields.u32()?).ok()?);
        fields.u32()?;
        let mut rows = Fields(fields.octets(count.checked_mul(16)?)?);
        let mut copies = Vec::with_capacity(count);
        for _ in 0..count {
            copies.push((rows.u64()?, rows.u32()?));
            rows.u32()?;
        }
        let extensions = Extensions::decode(fields.0)?.octets().to_vec();
        Some(Self { maildrop, copies, extensions })
    }
}

/// The epoch that a meta says.
pub(crate) fn epoch(meta: &[u8]) -> Option<u32> {
    meta.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    // FORMAT.md, Recipients
    #[test]
    fn recipients_are_as_the_format_says() {
        let row = RecipientRow { id: 1, maildrop: 2, prefix: b"A: b\r\n", uidl: b"old" };
        let meta = Recipients::new(Some(9), &[row], b"").unwrap().octets;
        assert_eq!(
            meta,
            b"\x09\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\
              \x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x06\0\0\0\x03\0\0\0A: b\r\nold"
        );
    }

    // FORMAT.md, DESTROY
    #[test]
    fn destroyed_ones_are_as_the_format_says() {
        let destroyed = Destroyed::new(2, vec![(1, 7)]);
        let rows = b"\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0";
        assert_eq!(destroyed.encode().unwrap(), rows);
        let cause = Some(crate::custody::Cause::Deleted);
        let actor = Actor { credential: Some(3), cause, peer: Some("::1".into()) };
        assert_eq!(
            destroyed.by(&actor).encode().unwrap(),
            [rows.as_slice(), b"\x07\0\xFF\xFF\x0c\0\0\0\x03\0\0\0\0\0\0\0\x01::1"].concat()
        );
    }

    fn head(big: bool) -> Head {
        let kind = if big { Kind::Big } else { Kind::Message };
        Head::plain(kind, 0)
    }

    // store.rs: a unique-id that is taken is replaced by a new one
    #[test]
    fn a_recipient_gets_a_native_unique_id_and_the_others_keep_theirs() {
        let row =
            |uidl: &'static [u8]| RecipientRow { id: 1, maildrop: 2, prefix: b"A: b\r\n", uidl };
        for wanted in 0..3 {
            let mut rows = vec![row(b"one"), row(b""), row(b"three")];
            let mut made = Recipients::new(Some(9), &rows, b"rest").unwrap();
            made.unname(wanted);
            made.unname(3);
            rows[wanted].uidl = b"";
            assert_eq!(made.octets, Recipients::new(Some(9), &rows, b"rest").unwrap().octets);
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            file_id in any::<Option<u64>>(),
            rows in vec((any::<u64>(), any::<u64>(), vec(any::<u8>(), 0..9), vec(any::<u8>(), 0..5)), 1..5),
            copies in vec(any::<(u64, u32)>(), 0..9),
            values in vec(vec(any::<u8>(), 0..5), 0..3),
        ) {
            let mut octets = Vec::new();
            for value in &values {
                push(&mut octets, 900, 0, value);
            }
            let extensions = Extensions::decode(&octets).unwrap();
            let row = |(_, maildrop, prefix, uidl): &'_ (u64, u64, Vec<u8>, Vec<u8>)| {
                (*maildrop, prefix.clone(), uidl.clone())
            };
            let without: Vec<_> = rows.iter().map(row).collect();
            let wanted: Vec<_> = rows.iter().zip(&without)
                .map(|((id, ..), (maildrop, prefix, uidl))| {
                    RecipientRow { id: *id, maildrop: *maildrop, prefix, uidl }
                })
                .collect();
            let blank: Vec<_> = wanted.iter().map(|row| RecipientRow { id: 0, ..*row }).collect();
            let mut made = Recipients::new(file_id, &blank, &octets).unwrap();
            made.set_ids(&wanted.iter().map(|row| row.id).collect::<Vec<_>>());
            let head = head(file_id.is_some());
            let wanted = Message { source: None, file_id, rows: wanted, extensions };
            prop_assert_eq!(message(&head, &made.octets), Some(wanted));

            let destroyed = Destroyed { maildrop: 3, copies, extensions: octets.clone() };
            prop_assert_eq!(Destroyed::decode(&destroyed.encode().unwrap()), Some(destroyed));
        }

        // Whatever the octets, an answer and no panic; no room is made for what is not there.
        #[test]
        fn hostile_octets_are_survived(octets in vec(any::<u8>(), 0..60), big in any::<bool>()) {
            if let Some((_, rows)) = recipients(&mut Fields(&octets), big) {
                prop_assert!(rows.len() * ROW_OCTETS <= octets.len());
            }
            let _ = Destroyed::decode(&octets);
        }
    }
}
