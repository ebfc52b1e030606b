//! Names: of this host, of our domains, of an account or address.

use std::net::IpAddr;

use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// A name in the DNS; what is written in another script becomes its A-label (RFC 5890).
#[derive(Clone, Copy, Debug)]
pub(crate) struct DomainName;

/// The name of an account or an address: `anna` or `anna@example.org`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mailbox;

impl Kind for DomainName {
    type Value = String;

    fn describe(&self) -> String {
        "a domain name".to_owned()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Vec<Problem>> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(vec![wrong_type(name, value, "a domain name in quotes")]);
        };
        domain(name, text).map_err(|problem| vec![problem.at(value.span())])
    }
}

impl Kind for Mailbox {
    type Value = String;

    fn describe(&self) -> String {
        "the name of an account, or an address".to_owned()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Vec<Problem>> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(vec![wrong_type(name, value, "the name of an account in quotes")]);
        };
        let no_name = |why: &str| vec![Problem::error(format!("`{name}` {why}")).at(value.span())];
        if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(no_name("takes the name of an account, without spaces"));
        }
        if let Some((local_part, host)) = text.rsplit_once('@') {
            if local_part.is_empty() {
                return Err(no_name("has nothing before the @"));
            }
            domain(name, host).map_err(|problem| vec![problem.at(value.span())])?;
        }
        Ok(text.as_ref().to_owned())
    }
}

/// Lower case, in A-labels, of 1 to 253 octets (RFC 1035 §2.3.4), or what is wrong with it.
fn domain(name: &str, text: &str) -> Result<String, Problem> {
    let wrong = |why: &str| Problem::error(format!("`{name}`: \"{}\" {why}", text.escape_debug()));
    if text.is_empty() {
        return Err(Problem::error(format!("`{name}` is empty")));
    }
    if let Some((_, host)) = text.rsplit_once('@') {
        return Err(wrong("is an address, not a domain").help(format!("write \"{host}\"")));
    }
    if let Some((_, host)) = text.split_once("://") {
        let host = host.split(['/', ':']).next().unwrap_or(host);
        return Err(wrong("is a URL, not a domain").help(format!("write \"{host}\"")));
    }
    if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err(wrong("is an IP address, not a domain"));
    }
    if let Some(bare) = text.strip_suffix('.') {
        return Err(wrong("ends in a dot").help(format!("write \"{bare}\"")));
    }
    if text.contains(char::is_whitespace) {
        return Err(
            wrong("holds a space").help("two domains are two strings: [\"a.org\", \"b.org\"]")
        );
    }
    // Strict: letters, digits, hyphens; labels of 1 to 63 octets; 253 in all.
    idna::domain_to_ascii_strict(text)
        .map_err(|_| wrong("is no domain name").help("letters, digits and hyphens, between dots"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        domain("domains", text).map_err(|p| format!("{}; {}", p.message, p.help.join("; ")))
    }

    #[test]
    fn a_domain_is_a_domain() {
        assert_eq!(parse("Example.ORG"), Ok("example.org".to_owned()));
        assert_eq!(parse("bücher.example"), Ok("xn--bcher-kva.example".to_owned()));
        assert_eq!(parse("localhost"), Ok("localhost".to_owned()));
        assert_eq!(
            parse("anna@example.org").unwrap_err(),
            "`domains`: \"anna@example.org\" is an address, not a domain; write \"example.org\""
        );
        assert_eq!(
            parse("https://example.org/mail").unwrap_err(),
            "`domains`: \"https://example.org/mail\" is a URL, not a domain; write \"example.org\""
        );
        for bad in
            ["", ".", "a..b", "-a.org", "a_b.org", "1.2.3.4", "[::1]", "a.org.", "a b", "a\u{1b}"]
        {
            parse(bad).unwrap_err();
        }
        parse(&"a".repeat(64)).unwrap_err();
        parse(&vec!["a".repeat(60); 5].join(".")).unwrap_err();
    }
}
