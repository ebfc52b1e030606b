//! MIME parameters that cannot be shown as they came are left out (RFC 6858 §2.2).

use std::collections::HashSet;

use super::folding::{Folded, is_verbatim};
use super::splitting::split;

/// Puts the value and those of its parameters that are ASCII. Of a parameter that comes in
/// several pieces (RFC 2231 §3) all go, or none. A value that is not ASCII itself leaves nothing.
pub(super) fn without_utf8(value: &str, field: &mut Folded) {
    let mut pieces = split(value, &[';']).into_iter().map(|(piece, _)| piece.trim_ascii());
    let Some(kind) = pieces.next().filter(|kind| is_verbatim(kind)) else { return };
    let parameters: Vec<&str> = pieces.filter(|piece| !piece.is_empty()).collect();
    let excised: HashSet<String> =
        parameters.iter().filter(|parameter| !is_verbatim(parameter)).map(|p| name(p)).collect();
    field.token(kind);
    for parameter in parameters {
        if is_verbatim(parameter) && !excised.contains(&name(parameter)) {
            field.glue(';');
            field.begin_line();
            field.token(parameter);
        }
    }
}

/// The parameter's name, without the number of its piece.
fn name(parameter: &str) -> String {
    let end = parameter.find(['=', '*']).unwrap_or(parameter.len());
    parameter.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(value: &str) -> Option<String> {
        let mut field = Folded::new("Content-Type");
        without_utf8(value, &mut field);
        field.finish()
    }

    // P-143, RFC 6858 §2.2
    #[test]
    fn what_is_not_ascii_is_left_out() {
        let made = |value| made(value).unwrap();
        assert_eq!(
            made(" text/plain; charset=\"utf-8\";\r\n name=\"ü;x\"; format=flowed"),
            "Content-Type: text/plain;\r\n charset=\"utf-8\";\r\n format=flowed\r\n"
        );
        assert_eq!(made("multipart/mixed; boundary=ü"), "Content-Type: multipart/mixed\r\n");
    }

    // RFC 2231 §3: a parameter in pieces
    #[test]
    fn all_pieces_of_a_parameter_go_together() {
        let value = "a/b; name*0=\"x\"; NAME*1=\"ü\"; size=1; name*2*=utf-8''y";
        assert_eq!(made(value).unwrap(), "Content-Type: a/b;\r\n size=1\r\n");
    }

    // RFC 6858 §2.4
    #[test]
    fn a_value_that_is_not_ascii_leaves_nothing() {
        assert_eq!(made("tüxt/plain; charset=utf-8"), None);
        assert_eq!(made("; name=ü"), None);
    }
}
