//! The stand-in for a header with raw UTF-8, as RFC 6858 makes it, for clients that do not speak
//! UTF8 (`rulings` 7).
//!
//! ```text
//!   field ──► ASCII? as it is
//!             addresses ──► addresses.rs     Subject ──► words.rs
//!             Content-Type, Content-Disposition ──► parameters.rs
//!             anything else ──► left out (§2.4)
//! ```
//! It is made once, when the message comes. It is ASCII, whatever came; it never fails, and never
//! grows beyond [`CONVERTED_OCTETS_MAX`] more than what came.

mod addresses;
mod folding;
mod parameters;
mod splitting;
mod words;

use memchr::memchr;

use folding::Folded;

/// What all fields together may have that are not as they came; further ones are left out.
/// A short address becomes a long one, and a header may be made of them.
const CONVERTED_OCTETS_MAX: usize = 1 << 20;

/// The stand-in for a header in text form, its blank line included; what stands behind the blank
/// line is not looked at.
pub(crate) fn header(header: &[u8]) -> Vec<u8> {
    let mut stand_in = fields(header);
    stand_in.extend_from_slice(b"\r\n");
    stand_in
}

/// The stand-in for fields without a blank line.
pub(crate) fn fields(mut rest: &[u8]) -> Vec<u8> {
    let mut stand_in = Vec::new();
    let mut room = CONVERTED_OCTETS_MAX;
    while let Some((field, behind)) = next_field(rest) {
        rest = behind;
        if field.is_ascii() {
            stand_in.extend_from_slice(field);
        } else if let Some(converted) = convert(field)
            && let Some(left) = room.checked_sub(converted.len())
        {
            room = left;
            stand_in.extend_from_slice(converted.as_bytes());
        }
    }
    stand_in
}

/// The next field, its continuation lines included, and what stands behind it; `None` at the blank
/// line and at the end.
fn next_field(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    if rest.is_empty() || rest.starts_with(b"\r\n") {
        return None;
    }
    let mut end = 0_usize;
    loop {
        let line = rest.get(end..).unwrap_or_default();
        end = end.saturating_add(memchr(b'\n', line).map_or(line.len(), |at| at.saturating_add(1)));
        if !matches!(rest.get(end), Some(b' ' | b'\t')) {
            return rest.split_at_checked(end);
        }
    }
}

/// What a field that is not ASCII becomes, its line end included; `None`: it is left out (§2.4).
fn convert(field: &[u8]) -> Option<String> {
    let colon = memchr(b':', field)?;
    let name = std::str::from_utf8(field.get(..colon)?).ok()?.trim_ascii_end();
    if !name.is_ascii() {
        return None;
    }
    // What is no UTF-8 is shown as that.
    let value = String::from_utf8_lossy(field.get(colon.checked_add(1)?..)?);
    let mut converted = Folded::new(name);
    match name.to_ascii_lowercase().as_str() {
        "subject" => words::unstructured(&value, &mut converted),
        // RFC 5321 §4.4: a path has no display-name.
        "return-path" => converted.token(addresses::NOBODY),
        "bcc" | "cc" | "from" | "reply-to" | "resent-bcc" | "resent-cc" | "resent-from"
        | "resent-sender" | "resent-to" | "sender" | "to" => {
            addresses::list(&value, &mut converted);
        }
        "content-type" | "content-disposition" => parameters::without_utf8(&value, &mut converted),
        _ => return None,
    }
    converted.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(text: &str) -> String {
        String::from_utf8(header(text.as_bytes())).unwrap()
    }

    // P-143, RFC 6858 §§2.1 to 2.4
    #[test]
    fn each_kind_of_field() {
        for (came, becomes) in [
            ("Subject: plain\r\n", "Subject: plain\r\n"),
            ("Subject: Grüße\r\n", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"),
            (
                "SUBJECT : Re: Grüße\r\n an alle\r\n",
                "SUBJECT: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an alle\r\n",
            ),
            (
                "From: Fred Foo <fred@exämple.com>\r\n",
                "From: =?utf-8?q?Fred_Foo_=28fred=40ex=C3=A4mple=2Ecom=29?=\r\n <invalid@internationalized-address.invalid>\r\n",
            ),
            (
                "From: Jörg <joerg@example.com>\r\n",
                "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.com>\r\n",
            ),
            (
                "Return-Path: <jörg@example.com>\r\n",
                "Return-Path: <invalid@internationalized-address.invalid>\r\n",
            ),
            (
                "Content-Disposition: attachment; filename=ü\r\n",
                "Content-Disposition: attachment\r\n",
            ),
            ("Message-ID: <ü@example.com>\r\n", ""),
            ("Received: from ä\r\n\tby b; Mon\r\nX-Y: 1\r\n", "X-Y: 1\r\n"),
            ("X-Ü: 1\r\n", ""),
            // RFC 6858 §5: signatures stay, though they are void
            ("DKIM-Signature: v=1; bh=x\r\n\ty\r\n", "DKIM-Signature: v=1; bh=x\r\n\ty\r\n"),
        ] {
            assert_eq!(made(&format!("{came}\r\n")), format!("{becomes}\r\n"), "{came:?}");
        }
    }

    // `Surrogate::header`: the header with its blank line; the body is the message's
    #[test]
    fn the_header_ends_at_its_blank_line() {
        assert_eq!(made("A: b\r\n\r\nbody ü\r\n"), "A: b\r\n\r\n");
        assert_eq!(made(""), "\r\n");
        assert_eq!(made("A: b\r\n"), "A: b\r\n\r\n");
        assert_eq!(fields("Delivered-To: ü@example.org\r\nX: y\r\n".as_bytes()), b"X: y\r\n");
    }

    // P-143, RFC 6858 §2.1: what a person reads, whole
    #[test]
    fn a_whole_header() {
        let came = "From: 林 <林@例え.example>, anna@example.org\r\n\
                    To: Team: Ä <a@example.org>, b@example.org;\r\n\
                    Subject: 長い件名\r\n\
                    Content-Type: text/plain; charset=utf-8; name=\"ü.txt\"\r\n\
                    Date: Sun, 1 Mar 2026 14:02:11 +0100\r\n\r\n";
        assert_eq!(
            made(came),
            "From: =?utf-8?b?5p6XICjmnpdA5L6L44GILmV4YW1wbGUp?=\r\n \
             <invalid@internationalized-address.invalid>, anna@example.org\r\n\
             To: Team: =?utf-8?b?w4Q=?= <a@example.org>, b@example.org;\r\n\
             Subject: =?utf-8?b?6ZW344GE5Lu25ZCN?=\r\n\
             Content-Type: text/plain;\r\n charset=utf-8\r\n\
             Date: Sun, 1 Mar 2026 14:02:11 +0100\r\n\r\n"
        );
    }

    // A header of nothing but short addresses does not become a stand-in of 20 MiB
    #[test]
    fn it_stays_within_bounds() {
        let came = format!("Subject: ü\r\nTo: {}\r\nCc: ü@b\r\n\r\n", "ü@b,".repeat(200_000));
        let made = made(&came);
        assert!(made.len() < CONVERTED_OCTETS_MAX + came.len());
        assert!(made.starts_with("Subject: ") && made.contains("Cc: ") && !made.contains("To: "));
    }

    /// What a header may be made of, and what may be slipped into one.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::sample::select(vec![
                "From: ",
                "To: ",
                "Subject: ",
                "Return-Path: ",
                "Content-Type: ",
                "X: ",
                "\r\n",
                "\r\n ",
                "\r\n\t",
                "<",
                ">",
                "\"",
                "\\",
                "(",
                ")",
                ",",
                ";",
                ":",
                "@",
                "[",
                "]",
                "=?utf-8?q?",
                "?=",
                "ü",
                "林",
                "\u{202e}",
                "a",
                " ",
                ".",
                "*",
                "=",
                "\u{1}",
                "name*0=",
            ])
            .prop_map(|piece| piece.as_bytes().to_vec()),
            Just(vec![0xFF]),
            Just(vec![0x80]),
            (1_usize..2000).prop_map(|length| vec![b'x'; length]),
            (1_usize..500).prop_map(|length| "ä".repeat(length).into_bytes()),
        ];
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        // P-140: no octet that is not ASCII, whatever came; CRLF alone ends lines
        #[test]
        fn it_is_ascii_and_its_lines_are_lines(came in hostile()) {
            let made = header(&came);
            prop_assert!(made.is_ascii());
            prop_assert!(made.ends_with(b"\r\n"));
            // The header ends where the stand-in does: nothing before is a blank line.
            let blank = memchr::memmem::find(&made, b"\n\r\n");
            prop_assert!(blank.is_none_or(|at| at + 3 == made.len()));
            let text = String::from_utf8(made).unwrap();
            prop_assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        }

        // RFC 5322 §2.1.1: no line that was made is longer than 998 octets
        #[test]
        fn what_was_made_has_no_long_lines(came in hostile(), name in "(Subject|To|Content-Type)") {
            let value = String::from_utf8_lossy(&came).replace(['\r', '\n'], " ");
            let field = format!("{name}: {value}ü\r\n");
            for line in String::from_utf8(fields(field.as_bytes())).unwrap().split_inclusive("\r\n") {
                prop_assert!(line.len() <= 1000, "{}", line.len());
                prop_assert!(line.ends_with("\r\n") && !line.trim_ascii().is_empty());
            }
        }

        // A stand-in needs none
        #[test]
        fn made_twice_is_made_once(came in hostile()) {
            let made = header(&[&came[..], b"\r\n"].concat());
            prop_assert_eq!(header(&made), made);
        }
    }
}
