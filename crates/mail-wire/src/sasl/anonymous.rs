//! ANONYMOUS (RFC 4505): nobody in particular, with a word on who that is, for the log alone.

use stringprep::tables;

use super::step::{Malformed, Step};
use crate::Credentials;

/// The longest trace information, in characters (RFC 4505 §2).
const TRACE_CHARACTERS_MAX: usize = 255;

/// The server's side.
#[derive(Debug, Default)]
pub struct Server {
    over: bool,
}

impl Server {
    /// The client speaks first; its response may be empty.
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match initial {
            Some(trace) => self.respond(trace),
            None => Step::Challenge(Vec::new()),
        }
    }

    /// Takes the trace information.
    pub fn respond(&mut self, trace: &[u8]) -> Step {
        if std::mem::replace(&mut self.over, true) {
            return Step::Failed(Malformed::Over);
        }
        let Ok(trace) = std::str::from_utf8(trace) else {
            return Step::Failed(Malformed::NotUtf8);
        };
        if trace.chars().count() > TRACE_CHARACTERS_MAX {
            return Step::Failed(Malformed::TooLong);
        }
        if !trace.chars().all(is_traceable) {
            return Step::Failed(Malformed::Grammar);
        }
        Step::Offer(Credentials::Anonymous { trace: trace.to_owned() })
    }
}

/// RFC 4505 §3, the profile "trace" of stringprep: nothing is mapped, nothing normalised, and
/// these are prohibited. Its check of directions is left out: log lines are escaped.
fn is_traceable(character: char) -> bool {
    !(tables::ascii_control_character(character)
        || tables::non_ascii_control_character(character)
        || tables::private_use(character)
        || tables::non_character_code_point(character)
        || tables::inappropriate_for_plain_text(character)
        || tables::change_display_properties_or_deprecated(character)
        || tables::tagging_character(character))
}

/// The client's response.
pub fn response(trace: &str) -> Vec<u8> {
    trace.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(said: &[u8]) -> Option<String> {
        match Server::default().begin(Some(said)) {
            Step::Offer(Credentials::Anonymous { trace }) => Some(trace),
            Step::Failed(_) => None,
            other => panic!("neither: {other:?}"),
        }
    }

    // P-118, RFC 4505 §4: the examples, and none at all
    #[test]
    fn takes_a_token_an_address_or_nothing() {
        for said in ["sirhc", "sirhc@example.com", "", "Grüße, 東京"] {
            assert_eq!(trace(&response(said)).as_deref(), Some(said));
        }
        let mut server = Server::default();
        assert!(matches!(server.begin(None), Step::Challenge(challenge) if challenge.is_empty()));
        assert!(matches!(server.respond(b"x"), Step::Offer(_)));
        assert!(matches!(server.respond(b"x"), Step::Failed(Malformed::Over)));
    }

    // P-118: 255 characters, not octets; prepared with "trace"
    #[test]
    fn refuses_what_is_too_long_or_would_forge_a_line() {
        assert!(trace("ä".repeat(255).as_bytes()).is_some());
        assert!(trace("a".repeat(256).as_bytes()).is_none());
        for wrong in
            ["a\0b", "a\r\nb", "\u{1b}[2J", "a\u{85}b", "\u{202e}x", "\u{e000}", "\u{e0041}"]
        {
            assert!(trace(wrong.as_bytes()).is_none(), "{wrong:?}");
        }
        assert!(trace(b"\xFF").is_none());
    }
}
