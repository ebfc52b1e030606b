//! What was judged already: of faults that leave the same behind, one is enough.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use restante_store::log::Settings;

use crate::digest::Digest;
use crate::failure::Broken;
use crate::noted::Noted;
use crate::state::State;
use crate::verdict::judge;

/// What held: what was on a disk, what had been asked and answered, and whether what was refused
/// must not be there.
#[derive(Debug, Default)]
pub(crate) struct Judged(Mutex<HashSet<(u64, u64, bool)>>);

impl Judged {
    /// What this disk holds is what it must, as [`judge`] says it.
    pub(crate) fn judge(
        &self,
        state: State,
        settings: &Settings,
        noted: &Noted,
        is_certain: bool,
    ) -> Result<(), Broken> {
        let mut asked = Digest::default();
        noted.digest(&mut asked);
        let one = (state.digests().0, asked.end(), is_certain);
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&one) {
            return Ok(());
        }
        judge(state, settings, noted, is_certain)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(one);
        Ok(())
    }
}
