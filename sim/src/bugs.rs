//! Bugs that are switched on in the engine: a simulator that does not find them finds nothing.

use std::time::Duration;

use restante_store::log::simulation::{Bug, switch};

use crate::failure::Broken;
use crate::lived::Effort;
use crate::plan::Plan;
use crate::search::{Bounds, Searched, live, search};

/// Each bug with a seed whose life shows it: found by a search.
const SEEDS: &str = include_str!("../bugs.txt");

/// How a bug was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hunt {
    /// Seed after seed.
    Search,
    /// In the one life that is known to show it.
    Known,
}

/// The bugs with this name, or all that are hunted so.
pub(crate) fn chosen(name: Option<&str>, hunt: Hunt) -> Result<Vec<Bug>, String> {
    let all = Bug::ALL.iter().copied().filter(|bug| hunt == Hunt::Search || seed(*bug).is_some());
    let chosen: Vec<Bug> = all.filter(|bug| name.is_none_or(|name| bug.name() == name)).collect();
    match name {
        Some(name) if chosen.is_empty() => {
            let names: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
            Err(format!("there is no bug {name:?}; there are {}", names.join(", ")))
        }
        _ => Ok(chosen),
    }
}

/// Looks for each of these; answers whether all were found. Prints a line for each.
pub(crate) fn hunt(bugs: &[Bug], hunt: Hunt, bounds: Bounds) -> bool {
    let mut missed = Vec::new();
    println!("| bug | crash points | seed | what the oracle says | s |");
    println!("|---|---|---|---|---|");
    for bug in bugs {
        switch(Some(*bug));
        let searched = match hunt {
            Hunt::Search => search(bounds),
            Hunt::Known => known(*bug, bounds.effort),
        };
        switch(None);
        println!("{}", line(*bug, &searched));
        if searched.found.is_none() {
            missed.push(bug.name());
        }
    }
    match missed.len() {
        0 => println!("all {} were caught", bugs.len()),
        count => println!("{count} of {} were not caught: {}", bugs.len(), missed.join(", ")),
    }
    missed.is_empty()
}

fn line(bug: Bug, searched: &Searched) -> String {
    let (points, took) = (searched.lived.points, searched.took.as_secs_f64());
    let (seed, said) = match &searched.found {
        Some((seed, ended)) => (seed.to_string(), told(&ended.broken)),
        None => ("–".into(), "not caught".into()),
    };
    format!("| `{}`: {} | {points} | {seed} | {said} | {took:.1} |", bug.name(), bug.what())
}

fn told(broken: &Broken) -> String {
    format!("I{}, {}", broken.invariant, broken.words())
}

/// The life that is known to show a bug.
fn known(bug: Bug, effort: Effort) -> Searched {
    let start = std::time::SystemTime::now();
    let found = seed(bug).and_then(|seed| Some((seed, live(&Plan::drawn(seed), effort).err()?)));
    let lived = found.as_ref().map(|(_, ended)| ended.lived).unwrap_or_default();
    let took: Duration = start.elapsed().unwrap_or_default();
    Searched { lives: 1, lived, took, found }
}

fn seed(bug: Bug) -> Option<u64> {
    let seeds = SEEDS.lines().filter_map(|line| line.split_once(' '));
    let mut named = seeds.filter(|(name, _)| *name == bug.name());
    named.next().and_then(|(_, seed)| seed.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    // issue 3, The proof: at least 25 bugs, each caught
    #[test]
    fn at_least_25_bugs_have_a_seed() {
        for line in SEEDS.lines() {
            let (name, _) = line.split_once(' ').unwrap();
            assert_eq!(chosen(Some(name), Hunt::Known).unwrap().len(), 1, "{name}");
        }
        assert!(chosen(None, Hunt::Known).unwrap().len() >= 25);
    }

    // rulings 27: without the switch the same life ends well
    #[test]
    fn a_life_that_shows_a_bug_ends_well_without_it() {
        let (bug, effort) = (Bug::LogNotSynced, Effort { every: 6, random: 2 });
        let seed = seed(bug).unwrap();
        live(&Plan::drawn(seed), effort).unwrap();
        switch(Some(bug));
        let ended = live(&Plan::drawn(seed), effort);
        switch(None);
        assert!(ended.is_err());
    }
}
