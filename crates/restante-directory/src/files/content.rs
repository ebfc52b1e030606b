//! What a passwd file says, read whole or not at all.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use super::extra::Extra;
use super::line::line;
use crate::address::{Name, shown};
use crate::domain::Domain;
use crate::password::{Stored, Verifier};
use crate::settings::FileFormat;

/// The accounts of a file, by the key of their names.
#[derive(Debug, Default)]
pub(crate) struct Content {
    entries: HashMap<String, Entry>,
    /// A hash of the kind that most of them are.
    usual: Option<Verifier>,
}

/// An account of a file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its whole name: a bare one is in the site's main domain.
    pub(crate) name: Name,
    /// The line that it stands in, counted from 1.
    pub(crate) line: u64,
    /// `None`: no password is good.
    pub(crate) password: Option<Verifier>,
    pub(crate) extra: Extra,
    /// Changes when the password does, and with the key only.
    pub(crate) digest: [u8; 32],
}

/// How names of a file are meant.
pub(crate) struct Meaning<'a> {
    pub(crate) domains: &'a [Domain],
    pub(crate) case_sensitive: bool,
    pub(crate) key: &'a [u8; 32],
}

impl Content {
    /// Reads a file. `Err` is the first line that is wrong, and why.
    pub(crate) fn parse(
        octets: &[u8],
        format: FileFormat,
        meaning: &Meaning<'_>,
    ) -> Result<Self, (u64, String)> {
        let mut entries = HashMap::new();
        let mut kinds: HashMap<_, (u64, Verifier)> = HashMap::new();
        for (number, octets) in (1_u64..).zip(octets.split(|octet| *octet == b'\n')) {
            let text = String::from_utf8_lossy(octets);
            let wrong = |why: String| (number, why);
            let Some(line) = line(&text, format).map_err(wrong)? else { continue };
            let name = meaning.name(line.name).map_err(wrong)?;
            let password = match line.password {
                Stored::Nothing => None,
                Stored::Password(verifier) => {
                    let known =
                        kinds.entry(verifier.kind()).or_insert_with(|| (0, verifier.clone()));
                    known.0 = known.0.saturating_add(1);
                    Some(verifier)
                }
            };
            let digest = blake3::keyed_hash(meaning.key, line.field.as_bytes());
            let entry =
                Entry { name, line: number, password, extra: line.extra, digest: digest.into() };
            match entries.entry(entry.name.key(meaning.case_sensitive)) {
                Place::Vacant(place) => {
                    place.insert(entry);
                }
                Place::Occupied(there) => {
                    let there: &Entry = there.get();
                    return Err((
                        number,
                        format!("`{}` stands in line {} already", shown(line.name), there.line),
                    ));
                }
            }
        }
        // The commonest; of two as common the one that is called first, so that it is always
        // the same.
        let usual = kinds
            .into_iter()
            .max_by(|(a, (many, _)), (b, (more, _))| many.cmp(more).then_with(|| b.cmp(a)));
        Ok(Self { entries, usual: usual.map(|(_, (_, verifier))| verifier) })
    }

    /// The account of this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// All accounts and their keys.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.entries.iter()
    }

    /// A hash of the kind that most of them are.
    pub(crate) const fn usual(&self) -> Option<&Verifier> {
        self.usual.as_ref()
    }
}

impl Meaning<'_> {
    fn name(&self, given: &str) -> Result<Name, String> {
        let name = Name::parse(given.as_bytes())
            .map_err(|why| format!("`{}` cannot be an account's name: {why}", shown(given)))?;
        let domain = match &name.domain {
            None => self.domains.first(),
            Some(domain) if self.domains.contains(domain) => Some(domain),
            Some(domain) => {
                return Err(format!("`{domain}` is not among `domains` in the configuration"));
            }
        };
        let domain = domain.ok_or("the configuration names no `domains`")?.clone();
        Ok(Name { domain: Some(domain), ..name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Content, (u64, String)> {
        let domains = [Domain::fold("example.org").unwrap(), Domain::fold("example.net").unwrap()];
        let meaning = Meaning { domains: &domains, case_sensitive: false, key: &[7; 32] };
        Content::parse(text.as_bytes(), FileFormat::Passwd, &meaning)
    }

    // rulings 13, issue 4: bare names are in the main domain; each problem has its line
    #[test]
    fn names_become_addresses_and_problems_have_lines() {
        let content = parse("# who\n\nAnna:{PLAIN}x\nbert@example.net:{PLAIN}y\ncarl:*").unwrap();
        assert_eq!(content.entry("anna@example.org").unwrap().line, 3);
        assert_eq!(content.entry("bert@example.net").unwrap().line, 4);
        assert!(content.entry("carl@example.org").unwrap().password.is_none());
        for (bad, line, says) in [
            ("anna:{PLAIN}x\nANNA@example.org:{PLAIN}y", 2, "line 1"),
            ("\nanna:{OTP}x", 2, "{OTP}"),
            ("a/b:{PLAIN}x", 1, "cannot be"),
            ("anna@example.com:{PLAIN}x", 1, "example.com"),
            ("anna:{PLAIN}x\n\n\nhalf", 4, "no `:`"),
        ] {
            let (at, why) = parse(bad).unwrap_err();
            assert_eq!(at, line, "{bad}");
            assert!(why.contains(says), "{bad}: {why}");
        }
    }

    #[test]
    fn the_usual_kind_is_the_commonest() {
        let content = parse(
            "a:{PLAIN}x\nb:{SHA256}2OZJiX4f3IEocTIetqYiu1a2GovhuIBYRxZR+uXBLKo=\nc:{PLAIN}y\n",
        )
        .unwrap();
        assert_eq!(content.usual().unwrap().kind().family, "PLAIN");
        assert!(parse("a:*").unwrap().usual().is_none());
    }
}
