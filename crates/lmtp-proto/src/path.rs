//! Paths of the envelope: who sends, and to whom.
//!
//! ```text
//! Path        = "<" [ A-d-l ":" ] Mailbox ">"          RFC 5321 §4.1.2
//! A-d-l       = "@" Domain *( "," "@" Domain )         read and dropped (§4.1.1.3, F.2)
//! Mailbox     = Local-part "@" ( Domain / address-literal )
//! Local-part  = Atom *("." Atom) / DQUOTE *( qtext / "\" %d32-126 ) DQUOTE
//! ```
//! With SMTPUTF8, letters beyond ASCII may stand in atoms, quoted strings and labels (RFC 6531
//! §3.3).

use core::net::{Ipv4Addr, Ipv6Addr};
use std::fmt::{self, Write};

use crate::error::PathError;

/// The longest local part of a forward-path (RFC 5321 §4.5.3.1.1).
const LOCAL_PART_OCTETS_MAX: usize = 64;
/// The longest domain (RFC 5321 §4.5.3.1.2).
const DOMAIN_OCTETS_MAX: usize = 255;
/// The longest path, angle brackets included (RFC 5321 §4.5.3.1.3).
const PATH_OCTETS_MAX: usize = 256;

/// A mailbox as the envelope carries it: the parts as they were given, source route removed
/// (RFC 5321 §4.1.2).
///
/// `Display` writes it as it may stand in a path, the local part quoted where it has to be.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    local_part: String,
    domain: Option<String>,
}

impl Mailbox {
    /// The local part, unquoted (RFC 5321 §4.1.2: quoting is no part of the name).
    pub fn local_part(&self) -> &str {
        &self.local_part
    }

    /// The domain or address literal as given; `None` only for `<postmaster>`, and for a bare
    /// local part where the session's policy takes those.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// Whether every octet is ASCII, so that it can stand where SMTPUTF8 was not said.
    pub fn is_ascii(&self) -> bool {
        self.local_part.is_ascii() && self.domain.as_deref().is_none_or(str::is_ascii)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.local_part) {
            f.write_str(&self.local_part)?;
        } else {
            f.write_char('"')?;
            for letter in self.local_part.chars() {
                if matches!(letter, '"' | '\\') {
                    f.write_char('\\')?;
                }
                f.write_char(letter)?;
            }
            f.write_char('"')?;
        }
        self.domain.iter().try_for_each(|domain| write!(f, "@{domain}"))
    }
}

/// To whom: one RCPT's argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ForwardPath(Mailbox);

/// From whom: MAIL's argument; null for bounces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReversePath(Option<Mailbox>);

impl ForwardPath {
    /// Reads a path, angle brackets included. `bare`: whether a local part may stand alone;
    /// `<postmaster>` always may, in any case (RFC 5321 §4.5.1).
    pub fn parse(octets: &[u8], bare: bool) -> Result<Self, PathError> {
        whole(Self::take(octets, bare)?)
    }

    /// Reads a path from the start of `octets`, and gives back what follows it.
    pub(crate) fn take(octets: &[u8], bare: bool) -> Result<(Self, &[u8]), PathError> {
        let (mailbox, rest) = take_path(octets, Rules { strict: true, bare })?;
        Ok((Self(mailbox.ok_or(PathError::Null)?), rest))
    }

    /// The mailbox.
    pub fn mailbox(&self) -> &Mailbox {
        &self.0
    }
}

impl ReversePath {
    /// The null reverse-path (RFC 5321 §4.5.5).
    pub const NULL: Self = Self(None);

    /// Reads a path, angle brackets included; `<>` is one.
    ///
    /// Quirk: where the grammar would lose mail that others let through, it is loosened here.
    /// Return addresses of mailing lists carry the recipient's address and get longer than 64
    /// octets; some providers gave out names like `a..b` or `a.`.
    pub fn parse(octets: &[u8], bare: bool) -> Result<Self, PathError> {
        whole(Self::take(octets, bare)?)
    }

    /// Reads a path from the start of `octets`, and gives back what follows it.
    pub(crate) fn take(octets: &[u8], bare: bool) -> Result<(Self, &[u8]), PathError> {
        // RFC 5321 §4.5.5, P-205
        if let Some(rest) = octets.strip_prefix(b"<>") {
            return Ok((Self::NULL, rest));
        }
        let (mailbox, rest) = take_path(octets, Rules { strict: false, bare })?;
        Ok((Self(mailbox), rest))
    }

    /// The mailbox, unless the path is null.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.0.as_ref()
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(mailbox) => write!(f, "<{mailbox}>"),
            None => f.write_str("<>"),
        }
    }
}

#[derive(Clone, Copy)]
struct Rules {
    strict: bool,
    bare: bool,
}

fn whole<P>((path, rest): (P, &[u8])) -> Result<P, PathError> {
    if rest.is_empty() { Ok(path) } else { Err(PathError::Brackets) }
}

/// Reads `<…>`; `None` is the null path.
fn take_path(octets: &[u8], rules: Rules) -> Result<(Option<Mailbox>, &[u8]), PathError> {
    let inside = octets.strip_prefix(b"<").ok_or(PathError::Brackets)?;
    let length = closing_bracket(inside).ok_or(PathError::Brackets)?;
    let (path, rest) = inside.split_at_checked(length).ok_or(PathError::Brackets)?;
    let rest = rest.strip_prefix(b">").ok_or(PathError::Brackets)?;
    if path.is_empty() {
        return Ok((None, rest));
    }
    if length.saturating_add(2) > PATH_OCTETS_MAX {
        return Err(PathError::TooLong);
    }
    let text = std::str::from_utf8(path).map_err(|_| PathError::Utf8)?;
    let mailbox = parse_mailbox(without_source_route(text)?, rules)?;
    // What the loose rules took without quotes is written with them: it has to be a path then, too.
    if mailbox.to_string().len().saturating_add(2) > PATH_OCTETS_MAX {
        return Err(PathError::TooLong);
    }
    Ok((Some(mailbox), rest))
}

/// Where the path ends: the first `>` that is not inside quotes.
fn closing_bracket(inside: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    inside.iter().position(|&octet| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match octet {
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => return octet == b'>' && !quoted,
        }
        false
    })
}

/// RFC 5321 §4.1.1.3: source routes must be taken, and should be ignored.
fn without_source_route(text: &str) -> Result<&str, PathError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let (route, mailbox) = text.split_once(':').ok_or(PathError::Domain)?;
    let good = route.split(',').all(|hop| hop.strip_prefix('@').is_some_and(is_domain));
    if good { Ok(mailbox) } else { Err(PathError::Domain) }
}

fn parse_mailbox(text: &str, rules: Rules) -> Result<Mailbox, PathError> {
    let (local_part, domain) = if text.starts_with('"') {
        take_quoted_string(text)?
    } else {
        let end = text.find('@').unwrap_or(text.len());
        let (atoms, domain) = text.split_at_checked(end).ok_or(PathError::LocalPart)?;
        let good = if rules.strict { is_dot_string(atoms) } else { is_loose_dot_string(atoms) };
        if !good {
            return Err(PathError::LocalPart);
        }
        (atoms.to_owned(), domain)
    };
    if rules.strict && local_part.len() > LOCAL_PART_OCTETS_MAX {
        return Err(PathError::LocalPartTooLong);
    }
    let domain = match domain.strip_prefix('@') {
        Some(domain) if domain.len() > DOMAIN_OCTETS_MAX => return Err(PathError::DomainTooLong),
        Some(domain) if is_domain(domain) || is_address_literal(domain) => Some(domain.to_owned()),
        Some(_) => return Err(PathError::Domain),
        None if !domain.is_empty() => return Err(PathError::LocalPart),
        // RFC 5321 §4.5.1, P-198
        None if rules.bare || (rules.strict && local_part.eq_ignore_ascii_case("postmaster")) => {
            None
        }
        None => return Err(PathError::DomainMissing),
    };
    Ok(Mailbox { local_part, domain })
}

/// Reads a quoted string from the start; gives its content, and what follows it.
fn take_quoted_string(text: &str) -> Result<(String, &str), PathError> {
    let mut content = String::new();
    let mut letters = text.strip_prefix('"').ok_or(PathError::LocalPart)?.chars();
    loop {
        let letter = match letters.next().ok_or(PathError::LocalPart)? {
            '"' => return Ok((content, letters.as_str())),
            '\\' => letters.next().filter(char::is_ascii).ok_or(PathError::LocalPart)?,
            letter => letter,
        };
        // Controls, those beyond ASCII too, have no place in a trace header or a log.
        if letter.is_control() {
            return Err(PathError::LocalPart);
        }
        content.push(letter);
    }
}

fn is_dot_string(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_letter))
}

fn is_loose_dot_string(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter == '.' || is_atom_letter(letter))
}

fn is_atom_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(letter)
        || (!letter.is_ascii() && !letter.is_control())
}

/// `sub-domain *("." sub-domain)`. Quirk: names with `_` are about, and mail from them is let
/// through elsewhere.
fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| {
        let letter = |letter: char| {
            letter.is_ascii_alphanumeric()
                || letter == '-'
                || letter == '_'
                || (!letter.is_ascii() && !letter.is_control())
        };
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(letter)
    })
}

/// RFC 5321 §4.1.3.
fn is_address_literal(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
        return false;
    };
    match inside.split_once(':') {
        None => inside.parse::<Ipv4Addr>().is_ok(),
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
            address.parse::<Ipv6Addr>().is_ok()
        }
        Some((tag, content)) => {
            let tag_letter = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
            let content_letter = |octet: u8| octet.is_ascii_graphic() && !b"[\\]".contains(&octet);
            tag.bytes().all(tag_letter)
                && tag.bytes().last().is_some_and(|octet| octet.is_ascii_alphanumeric())
                && !content.is_empty()
                && content.bytes().all(content_letter)
        }
    }
}
