//! What accounts ask of a store that keeps no custody: to hold, to hide, to let expire.

use mail_wire::{Delete, Keeping, Views};
use restante_directory::{Directory, Kept, Unavailable};

/// What is asked of such a store and cannot be had, in a sentence; `None`: nothing.
pub(crate) async fn beyond_custody(
    directory: &dyn Directory,
) -> Result<Option<String>, Unavailable> {
    let mut after = None;
    loop {
        let page = directory.kept(after).await?;
        let Some(last) = page.last() else { return Ok(None) };
        after = Some(last.maildrop);
        let found = page.iter().find_map(|Kept { maildrop, keeping }| {
            asked(keeping).map(|what| {
                format!(
                    "maildrop {maildrop} is to {what}, which Maildirs cannot do: the server will \
                     not start"
                )
            })
        });
        if found.is_some() {
            return Ok(found);
        }
    }
}

fn asked(keeping: &Keeping) -> Option<&'static str> {
    if keeping.retention.is_some() {
        return Some("let mail expire");
    }
    match (keeping.delete, keeping.views) {
        (Delete::Hold(_), _) => Some("hold what is deleted"),
        (Delete::Ignore, _) => Some("ignore deletions"),
        (Delete::Destroy, Views::PerCredential) => Some("give each credential its own view"),
        (Delete::Destroy, Views::Shared) => None,
    }
}

/// What to do about it.
pub(crate) const HINT: &str = "change how it is kept, or keep mail in the log store: \
                               `backend = \"log\"` in [store]";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mail_wire::{After, Retention};

    use super::*;

    // issue: EXPIRE is announced only as enforced; `rulings` 18: promises differ
    #[test]
    fn what_rfc_1939_says_can_be_had_everywhere() {
        let plain = Keeping::default();
        assert_eq!(asked(&plain), None);
        let retention = Some(Retention { days: 30, after: After::Delivery });
        assert!(asked(&Keeping { retention, ..plain }).is_some());
        let hold = Delete::Hold(Duration::from_hours(24));
        for delete in [hold, Delete::Ignore] {
            assert!(asked(&Keeping { delete, ..plain }).is_some());
        }
        assert!(asked(&Keeping { views: Views::PerCredential, ..plain }).is_some());
    }
}
