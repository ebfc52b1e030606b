//! The forms of one offered password, and which of them a hash is of.

use mail_wire::{Secret, prepared};

use super::verifier::Verifier;
use crate::workbench::Workbench;

/// A password is 1 to this many octets (`rulings` 2); none is ever cut.
pub(crate) const PASSWORD_OCTETS_MAX: usize = 512;

/// The forms of one offered password in the order in which they are tried (`rulings` 9): how
/// many there are depends on the password alone, never on the account.
#[derive(Clone)]
pub(crate) struct Forms(Vec<Secret<Vec<u8>>>);

impl Forms {
    /// `None` if the password is empty or too long: those are nobody's.
    pub(crate) fn of(password: &[u8]) -> Option<Self> {
        if password.is_empty() || password.len() > PASSWORD_OCTETS_MAX {
            return None;
        }
        Some(Self(prepared::forms(password)))
    }

    /// The form that a new hash is made over.
    pub(crate) fn to_store(password: &[u8]) -> Option<Secret<Vec<u8>>> {
        if password.is_empty() || password.len() > PASSWORD_OCTETS_MAX {
            return None;
        }
        Some(prepared::to_store(password))
    }

    /// Which form the hash is of, if any.
    pub(crate) fn matching(&self, hash: &Verifier, bench: &mut Workbench) -> Option<usize> {
        self.0.iter().position(|form| hash.fits(form.expose(), bench))
    }

    /// Computes a hash of every form and forgets them: for whom the answer is no in any case,
    /// the work shall not depend on the password.
    pub(crate) fn compute_all(&self, hash: &Verifier, bench: &mut Workbench) {
        for form in &self.0 {
            let _ = hash.fits(form.expose(), bench);
        }
    }
}
