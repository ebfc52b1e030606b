//! What may become of a message by what is asked of it, as the contract says (`store.rs`,
//! `view.rs`, `custody.rs`): for tests that are not drawn, but those of the conformance suite.

use std::collections::BTreeSet;
use std::time::Duration;

use mail_wire::{After, Delete, Retention, Views};
use restante_store::View;
use restante_store::custody::{Aside, WithheldMessage};

/// What a message is, once it was added.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fate {
    /// Destroyed: nothing else counts then.
    pub(crate) is_gone: bool,
    pub(crate) is_held: bool,
    /// Held, and its time is over: it goes by itself, nobody knows when.
    is_over: bool,
    aside: Option<u8>,
    hidden: BTreeSet<u64>,
    deaths: u32,
}

/// What somebody asked for.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Its end: it is removed, or offered under a new unique-id.
    Destroy,
    /// A deletion by this credential.
    Delete(Box<View>),
    Restore,
    SetAside(Aside),
    Release,
    Expire(Option<Retention>),
    Died,
    Survived,
}

impl Fate {
    /// What it is where it is listed for the main password: nothing is laid over it, or what is
    /// laid over it is told elsewhere.
    pub(crate) fn seen(withheld: Option<&WithheldMessage>) -> Self {
        let Some(withheld) = withheld else { return Self::default() };
        Self {
            is_gone: false,
            is_held: withheld.held_until.is_some(),
            is_over: false,
            aside: withheld.set_aside.map(number),
            hidden: withheld.hidden_from.iter().copied().collect(),
            deaths: withheld.deaths,
        }
    }

    /// Destroyed.
    pub(crate) fn gone() -> Self {
        Self { is_gone: true, ..Self::default() }
    }

    /// Whether the main password sees it.
    pub(crate) fn is_listed(&self) -> bool {
        !self.is_gone && !self.is_held && self.aside.is_none() && !self.hidden.contains(&0)
    }

    /// The same, as far as it can be seen: of what is withheld from nobody nobody tells how
    /// often a session died at it.
    pub(crate) fn visible(&self) -> Self {
        let is_plain = self.is_listed() && self.hidden.is_empty();
        let deaths = if is_plain { 0 } else { self.deaths };
        Self { is_over: false, deaths, ..self.clone() }
    }

    /// What it may be afterwards.
    pub(crate) fn after(&self, effect: &Effect) -> Vec<Self> {
        if self.is_gone {
            return vec![self.clone()];
        }
        match effect {
            Effect::Destroy => vec![Self::gone()],
            Effect::Delete(view) => self.deleted(view),
            Effect::Restore => vec![Self::default()],
            Effect::SetAside(reason) => {
                vec![Self { aside: Some(number(*reason)), ..self.clone() }]
            }
            Effect::Release if self.is_held => vec![Self::gone()],
            Effect::Release => vec![self.clone()],
            Effect::Expire(retention) => self.expired(*retention),
            Effect::Died => vec![Self { deaths: self.deaths.saturating_add(1), ..self.clone() }],
            Effect::Survived => vec![Self { deaths: 0, ..self.clone() }],
        }
    }

    /// What it may be by now, if its time is over.
    pub(crate) fn by_itself(&self) -> Vec<Self> {
        if self.is_held && self.is_over {
            vec![self.clone(), Self::gone()]
        } else {
            vec![self.clone()]
        }
    }

    fn deleted(&self, view: &View) -> Vec<Self> {
        let is_by_all = view
            .others
            .iter()
            .filter(|other| **other != view.credential)
            .all(|other| self.hidden.contains(other));
        let is_for_all = view.views == Views::Shared || is_by_all && view.delete != Delete::Ignore;
        if !is_for_all {
            let mut hidden = self.clone();
            hidden.hidden.insert(view.credential);
            return vec![hidden];
        }
        match view.delete {
            Delete::Destroy => vec![Self::gone()],
            Delete::Ignore => vec![self.clone()],
            // Who deleted it first said how long it is held.
            Delete::Hold(_) if self.is_held => vec![self.clone()],
            Delete::Hold(time) => {
                let is_over = time == Duration::ZERO;
                Self { is_held: true, is_over, ..self.clone() }.by_itself()
            }
        }
    }

    fn expired(&self, retention: Option<Retention>) -> Vec<Self> {
        match retention {
            _ if self.is_held && self.is_over => vec![Self::gone()],
            Some(Retention { days: 0, after }) if !self.is_held && self.aside.is_none() => {
                match after {
                    After::Delivery => vec![Self::gone()],
                    // If it was retrieved, which is noted for nobody who waits.
                    After::Retrieval => vec![self.clone(), Self::gone()],
                }
            }
            _ => vec![self.clone()],
        }
    }
}

const fn number(reason: Aside) -> u8 {
    match reason {
        Aside::Deaths => 1,
        Aside::NeverFinished => 2,
        Aside::Asked => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(credential: u64, delete: Delete, others: &[u64]) -> Effect {
        let views = if others.is_empty() { Views::Shared } else { Views::PerCredential };
        let others = others.to_vec();
        Effect::Delete(Box::new(View { credential, delete, views, others, ..View::default() }))
    }

    // view.rs: a message that is hidden from all of these and from this one is deleted
    #[test]
    fn what_all_devices_deleted_is_deleted() {
        let hidden = Fate::default().after(&view(1, Delete::Destroy, &[2])).remove(0);
        assert!(!hidden.is_gone && hidden.is_listed());
        assert_eq!(hidden.after(&view(2, Delete::Destroy, &[1])), [Fate::gone()]);
        let held = hidden.after(&view(2, Delete::Hold(Duration::MAX), &[1])).remove(0);
        assert!(held.is_held && !held.is_listed());
        assert_eq!(held.after(&Effect::Restore), [Fate::default()]);
        assert_eq!(Fate::default().after(&view(1, Delete::Ignore, &[])), [Fate::default()]);
    }

    // custody.rs: held for its time; product §6: what is set aside is never destroyed
    #[test]
    fn what_is_over_goes_and_what_is_set_aside_stays() {
        let held = Fate::default().after(&view(0, Delete::Hold(Duration::ZERO), &[]));
        assert!(held.contains(&Fate::gone()) && held.len() == 2);
        assert_eq!(held[0].after(&Effect::Expire(None)), [Fate::gone()]);
        let aside = Fate::default().after(&Effect::SetAside(Aside::Asked)).remove(0);
        let retention = Some(Retention { days: 0, after: After::Delivery });
        assert_eq!(aside.after(&Effect::Expire(retention)), std::slice::from_ref(&aside));
        assert_eq!(Fate::default().after(&Effect::Expire(retention)), [Fate::gone()]);
        assert_eq!(Fate::gone().after(&Effect::Restore), [Fate::gone()]);
    }
}
