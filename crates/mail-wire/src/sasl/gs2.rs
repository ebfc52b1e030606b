//! The header that SCRAM and OAUTHBEARER begin with (RFC 5801 §4).
//!
//! ```text
//! gs2-header     = gs2-cbind-flag "," [ "a=" saslname ] ","
//! gs2-cbind-flag = "p=" cb-name / "n" / "y"
//! saslname       = 1*( value-safe-char / "=2C" / "=3D" )   ; neither NUL nor "=" nor ","
//! ```

use super::step::Malformed;

/// What the client says of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag<'m> {
    /// `n`: it has none.
    Without,
    /// `y`: it has, and believes that the server has none.
    NotOffered,
    /// `p=`: it is bound by this kind.
    Bound(&'m [u8]),
}

/// A header, and what stands behind it.
#[derive(Debug)]
pub(super) struct Gs2<'m> {
    pub(super) flag: Flag<'m>,
    pub(super) authzid: Option<Vec<u8>>,
    /// As it came, both commas included.
    pub(super) header: &'m [u8],
    pub(super) rest: &'m [u8],
}

/// Reads the header off the front of a message.
pub(super) fn read(message: &[u8]) -> Result<Gs2<'_>, Malformed> {
    let mut parts = message.splitn(3, |&octet| octet == b',');
    let (Some(flag), Some(authzid), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Malformed::Grammar);
    };
    let flag = match flag {
        b"n" => Flag::Without,
        b"y" => Flag::NotOffered,
        _ => match flag.strip_prefix(b"p=") {
            Some(name) if is_binding_name(name) => Flag::Bound(name),
            _ => return Err(Malformed::Grammar),
        },
    };
    let authzid = match authzid {
        b"" => None,
        other => Some(name(other.strip_prefix(b"a=").ok_or(Malformed::Grammar)?)?),
    };
    let (header, _) = message
        .split_at_checked(message.len().saturating_sub(rest.len()))
        .ok_or(Malformed::Grammar)?;
    Ok(Gs2 { flag, authzid, header, rest })
}

/// Reads a name, which must be UTF-8.
pub(super) fn name(escaped: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut name = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((&octet, behind)) = rest.split_first() {
        rest = behind;
        name.push(match octet {
            // P-105: nothing else may be escaped, and nothing may be left unescaped
            b'=' => match behind.split_at_checked(2) {
                Some((b"2C", behind)) => {
                    rest = behind;
                    b','
                }
                Some((b"3D", behind)) => {
                    rest = behind;
                    b'='
                }
                _ => return Err(Malformed::Grammar),
            },
            0 | b',' => return Err(Malformed::Grammar),
            other => other,
        });
    }
    if name.is_empty() {
        return Err(Malformed::Empty);
    }
    if std::str::from_utf8(&name).is_err() {
        return Err(Malformed::NotUtf8);
    }
    Ok(name)
}

/// Writes a name.
pub(super) fn write_name(name: &[u8], message: &mut Vec<u8>) {
    for &octet in name {
        match octet {
            b',' => message.extend_from_slice(b"=2C"),
            b'=' => message.extend_from_slice(b"=3D"),
            other => message.push(other),
        }
    }
}

/// Writes a header.
pub(super) fn write(flag: Flag<'_>, authzid: Option<&[u8]>, message: &mut Vec<u8>) {
    match flag {
        Flag::Without => message.push(b'n'),
        Flag::NotOffered => message.push(b'y'),
        Flag::Bound(name) => {
            message.extend_from_slice(b"p=");
            message.extend_from_slice(name);
        }
    }
    message.push(b',');
    if let Some(authzid) = authzid {
        message.extend_from_slice(b"a=");
        write_name(authzid, message);
    }
    message.push(b',');
}

/// RFC 5801 §4: `cb-name = 1*( ALPHA / DIGIT / "." / "-" )`.
fn is_binding_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().all(|octet| octet.is_ascii_alphanumeric() || b".-".contains(octet))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // RFC 5801 §4, RFC 5802 §7
    #[test]
    fn reads_the_forms_there_are() {
        for (message, flag, authzid, rest) in [
            ("n,,n=user,r=x", Flag::Without, None, "n=user,r=x"),
            ("y,,", Flag::NotOffered, None, ""),
            (
                "p=tls-exporter,a=b=2Cc=3Dd,rest",
                Flag::Bound(b"tls-exporter"),
                Some("b,c=d"),
                "rest",
            ),
        ] {
            let read = read(message.as_bytes()).unwrap();
            assert_eq!(read.flag, flag);
            assert_eq!(read.authzid.as_deref(), authzid.map(str::as_bytes));
            assert_eq!(read.rest, rest.as_bytes());
            assert_eq!([read.header, read.rest].concat(), message.as_bytes());
        }
    }

    // P-105: message starts n, y or p; `=2C`/`=3D` only escapes
    #[test]
    fn refuses_everything_else() {
        for wrong in [
            "",
            "n",
            "n,",
            "N,,",
            "x,,",
            "nn,,",
            "p,,",
            "p=,,",
            "p=a b,,",
            "p=a=b,,",
            "n,b=x,",
            "n,a=,",
            "n,a=x=2D,",
            "n,a=x=2c,",
            "n,a=x=,",
            "n,a=x=2,",
            "n,a=x\0,",
            "F,n,,",
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert_eq!(read(b"n,a=\xFF,").err(), Some(Malformed::NotUtf8));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            authzid in prop::option::of("[^\u{0}]{1,20}"),
            flag in prop::sample::select(vec![Flag::Without, Flag::NotOffered, Flag::Bound(b"tls-exporter")]),
            rest in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut message = Vec::new();
            write(flag, authzid.as_deref().map(str::as_bytes), &mut message);
            message.extend_from_slice(&rest);
            let read = read(&message).unwrap();
            prop_assert_eq!(read.flag, flag);
            prop_assert_eq!(read.authzid.as_deref(), authzid.as_deref().map(str::as_bytes));
            prop_assert_eq!(read.rest, rest);
        }
    }
}
