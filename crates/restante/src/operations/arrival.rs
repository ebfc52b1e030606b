//! When and from whom a message came, as far as its own header says.

use jiff::fmt::rfc2822::DateTimeParser;

/// What a header says about the way of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Seconds since 1970: from the topmost Received, or else from Date.
    pub(super) at: Option<i64>,
    /// From the topmost Return-Path; empty for a bounce.
    pub(super) sender: Option<String>,
}

/// How much of a message is looked at.
pub(super) const HEADER_OCTETS_MAX: usize = 32 * 1024;

/// Comments in dates (`(UTC)`) are allowed, and dates that other programs wrote are not refused
/// for a wrong day of the week.
const PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);

impl Arrival {
    /// Looks into the beginning of a message, line ends CRLF or LF.
    pub(super) fn of(beginning: &[u8]) -> Self {
        let mut received = None;
        let mut date = None;
        let mut sender = None;
        for (name, value) in fields(beginning) {
            if name.eq_ignore_ascii_case("Received") && received.is_none() {
                // RFC 5322 §3.6.7: the date stands after the last semicolon.
                received = Some(value.rsplit_once(';').and_then(|(_, date)| seconds(date)));
            } else if name.eq_ignore_ascii_case("Date") && date.is_none() {
                date = Some(seconds(&value));
            } else if name.eq_ignore_ascii_case("Return-Path") && sender.is_none() {
                let path = value.trim();
                let path = path.strip_prefix('<').and_then(|path| path.strip_suffix('>'));
                sender = path.map(str::to_owned);
            }
        }
        Self { at: received.flatten().or(date.flatten()), sender }
    }
}

/// Name and unfolded value of each field, up to the end of the header.
fn fields(beginning: &[u8]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in beginning.split(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(line);
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if let Some((_, value)) = fields.last_mut() {
                value.push_str(&text);
            }
        } else if let Some((name, value)) = text.split_once(':') {
            fields.push((name.trim_end().to_owned(), value.to_owned()));
        }
    }
    fields
}

fn seconds(date: &str) -> Option<i64> {
    PARSER.parse_timestamp(date.trim()).ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topmost_received_counts() {
        let header = b"Return-Path: <a@example.org>\r\n\
            Received: from x (x [::1])\r\n\tby y with LMTP; Thu, 01 Jan 1970 01:00:00 +0100 (CET)\r\n\
            Received: from z; Fri, 02 Jan 1970 00:00:00 +0000\r\n\
            Date: Sat, 03 Jan 1970 00:00:00 +0000\r\n\r\nReturn-Path: <b>\r\n";
        let arrival = Arrival::of(header);
        assert_eq!(arrival, Arrival { at: Some(0), sender: Some("a@example.org".to_owned()) });
    }

    #[test]
    fn date_stands_in_and_a_bounce_has_no_sender() {
        let arrival = Arrival::of(b"return-path: <>\ndate: Fri, 2 Jan 1970 00:00:01 GMT\n");
        assert_eq!(arrival, Arrival { at: Some(86_401), sender: Some(String::new()) });
    }

    #[test]
    fn a_header_of_garbage_says_nothing() {
        for garbage in [&b""[..], b"\0\xff: \n \n:\n", b"Received: x\nDate: never\n"] {
            assert_eq!(Arrival::of(garbage), Arrival::default());
        }
    }
}
