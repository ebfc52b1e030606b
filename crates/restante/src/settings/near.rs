//! Near names: what somebody may have meant.

/// The candidate that differs least from what was written, if it is near enough to be meant.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written: Vec<char> = written.to_lowercase().replace('-', "_").chars().take(64).collect();
    // One slip in three characters, and at least one.
    let slips_max = (written.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (slips(&written, candidate), candidate))
        .filter(|&(slips, _)| slips <= slips_max)
        .min_by_key(|&(slips, candidate)| (slips, candidate.len()))
        .map(|(_, candidate)| candidate)
}

/// A word that only goes on, or breaks off, is one slip: `warning` for `warn`.
fn slips(written: &[char], candidate: &str) -> usize {
    let word: String = written.iter().collect();
    let begun = word.len() >= 3 && candidate.len() >= 3;
    if begun && (candidate.starts_with(&word) || word.starts_with(candidate)) {
        return 1;
    }
    distance(written, candidate)
}

/// How many characters must be added, removed, changed or swapped with their neighbour
/// (optimal string alignment).
fn distance(written: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=candidate.len()).collect();
    for (row, &left) in written.iter().enumerate() {
        let mut line = vec![row.saturating_add(1)];
        for (column, &right) in candidate.iter().enumerate() {
            let at =
                |cells: &[usize], place: usize| cells.get(place).copied().unwrap_or(usize::MAX);
            let next = column.saturating_add(1);
            let mut cost = at(&above, column).saturating_add(usize::from(left != right));
            cost = cost.min(at(&above, next).saturating_add(1));
            cost = cost.min(at(&line, column).saturating_add(1));
            let swapped = row > 0
                && column > 0
                && written.get(row.saturating_sub(1)) == Some(&right)
                && candidate.get(column.saturating_sub(1)) == Some(&left);
            if swapped {
                cost = cost.min(at(&before, column.saturating_sub(1)).saturating_add(1));
            }
            line.push(cost);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_near() {
        let names = ["hostname", "listen", "lock_wait", "lmtp", "limits", "pop3", "pop3s"];
        let near = |written| nearest(written, names);
        assert_eq!(near("listne"), Some("listen"));
        assert_eq!(near("Hostname"), Some("hostname"));
        assert_eq!(near("lock-wait"), Some("lock_wait"));
        assert_eq!(near("host_name"), Some("hostname"));
        assert_eq!(near("pop33"), Some("pop3"));
        assert_eq!(near("lmpt"), Some("lmtp"));
        assert_eq!(near("lock"), Some("lock_wait"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(""), None);
    }
}
