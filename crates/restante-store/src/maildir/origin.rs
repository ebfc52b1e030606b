//! How a message came into a Maildir: what its name and its first header lines say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::maildir::contents::Row;
use crate::store::{Origin, Provenance};

/// So much of a message is looked at: final delivery puts its lines on top.
pub(crate) const LOOKED_AT_OCTETS: usize = 16 << 10;

/// When the file was delivered: as maildir(5) has it in its name, else when it was written.
pub(crate) fn accepted(row: &Row) -> Option<SystemTime> {
    let (seconds, micros, _) = row.identity.order();
    if seconds > 0 {
        let named = Duration::from_secs(seconds).checked_add(Duration::from_micros(micros))?;
        return UNIX_EPOCH.checked_add(named);
    }
    let written = u64::try_from(row.stamp?.modified).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_nanos(written))
}

/// What stands in the header: the reverse-path (RFC 5321 §4.4) and to whom it was delivered.
pub(crate) fn origin(accepted: Option<SystemTime>, text: &[u8]) -> Origin {
    let mut origin = Origin { accepted, ..Origin::default() };
    let lines = text.split(|octet| *octet == b'\n').take_while(|line| *line != b"\r");
    let (mut sender, mut address) = (None, None);
    for line in lines.filter_map(|line| str::from_utf8(line).ok()) {
        let Some((name, value)) = line.split_once(':') else { continue };
        // A value that goes on in the next line is none of those that are written here.
        let found = if name.eq_ignore_ascii_case("return-path") {
            &mut sender
        } else if name.eq_ignore_ascii_case("delivered-to") {
            &mut address
        } else {
            continue;
        };
        found.get_or_insert_with(|| value.trim().to_owned());
    }
    let sender = sender.unwrap_or_default();
    let sender = sender.strip_prefix('<').and_then(|path| path.strip_suffix('>'));
    origin.provenance =
        Provenance { peer: String::new(), sender: sender.unwrap_or_default().to_owned() };
    origin.address = address.unwrap_or_default();
    origin
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::folders::Side;
    use crate::maildir::measure::Stamp;
    use crate::maildir::names::Identity;

    // maildir(5): the name begins with the time of the delivery
    #[test]
    fn the_name_says_when() {
        let row = |name: &[u8]| Row {
            identity: Identity::new(name, 0),
            name: name.into(),
            side: Side::Cur,
            stamp: Some(Stamp { size: 1, modified: 2_000_000_000, inode: 3 }),
        };
        let at = |seconds, micros| {
            Some(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros))
        };
        assert_eq!(accepted(&row(b"1100000000.M123P7.host")), at(1_100_000_000, 123));
        assert_eq!(accepted(&row(b"1100000000.7.host")), at(1_100_000_000, 0));
        assert_eq!(accepted(&row(b"msg.odd")), at(2, 0), "when it was written");
    }

    // RFC 5321 §4.4: the reverse-path stands in Return-Path
    #[test]
    fn the_header_says_from_where_and_to_whom() {
        let text = b"Return-Path: <b@example.net>\r\nDelivered-To: anna@example.org\r\n\
            Delivered-To: older@example.org\r\nA: b\r\n\r\nReturn-Path: <no>\r\n";
        let found = origin(None, text);
        assert_eq!(found.provenance.sender, "b@example.net");
        assert_eq!(found.address, "anna@example.org");
        assert_eq!(origin(None, b"Return-Path: <>\r\n\r\n"), Origin::default());
        assert_eq!(origin(None, b"\r\nReturn-Path: <a@b>\r\n"), Origin::default());
    }
}
