//! OAUTHBEARER (RFC 7628) and XOAUTH2, which it grew out of: a token that somebody else gave
//! out.
//!
//! ```text
//! OAUTHBEARER   gs2-header %x01 *( key "=" value %x01 ) %x01       ; auth=Bearer token
//! XOAUTH2       "user=" name %x01 "auth=Bearer " token %x01 %x01
//! ```
//! A token that is not good is answered with a challenge that says so in JSON; the client
//! answers that with something of no meaning, and only then the exchange fails (RFC 7628
//! §3.2.3).

use super::gs2::{self, Flag};
use super::step::{Malformed, Step};
use crate::{Credentials, Secret};

/// The longest token. Those of Exchange have several KiB.
pub const TOKEN_OCTETS_MAX: usize = 16 * 1024;

const SEPARATOR: u8 = 1;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OAUTHBEARER.
    OauthBearer,
    /// XOAUTH2, as Google and Microsoft describe it.
    Xoauth2,
}

/// The server's side.
#[derive(Debug)]
pub struct Server {
    dialect: Dialect,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    /// The token is being judged.
    Offered,
    /// The client was told in JSON that it is not good.
    Refused,
    Over,
}

impl Server {
    /// A side that has heard nothing yet.
    pub const fn new(dialect: Dialect) -> Self {
        Self { dialect, state: State::New }
    }

    /// The client speaks first; in two steps, as Exchange's clients do, or in one.
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        match initial {
            Some(message) => self.respond(message),
            None => Step::Challenge(Vec::new()),
        }
    }

    /// Takes the token, or what answers the refusal.
    pub fn respond(&mut self, message: &[u8]) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::New => match read(self.dialect, message) {
                Ok(credentials) => {
                    self.state = State::Offered;
                    Step::Offer(credentials)
                }
                Err(malformed) => Step::Failed(malformed),
            },
            // RFC 7628 §3.2.3 has %x01, Google an empty line: it says nothing in either form.
            State::Refused => Step::Done,
            State::Offered | State::Over => Step::Failed(Malformed::Over),
        }
    }

    /// The token was not good: what to send before the client is told so.
    pub fn refused(&mut self) -> Vec<u8> {
        self.state = State::Refused;
        match self.dialect {
            Dialect::OauthBearer => br#"{"status":"invalid_token"}"#.to_vec(),
            Dialect::Xoauth2 => br#"{"status":"401","schemes":"bearer"}"#.to_vec(),
        }
    }
}

fn read(dialect: Dialect, message: &[u8]) -> Result<Credentials, Malformed> {
    match dialect {
        Dialect::OauthBearer => read_oauthbearer(message),
        Dialect::Xoauth2 => read_xoauth2(message),
    }
}

fn read_oauthbearer(message: &[u8]) -> Result<Credentials, Malformed> {
    let gs2 = gs2::read(message)?;
    // RFC 7628 §3.1: no channel binding is defined for it.
    if matches!(gs2.flag, Flag::Bound(_)) {
        return Err(Malformed::Binding);
    }
    let pairs = gs2.rest.strip_prefix(&[SEPARATOR]).ok_or(Malformed::Grammar)?;
    let pairs = pairs.strip_suffix(&[SEPARATOR]).ok_or(Malformed::Grammar)?;
    let pairs = pairs.strip_suffix(&[SEPARATOR]).ok_or(Malformed::Grammar)?;
    let mut token = None;
    for pair in pairs.split(|&octet| octet == SEPARATOR) {
        let equals = pair.iter().position(|&octet| octet == b'=').ok_or(Malformed::Grammar)?;
        let (key, value) = pair.split_at_checked(equals).ok_or(Malformed::Grammar)?;
        let value = value.strip_prefix(b"=").ok_or(Malformed::Grammar)?;
        let is_value = |octet: &u8| matches!(octet, b'\t' | b'\n' | b'\r' | b' '..=b'~');
        if key.is_empty() || !key.iter().all(u8::is_ascii_alphabetic) || !value.iter().all(is_value)
        {
            return Err(Malformed::Grammar);
        }
        match key {
            b"auth" if token.is_none() => token = Some(bearer(value)?),
            b"auth" => return Err(Malformed::Grammar),
            b"port" => port(value)?,
            // "host" may be any name that leads here, and unknown keys are ignored.
            _ => {}
        }
    }
    let token = token.ok_or(Malformed::Token)?;
    Ok(Credentials::Token { name: gs2.authzid, token })
}

fn read_xoauth2(message: &[u8]) -> Result<Credentials, Malformed> {
    let mut parts = message.split(|&octet| octet == SEPARATOR);
    let (Some(user), Some(auth), Some(b""), Some(b""), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Malformed::Grammar);
    };
    let name = user.strip_prefix(b"user=").ok_or(Malformed::Grammar)?;
    let token = bearer(auth.strip_prefix(b"auth=").ok_or(Malformed::Grammar)?)?;
    if name.is_empty() {
        return Err(Malformed::Empty);
    }
    if name.contains(&0) || std::str::from_utf8(name).is_err() {
        return Err(Malformed::NotUtf8);
    }
    Ok(Credentials::Token { name: Some(name.to_vec()), token })
}

/// RFC 6750 §2.1: `"Bearer" 1*SP b64token`, the scheme in any case (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Result<Secret<Vec<u8>>, Malformed> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len()).ok_or(Malformed::Token)?;
    let token = token.trim_ascii_start();
    let text = token.trim_ascii_end();
    let body = text.iter().rposition(|&octet| octet != b'=').map_or(0, |at| at.saturating_add(1));
    let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(octet);
    if !scheme.eq_ignore_ascii_case(SCHEME)
        || body == 0
        || text.len() != token.len()
        || !text.iter().take(body).all(is_token)
    {
        return Err(Malformed::Token);
    }
    if text.len() > TOKEN_OCTETS_MAX {
        return Err(Malformed::TooLong);
    }
    Ok(Secret::new(text.to_vec()))
}

/// RFC 7628 §3.1: a positive number in decimal.
fn port(value: &[u8]) -> Result<(), Malformed> {
    let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u16>().ok());
    let is_plain = value.iter().all(u8::is_ascii_digit);
    number.filter(|port| *port != 0 && is_plain).map(|_| ()).ok_or(Malformed::Grammar)
}

/// The client's side.
#[derive(Debug)]
pub struct Client {
    dialect: Dialect,
    name: Vec<u8>,
    token: Secret<Vec<u8>>,
    host: Option<(String, u16)>,
}

impl Client {
    /// A side that shows this token.
    pub fn new(dialect: Dialect, name: &str, token: Secret<Vec<u8>>) -> Self {
        Self { dialect, name: name.as_bytes().to_vec(), token, host: None }
    }

    /// Says which host and port it means; OAUTHBEARER alone can.
    #[must_use]
    pub fn at(self, host: &str, port: u16) -> Self {
        Self { host: Some((host.to_owned(), port)), ..self }
    }

    /// The initial response.
    pub fn begin(&self) -> Secret<Vec<u8>> {
        let mut message = Vec::new();
        let pair = |key: &[u8], value: &[u8], message: &mut Vec<u8>| {
            message.extend_from_slice(key);
            message.extend_from_slice(value);
            message.push(SEPARATOR);
        };
        match self.dialect {
            Dialect::OauthBearer => {
                gs2::write(Flag::Without, Some(&self.name), &mut message);
                message.push(SEPARATOR);
                if let Some((host, port)) = &self.host {
                    pair(b"host=", host.as_bytes(), &mut message);
                    pair(b"port=", port.to_string().as_bytes(), &mut message);
                }
            }
            Dialect::Xoauth2 => pair(b"user=", &self.name, &mut message),
        }
        pair(b"auth=Bearer ", self.token.expose(), &mut message);
        message.push(SEPARATOR);
        Secret::new(message)
    }

    /// What answers the challenge that says why the token is not good.
    pub fn acknowledge(&self) -> Vec<u8> {
        match self.dialect {
            Dialect::OauthBearer => vec![SEPARATOR],
            Dialect::Xoauth2 => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offered(dialect: Dialect, message: &[u8]) -> (Option<String>, String) {
        match Server::new(dialect).begin(Some(message)) {
            Step::Offer(Credentials::Token { name, token }) => (
                name.map(|name| String::from_utf8(name).unwrap()),
                String::from_utf8(token.expose().clone()).unwrap(),
            ),
            other => panic!("no offer: {other:?}"),
        }
    }

    // P-114: the example of RFC 7628 §4.1
    #[test]
    fn reads_the_example_of_the_rfc() {
        let message =
            b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer \
            vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        let (name, token) = offered(Dialect::OauthBearer, message);
        assert_eq!(name.as_deref(), Some("user@example.com"));
        assert_eq!(token, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
    }

    // P-115: the example of Google's "OAuth 2.0 Mechanism"
    #[test]
    fn reads_the_example_of_google() {
        let message =
            b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01";
        let (name, token) = offered(Dialect::Xoauth2, message);
        assert_eq!(name.as_deref(), Some("someuser@example.com"));
        assert_eq!(token, "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
    }

    // P-114: unknown keys are ignored, no name is needed, the scheme comes in any case
    #[test]
    fn takes_what_the_grammar_takes() {
        for (message, name) in [
            ("n,,\x01auth=Bearer abc\x01\x01", None),
            ("y,,\x01auth=bearer abc\x01\x01", None),
            ("n,a=a=2Cb,\x01foo=bar baz\x01auth=BEARER abc\x01host=\x01\x01", Some("a,b")),
        ] {
            let read = offered(Dialect::OauthBearer, message.as_bytes());
            assert_eq!(read, (name.map(str::to_owned), "abc".to_owned()), "{message:?}");
        }
    }

    // P-114, P-115: what is not the grammar is refused, and asked of nobody
    #[test]
    fn refuses_what_the_grammar_refuses() {
        for wrong in [
            "",
            "\x01",
            "n,,",
            "n,,\x01",
            "n,,\x01\x01",
            "n,,auth=Bearer x\x01\x01",
            "n,,\x01auth=Bearer x\x01",
            "n,,\x01auth=Bearer x",
            "n,,\x01auth=Basic x\x01\x01",
            "n,,\x01auth=Bearer \x01\x01",
            "n,,\x01auth=Bearer =\x01\x01",
            "n,,\x01auth=Bearer a b\x01\x01",
            "n,,\x01auth=Bearer a=b\x01\x01",
            "n,,\x01auth=Bearer x \x01\x01",
            "n,,\x01auth=Bearerx\x01\x01",
            "n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01",
            "n,,\x01port=0\x01auth=Bearer x\x01\x01",
            "n,,\x01port=65536\x01auth=Bearer x\x01\x01",
            "n,,\x01port=+1\x01auth=Bearer x\x01\x01",
            "n,,\x01k1=v\x01auth=Bearer x\x01\x01",
            "n,,\x01=v\x01auth=Bearer x\x01\x01",
            "n,,\x01k\x01auth=Bearer x\x01\x01",
            "n,,\x01host=x\x01\x01",
            "p=tls-exporter,,\x01auth=Bearer x\x01\x01",
            "n,,\x01k=\u{7f}\x01auth=Bearer x\x01\x01",
        ] {
            let step = Server::new(Dialect::OauthBearer).begin(Some(wrong.as_bytes()));
            assert!(matches!(step, Step::Failed(_)), "{wrong:?}: {step:?}");
        }
        for wrong in [
            "",
            "user=a",
            "user=a\x01auth=Bearer x\x01",
            "user=\x01auth=Bearer x\x01\x01",
            "auth=Bearer x\x01user=a\x01\x01",
            "user=a\x01auth=Bearer x\x01\x01\x01",
            "user=a\x01auth=Bearer \x01\x01",
            "user=a\0\x01auth=Bearer x\x01\x01",
            "User=a\x01auth=Bearer x\x01\x01",
            "user=a\x01host=b\x01auth=Bearer x\x01\x01",
        ] {
            let step = Server::new(Dialect::Xoauth2).begin(Some(wrong.as_bytes()));
            assert!(matches!(step, Step::Failed(_)), "{wrong:?}: {step:?}");
        }
    }

    // issue 4: tokens to 16 KiB
    #[test]
    fn tokens_have_16_kib_at_most() {
        for dialect in [Dialect::OauthBearer, Dialect::Xoauth2] {
            for (octets, taken) in [(TOKEN_OCTETS_MAX, true), (TOKEN_OCTETS_MAX + 1, false)] {
                let client = Client::new(dialect, "a", Secret::new(vec![b'x'; octets]));
                let step = Server::new(dialect).begin(Some(client.begin().expose()));
                assert_eq!(matches!(step, Step::Offer(_)), taken, "{octets}");
            }
        }
    }

    // P-114, P-115: the JSON, then something of no meaning, then it is over
    #[test]
    fn a_refusal_is_said_in_json_first() {
        for (dialect, json) in [
            (Dialect::OauthBearer, r#"{"status":"invalid_token"}"#),
            (Dialect::Xoauth2, r#"{"status":"401","schemes":"bearer"}"#),
        ] {
            let mut server = Server::new(dialect);
            let client = Client::new(dialect, "a", Secret::new(b"x".to_vec()));
            assert!(
                matches!(server.begin(None), Step::Challenge(challenge) if challenge.is_empty())
            );
            assert!(matches!(server.respond(client.begin().expose()), Step::Offer(_)));
            assert_eq!(server.refused(), json.as_bytes());
            assert!(matches!(server.respond(&client.acknowledge()), Step::Done));
            assert!(matches!(server.respond(b""), Step::Failed(Malformed::Over)));
        }
    }

    proptest! {
        // client against server
        #[test]
        fn what_the_client_shows_the_server_reads(
            name in "[^\u{0}\u{1}]{1,30}",
            token in "[A-Za-z0-9._~+/-]{1,80}={0,2}",
            host in prop::option::of(("[a-z.]{1,20}", 1_u16..)),
        ) {
            for dialect in [Dialect::OauthBearer, Dialect::Xoauth2] {
                let mut client = Client::new(dialect, &name, Secret::new(token.clone().into_bytes()));
                if let Some((host, port)) = &host {
                    client = client.at(host, *port);
                }
                let read = offered(dialect, client.begin().expose());
                prop_assert_eq!(read, (Some(name.clone()), token.clone()));
            }
        }
    }
}
