//! What guess control tells the operator, as log lines.

use restante_directory::Told;

use crate::ledger::events;

/// Writes down what guess control tells.
pub fn guesses_told(told: Told) {
    match told {
        Told::Blocked { network, failures, wait } => {
            events::guesses_blocked(&network, failures, wait.as_secs().max(1));
        }
        Told::Flagged { account, failures } => {
            events::account_guessed_at(account.as_bytes(), failures);
        }
    }
}
