//! Whether the store is the one that is meant, and is whole.

use crate::compose::noted_damage;
use crate::output::Failure;
use crate::settings::load::Settings;
use crate::settings::problem::Problem;
use crate::settings::reader::Places;
use crate::standing::standing;

/// What is wrong with the store.
pub(super) fn problems(settings: &Settings, places: &Places) -> Vec<Problem> {
    let place = places.get("store.backend").or_else(|| places.get("state")).cloned();
    let failed = |failure: &Failure| {
        let problem = Problem::error(failure.to_string());
        let problem = problem.at(place.clone());
        match failure.what_to_do() {
            Some(hint) => problem.help(hint.to_owned()),
            None => problem,
        }
    };
    let stands = match standing(settings) {
        Ok(stands) => stands,
        Err(failure) => return vec![failed(&failure)],
    };
    match noted_damage(&stands) {
        Ok(damage) => {
            let words = stands.word().into_iter().chain(damage);
            words.map(|word| Problem::warning(word).at(place.clone())).collect()
        }
        Err(failure) => vec![failed(&failure)],
    }
}
