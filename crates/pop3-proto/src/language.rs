//! The languages that replies come in (RFC 6856 §3).

/// A language of the replies' texts. Status indicators and response codes are the same in
/// each (P-149).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English, ASCII only: what is spoken until LANG says otherwise.
    #[default]
    English,
    /// German, UTF-8.
    German,
}

impl Language {
    /// All of them; the server prefers the first.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language tag (RFC 5646).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// What the language calls itself.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    /// What LANG alone lists: a tag and a name each.
    pub(crate) fn rows() -> Vec<String> {
        Self::ALL.map(|language| format!("{} {}", language.tag(), language.own_name())).to_vec()
    }

    /// The language that a basic language range asks for, `*` for what the server prefers.
    ///
    /// RFC 4647 §3.3.1: a range matches a tag that it equals, in any case, or of which it is a
    /// prefix up to a hyphen. Our tags have no hyphen, so only equality is left. `*` says the
    /// same to everybody: it must not tell who prefers what (P-148, RFC 6856 §7).
    pub fn for_range(range: &[u8]) -> Option<Self> {
        if range == b"*" {
            return Some(Self::default());
        }
        Self::ALL.into_iter().find(|language| range.eq_ignore_ascii_case(language.tag().as_bytes()))
    }
}
