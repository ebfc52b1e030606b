//! Line ends from CRLF to LF, in pieces.

/// Turns CRLF into LF; a CR that stands alone stays.
#[derive(Debug, Default)]
pub(crate) struct ToLf {
    held_cr: bool,
}

impl ToLf {
    /// Appends the octets with LF line ends.
    pub(crate) fn convert(&mut self, text: &[u8], to: &mut Vec<u8>) {
        let mut rest = text;
        if self.held_cr && !rest.is_empty() {
            self.held_cr = false;
            if rest.first() != Some(&b'\n') {
                to.push(b'\r');
            }
        }
        while let Some(at) = memchr::memchr(b'\r', rest) {
            let (line, end) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            to.extend_from_slice(line);
            match end {
                [_] => {
                    self.held_cr = true;
                    return;
                }
                [_, b'\n', ..] => {}
                _ => to.push(b'\r'),
            }
            rest = end.get(1..).unwrap_or_default();
        }
        to.extend_from_slice(rest);
    }

    /// Appends what was held back.
    pub(crate) fn finish(self, to: &mut Vec<u8>) {
        if self.held_cr {
            to.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_split_gives_the_same_lines() {
        let text = b"a\r\nb\r\r\nc\rd\n\r\n\r";
        let expected = b"a\nb\r\nc\rd\n\n\r";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut lines = ToLf::default();
                let mut to = Vec::new();
                lines.convert(&text[..first], &mut to);
                lines.convert(&text[first..second], &mut to);
                lines.convert(&text[second..], &mut to);
                lines.finish(&mut to);
                assert_eq!(to, expected, "{first} {second}");
            }
        }
    }
}
