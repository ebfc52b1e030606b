//! The words of every reply, in every language.
//!
//! Some clients read them (P-087): fetchmail takes `lock`, `wait` or `service unavailable` in
//! a refused login for "busy, try later" and everything else for a wrong password. So
//! `[IN-USE]` says "locked" and `[SYS/TEMP]` "service unavailable", in German too, and
//! `[AUTH]` none of these. JavaMail and others read the number in `+OK 120 octets`. No text
//! begins with `[` (P-014).

use std::fmt;

use mail_wire::sasl;

use crate::error::Malformed;
use crate::reply::Reply;

/// The English words: ASCII.
pub(crate) fn english(reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if reply.is_positive() { english_positive(reply, f) } else { english_negative(reply, f) }
}

/// The German words: UTF-8.
pub(crate) fn german(reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if reply.is_positive() { german_positive(reply, f) } else { german_negative(reply, f) }
}

fn english_positive(reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reply {
        Reply::SendPass => f.write_str("send PASS"),
        Reply::Opened { messages, octets } => {
            write!(f, "maildrop has {} ({octets} octets)", Messages(*messages))
        }
        Reply::Capabilities => f.write_str("capability list follows"),
        Reply::Mechanisms => f.write_str("mechanisms follow"),
        Reply::Languages => f.write_str("languages follow"),
        Reply::LanguageSet(language) => write!(f, "{} language changed", language.tag()),
        Reply::BeginTls => f.write_str("begin TLS negotiation"),
        Reply::Utf8On => f.write_str("UTF-8 mode is on"),
        Reply::UniqueIds => f.write_str("unique-ids follow"),
        Reply::Scans { messages, octets } | Reply::Unmarked { messages, octets } => {
            write!(f, "{} ({octets} octets)", Messages(*messages))
        }
        Reply::Top => f.write_str("top of message follows"),
        Reply::Marked(number) => write!(f, "message {number} deleted"),
        Reply::Nothing => f.write_str("nothing done"),
        Reply::Digests => f.write_str("SHA-256 digests follow"),
        Reply::Farewell => f.write_str("signing off"),
        Reply::Removed { left: 0 } => f.write_str("signing off (maildrop empty)"),
        Reply::Removed { left } => write!(f, "signing off ({} left)", Messages(*left)),
        _ => same_in_all(reply, f),
    }
}

fn german_positive(reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reply {
        Reply::SendPass => f.write_str("weiter mit PASS"),
        Reply::Opened { messages, octets } => {
            write!(f, "im Postfach: {} ({octets} Oktette)", Nachrichten(*messages))
        }
        Reply::Capabilities => f.write_str("es folgen die Fähigkeiten"),
        Reply::Mechanisms => f.write_str("es folgen die Verfahren"),
        Reply::Languages => f.write_str("es folgen die Sprachen"),
        Reply::LanguageSet(language) => write!(f, "{} Sprache gewechselt", language.tag()),
        Reply::BeginTls => f.write_str("TLS kann beginnen"),
        Reply::Utf8On => f.write_str("UTF-8 ist eingeschaltet"),
        Reply::UniqueIds => f.write_str("es folgen die Kennungen"),
        Reply::Scans { messages, octets } | Reply::Unmarked { messages, octets } => {
            write!(f, "{} ({octets} Oktette)", Nachrichten(*messages))
        }
        Reply::Top => f.write_str("es folgt der Anfang der Nachricht"),
        Reply::Marked(number) => write!(f, "Nachricht {number} gelöscht"),
        Reply::Nothing => f.write_str("nichts getan"),
        Reply::Digests => f.write_str("es folgen die SHA-256-Werte"),
        Reply::Farewell => f.write_str("auf Wiedersehen"),
        Reply::Removed { left: 0 } => f.write_str("auf Wiedersehen (Postfach leer)"),
        Reply::Removed { left } => {
            write!(f, "auf Wiedersehen (noch {})", Nachrichten(*left))
        }
        _ => same_in_all(reply, f),
    }
}

/// What is read by programs and so has no language (P-041, P-042, P-045, P-052).
fn same_in_all(reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reply {
        // RFC 2449 §3: `<` and `>` only around a timestamp (P-018).
        Reply::Ready { timestamp: Some(timestamp), .. } => {
            write!(f, "Restante ready {timestamp}")
        }
        Reply::Ready { hostname, timestamp: None } => {
            f.write_str("Restante ready on ")?;
            hostname.split(['<', '>']).try_for_each(|part| f.write_str(part))
        }
        Reply::Stat { messages, octets } => write!(f, "{messages} {octets}"),
        Reply::Scan { number, octets } => write!(f, "{number} {octets}"),
        Reply::UniqueId { number, uidl } => write!(f, "{number} {uidl}"),
        Reply::Message { octets } => write!(f, "{octets} octets"),
        Reply::Last(number) => write!(f, "{number}"),
        // `rulings` 20 fixes these words.
        Reply::Committed(messages) => write!(f, "{messages} removed"),
        Reply::Digest { number, digest } => write!(f, "{number} {}", Hexadecimal(digest)),
        Reply::Waited { arrived: true } => f.write_str("new"),
        Reply::Waited { arrived: false } => f.write_str("none"),
        _ => Ok(()),
    }
}

fn english_negative(reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reply {
        Reply::Malformed(malformed) => f.write_str(english_malformed(*malformed)),
        Reply::TooLong { octets_max } => {
            write!(f, "line too long, at most {octets_max} octets")
        }
        Reply::NoSuch { number, messages: 0 } => {
            write!(f, "no message {number}, the maildrop is empty")
        }
        Reply::NoSuch { number, messages } => {
            write!(f, "no message {number}, the highest number is {messages}")
        }
        Reply::IsMarked(number) => write!(f, "message {number} is deleted, RSET brings it back"),
        Reply::IsGone(number) => write!(f, "message {number} is gone, it was removed"),
        Reply::NeedsUtf8(number) => write!(f, "message {number} needs UTF-8 mode, use UTF8"),
        Reply::Lost { number, temporary: true } => {
            write!(f, "service unavailable: message {number} cannot be read now, try again later")
        }
        Reply::Lost { number, temporary: false } => {
            write!(f, "message {number} cannot be read, ask the administrator")
        }
        Reply::InUse { holder: None } => {
            f.write_str("maildrop is locked by another session, try again later")
        }
        Reply::InUse { holder: Some(holder) } => {
            write!(f, "maildrop is locked by another session ({holder})")
        }
        Reply::LoginDelay { seconds } => {
            write!(f, "too soon after the last login, wait {seconds} seconds")
        }
        Reply::TooManyFailures { seconds } => write!(
            f,
            "service unavailable to your network after too many failed logins, try again in \
             {seconds} seconds"
        ),
        _ => f.write_str(english_refusal(reply)),
    }
}

fn german_negative(reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reply {
        Reply::Malformed(malformed) => f.write_str(german_malformed(*malformed)),
        Reply::TooLong { octets_max } => {
            write!(f, "Zeile zu lang, höchstens {octets_max} Oktette")
        }
        Reply::NoSuch { number, messages: 0 } => {
            write!(f, "keine Nachricht {number}, das Postfach ist leer")
        }
        Reply::NoSuch { number, messages } => {
            write!(f, "keine Nachricht {number}, die höchste Nummer ist {messages}")
        }
        Reply::IsMarked(number) => {
            write!(f, "Nachricht {number} ist gelöscht, RSET holt sie zurück")
        }
        Reply::IsGone(number) => write!(f, "Nachricht {number} ist weg, sie wurde gelöscht"),
        Reply::NeedsUtf8(number) => write!(f, "Nachricht {number} braucht UTF-8, mit UTF8"),
        Reply::Lost { number, temporary: true } => write!(
            f,
            "Dienst nicht verfügbar (service unavailable): Nachricht {number} ist jetzt nicht \
             lesbar, bitte später"
        ),
        Reply::Lost { number, temporary: false } => {
            write!(f, "Nachricht {number} ist nicht lesbar, bitte den Administrator fragen")
        }
        Reply::InUse { holder: None } => {
            f.write_str("Postfach in einer anderen Sitzung offen (locked), bitte später")
        }
        Reply::InUse { holder: Some(holder) } => {
            write!(f, "Postfach in einer anderen Sitzung offen (locked: {holder})")
        }
        Reply::LoginDelay { seconds } => {
            write!(f, "zu kurz nach der letzten Anmeldung, bitte {seconds} Sekunden warten (wait)")
        }
        Reply::TooManyFailures { seconds } => write!(
            f,
            "Dienst nicht verfügbar (service unavailable): zu viele Fehlversuche aus diesem \
             Netz, bitte in {seconds} Sekunden"
        ),
        _ => f.write_str(german_refusal(reply)),
    }
}

fn english_refusal(reply: &Reply) -> &'static str {
    match reply {
        Reply::NotYet => "not before login",
        Reply::NotAnyMore => "not after login",
        Reply::PassFirst => "USER comes before PASS",
        Reply::TlsRequired { stls: true } => "TLS required, use STLS or port 995",
        Reply::TlsRequired { stls: false } => "TLS required, use port 995",
        Reply::TlsOn => "TLS is active already",
        Reply::TlsUnavailable => "TLS is not available on this connection",
        Reply::StlsAfterUtf8 => "STLS comes before UTF8",
        Reply::NoApop => "APOP is not available, or its timestamp was used",
        Reply::Cancelled => "authentication cancelled",
        Reply::Credentials => "the name or the password is wrong",
        Reply::Temporary => "service unavailable, try again later",
        Reply::Permanent => "the maildrop cannot be opened, ask the administrator",
        Reply::NotRemoved => "some deleted messages not removed",
        Reply::ReadOnly => "this maildrop is for everybody, nothing can be deleted",
        Reply::NotRefreshed { temporary: true } => {
            "service unavailable: new messages cannot be listed now, try again later"
        }
        Reply::NotRefreshed { temporary: false } => {
            "the maildrop cannot be listed again, ask the administrator"
        }
        Reply::TooManyBad => "too many bad commands, closing",
        Reply::PlaintextAfterStls => "nothing may follow STLS before the TLS handshake, closing",
        Reply::Draining => "service unavailable: the server is stopping, marked messages stay",
        Reply::Crowded => "service unavailable: too many connections, try again later",
        Reply::AccountChanged => "the account was changed, marked messages stay, log in again",
        Reply::NotHttp => "this is a POP3 server, HTTP is not spoken here",
        Reply::NotSsh => "this is a POP3 server, SSH is not spoken here",
        Reply::NotTls { stls: true } => "TLS begins with STLS here, or at once on port 995",
        Reply::NotTls { stls: false } => "no TLS on this port, it may be on port 995",
        _ => "",
    }
}

fn german_refusal(reply: &Reply) -> &'static str {
    match reply {
        Reply::NotYet => "nicht vor der Anmeldung",
        Reply::NotAnyMore => "nicht nach der Anmeldung",
        Reply::PassFirst => "USER kommt vor PASS",
        Reply::TlsRequired { stls: true } => "TLS ist nötig: STLS oder Port 995",
        Reply::TlsRequired { stls: false } => "TLS ist nötig: Port 995",
        Reply::TlsOn => "TLS ist schon an",
        Reply::TlsUnavailable => "TLS gibt es auf dieser Verbindung nicht",
        Reply::StlsAfterUtf8 => "STLS kommt vor UTF8",
        Reply::NoApop => "APOP gibt es hier nicht, oder der Zeitstempel ist verbraucht",
        Reply::Cancelled => "Anmeldung abgebrochen",
        Reply::Credentials => "Name oder Kennwort ist falsch",
        Reply::Temporary => "Dienst nicht verfügbar (service unavailable), bitte später",
        Reply::Permanent => "das Postfach lässt sich nicht öffnen, bitte den Administrator fragen",
        Reply::NotRemoved => "einige gelöschte Nachrichten sind noch da",
        Reply::ReadOnly => "dieses Postfach ist für alle da, gelöscht wird hier nichts",
        Reply::NotRefreshed { temporary: true } => {
            "Dienst nicht verfügbar (service unavailable): Neues lässt sich jetzt nicht auflisten, \
             bitte später"
        }
        Reply::NotRefreshed { temporary: false } => {
            "das Postfach lässt sich nicht neu auflisten, bitte den Administrator fragen"
        }
        Reply::TooManyBad => "zu viele falsche Befehle, Ende",
        Reply::PlaintextAfterStls => "nach STLS darf vor dem TLS-Handshake nichts kommen, Ende",
        Reply::Draining => {
            "Dienst nicht verfügbar (service unavailable): der Server hält an, Markiertes bleibt"
        }
        Reply::Crowded => {
            "Dienst nicht verfügbar (service unavailable): zu viele Verbindungen, bitte später"
        }
        Reply::AccountChanged => "das Konto wurde geändert, Markiertes bleibt, bitte neu anmelden",
        Reply::NotHttp => "dies ist ein POP3-Server, HTTP spricht er nicht",
        Reply::NotSsh => "dies ist ein POP3-Server, SSH spricht er nicht",
        Reply::NotTls { stls: true } => "TLS beginnt hier mit STLS, auf Port 995 sofort",
        Reply::NotTls { stls: false } => "kein TLS auf diesem Port, vielleicht auf Port 995",
        _ => "",
    }
}

fn english_malformed(malformed: Malformed) -> &'static str {
    match malformed {
        Malformed::Empty => "an empty line is no command",
        Malformed::Unknown => "unknown command",
        Malformed::Control => "control characters have no place in a command",
        Malformed::ArgumentMissing => "an argument is missing",
        Malformed::ArgumentUnwanted => "this command takes no argument",
        Malformed::Noise => "too many arguments",
        Malformed::NumberNotANumber => "the message number is not a number",
        Malformed::NumberZero => "message numbers begin at 1",
        Malformed::NumberTooLarge => "the message number is too large",
        Malformed::LinesMissing => "the number of lines is missing",
        Malformed::LinesNotANumber => "the number of lines is not a number",
        Malformed::SecondsMissing => "the number of seconds is missing",
        Malformed::SecondsNotANumber => "the number of seconds is not a number",
        Malformed::SecondsOutOfRange => "from 1 to 1740 seconds are waited",
        Malformed::Digest => "the digest is not 32 hexadecimal digits",
        Malformed::NotUtf8 => "not UTF-8",
        Malformed::Mechanism => "this mechanism is not offered",
        Malformed::Base64 => "not base64",
        Malformed::Sasl(malformed) => english_exchange(malformed),
        Malformed::Language => "this language is not spoken here, LANG lists those that are",
    }
}

fn german_malformed(malformed: Malformed) -> &'static str {
    match malformed {
        Malformed::Empty => "eine leere Zeile ist kein Befehl",
        Malformed::Unknown => "unbekannter Befehl",
        Malformed::Control => "Steuerzeichen gehören in keinen Befehl",
        Malformed::ArgumentMissing => "ein Argument fehlt",
        Malformed::ArgumentUnwanted => "dieser Befehl nimmt kein Argument",
        Malformed::Noise => "zu viele Argumente",
        Malformed::NumberNotANumber => "die Nachrichtennummer ist keine Zahl",
        Malformed::NumberZero => "Nachrichtennummern beginnen bei 1",
        Malformed::NumberTooLarge => "die Nachrichtennummer ist zu groß",
        Malformed::LinesMissing => "die Zahl der Zeilen fehlt",
        Malformed::LinesNotANumber => "die Zahl der Zeilen ist keine Zahl",
        Malformed::SecondsMissing => "die Zahl der Sekunden fehlt",
        Malformed::SecondsNotANumber => "die Zahl der Sekunden ist keine Zahl",
        Malformed::SecondsOutOfRange => "gewartet wird 1 bis 1740 Sekunden",
        Malformed::Digest => "der Hash hat nicht 32 hexadezimale Ziffern",
        Malformed::NotUtf8 => "kein UTF-8",
        Malformed::Mechanism => "dieses Verfahren gibt es hier nicht",
        Malformed::Base64 => "kein Base64",
        Malformed::Sasl(malformed) => german_exchange(malformed),
        Malformed::Language => "diese Sprache gibt es hier nicht, LANG zählt sie auf",
    }
}

fn english_exchange(malformed: sasl::Malformed) -> &'static str {
    match malformed {
        sasl::Malformed::Nuls => "a PLAIN message has exactly two NULs",
        sasl::Malformed::Empty => "neither name nor password may be empty",
        sasl::Malformed::NotUtf8 => "a name is not UTF-8",
        sasl::Malformed::Over => "the exchange is over",
        sasl::Malformed::Grammar => "the response does not follow the mechanism's grammar",
        sasl::Malformed::Unexpected => "this mechanism takes no initial response",
        sasl::Malformed::TooLong => "the response is too long for this mechanism",
        sasl::Malformed::Extension => "this extension of the mechanism is not there",
        sasl::Malformed::Nonce => "the nonce is not the one that was sent",
        sasl::Malformed::Binding => "the channel binding does not fit this connection",
        sasl::Malformed::Downgrade => "channel binding was offered, and the client did not see it",
        sasl::Malformed::Token => "there is no bearer token",
        sasl::Malformed::NoIdentity => "no client certificate was shown",
    }
}

fn german_exchange(malformed: sasl::Malformed) -> &'static str {
    match malformed {
        sasl::Malformed::Nuls => "eine PLAIN-Nachricht hat genau zwei NUL",
        sasl::Malformed::Empty => "weder Name noch Kennwort darf leer sein",
        sasl::Malformed::NotUtf8 => "ein Name ist kein UTF-8",
        sasl::Malformed::Over => "die Anmeldung war schon zu Ende",
        sasl::Malformed::Grammar => "die Antwort passt nicht zum Verfahren",
        sasl::Malformed::Unexpected => "dieses Verfahren beginnt der Server",
        sasl::Malformed::TooLong => "die Antwort ist zu lang für dieses Verfahren",
        sasl::Malformed::Extension => "diese Erweiterung des Verfahrens gibt es hier nicht",
        sasl::Malformed::Nonce => "die Nonce ist nicht die gesendete",
        sasl::Malformed::Binding => "die Kanalbindung passt nicht zu dieser Verbindung",
        sasl::Malformed::Downgrade => "Kanalbindung wurde angeboten, und der Client sah es nicht",
        sasl::Malformed::Token => "es fehlt das Bearer-Token",
        sasl::Malformed::NoIdentity => "es wurde kein Client-Zertifikat gezeigt",
    }
}

struct Hexadecimal<'d>(&'d [u8; 32]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

struct Messages(usize);

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} message{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

struct Nachrichten(usize);

impl fmt::Display for Nachrichten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Nachricht{}", self.0, if self.0 == 1 { "" } else { "en" })
    }
}
