//! What can be wrong with a line that should be a command or a response.

use mail_wire::sasl;

/// Why a line is refused before anybody looks at the session's state. Each has its words in
/// every language; `Display` gives the English ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Nothing stands on the line.
    Empty,
    /// No command has this keyword (RFC 1939 §3, P-008).
    Unknown,
    /// NUL or another control character stands in it (RFC 2449 §3, P-011).
    Control,
    /// An argument is missing.
    ArgumentMissing,
    /// There is an argument, and the command takes none.
    ArgumentUnwanted,
    /// There is more than the command takes.
    Noise,
    /// A message number that is no number.
    NumberNotANumber,
    /// A message number that is 0: they begin at 1 (RFC 1939 §4).
    NumberZero,
    /// A message number beyond any that could exist.
    NumberTooLarge,
    /// TOP without its number of lines (RFC 1939 §7, P-050).
    LinesMissing,
    /// TOP's number of lines is no number.
    LinesNotANumber,
    /// XWAIT without its number of seconds (`rulings` 20).
    SecondsMissing,
    /// XWAIT's number of seconds is no number.
    SecondsNotANumber,
    /// XWAIT's number of seconds is below or above what is waited.
    SecondsOutOfRange,
    /// APOP's digest is not 32 hexadecimal digits.
    Digest,
    /// A name, or in UTF-8 mode a password, is not UTF-8 (RFC 6856 §2.2, P-146).
    NotUtf8,
    /// This mechanism is not built (RFC 5034 §4, P-251).
    Mechanism,
    /// What should be base64 is not (RFC 5034 §4, P-255).
    Base64,
    /// The response does not follow its mechanism's grammar.
    Sasl(sasl::Malformed),
    /// No language of ours matches (RFC 6856 §3).
    Language,
}
