//! One line of an import file: `name:password:address,address`, or a line of a passwd-file.
//!
//! The format is described in `docs/reference/import-format.md`.

use mail_wire::Secret;

use crate::files::{Extra, extra};
use crate::network::Networks;
use crate::password::{Stored, read};
use crate::rules::Rule;

/// What a line says.
#[derive(Debug)]
pub(crate) struct ImportEntry<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: ImportedPassword,
    pub(crate) addresses: Vec<&'a str>,
    /// `allow_nets` of a passwd-file line.
    pub(crate) networks: Networks,
    /// The rules of keeping that it gets for its own.
    pub(crate) keeping: Vec<(Rule, &'a str)>,
}

/// What a line says about the password.
#[derive(Debug)]
pub(crate) enum ImportedPassword {
    /// No main password: app passwords only.
    None,
    /// A hash, with its scheme: renewed as argon2id at the first login.
    Hash(Secret<String>),
    /// In clear: to be hashed.
    Plain(Secret<String>),
}

/// Fields of a passwd-file line: user, password, uid, gid, gecos, home, shell, extra.
const PASSWD_FIELDS: usize = 8;

/// Reads a line. `Ok(None)`: blank or a comment. `Err` says what is wrong, what would be right,
/// and nothing of the password.
pub(crate) fn parse(line: &str) -> Result<Option<ImportEntry<'_>>, String> {
    if line.trim().is_empty() || line.trim_start().starts_with('#') {
        return Ok(None);
    }
    let fields: Vec<&str> = line.splitn(PASSWD_FIELDS, ':').collect();
    if let [name, password, third, fourth, ..] = fields.as_slice()
        && fourth.contains('=')
    {
        // Rules hold colons themselves: `delete=hold:30d`.
        let rest = line.splitn(4, ':').last().unwrap_or_default();
        return entry(name, password, third, keeping(rest)?).map(Some);
    }
    let (name, password, third) = match fields.as_slice() {
        [_] => {
            return Err("there is no `:`; write name:hash:addresses".to_owned());
        }
        [name, password, third] => (*name, *password, *third),
        // A line of a passwd-file: its numbers, home and shell mean nothing here. Its extra
        // fields can mean `allow_nets` or `nologin`: to drop those silently would let in
        // whom the old server kept out.
        [name, password, .., fields_beyond] if fields.len() == PASSWD_FIELDS => {
            let Extra { networks, no_login } = extra(fields_beyond)?;
            if no_login {
                return Err("the extra field `nologin` is not imported; remove it, and \
                            `restante account disable` what is imported"
                    .to_owned());
            }
            return Ok(Some(ImportEntry { networks, ..entry(name, password, "", Vec::new())? }));
        }
        [name, password, ..] => (*name, *password, ""),
        [] => return Ok(None),
    };
    entry(name, password, third, Vec::new()).map(Some)
}

fn entry<'a>(
    name: &'a str,
    password: &'a str,
    addresses: &'a str,
    keeping: Vec<(Rule, &'a str)>,
) -> Result<ImportEntry<'a>, String> {
    let addresses = addresses.split(',').map(str::trim).filter(|address| !address.is_empty());
    Ok(ImportEntry {
        name: name.trim(),
        password: parse_password(password)?,
        addresses: addresses.collect(),
        networks: Networks::default(),
        keeping,
    })
}

/// `rule=value,rule=value`.
fn keeping(field: &str) -> Result<Vec<(Rule, &str)>, String> {
    let pairs = field.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or("the fourth field takes rule=value")?;
            let rule = Rule::named(name.trim()).ok_or_else(|| {
                let names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
                format!("the fourth field has an unknown rule; there are {}", names.join(", "))
            })?;
            Ok((rule, value.trim()))
        })
        .collect()
}

fn parse_password(field: &str) -> Result<ImportedPassword, String> {
    let Stored::Password(verifier) = read(field)? else { return Ok(ImportedPassword::None) };
    let Some(plain) = verifier.plain() else {
        return Ok(ImportedPassword::Hash(Secret::new(field.to_owned())));
    };
    String::from_utf8(plain.expose().clone())
        .map(|plain| ImportedPassword::Plain(Secret::new(plain)))
        .map_err(|_| "the password in clear is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PHC: &str = "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQxMjM$c29tZXRoaW5nIHRoYXQgaXMgMzIgb2N0ZXRzIGxvbmc";

    #[test]
    fn reads_our_lines_and_passwd_files() {
        for (line, addresses) in [
            (format!("anna@example.org:{{ARGON2ID}}{PHC}"), 0),
            (format!("anna@example.org:{PHC}:info@example.org, @example.org,"), 2),
            (format!("anna@example.org:{{argon2id}}{PHC}:1000:1000::/home/anna::"), 0),
            (format!("anna@example.org:{PHC}:::::"), 0),
        ] {
            let entry = parse(&line).unwrap().unwrap();
            assert_eq!(entry.name, "anna@example.org");
            assert_eq!(entry.addresses.len(), addresses, "{line}");
            assert!(matches!(entry.password, ImportedPassword::Hash(hash)
                if hash.expose().ends_with(PHC)));
        }
        assert!(matches!(
            parse("a@b:{PLAIN}x y ").unwrap().unwrap().password,
            ImportedPassword::Plain(plain) if plain.expose() == "x y "
        ));
        let line = "a@b::x@b, y@b:delete=hold:30d, retention=7d after retrieval,quota-octets=1GiB";
        let entry = parse(line).unwrap().unwrap();
        assert_eq!(entry.addresses, ["x@b", "y@b"]);
        assert_eq!(
            entry.keeping,
            [
                (Rule::Delete, "hold:30d"),
                (Rule::Retention, "7d after retrieval"),
                (Rule::QuotaOctets, "1GiB"),
            ]
        );
        let line = "a@b:{PLAIN}x:1:1:::/bin/sh:allow_nets=192.0.2.0/24 userdb_mail=mbox:~/m";
        assert_eq!(parse(line).unwrap().unwrap().networks.texts(), ["192.0.2.0/24"]);
        for none in ["a@b:", "a@b:*", "a@b:!", "a@b::x@b"] {
            let password = parse(none).unwrap().unwrap().password;
            assert!(matches!(password, ImportedPassword::None), "{none}");
        }
        for nothing in ["", "  ", "# a:b", " # x"] {
            assert!(parse(nothing).unwrap().is_none());
        }
    }

    #[test]
    fn refuses_what_it_cannot_keep_and_names_the_scheme() {
        for (line, says) in [
            ("a@b:{SSHA}c2VjcmV0", "under 20 octets"),
            ("a@b:{CRYPT}$6$x$secret", "$6$"),
            ("a@b:$6$x$secret", "$6$"),
            ("a@b:secret", "no scheme"),
            ("a@b:{ARGON2ID}secret", "PHC"),
            ("a@b:{OTP}secret", "{OTP}"),
            ("a@b", "no `:`"),
            ("a@b:::keep=all", "unknown rule; there are delete, views"),
            ("a@b:{PLAIN}x:1:1:::/bin/sh:nopassword", "`nopassword`"),
            ("a@b:{PLAIN}x:1:1:::/bin/sh:nologin", "`nologin`"),
        ] {
            let why = parse(line).unwrap_err();
            assert!(why.contains(says), "{line}: {why}");
            assert!(!why.contains("secret"), "{line}: {why}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in "\\PC{0,60}|[a-z@:{}$,=ARGON2ID]{0,60}") {
            let _ = parse(&line);
        }
    }
}
