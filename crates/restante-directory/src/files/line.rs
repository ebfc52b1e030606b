//! One line of a passwd file.

use super::extra::{Extra, extra};
use crate::password::{Stored, read};
use crate::settings::FileFormat;

/// What a line says.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// The password field as it stands.
    pub(super) field: &'a str,
    pub(super) password: Stored,
    pub(super) extra: Extra,
}

/// Fields of a passwd-file line: user, password, uid, gid, gecos, home, shell, extra.
const FIELDS: usize = 8;

/// Reads a line; `None`: blank or a comment. `Err` says what is wrong and nothing of the
/// password.
pub(super) fn line(text: &str, format: FileFormat) -> Result<Option<Line<'_>>, String> {
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let mut fields = text.splitn(FIELDS, ':');
    let name = fields.next().unwrap_or_default();
    let Some(field) = fields.next() else {
        return Err("there is no `:` behind the name".to_owned());
    };
    if name.contains('\u{fffd}') || field.contains('\u{fffd}') {
        return Err("the name or the password is not UTF-8".to_owned());
    }
    let rest: Vec<&str> = fields.collect();
    let extra = match format {
        FileFormat::Passwd => extra(rest.get(5).copied().unwrap_or_default())?,
        // Whatever stands behind a second colon means nothing to Apache either.
        FileFormat::Htpasswd => Extra::default(),
    };
    Ok(Some(Line { name, field, password: read(field)?, extra }))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Dovecot's manual, "Passwd-file": user:password:uid:gid:gecos:home:shell:extra_fields
    #[test]
    fn lines_of_both_formats() {
        for (text, format) in [
            (
                "anna:{PLAIN}x:1000:1000:Anna M.:/home/anna:/bin/sh:allow_nets=2001:db8::/32",
                FileFormat::Passwd,
            ),
            ("anna:{PLAIN}x:::::: allow_nets=2001:db8::/32 nodelay\r", FileFormat::Passwd),
        ] {
            let read = line(text, format).unwrap().unwrap();
            assert_eq!((read.name, read.field), ("anna", "{PLAIN}x"));
            assert_eq!(read.extra.networks.texts(), ["2001:db8::/32"]);
        }
        for text in ["", "  ", "# anna:x"] {
            assert!(line(text, FileFormat::Passwd).unwrap().is_none());
        }
        let locked = line("anna:*", FileFormat::Htpasswd).unwrap().unwrap();
        assert!(matches!(locked.password, Stored::Nothing));
        for bad in ["anna", "anna:secret", "an\u{fffd}a:{PLAIN}x", "a:{PLAIN}x::::::nopassword"] {
            let why = line(bad, FileFormat::Passwd).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
