//! Finds the name that was probably meant.

/// The candidate that is spelt most nearly like `wanted`, if any is near at all: one edit for
/// each three letters, at most three.
pub(crate) fn nearest(
    wanted: &str,
    candidates: impl IntoIterator<Item = String>,
) -> Option<String> {
    let wanted: Vec<char> = wanted.chars().take(LETTERS_MAX).collect();
    let allowed = wanted.len().div_ceil(3).min(3);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance = edits(&wanted, &candidate);
            (distance <= allowed).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Longer names are compared by their beginning.
const LETTERS_MAX: usize = 128;

/// How many letters must be put in, taken out or changed (Levenshtein's distance).
fn edits(wanted: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (above, c) in candidate.chars().take(LETTERS_MAX).enumerate() {
        let mut diagonal = above;
        let mut left = above.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, w) in row.iter_mut().skip(1).zip(wanted) {
            let change = diagonal.saturating_add(usize::from(c != *w));
            diagonal = *cell;
            left = change.min(cell.saturating_add(1)).min(left.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, n) in [
            ("", "", 0),
            ("", "abc", 3),
            ("anna", "ana", 1),
            ("kitten", "sitting", 3),
            ("a", "b", 1),
        ] {
            assert_eq!(edits(&a.chars().collect::<Vec<_>>(), b), n, "{a} {b}");
            assert_eq!(edits(&b.chars().collect::<Vec<_>>(), a), n, "{b} {a}");
        }
    }

    #[test]
    fn says_nothing_rather_than_nonsense() {
        let names = || ["anna@example.org", "bert@example.org"].map(str::to_owned);
        assert_eq!(nearest("ana@example.org", names()).as_deref(), Some("anna@example.org"));
        assert_eq!(nearest("zacharias@else.net", names()), None);
    }
}
