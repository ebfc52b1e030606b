//! `Secret<T>`: wiped on drop, never printed.

use std::fmt;

use zeroize::Zeroize;

/// Something that nobody may read by accident: it has no `Display`, its `Debug` says
/// `[secret]` in every build, and its memory is wiped when it goes.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes what must be kept.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows it, by a name that can be searched for.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        let shown =
            format!("{:?} {:#?}", Secret::new("tanstaaf".to_owned()), Secret::new(vec![7u8]));
        assert_eq!(shown, "[secret] [secret]");
    }
}
