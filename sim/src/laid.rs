//! What is laid over a message: what may have become of it after all that was asked, in its
//! order (the contract's `custody.rs`, `view.rs`).

use std::collections::BTreeSet;

/// The devices that have a view of their own. The main password is none of them: it sees what is
/// not withheld from all.
pub(crate) const DEVICES: [u64; 2] = [1, 2];

/// What a message is, once it was added.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Laid {
    /// Destroyed: nothing else counts then.
    pub(crate) is_gone: bool,
    pub(crate) is_held: bool,
    pub(crate) is_aside: bool,
    /// From whom it is hidden.
    pub(crate) hidden: BTreeSet<u64>,
}

/// What somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Its end, whatever is laid over it.
    Destroy,
    /// A deletion by a credential.
    Delete { by: u64, how: How },
    /// Nothing is to be laid over it any more.
    Restore,
    /// It is to be out of every listing.
    SetAside,
    /// Its end, if it is held for long enough: which nothing ever is, as no clock goes so far.
    Expire,
    /// Its end, if it is held.
    Release,
}

/// What a deletion does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// For all, at once: it is held.
    Hold,
    /// For the device alone; once both have done it, it is destroyed.
    Hide,
    /// For the device alone; once both have done it, it is held.
    HideThenHold,
}

impl Laid {
    /// Destroyed.
    pub(crate) fn gone() -> Self {
        Self { is_gone: true, ..Self::default() }
    }

    /// Whether this credential sees it.
    pub(crate) fn is_listed(&self, credential: u64) -> bool {
        !self.is_gone && !self.is_held && !self.is_aside && !self.hidden.contains(&credential)
    }

    /// What it may be afterwards.
    pub(crate) fn after(&self, effect: Effect) -> Vec<Self> {
        if self.is_gone {
            return vec![self.clone()];
        }
        let held = || Self { is_held: true, ..self.clone() };
        vec![match effect {
            Effect::Destroy => Self::gone(),
            Effect::Release if self.is_held => Self::gone(),
            Effect::Release | Effect::Expire => self.clone(),
            Effect::Restore => Self::default(),
            Effect::SetAside => Self { is_aside: true, ..self.clone() },
            Effect::Delete { how: How::Hold, .. } => held(),
            Effect::Delete { by, how } => {
                let is_by_all = DEVICES.iter().all(|one| *one == by || self.hidden.contains(one));
                match how {
                    _ if !is_by_all => {
                        let mut hidden = self.clone();
                        hidden.hidden.insert(by);
                        hidden
                    }
                    How::Hide => Self::gone(),
                    How::HideThenHold | How::Hold => held(),
                }
            }
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // custody.rs, view.rs: hidden from all that there are is deleted; nothing undoes an end
    #[test]
    fn what_all_have_hidden_is_deleted() {
        let hide = |by| Effect::Delete { by, how: How::Hide };
        let once = Laid::default().after(hide(1)).remove(0);
        assert!(once.is_listed(2) && once.is_listed(0) && !once.is_listed(1));
        assert_eq!(once.after(hide(1)), std::slice::from_ref(&once));
        let twice = once.after(hide(2)).remove(0);
        assert_eq!(twice, Laid::gone());
        assert_eq!(twice.after(Effect::Restore), [Laid::gone()]);
        assert_eq!(once.after(Effect::Restore), [Laid::default()]);
        let held = once.after(Effect::Delete { by: 2, how: How::HideThenHold }).remove(0);
        assert!(held.is_held && !held.is_listed(0));
        assert_eq!(held.after(Effect::Release), [Laid::gone()]);
    }
}
