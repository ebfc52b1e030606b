//! What records say at the end of their metas, field by field: not needed to know what a
//! maildrop holds, and carried along by whoever does not know it.

use crate::log::fields::Fields;

/// The recipient of a field that is of the whole record.
pub(crate) const ALL: u16 = 0xFFFF;

/// From where a message came.
pub(crate) const PROVENANCE: u16 = 1;
/// The address that a recipient was sent to.
pub(crate) const ADDRESS: u16 = 2;
/// SHA-256 of the body.
pub(crate) const DIGEST: u16 = 3;
/// The Message-ID.
pub(crate) const MESSAGE_ID: u16 = 4;
/// What stands in the place of the header for who may not see raw UTF-8.
pub(crate) const SURROGATE_HEADER: u16 = 5;
/// The same for the prefix of a recipient.
pub(crate) const SURROGATE_PREFIX: u16 = 6;
/// Who did it, and why.
pub(crate) const ACTOR: u16 = 7;

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) tag: u16,
    /// Its number in the record, or [`ALL`].
    pub(crate) recipient: u16,
    pub(crate) octets: &'a [u8],
}

/// The fields at the end of a meta, whole ones only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// The fields in these octets, up to their end; `None` if they are not right.
    pub(crate) fn decode(octets: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(octets);
        while !fields.0.is_empty() {
            next(&mut fields)?;
        }
        Some(Self(octets))
    }

    /// The octets of them.
    pub(crate) const fn octets(&self) -> &'a [u8] {
        self.0
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        let mut fields = Fields(self.0);
        std::iter::from_fn(move || next(&mut fields))
    }

    /// The first with this tag that is of this recipient.
    pub(crate) fn find(&self, tag: u16, recipient: u16) -> Option<&'a [u8]> {
        self.iter()
            .find(|field| field.tag == tag && field.recipient == recipient)
            .map(|field| field.octets)
    }
}

fn next<'a>(fields: &mut Fields<'a>) -> Option<Extension<'a>> {
    let (tag, recipient) = (fields.u16()?, fields.u16()?);
    let length = usize::try_from(fields.u32()?).ok()?;
    Some(Extension { tag, recipient, octets: fields.octets(length)? })
}

/// Appends a field. One that is too long for any record is left out.
pub(crate) fn push(octets: &mut Vec<u8>, tag: u16, recipient: u16, value: &[u8]) {
    let Ok(length) = u32::try_from(value.len()) else { return };
    octets.extend_from_slice(&tag.to_le_bytes());
    octets.extend_from_slice(&recipient.to_le_bytes());
    octets.extend_from_slice(&length.to_le_bytes());
    octets.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    // FORMAT.md, Extension fields
    #[test]
    fn fields_are_as_the_format_says() {
        let mut octets = Vec::new();
        push(&mut octets, ADDRESS, 1, b"a@b");
        push(&mut octets, 0x0203, ALL, b"");
        assert_eq!(octets, b"\x02\0\x01\0\x03\0\0\0a@b\x03\x02\xFF\xFF\0\0\0\0");
        let fields = Extensions::decode(&octets).unwrap();
        assert_eq!(fields.find(ADDRESS, 1), Some(b"a@b".as_slice()));
        assert_eq!(fields.find(ADDRESS, 0), None);
        assert_eq!(fields.iter().count(), 2);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            all in vec((any::<u16>(), any::<u16>(), vec(any::<u8>(), 0..9)), 0..5),
        ) {
            let mut octets = Vec::new();
            for (tag, recipient, value) in &all {
                push(&mut octets, *tag, *recipient, value);
            }
            let found: Vec<_> = Extensions::decode(&octets).unwrap().iter()
                .map(|field| (field.tag, field.recipient, field.octets.to_vec()))
                .collect();
            prop_assert_eq!(found, all);
            for end in 1..octets.len() {
                // A cut is seen, unless it is between two fields.
                if let Some(cut) = Extensions::decode(&octets[..end]) {
                    prop_assert!(octets.starts_with(cut.octets()));
                }
            }
        }

        #[test]
        fn hostile_octets_are_survived(octets in vec(any::<u8>(), 0..60)) {
            if let Some(fields) = Extensions::decode(&octets) {
                let length: usize = fields.iter().map(|field| 8 + field.octets.len()).sum();
                prop_assert_eq!(length, octets.len());
            }
        }
    }
}
