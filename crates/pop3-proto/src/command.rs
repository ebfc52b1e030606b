//! Commands as a client sends them: one line in, one command out.

use std::time::Duration;

use mail_wire::MessageNumber;
use mail_wire::sasl::Mechanism;

use crate::apop::ApopDigest;
use crate::error::Malformed;
use crate::language::Language;

/// A command that is right in itself; whether it may stand here is for the session to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'l> {
    /// `USER name` (RFC 1939 §7). The name is all that follows, in UTF-8.
    User(&'l [u8]),
    /// `PASS string` (RFC 1939 §7). The password is all that follows, spaces included (P-032).
    Pass(&'l [u8]),
    /// `APOP name digest` (RFC 1939 §7), split at the last space.
    Apop {
        /// Who.
        name: &'l [u8],
        /// The proof.
        digest: ApopDigest,
    },
    /// `AUTH` alone: which mechanisms are there (RFC 1734, P-094).
    AuthList,
    /// `AUTH mechanism [initial-response]` (RFC 5034 §4).
    Auth {
        /// Which mechanism.
        mechanism: Mechanism,
        /// The initial response as it came: base64, or `=` for an empty one.
        initial: Option<&'l [u8]>,
    },
    /// `STLS` (RFC 2595 §4).
    Stls,
    /// `CAPA` (RFC 2449 §5).
    Capa,
    /// `UTF8` (RFC 6856 §2.1).
    Utf8,
    /// `LANG` alone: which languages are there (RFC 6856 §3).
    LangList,
    /// `LANG range` (RFC 6856 §3).
    Lang(Language),
    /// `QUIT` (RFC 1939 §§4, 6).
    Quit,
    /// `STAT` (RFC 1939 §5).
    Stat,
    /// `LIST [msg]` (RFC 1939 §5).
    List(Option<MessageNumber>),
    /// `UIDL [msg]` (RFC 1939 §7).
    Uidl(Option<MessageNumber>),
    /// `RETR msg` (RFC 1939 §5).
    Retr(MessageNumber),
    /// `TOP msg n` (RFC 1939 §7).
    Top(MessageNumber, u64),
    /// `DELE msg` (RFC 1939 §5).
    Dele(MessageNumber),
    /// `NOOP` (RFC 1939 §5).
    Noop,
    /// `RSET` (RFC 1939 §5).
    Rset,
    /// `LAST` (RFC 1460 §5).
    Last,
    /// `XCOMMIT` (`rulings` 20).
    Xcommit,
    /// `XREFRESH` (`rulings` 20).
    Xrefresh,
    /// `XDIGEST [msg]` (`rulings` 20).
    Xdigest(Option<MessageNumber>),
    /// `XWAIT seconds` (`rulings` 20): [`WAIT_SECS_MIN`] to [`WAIT_SECS_MAX`].
    Xwait(Duration),
}

/// The shortest XWAIT.
pub const WAIT_SECS_MIN: u64 = 1;
/// The longest XWAIT: short of the 30 minutes after which many a firewall forgets a connection.
pub const WAIT_SECS_MAX: u64 = 1740;

/// The longest keyword: four octets (RFC 1939 §3), but for our own commands.
const KEYWORD_OCTETS_MAX: usize = 8;

impl<'l> Command<'l> {
    /// Reads a line, its end taken off.
    ///
    /// Keywords come in any case (P-006). One space separates; more of them, and spaces at the
    /// end, are tolerated where the arguments are numbers, words, or none, and belong to the
    /// value in USER, PASS and APOP (P-007).
    pub fn parse(line: &'l [u8]) -> Result<Self, Malformed> {
        if line.is_empty() {
            return Err(Malformed::Empty);
        }
        // RFC 2449 §3, P-011: no command holds control characters, not even a password.
        if line.iter().any(u8::is_ascii_control) {
            return Err(Malformed::Control);
        }
        let mut parts = line.splitn(2, |&octet| octet == b' ');
        let keyword = parts.next().unwrap_or_default();
        let rest = parts.next().unwrap_or_default();
        let mut upper = [0_u8; KEYWORD_OCTETS_MAX];
        let Some(upper) = upper.get_mut(..keyword.len()) else { return Err(Malformed::Unknown) };
        upper.copy_from_slice(keyword);
        upper.make_ascii_uppercase();
        match &*upper {
            b"USER" => name(rest).map(Self::User),
            b"PASS" if rest.is_empty() => Err(Malformed::ArgumentMissing),
            b"PASS" => Ok(Self::Pass(rest)),
            b"APOP" => apop(rest),
            b"AUTH" => auth(rest),
            b"STLS" => alone(rest, Self::Stls),
            b"CAPA" => alone(rest, Self::Capa),
            b"UTF8" => alone(rest, Self::Utf8),
            b"LANG" => lang(rest),
            b"QUIT" => alone(rest, Self::Quit),
            b"STAT" => alone(rest, Self::Stat),
            b"LIST" => optional_number(rest).map(Self::List),
            b"UIDL" => optional_number(rest).map(Self::Uidl),
            b"RETR" => number(rest).map(Self::Retr),
            b"TOP" => top(rest),
            b"DELE" => number(rest).map(Self::Dele),
            b"NOOP" => alone(rest, Self::Noop),
            b"RSET" => alone(rest, Self::Rset),
            b"LAST" => alone(rest, Self::Last),
            b"XCOMMIT" => alone(rest, Self::Xcommit),
            b"XREFRESH" => alone(rest, Self::Xrefresh),
            b"XDIGEST" => optional_number(rest).map(Self::Xdigest),
            b"XWAIT" => seconds(rest).map(Self::Xwait),
            _ => Err(Malformed::Unknown),
        }
    }
}

fn words(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(|&octet| octet == b' ').filter(|word| !word.is_empty())
}

fn alone<'l>(rest: &[u8], command: Command<'l>) -> Result<Command<'l>, Malformed> {
    match words(rest).next() {
        None => Ok(command),
        Some(_) => Err(Malformed::ArgumentUnwanted),
    }
}

fn name(rest: &[u8]) -> Result<&[u8], Malformed> {
    if rest.is_empty() {
        return Err(Malformed::ArgumentMissing);
    }
    // RFC 6856 §2.2: what is announced as `UTF8 USER` has to be UTF-8.
    if std::str::from_utf8(rest).is_err() {
        return Err(Malformed::NotUtf8);
    }
    Ok(rest)
}

fn apop(rest: &[u8]) -> Result<Command<'_>, Malformed> {
    let space = rest.iter().rposition(|&octet| octet == b' ').ok_or(Malformed::ArgumentMissing)?;
    let (who, proof) = rest.split_at_checked(space).ok_or(Malformed::ArgumentMissing)?;
    let proof = proof.strip_prefix(b" ").unwrap_or(proof);
    let digest = ApopDigest::parse(proof).ok_or(Malformed::Digest)?;
    Ok(Command::Apop { name: name(who)?, digest })
}

fn auth(rest: &[u8]) -> Result<Command<'_>, Malformed> {
    let mut words = words(rest);
    let Some(mechanism) = words.next() else { return Ok(Command::AuthList) };
    let initial = words.next();
    if words.next().is_some() {
        return Err(Malformed::Noise);
    }
    let mechanism = Mechanism::from_name(mechanism).ok_or(Malformed::Mechanism)?;
    Ok(Command::Auth { mechanism, initial })
}

fn lang(rest: &[u8]) -> Result<Command<'_>, Malformed> {
    let mut words = words(rest);
    let Some(range) = words.next() else { return Ok(Command::LangList) };
    if words.next().is_some() {
        return Err(Malformed::Noise);
    }
    Language::for_range(range).map(Command::Lang).ok_or(Malformed::Language)
}

fn optional_number(rest: &[u8]) -> Result<Option<MessageNumber>, Malformed> {
    match number(rest) {
        Ok(number) => Ok(Some(number)),
        Err(Malformed::ArgumentMissing) => Ok(None),
        Err(malformed) => Err(malformed),
    }
}

fn number(rest: &[u8]) -> Result<MessageNumber, Malformed> {
    let mut words = words(rest);
    let number = message_number(words.next().ok_or(Malformed::ArgumentMissing)?)?;
    match words.next() {
        None => Ok(number),
        Some(_) => Err(Malformed::Noise),
    }
}

fn top(rest: &[u8]) -> Result<Command<'_>, Malformed> {
    let mut words = words(rest);
    let number = message_number(words.next().ok_or(Malformed::ArgumentMissing)?)?;
    let lines = words.next().ok_or(Malformed::LinesMissing)?;
    // More lines than can be counted are all of them (P-049).
    let lines = decimal(lines).ok_or(Malformed::LinesNotANumber)?;
    match words.next() {
        None => Ok(Command::Top(number, lines)),
        Some(_) => Err(Malformed::Noise),
    }
}

fn seconds(rest: &[u8]) -> Result<Duration, Malformed> {
    let mut words = words(rest);
    let word = words.next().ok_or(Malformed::SecondsMissing)?;
    let seconds = decimal(word).ok_or(Malformed::SecondsNotANumber)?;
    if words.next().is_some() {
        return Err(Malformed::Noise);
    }
    if !(WAIT_SECS_MIN..=WAIT_SECS_MAX).contains(&seconds) {
        return Err(Malformed::SecondsOutOfRange);
    }
    Ok(Duration::from_secs(seconds))
}

fn message_number(word: &[u8]) -> Result<MessageNumber, Malformed> {
    let number = decimal(word).ok_or(Malformed::NumberNotANumber)?;
    let number = u32::try_from(number).map_err(|_| Malformed::NumberTooLarge)?;
    MessageNumber::new(number).ok_or(Malformed::NumberZero)
}

/// Digits only: no sign, no blank, no point. It never wraps: what is too large to hold is held
/// at the largest number there is.
fn decimal(word: &[u8]) -> Option<u64> {
    word.iter().try_fold(0_u64, |value, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(value.saturating_mul(10).saturating_add(digit.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Malformed {
        Command::parse(line.as_bytes()).expect_err(line)
    }

    fn nr(number: u32) -> MessageNumber {
        MessageNumber::new(number).unwrap()
    }

    // P-006, P-007
    #[test]
    fn keywords_come_in_any_case_and_spaces_are_forgiven_where_nothing_is_lost() {
        for line in ["RETR 3", "retr 3", "Retr 3", "RETR  3", "RETR 3 ", "retr   3  ", "RETR 03"] {
            assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Retr(nr(3))), "{line:?}");
        }
        for line in ["STAT", "stat", "STAT ", "STAT   "] {
            assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Stat), "{line:?}");
        }
        assert_eq!(Command::parse(b"AUTH "), Ok(Command::AuthList));
        assert_eq!(Command::parse(b"LIST "), Ok(Command::List(None)));
    }

    // P-007, P-032: the values of USER and PASS are taken whole
    #[test]
    fn names_and_passwords_keep_their_spaces() {
        assert_eq!(Command::parse(b"PASS a b  "), Ok(Command::Pass(b"a b  ")));
        assert_eq!(Command::parse(b"PASS  "), Ok(Command::Pass(b" ")));
        assert_eq!(Command::parse(b"pass caf\xE9"), Ok(Command::Pass(b"caf\xE9")));
        assert_eq!(Command::parse(b"USER  a "), Ok(Command::User(b" a ")));
        assert_eq!(Command::parse(b"USER %n%s%x"), Ok(Command::User(b"%n%s%x")));
    }

    // P-044, P-050, L18 to L23: which of the things that can be wrong it was
    #[test]
    fn a_number_is_refused_for_its_own_reason() {
        use Malformed::{
            ArgumentMissing, LinesMissing, LinesNotANumber, Noise, NumberNotANumber,
            NumberTooLarge, NumberZero,
        };
        for (line, malformed) in [
            ("RETR", ArgumentMissing),
            ("RETR ", ArgumentMissing),
            ("DELE", ArgumentMissing),
            ("TOP", ArgumentMissing),
            ("TOP 1", LinesMissing),
            ("TOP 1 ", LinesMissing),
            ("TOP 1 2 3", Noise),
            ("TOP 1xyz 2", NumberNotANumber),
            ("TOP 1 2xyz", LinesNotANumber),
            ("TOP 1 -1", LinesNotANumber),
            ("TOP 0 1", NumberZero),
            ("LIST -1", NumberNotANumber),
            ("LIST +1", NumberNotANumber),
            ("LIST 0", NumberZero),
            ("LIST abc", NumberNotANumber),
            ("LIST 1 2", Noise),
            ("LIST 1.0", NumberNotANumber),
            ("LIST 0x1", NumberNotANumber),
            ("LIST 4294967296", NumberTooLarge),
            ("LIST 4294967297", NumberTooLarge),
            ("LIST 18446744073709551617", NumberTooLarge),
            ("LIST 99999999999999999999", NumberTooLarge),
            ("UIDL 1 1", Noise),
            ("UIDL -1", NumberNotANumber),
            ("DELE 1,2", NumberNotANumber),
            ("DELE *", NumberNotANumber),
            ("DELE 1:5", NumberNotANumber),
            ("DELE 000", NumberZero),
            ("RETR \u{661}", NumberNotANumber),
            ("RETR 1 x", Noise),
        ] {
            assert_eq!(refused(line), malformed, "{line}");
        }
    }

    // P-049: n as large as it likes
    #[test]
    fn top_takes_any_number_of_lines() {
        for (lines, read) in [
            ("0", 0),
            ("1", 1),
            ("99999999", 99_999_999),
            ("4294967296", 1 << 32),
            ("18446744073709551615", u64::MAX),
            ("99999999999999999999", u64::MAX),
        ] {
            let line = format!("TOP 1 {lines}");
            assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Top(nr(1), read)));
        }
    }

    // P-008, P-011, L6 to L8, L11, L13 to L15, L24, L26, L27
    #[test]
    fn lines_that_are_no_commands() {
        use Malformed::{ArgumentMissing, ArgumentUnwanted, Control, Empty, NotUtf8, Unknown};
        for (line, malformed) in [
            (&b""[..], Empty),
            (b" ", Unknown),
            (b"   ", Unknown),
            (b" STAT", Unknown),
            (b"S", Unknown),
            (b"STA", Unknown),
            (b"STATS", Unknown),
            (&[b'A'; 40], Unknown),
            (b"XTND XMIT", Unknown),
            (b"RPOP x", Unknown),
            (b"XAUTH", Unknown),
            (b"ID", Unknown),
            (b"EHLO x", Unknown),
            (b"HELO x", Unknown),
            (b"LOGIN a b", Unknown),
            (b"ST\xC1T", Unknown),
            (b"\xFF\xF4\xFF\xFD", Unknown),
            (b"CRE8", Unknown),
            (b"NOOP\t", Control),
            (b"LIST\t1", Control),
            (b"\0\x01", Control),
            (b"USER a\x01b", Control),
            (b"PASS a\0b", Control),
            (b"NOOP\0", Control),
            (b"USER a\x7F", Control),
            (b"NOOP\r", Control),
            (b"STAT x", ArgumentUnwanted),
            (b"NOOP x", ArgumentUnwanted),
            (b"RSET x", ArgumentUnwanted),
            (b"QUIT x", ArgumentUnwanted),
            (b"CAPA x", ArgumentUnwanted),
            (b"STLS x", ArgumentUnwanted),
            (b"UTF8 USER", ArgumentUnwanted),
            (b"LAST 1", ArgumentUnwanted),
            (b"USER", ArgumentMissing),
            (b"USER ", ArgumentMissing),
            (b"PASS", ArgumentMissing),
            (b"PASS ", ArgumentMissing),
            (b"APOP", ArgumentMissing),
            (b"APOP x", ArgumentMissing),
            (b"USER \xC0\xAF", NotUtf8),
            (b"USER \xED\xA0\x80", NotUtf8),
            (b"USER \xE9", NotUtf8),
        ] {
            assert_eq!(Command::parse(line), Err(malformed), "{line:?}");
        }
    }

    // L16: neither U+2028 nor U+0085 ends a line or separates
    #[test]
    fn only_a_space_separates() {
        let name = "a\u{2028}b\u{85}c";
        let line = format!("USER {name}");
        assert_eq!(Command::parse(line.as_bytes()), Ok(Command::User(name.as_bytes())));
    }

    // P-250, P-251, A14, A15
    #[test]
    fn auth_names_a_mechanism_and_perhaps_an_initial_response() {
        let plain = |initial| Ok(Command::Auth { mechanism: Mechanism::Plain, initial });
        assert_eq!(Command::parse(b"AUTH PLAIN"), plain(None));
        assert_eq!(Command::parse(b"auth plain ="), plain(Some(&b"="[..])));
        assert_eq!(Command::parse(b"AUTH PLAIN AAAA"), plain(Some(&b"AAAA"[..])));
        assert_eq!(refused("AUTH PLAIN AAAA x"), Malformed::Noise);
        for name in ["DIGEST-MD5", "NTLM", "GSSAPI", "SCRAM-SHA-512", "NOSUCH"] {
            assert_eq!(refused(&format!("AUTH {name}")), Malformed::Mechanism);
        }
        assert_eq!(refused(&format!("AUTH {}", "A".repeat(100))), Malformed::Mechanism);
        assert_eq!(refused("AUTH PLAIN\0"), Malformed::Control);
    }

    // P-033, RFC 1939 §7
    #[test]
    fn apop_is_split_at_its_last_space() {
        let digest = "c4c9334bac560ecc979e58001b3e22fb";
        let parsed = ApopDigest::parse(digest.as_bytes()).unwrap();
        for name in ["mrose", "m rose"] {
            let line = format!("APOP {name} {digest}");
            let command = Command::Apop { name: name.as_bytes(), digest: parsed };
            assert_eq!(Command::parse(line.as_bytes()), Ok(command));
        }
        assert_eq!(refused("APOP mrose c4c9"), Malformed::Digest);
        assert_eq!(refused(&format!("APOP mrose {digest} ")), Malformed::Digest);
        assert_eq!(refused(&format!("APOP  {digest}")), Malformed::ArgumentMissing);
    }

    // P-147
    #[test]
    fn lang_takes_a_basic_range() {
        for (range, language) in [
            ("en", Some(Language::English)),
            ("DE", Some(Language::German)),
            ("*", Some(Language::English)),
            ("MUL", None),
            ("de-AT", None),
            ("d", None),
        ] {
            let line = format!("LANG {range}");
            let read = Command::parse(line.as_bytes());
            assert_eq!(read, language.map(Command::Lang).ok_or(Malformed::Language), "{range}");
        }
        assert_eq!(Command::parse(b"LANG"), Ok(Command::LangList));
        assert_eq!(refused("LANG en de"), Malformed::Noise);
    }
}
