//! The stand-in for a header with raw UTF-8, as extension fields of a message's record and back.

use mail_wire::dot::{Stuffer, Unstuffer};

use crate::log::extensions::{ALL, Extensions, SURROGATE_HEADER, SURROGATE_PREFIX, push};
use crate::log::fields::Fields;
use crate::log::record::Head;
use crate::store::{Recipient, Surrogate};

/// What a recipient sees of a message who may not see raw UTF-8, but for the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StandIn<'a> {
    /// In the place of the recipient's prefix.
    pub(crate) prefix: &'a [u8],
    /// In the place of the header, with the blank line, in wire form.
    pub(crate) header: &'a [u8],
    /// How many octets the header has whose place it takes, un-stuffed.
    replaced: u32,
}

impl<'a> StandIn<'a> {
    /// The one for the recipient with this number, whose own prefix that is; `None` if there is
    /// none in these fields.
    pub(crate) fn find(
        extensions: Extensions<'a>,
        recipient: u32,
        prefix: &'a [u8],
    ) -> Option<Self> {
        let mut fields = Fields(extensions.find(SURROGATE_HEADER, ALL)?);
        let replaced = fields.u32()?;
        let own = u16::try_from(recipient).ok();
        let own = own.and_then(|recipient| extensions.find(SURROGATE_PREFIX, recipient));
        Some(Self { prefix: own.unwrap_or(prefix), header: fields.0, replaced })
    }

    /// The same as it comes with a delivery to one recipient whose prefix is in the body.
    pub(crate) fn alone(&self) -> Surrogate {
        let mut header = self.prefix.to_vec();
        Unstuffer::default().unstuff(&mut { self.header }, &mut header);
        Surrogate { header, prefixes: vec![Vec::new()] }
    }

    /// How many octets the message has with it, as LIST counts them.
    pub(crate) fn octets(&self, head: &Head) -> u64 {
        let body = head.body_octets.saturating_sub(u64::from(self.replaced));
        body.saturating_add(unstuffed(self.header, true)).saturating_add(self.prefix.len() as u64)
    }
}

/// Appends the fields of a stand-in for these recipients: their places among those that the
/// surrogate was made for. Nothing if the header that it replaces is too long to be told.
pub(crate) fn encode(
    octets: &mut Vec<u8>,
    surrogate: &Surrogate,
    replaced: u64,
    recipients: &[(usize, &Recipient)],
) {
    let Ok(replaced) = u32::try_from(replaced) else { return };
    let mut value = replaced.to_le_bytes().to_vec();
    Stuffer::default().stuff(&surrogate.header, &mut value);
    push(octets, SURROGATE_HEADER, ALL, &value);
    for (number, (place, recipient)) in (0..ALL).zip(recipients) {
        match surrogate.prefixes.get(*place) {
            Some(prefix) if *prefix != recipient.prefix => {
                push(octets, SURROGATE_PREFIX, number, prefix);
            }
            _ => {}
        }
    }
}

/// How many octets some lines in wire form have un-stuffed. Of the dots at a line start the first
/// was added for the way (RFC 5321 §4.5.2).
pub(crate) fn unstuffed(wire: &[u8], at_line_start: bool) -> u64 {
    let added = usize::from(at_line_start && wire.starts_with(b"."))
        .saturating_add(memchr::memmem::find_iter(wire, b"\n.").count());
    wire.len().saturating_sub(added) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_wire::MaildropId;

    // FORMAT.md, Extension fields
    #[test]
    fn fields_are_as_the_format_says() {
        let surrogate = Surrogate {
            header: b"A: b\r\n.C: d\r\n\r\n".to_vec(),
            prefixes: vec![b"X: y\r\n".to_vec(), b"Same: one\r\n".to_vec(), b"Z: z\r\n".to_vec()],
        };
        let recipients = [
            Recipient::new(MaildropId::new(1), b"Same: one\r\n".to_vec()),
            Recipient::new(MaildropId::new(1), b"Z: \xC3\xA9\r\n".to_vec()),
        ];
        let mut octets = Vec::new();
        encode(&mut octets, &surrogate, 20, &[(1, &recipients[0]), (2, &recipients[1])]);
        assert_eq!(
            octets,
            b"\x05\0\xFF\xFF\x14\0\0\0\x14\0\0\0A: b\r\n..C: d\r\n\r\n\
              \x06\0\x01\0\x06\0\0\0Z: z\r\n"
        );
        let extensions = Extensions::decode(&octets).unwrap();
        let first = StandIn::find(extensions, 0, b"Same: one\r\n").unwrap();
        assert_eq!(first.prefix, b"Same: one\r\n");
        let second = StandIn::find(extensions, 1, b"own\r\n").unwrap();
        assert_eq!(
            (second.prefix, second.header),
            (&b"Z: z\r\n"[..], &b"A: b\r\n..C: d\r\n\r\n"[..])
        );
        assert_eq!(StandIn::find(Extensions::default(), 0, b""), None);
    }

    #[test]
    fn dots_are_counted_once() {
        for (wire, at_start, octets) in [
            (&b"..\r\n"[..], true, 3),
            (b"..\r\n", false, 4),
            (b"a\r\n..b\r\n", true, 7),
            (b"", true, 0),
        ] {
            assert_eq!(unstuffed(wire, at_start), octets, "{}", wire.escape_ascii());
        }
    }
}
