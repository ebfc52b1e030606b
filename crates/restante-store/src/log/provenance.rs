//! From where a message came and what it is known by, as extension fields and back.

use memchr::memmem;

use crate::log::bugs::{self, Bug};
use crate::log::extensions::{
    ADDRESS, ALL, DIGEST, Extension, Extensions, MESSAGE_ID, PROVENANCE, SURROGATE_HEADER,
    SURROGATE_PREFIX, push,
};
use crate::log::fields::Fields;
use crate::log::meta::RecipientRow;
use crate::store::{Provenance, Recipient};

/// A peer is cut at so many octets.
const PEER_OCTETS_MAX: usize = 255;

/// A path or an address is cut at so many octets.
const PATH_OCTETS_MAX: usize = 512;

/// A Message-ID is cut at so many octets.
pub(crate) const MESSAGE_ID_OCTETS_MAX: usize = 250;

/// Where a Message-ID is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessageIdAt {
    /// At this offset of the stored body, so long.
    Body(u32, u8),
    /// Written out.
    Text(Vec<u8>),
}

/// What is known of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) digest: Option<[u8; 32]>,
    pub(crate) message_id: Option<MessageIdAt>,
}

/// The fields of a message that comes from there, for these.
pub(crate) fn encode(provenance: &Provenance, recipients: &[&Recipient], known: &Known) -> Vec<u8> {
    let mut octets = Vec::with_capacity(128);
    let peer = cut(&provenance.peer, PEER_OCTETS_MAX);
    let sender = cut(&provenance.sender, PATH_OCTETS_MAX);
    if !peer.is_empty() || !sender.is_empty() {
        let prefix = recipients.first().map_or(&[][..], |recipient| &recipient.prefix);
        push(&mut octets, PROVENANCE, ALL, &from_where(peer, sender, prefix));
    }
    for (number, recipient) in (0..ALL).zip(recipients) {
        let address = cut(&recipient.address, PATH_OCTETS_MAX);
        if !address.is_empty() {
            push(&mut octets, ADDRESS, number, &string(address, &recipient.prefix));
        }
    }
    if let Some(digest) = &known.digest {
        push(&mut octets, DIGEST, ALL, digest);
    }
    match &known.message_id {
        Some(MessageIdAt::Body(offset, length)) => {
            let mut place = vec![2];
            place.extend_from_slice(&offset.to_le_bytes());
            place.push(*length);
            push(&mut octets, MESSAGE_ID, ALL, &place);
        }
        Some(MessageIdAt::Text(text)) => push(&mut octets, MESSAGE_ID, ALL, &string(text, &[])),
        None => {}
    }
    octets
}

/// The same fields for one recipient, where there is neither a prefix nor a body: all is written
/// out.
pub(crate) fn alone(origin: &Origin) -> Vec<u8> {
    let mut octets = Vec::with_capacity(192);
    if !origin.peer.is_empty() || !origin.sender.is_empty() {
        let peer = cut(&origin.peer, PEER_OCTETS_MAX);
        let value = from_where(peer, cut(&origin.sender, PATH_OCTETS_MAX), &[]);
        push(&mut octets, PROVENANCE, ALL, &value);
    }
    if !origin.address.is_empty() {
        let address = cut(&origin.address, PATH_OCTETS_MAX);
        push(&mut octets, ADDRESS, 0, &string(address, &[]));
    }
    if let Some(digest) = &origin.known.digest {
        push(&mut octets, DIGEST, ALL, digest);
    }
    if let Some(MessageIdAt::Text(text)) = &origin.known.message_id {
        push(&mut octets, MESSAGE_ID, ALL, &string(text, &[]));
    }
    octets
}

/// The same fields for a copy of the record that is only for the recipients in `kept`: their
/// numbers, rising. `rows` are all that the record had.
pub(crate) fn carried(
    extensions: Extensions<'_>,
    rows: &[RecipientRow<'_>],
    kept: &[usize],
) -> Vec<u8> {
    let prefix = |number: Option<&usize>| {
        number.and_then(|number| rows.get(*number)).map_or(&[][..], |row| row.prefix)
    };
    let mut octets = Vec::with_capacity(extensions.octets().len());
    for Extension { tag, recipient, octets: value } in extensions.iter() {
        if tag == SURROGATE_HEADER && bugs::is_on(Bug::StandInNotCarried) {
            continue;
        }
        if tag == SURROGATE_PREFIX && bugs::is_on(Bug::StandInMisplaced) {
            push(&mut octets, tag, recipient, value);
            continue;
        }
        if tag == PROVENANCE
            && let Some((peer, sender)) = decode_from_where(value, prefix(Some(&0)))
        {
            let value = from_where(peer, sender, prefix(kept.first()));
            push(&mut octets, tag, recipient, &value);
        } else if recipient == ALL {
            push(&mut octets, tag, recipient, value);
        } else if let Ok(number) = kept.binary_search(&usize::from(recipient)) {
            push(&mut octets, tag, u16::try_from(number).unwrap_or(ALL), value);
        }
    }
    octets
}

/// What a record says of where one recipient's copy came from, and what it is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) peer: String,
    pub(crate) sender: String,
    pub(crate) address: String,
    pub(crate) known: Known,
}

/// What these fields say for the recipient with this number; `rows` are all of the record.
pub(crate) fn decode(
    extensions: Extensions<'_>,
    rows: &[RecipientRow<'_>],
    recipient: usize,
) -> Origin {
    let prefix = |number: usize| rows.get(number).map_or(&[][..], |row| row.prefix);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let from = extensions.find(PROVENANCE, ALL);
    let from = from.and_then(|value| decode_from_where(value, prefix(0)));
    let address = u16::try_from(recipient).ok().and_then(|number| extensions.find(ADDRESS, number));
    let address = address.and_then(|value| decode_string(value, prefix(recipient)));
    let digest = extensions.find(DIGEST, ALL).and_then(|digest| digest.try_into().ok());
    Origin {
        peer: from.map(|(peer, _)| text(peer)).unwrap_or_default(),
        sender: from.map(|(_, sender)| text(sender)).unwrap_or_default(),
        address: address.map(text).unwrap_or_default(),
        known: Known {
            digest,
            message_id: extensions.find(MESSAGE_ID, ALL).and_then(decode_message_id),
        },
    }
}

fn decode_message_id(value: &[u8]) -> Option<MessageIdAt> {
    let mut fields = Fields(value);
    match fields.u8()? {
        0 => Some(MessageIdAt::Text(fields.0.to_vec())),
        2 => Some(MessageIdAt::Body(fields.u32()?, fields.u8()?)),
        _ => None,
    }
}

fn from_where(peer: &[u8], sender: &[u8], prefix: &[u8]) -> Vec<u8> {
    let mut value = vec![u8::try_from(peer.len()).unwrap_or(0)];
    value.extend_from_slice(peer);
    value.extend_from_slice(&string(sender, prefix));
    value
}

fn decode_from_where<'a>(value: &'a [u8], prefix: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut fields = Fields(value);
    let length = usize::from(fields.u8()?);
    let peer = fields.octets(length)?;
    Some((peer, decode_string(fields.0, prefix)?))
}

/// A string of which the prefix may have the octets already.
fn string(text: &[u8], prefix: &[u8]) -> Vec<u8> {
    let place = || {
        // Its place takes five octets.
        let found = if text.len() > 4 { memmem::find(prefix, text) } else { None };
        Some((u16::try_from(found?).ok()?, u16::try_from(text.len()).ok()?))
    };
    match place() {
        Some((offset, length)) => {
            [[1].as_slice(), &offset.to_le_bytes(), &length.to_le_bytes()].concat()
        }
        None => [[0].as_slice(), text].concat(),
    }
}

fn decode_string<'a>(value: &'a [u8], prefix: &'a [u8]) -> Option<&'a [u8]> {
    let mut fields = Fields(value);
    match fields.u8()? {
        0 => Some(fields.0),
        1 => {
            let (offset, length) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
            prefix.get(offset..)?.get(..length)
        }
        _ => None,
    }
}

/// The octets of a text, at most so many, whole characters.
fn cut(text: &str, octets_max: usize) -> &[u8] {
    let end = text.floor_char_boundary(octets_max);
    text.get(..end).unwrap_or_default().as_bytes()
}

/// Where the Message-ID (RFC 5322 §3.6.4) stands in a header: its offset, and its octets up to
/// the end of the line, as many as are kept.
pub(crate) fn message_id(header: &[u8]) -> Option<(usize, &[u8])> {
    const NAME: &[u8] = b"message-id:";
    let mut at = 0_usize;
    loop {
        let line = header.get(at..)?;
        if line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)) {
            let value = line.get(NAME.len()..)?;
            // The value may begin on the next line.
            let blank = value.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
            let (before, value) = value.split_at_checked(blank)?;
            if before.ends_with(b"\n") {
                return None;
            }
            let length = value.iter().take_while(|octet| octet.is_ascii_graphic()).count();
            let value = value.get(..length.min(MESSAGE_ID_OCTETS_MAX))?;
            let offset = at.checked_add(NAME.len())?.checked_add(blank)?;
            return (!value.is_empty()).then_some((offset, value));
        }
        at = at.checked_add(memchr::memchr(b'\n', line)?)?.checked_add(1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_wire::MaildropId;

    fn recipient(number: u64, prefix: &str, address: &str) -> Recipient {
        let recipient = Recipient::new(MaildropId::new(number), prefix.into());
        Recipient { address: address.into(), ..recipient }
    }

    fn rows<'a>(recipients: &[&'a Recipient]) -> Vec<RecipientRow<'a>> {
        recipients
            .iter()
            .map(|one| RecipientRow {
                id: 1,
                maildrop: one.maildrop.get(),
                prefix: &one.prefix,
                uidl: &[],
            })
            .collect()
    }

    // FORMAT.md, Extension fields: what the prefix says is not said twice
    #[test]
    fn strings_are_as_the_format_says() {
        assert_eq!(string(b"a@b.example", b"To: a@b.example\r\n"), b"\x01\x04\0\x0b\0");
        assert_eq!(string(b"a@b.example", b"To: c@b.example\r\n"), b"\0a@b.example");
        assert_eq!(string(b"", b"anything"), b"\0");
    }

    // product §2: accepted, from which peer, envelope, digest; and a copy for some of them says
    // of these what the first said
    #[test]
    fn what_is_known_of_a_message_is_known_of_its_copies() {
        let provenance = Provenance { peer: "192.0.2.7".into(), sender: "ann@example.com".into() };
        let first = recipient(1, "Return-Path: <ann@example.com>\r\n", "one@example.org");
        let second =
            recipient(2, "Return-Path: <other>\r\nTo: two@example.org\r\n", "two@example.org");
        let third = recipient(3, "", "");
        let all = [&first, &second, &third];
        let known = Known { digest: Some([7; 32]), message_id: Some(MessageIdAt::Body(12, 20)) };
        let mut octets = encode(&provenance, &all, &known);
        push(&mut octets, 900, ALL, b"of later versions");
        push(&mut octets, 901, 1, b"for the second");
        push(&mut octets, 901, 0, b"for the first");
        let kept = [1_usize, 2];
        let copy = carried(Extensions::decode(&octets).unwrap(), &rows(&all), &kept);
        let (before, after) =
            (Extensions::decode(&octets).unwrap(), Extensions::decode(&copy).unwrap());
        let others = [&second, &third];
        for (new, old) in kept.iter().enumerate() {
            let told = decode(before, &rows(&all), *old);
            assert_eq!(decode(after, &rows(&others), new), told);
            assert_eq!(
                (told.peer.as_str(), told.sender.as_str()),
                ("192.0.2.7", "ann@example.com")
            );
            assert_eq!(told.address, all[*old].address);
            assert_eq!(told.known, known);
        }
        assert_eq!(after.find(900, ALL), Some(b"of later versions".as_slice()));
        assert_eq!(after.find(901, 0), Some(b"for the second".as_slice()));
        assert_eq!(after.iter().filter(|field| field.tag == 901).count(), 1);
    }

    // product §2: a message without a return path (RFC 5321 §4.5.5) came from a peer too, and one
    // from nobody knows where may have one
    #[test]
    fn half_of_what_is_known_is_told() {
        let to = recipient(1, "Return-Path: <>\r\n", "");
        for (peer, sender) in [("192.0.2.7", ""), ("", "ann@example.com"), ("", "")] {
            let provenance = Provenance { peer: peer.into(), sender: sender.into() };
            let octets = encode(&provenance, &[&to], &Known::default());
            let told = decode(Extensions::decode(&octets).unwrap(), &rows(&[&to]), 0);
            assert_eq!((told.peer.as_str(), told.sender.as_str()), (peer, sender));
            assert_eq!(octets.is_empty(), peer.is_empty() && sender.is_empty());
            let octets = alone(&told);
            assert_eq!(decode(Extensions::decode(&octets).unwrap(), &[], 0), told);
            assert_eq!(octets.is_empty(), peer.is_empty() && sender.is_empty());
        }
    }

    #[test]
    fn what_comes_from_outside_is_cut() {
        let provenance = Provenance { peer: "é".repeat(200), sender: "x".repeat(9000) };
        let octets = encode(&provenance, &[], &Known::default());
        let told = decode(Extensions::decode(&octets).unwrap(), &[], 0);
        assert_eq!((told.peer, told.sender), ("é".repeat(127), "x".repeat(512)));
    }

    // RFC 5322 §3.6.4; a name is without regard to case, a value may be folded
    #[test]
    fn a_message_id_is_found_where_there_is_one() {
        for (header, wanted) in [
            ("Message-ID: <a@b>\r\n\r\n", Some((12, "<a@b>"))),
            ("A: b\r\nmessage-id:<c@d>  \r\nB: c\r\n\r\n", Some((17, "<c@d>"))),
            ("Message-Id:\r\n <e@f>\r\n\r\n", Some((14, "<e@f>"))),
            ("X-Message-ID: <a@b>\r\n\r\n", None),
            ("Message-ID: \r\n\r\n", None),
            ("Message-ID: \r\nB: c\r\n\r\n", None),
            ("Message-ID:", None),
            ("", None),
        ] {
            let found = message_id(header.as_bytes());
            let wanted = wanted.map(|(at, text)| (at, text.as_bytes()));
            assert_eq!(found, wanted, "{header:?}");
        }
        let long = format!("Message-ID: <{}>\r\n", "x".repeat(300));
        assert_eq!(message_id(long.as_bytes()).unwrap().1.len(), MESSAGE_ID_OCTETS_MAX);
    }
}
