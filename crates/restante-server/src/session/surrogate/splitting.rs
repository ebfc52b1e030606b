//! Splits the value of a structured field where it falls apart: outside of quotes, comments,
//! angle brackets and domain literals (RFC 5322 §3.2). In one pass, whatever the nesting.

/// A piece of a value, and the separator behind it; `None` at the end.
pub(super) type Piece<'v> = (&'v str, Option<char>);

/// Splits a value at these separators.
pub(super) fn split<'v>(value: &'v str, separators: &[char]) -> Vec<Piece<'v>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut place = Place::default();
    for (at, character) in value.char_indices() {
        if place.is_outside() && separators.contains(&character) {
            pieces.push((value.get(start..at).unwrap_or_default(), Some(character)));
            start = at.saturating_add(character.len_utf8());
        } else {
            place.see(character);
        }
    }
    pieces.push((value.get(start..).unwrap_or_default(), None));
    pieces
}

/// A value without its comments.
pub(super) fn without_comments(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    let mut place = Place::default();
    for character in value.chars() {
        let before = place.comments;
        place.see(character);
        match (before, place.comments) {
            (0, 0) => kept.push(character),
            // A comment is white space (RFC 5322 §3.2.2).
            (_, 0) => kept.push(' '),
            _ => {}
        }
    }
    kept
}

/// What stands around a character.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    comments: u32,
    in_quotes: bool,
    in_angles: bool,
    in_literal: bool,
    is_escaped: bool,
}

impl Place {
    /// Whether nothing stands around it.
    pub(super) const fn is_outside(self) -> bool {
        self.comments == 0 && !self.in_quotes && !self.in_angles && !self.in_literal
    }

    /// Goes on behind the next character.
    pub(super) const fn see(&mut self, character: char) {
        let was_escaped = std::mem::replace(&mut self.is_escaped, false);
        let quotable = self.in_quotes || self.comments > 0 || self.in_literal;
        match character {
            _ if was_escaped => {}
            '\\' if quotable => self.is_escaped = true,
            '"' if self.comments == 0 && !self.in_literal => self.in_quotes = !self.in_quotes,
            _ if self.in_quotes => {}
            '(' => self.comments = self.comments.saturating_add(1),
            ')' => self.comments = self.comments.saturating_sub(1),
            _ if self.comments > 0 => {}
            '[' => self.in_literal = true,
            ']' => self.in_literal = false,
            '<' => self.in_angles = true,
            '>' => self.in_angles = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 5322 §3.2: quotes, comments, literals and angle brackets hold together
    #[test]
    fn a_value_falls_apart_outside_alone() {
        let value = r#"a, "b, \", c" (x, (y,) z), <@d,@e:f@g>, [h,]"#;
        let pieces: Vec<&str> = split(value, &[',']).into_iter().map(|(piece, _)| piece).collect();
        assert_eq!(pieces, ["a", r#" "b, \", c" (x, (y,) z)"#, " <@d,@e:f@g>", " [h,]"]);
        assert_eq!(split("", &[',']), [("", None)]);
        assert_eq!(split("a;b", &[';']), [("a", Some(';')), ("b", None)]);
    }

    #[test]
    fn comments_are_white_space() {
        assert_eq!(without_comments(r#"a (b (c) \) d)e "(f)""#), r#"a  e "(f)""#);
        assert_eq!(without_comments("a (b"), "a ");
    }
}
