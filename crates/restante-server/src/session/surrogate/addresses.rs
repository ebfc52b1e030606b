//! Address fields (RFC 6858 §2.1): an address that is not ASCII becomes nobody's, under a name
//! that says whose it was.

use super::folding::{Folded, is_verbatim};
use super::splitting::{Place, split, without_comments};
use super::words;

/// An address that never belongs to anyone (RFC 2606 §2).
pub(super) const NOBODY: &str = "<invalid@internationalized-address.invalid>";

/// Puts a list of addresses and groups (RFC 5322 §3.4). An address that is ASCII stays what it
/// is, also where its display-name is not.
pub(super) fn list(value: &str, field: &mut Folded) {
    let (mut in_group, mut comma) = (false, false);
    for (piece, end) in split(value, &[',', ';', ':']) {
        let piece = piece.trim_ascii();
        if end == Some(':') && !in_group {
            separate(&mut comma, field);
            let name = without_comments(piece);
            let named = !name.trim_ascii().is_empty();
            words::phrase(if named { &name } else { "group" }, field);
            field.glue(':');
            in_group = true;
            continue;
        }
        if !piece.is_empty() && has_something(piece) {
            separate(&mut comma, field);
            address(piece, field);
            comma = true;
        }
        if end == Some(';') && in_group {
            field.glue(';');
            (in_group, comma) = (false, true);
        }
    }
    if in_group {
        field.glue(';');
    }
}

fn separate(comma: &mut bool, field: &mut Folded) {
    if std::mem::replace(comma, false) {
        field.glue(',');
    }
}

/// Whether anything but comments stands there.
fn has_something(piece: &str) -> bool {
    !without_comments(piece).trim_ascii().is_empty()
}

fn address(piece: &str, field: &mut Folded) {
    if is_verbatim(piece) {
        return field.token(piece);
    }
    let piece = without_comments(piece);
    let (name, path) = parts(&piece);
    let name = unquoted(name);
    let name = name.trim_ascii();
    let bare = path.trim_matches(['<', '>']).trim_ascii();
    if is_verbatim(path) && path.starts_with('<') {
        words::phrase(name, field);
        return field.token(path);
    }
    if is_verbatim(bare) && name.is_empty() {
        return field.token(bare);
    }
    if name.is_empty() {
        words::encoded(bare, field);
    } else {
        words::encoded(&format!("{name} ({bare})"), field);
    }
    field.token(NOBODY);
}

/// The display-name, and the address: `<…>`, or all there is.
fn parts(piece: &str) -> (&str, &str) {
    let mut place = Place::default();
    for (at, character) in piece.char_indices() {
        if character == '<' && place.is_outside() {
            let (name, path) = piece.split_at_checked(at).unwrap_or((piece, ""));
            return (name.trim_ascii(), path.trim_ascii());
        }
        place.see(character);
    }
    ("", piece.trim_ascii())
}

/// A phrase without its quotes.
fn unquoted(phrase: &str) -> String {
    let mut text = String::with_capacity(phrase.len());
    let mut is_escaped = false;
    for character in phrase.chars() {
        match character {
            _ if is_escaped => {
                text.push(character);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => {}
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(value: &str) -> String {
        let mut field = Folded::new("To");
        list(value, &mut field);
        field.finish().unwrap_or_default()
    }

    // P-143, RFC 6858 §2.1
    #[test]
    fn an_address_that_is_not_ascii_becomes_nobodys() {
        assert_eq!(
            made("ü@example.com"),
            "To: =?utf-8?q?=C3=BC=40example=2Ecom?=\r\n <invalid@internationalized-address.invalid>\r\n"
        );
        assert_eq!(made("\"A, B\" <a@ü.example>, c@d").matches("invalid>").count(), 1);
        assert!(made("\"A, B\" <a@ü.example>, c@d").ends_with(", c@d\r\n"));
    }

    // RFC 2047 §5 (3): a name alone can be encoded, and the address still answers
    #[test]
    fn an_ascii_address_keeps_its_place() {
        assert_eq!(
            made("\"Jörg M.\" <j@example.com> (ü)"),
            "To: =?utf-8?q?J=C3=B6rg_M=2E?= <j@example.com>\r\n"
        );
        assert_eq!(made("j@example.com (Jörg)"), "To: j@example.com\r\n");
        assert_eq!(
            made("a@b , \"x\" <c@d>, ö <e@f>"),
            "To: a@b, \"x\" <c@d>, =?utf-8?b?w7Y=?= <e@f>\r\n"
        );
    }

    // RFC 5322 §3.4, RFC 6854: groups
    #[test]
    fn groups_stay_groups() {
        assert_eq!(made("Tüam: a@b, c@d; , e@f"), "To: =?utf-8?q?T=C3=BCam?=: a@b, c@d;, e@f\r\n");
        assert_eq!(made("ü:;"), "To: =?utf-8?b?w7w=?=:;\r\n");
        assert_eq!(made("x: ö <a@b>"), "To: x: =?utf-8?b?w7Y=?= <a@b>;\r\n");
    }

    // RFC 6858 §2.4: where nothing is left there is no field
    #[test]
    fn what_is_no_address_leaves_nothing() {
        assert_eq!(made("(ü)"), "");
        assert_eq!(made(" , ,; (ü)"), "");
    }
}
