//! A local part as it is stored and compared, and which of them may name an account.

use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, UnicodeScript};

/// The local part of an address, checked, in NFC.
///
/// ```text
/// local-part = atom *( "." atom )                 ; 1 to 64 octets (RFC 5321 §4.5.3.1.1)
/// atom       = 1*( atext / UTF8-non-ascii )       ; RFC 5322 §3.2.3, RFC 6531 §3.3
/// ```
/// Quoted local parts are not taken: nobody has mail at `"a b"`, and each space or quote that
/// cannot be in a name cannot be misread later either.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LocalPart {
    given: String,
    folded: String,
}

/// RFC 5321 §4.5.3.1.1.
const OCTETS_MAX: usize = 64;

impl LocalPart {
    /// Checks a local part and brings it into NFC (RFC 6532 §3.1). `Err` says what is wrong.
    pub(crate) fn parse(given: &str) -> Result<Self, &'static str> {
        if given.is_empty() {
            return Err("the part before the @ is missing");
        }
        // Bounded before it is normalised; NFC never triples the length of what is in NFC.
        if given.len() > OCTETS_MAX.saturating_mul(3) {
            return Err("the part before the @ is longer than 64 octets");
        }
        let given: String = given.nfc().collect();
        if given.len() > OCTETS_MAX {
            return Err("the part before the @ is longer than 64 octets");
        }
        if !given.chars().all(|c| is_atext(c) || c == '.') {
            return Err(
                "the part before the @ may not hold spaces, quotes, brackets, commas, colons, backslashes or control characters",
            );
        }
        if given.split('.').any(str::is_empty) {
            return Err("the part before the @ starts or ends with a dot, or has two in a row");
        }
        let folded = fold_case(&given);
        Ok(Self { given, folded })
    }

    /// As it was given, in NFC.
    pub(crate) fn given(&self) -> &str {
        &self.given
    }

    /// With the case folded.
    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }

    /// How it is compared (P-216).
    pub(crate) fn compared(&self, case_sensitive: bool) -> &str {
        if case_sensitive { &self.given } else { &self.folded }
    }

    /// Whether it may name an account (security §4.2): `[a-z0-9._+=-]` and letters of one
    /// script. `Err` says what is wrong. This alphabet has no switch (CVE-2026-24031).
    pub(crate) fn check_as_name(&self) -> Result<(), &'static str> {
        let mut script = None;
        for c in self.folded.chars() {
            if matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '+' | '=' | '-') || !c.is_ascii() {
                let this = c.script();
                match this {
                    Script::Common if c.is_ascii() => continue,
                    // A combining mark that NFC left over goes with the letter before it.
                    Script::Inherited if script.is_some() => continue,
                    _ if !c.is_alphabetic() => {
                        return Err(
                            "an account's name may hold letters, digits and . _ + = - only",
                        );
                    }
                    _ => {}
                }
                if script.is_some_and(|other| !go_together(other, this)) {
                    return Err("an account's name may hold letters of one script only");
                }
                script = script.or(Some(this));
            } else {
                return Err("an account's name may hold letters, digits and . _ + = - only");
            }
        }
        Ok(())
    }
}

/// Japanese is written in three scripts.
fn go_together(a: Script, b: Script) -> bool {
    let japanese =
        |s| matches!(s, Script::Han | Script::Hiragana | Script::Katakana | Script::Common);
    a == b || (japanese(a) && japanese(b))
}

/// Lower case until it stays so: a few letters of Unicode need a second round after NFC.
fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded: String = text.to_lowercase().nfc().collect();
    for _ in 0..3 {
        let again: String = folded.to_lowercase().nfc().collect();
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

/// RFC 5322 §3.2.3, and what RFC 6531 §3.3 adds, without what cannot be seen or turns the
/// direction of a line round.
fn is_atext(c: char) -> bool {
    match c {
        c if c.is_ascii_alphanumeric() => true,
        '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' | '_'
        | '`' | '{' | '|' | '}' | '~' => true,
        c if c.is_ascii() => false,
        '\u{ad}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{ffff}'
        | '\u{e0000}'..='\u{10ffff}' => false,
        c => !c.is_control() && !c.is_whitespace(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_name(given: &str) -> bool {
        LocalPart::parse(given).is_ok_and(|local| local.check_as_name().is_ok())
    }

    // P-216: compared without case by default, kept as given
    #[test]
    fn case_is_kept_and_folded() {
        let local = LocalPart::parse("Bob").unwrap();
        assert_eq!((local.given(), local.folded()), ("Bob", "bob"));
        assert_eq!((local.compared(true), local.compared(false)), ("Bob", "bob"));
    }

    // RFC 6532 §3.1, security D6: NFC and NFD are one
    #[test]
    fn nfd_is_nfc() {
        assert_eq!(LocalPart::parse("Ju\u{308}rgen"), LocalPart::parse("Jürgen"));
        assert_eq!(LocalPart::parse("JÜRGEN").unwrap().folded(), "jürgen");
    }

    // security §4.2
    #[test]
    fn names_have_one_alphabet() {
        for good in ["anna", "Anna.Maier", "a_b", "a=b", "x-1", "jürgen", "анна", "日本ひカ", "0"]
        {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "o'brien",
            "a/b",
            "a%s",
            "{x}",
            "a`b",
            "a|b",
            "а\u{430}nna",
            "αanna",
            "a\u{2044}b",
            "a\u{301}\u{301}\u{444}",
            "€",
            "a€",
            "\u{301}a",
            "²",
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    // security §2.3: the corpora for SQL, LDAP, paths, variables, terminals and lines
    #[test]
    fn injection_and_traversal_corpus_names_nobody() {
        for bad in [
            "' OR '1'='1",
            "x'; DROP TABLE account;--",
            "\" or \"\"=\"",
            "%u",
            "${HOME}",
            "*)(uid=*",
            "../../etc/passwd",
            "..",
            ".",
            "a/../b",
            "a\\b",
            "\0",
            "a\0b",
            "a\tb",
            "a\nb",
            "a\r",
            "\u{1b}[2J",
            "\u{202e}nimda",
            "a\u{2028}b",
            "a\u{85}b",
            "a b",
            " ",
            "|id",
            "`id`",
            "<x>",
            "a,b",
            "a:b",
            "a;b",
            "a@b",
            "\u{feff}anna",
            "an\u{200b}na",
            "\u{bf}\u{27}",
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    // an apostrophe is common in addresses, so an alias may have it
    #[test]
    fn addresses_have_the_alphabet_of_the_rfc() {
        assert!(LocalPart::parse("o'brien").is_ok());
        assert!(LocalPart::parse("a+b/c=d").is_ok());
        for bad in ["", ".a", "a.", "a..b", "a b", "\"a\"", "(a)", "a,b", &"a".repeat(65)] {
            assert!(LocalPart::parse(bad).is_err(), "{bad:?}");
        }
        assert!(LocalPart::parse(&"a".repeat(64)).is_ok());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_idempotent(given in "\\PC{0,80}|[a-zA-ZÀ-ÿΑ-ω\u{300}-\u{310}İſK.+]{0,30}") {
            if let Ok(once) = LocalPart::parse(&given) {
                let again = LocalPart::parse(once.given()).unwrap();
                prop_assert_eq!(&again, &once);
                if let Ok(folded) = LocalPart::parse(once.folded()) {
                    prop_assert_eq!(folded.folded(), once.folded());
                }
                let _ = once.check_as_name();
            }
        }
    }
}
