//! Addresses from a command line, made into the paths of an envelope.

use std::fmt;

/// The longest path that is passed on, in octets: RFC 5321 §4.5.3.1.3 asks for 256 at least.
const PATH_OCTETS_MAX: usize = 512;

/// A path as it goes into MAIL or RCPT, without its angle brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(String);

/// Why an address cannot stand in an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPath {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// A line end, NUL or another control character: it would end the command it stands in.
    #[error("it holds a control character")]
    Control,
    /// The domain holds what no domain has.
    #[error("what follows the @ is no domain")]
    Domain,
    /// Beyond [`PATH_OCTETS_MAX`].
    #[error("it is longer than {PATH_OCTETS_MAX} octets")]
    TooLong,
}

impl Path {
    /// A recipient. One without a domain is taken to be of the default domain, if there is one.
    ///
    /// Nothing in an address is special here: `-x`, `--help` and `;id` are names like others.
    pub(crate) fn recipient(address: &str, default_domain: Option<&str>) -> Result<Self, BadPath> {
        let (local_part, domain) = split(unbracketed(address));
        let domain = domain.or(default_domain);
        if local_part.is_empty() || domain == Some("") {
            return Err(BadPath::Empty);
        }
        Self::assemble(local_part, domain)
    }

    /// A sender. The null reverse-path is written as nothing at all, `<>`, or `MAILER-DAEMON`:
    /// that is what Postfix puts for it unless `null_sender` says otherwise.
    pub(crate) fn sender(address: &str) -> Result<Self, BadPath> {
        let address = unbracketed(address);
        if address.is_empty() || address.eq_ignore_ascii_case("MAILER-DAEMON") {
            return Ok(Self(String::new()));
        }
        let (local_part, domain) = split(address);
        Self::assemble(local_part, domain)
    }

    /// Whether the envelope needs SMTPUTF8 for it (RFC 6531 §3.4).
    pub(crate) fn is_internationalised(&self) -> bool {
        !self.0.is_ascii()
    }

    fn assemble(local_part: &str, domain: Option<&str>) -> Result<Self, BadPath> {
        if local_part.chars().chain(domain.unwrap_or_default().chars()).any(char::is_control) {
            return Err(BadPath::Control);
        }
        if domain.is_some_and(|domain| {
            domain.is_empty()
                || domain.contains(|c: char| c.is_whitespace() || "<>\",;\\".contains(c))
        }) {
            return Err(BadPath::Domain);
        }
        let mut path = quoted_where_needed(local_part);
        if let Some(domain) = domain {
            path.push('@');
            path.push_str(domain);
        }
        if path.len() > PATH_OCTETS_MAX {
            return Err(BadPath::TooLong);
        }
        Ok(Self(path))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn unbracketed(address: &str) -> &str {
    address.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(address)
}

/// The local part may hold an `@` of its own; the domain cannot.
fn split(address: &str) -> (&str, Option<&str>) {
    match address.rsplit_once('@') {
        Some((local_part, domain)) if !domain.ends_with('"') => (local_part, Some(domain)),
        _ => (address, None),
    }
}

/// RFC 5321 §4.1.2: a local part is a dot-string, or it is quoted.
fn quoted_where_needed(local_part: &str) -> String {
    if is_dot_string(local_part) || is_quoted_string(local_part) {
        return local_part.to_owned();
    }
    let mut quoted = String::with_capacity(local_part.len().saturating_add(2));
    quoted.push('"');
    for character in local_part.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

fn is_dot_string(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// RFC 5322 §3.2.3, and RFC 6531 §3.3 for what is not ASCII.
fn is_atext(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(character)
        || !character.is_ascii()
}

fn is_quoted_string(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut escaped = false;
    for character in inside.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient(address: &str) -> String {
        Path::recipient(address, Some("example.org")).unwrap().to_string()
    }

    // security D20
    #[test]
    fn no_recipient_is_special() {
        assert_eq!(recipient("-x@example.org"), "-x@example.org");
        assert_eq!(recipient("--help"), "--help@example.org");
        assert_eq!(recipient(";id"), "\";id\"@example.org");
        assert_eq!(recipient("a b\"c\\@example.org"), "\"a b\\\"c\\\\\"@example.org");
        assert_eq!(recipient("\"a b\"@example.org"), "\"a b\"@example.org");
        assert_eq!(recipient("a@b@example.org"), "\"a@b\"@example.org");
        assert_eq!(recipient("<anna@example.org>"), "anna@example.org");
    }

    // Nothing ends the command it stands in (P-182).
    #[test]
    fn line_ends_are_refused_everywhere() {
        for address in ["a\r\nDATA@example.org", "a@exam\nple.org", "a\0@example.org"] {
            assert_eq!(Path::recipient(address, None), Err(BadPath::Control), "{address:?}");
            assert_eq!(Path::sender(address), Err(BadPath::Control), "{address:?}");
        }
        assert_eq!(Path::recipient("a@b>c", None), Err(BadPath::Domain));
        assert_eq!(Path::recipient("a@", None), Err(BadPath::Empty));
        assert_eq!(Path::recipient("", Some("example.org")), Err(BadPath::Empty));
        assert_eq!(Path::recipient(&"a".repeat(600), None), Err(BadPath::TooLong));
    }

    // P-205: a bounce has no sender
    #[test]
    fn the_null_sender_has_three_spellings() {
        for address in ["", "<>", "MAILER-DAEMON"] {
            assert_eq!(Path::sender(address).unwrap().to_string(), "");
        }
        assert_eq!(Path::sender("root").unwrap().to_string(), "root");
        assert!(Path::sender("δοκιμή@example.org").unwrap().is_internationalised());
    }
}
