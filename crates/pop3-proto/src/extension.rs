//! Our own commands: which there are, and which of them are on.

/// A command that no RFC has (`product` §7, `rulings` 20). Its keyword and its capability begin
/// with X (P-073, RFC 2449 §9); `docs/reference/extensions.md` specifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// XCOMMIT: removes what is marked, durably, and stays in TRANSACTION.
    Commit,
    /// XREFRESH: lists what has arrived since, behind what is listed.
    Refresh,
    /// XDIGEST: the SHA-256 of messages as RETR sends them.
    Digest,
    /// XWAIT: answers when mail arrives, or time is up.
    Wait,
}

impl Extension {
    /// All of them, in the order in which CAPA lists them.
    pub const ALL: [Self; 4] = [Self::Commit, Self::Refresh, Self::Digest, Self::Wait];

    /// Its keyword, which is its capability's tag as well (RFC 2449 §5).
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Commit => "XCOMMIT",
            Self::Refresh => "XREFRESH",
            Self::Digest => "XDIGEST",
            Self::Wait => "XWAIT",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Commit => 1,
            Self::Refresh => 2,
            Self::Digest => 4,
            Self::Wait => 8,
        }
    }
}

/// A set of them; the default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extensions(u8);

impl Extensions {
    /// All of them.
    pub fn all() -> Self {
        Extension::ALL.into_iter().collect()
    }

    /// Whether this one is among them.
    pub const fn has(self, extension: Extension) -> bool {
        self.0 & extension.bit() != 0
    }

    /// Those that are, in the order of [`Extension::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Extension> {
        Extension::ALL.into_iter().filter(move |&extension| self.has(extension))
    }
}

impl FromIterator<Extension> for Extensions {
    fn from_iter<I: IntoIterator<Item = Extension>>(extensions: I) -> Self {
        Self(extensions.into_iter().fold(0, |bits, extension| bits | extension.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // P-072, P-073: tags are upper case and begin with X
    #[test]
    fn a_set_has_what_was_put_in() {
        for extension in Extension::ALL {
            let only: Extensions = [extension, extension].into_iter().collect();
            assert_eq!(only.iter().collect::<Vec<_>>(), [extension]);
            let tag = extension.keyword();
            assert!(tag.starts_with('X') && tag.bytes().all(|octet| octet.is_ascii_uppercase()));
        }
        assert_eq!(Extensions::all().iter().collect::<Vec<_>>(), Extension::ALL);
        assert_eq!(Extensions::default().iter().count(), 0);
    }
}
