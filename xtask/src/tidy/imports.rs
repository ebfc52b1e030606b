//! The graph of imports between the files of a crate: no circle, and no arrow up to a parent.
//!
//! An import counts at the file that defines the name, through however many re-exports;
//! `mod` lines and the re-exports of a parent module are no arrows.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::modules::{Modules, Target};
use super::paths::Leaf;
use super::source::Source;

/// From file to file, with the first line that makes the arrow.
type Arrows = BTreeMap<(usize, usize), usize>;

/// Checks every crate.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for root in roots(sources) {
        let modules = Modules::read(sources, root);
        let arrows = arrows(&modules);
        for (&(from, to), &line) in &arrows {
            if modules.is_above(to, from) {
                findings.push(Finding::new(
                    name(sources, from),
                    line,
                    "parent",
                    format!(
                        "takes a name that {} defines, above it; give that name a small file of its own beside this one",
                        name(sources, to)
                    ),
                ));
            }
        }
        findings
            .extend(circles(&arrows).iter().flat_map(|circle| report(sources, &arrows, circle)));
    }
    findings
}

/// The files from which a crate begins.
pub(crate) fn roots(sources: &[Source]) -> impl Iterator<Item = usize> {
    sources.iter().enumerate().filter_map(|(index, source)| {
        let is_root = source.path.ends_with("src/lib.rs") || source.path.ends_with("src/main.rs");
        is_root.then_some(index)
    })
}

fn name(sources: &[Source], file: usize) -> &str {
    sources.get(file).map(|source| source.path.as_str()).unwrap_or_default()
}

fn arrows(modules: &Modules) -> Arrows {
    let mut arrows = Arrows::new();
    for (index, module) in modules.iter() {
        let is_parent = modules.is_parent(index);
        let leaves =
            module.uses.iter().filter(|leaf| !(is_parent && leaf.public)).chain(&module.mentions);
        for leaf in leaves {
            for to in ends(modules, index, leaf) {
                if to != module.file {
                    arrows.entry((module.file, to)).or_insert(leaf.line);
                }
            }
        }
    }
    arrows
}

/// The files at which a path ends. A module that is only named is no arrow: what is taken out
/// of it is.
fn ends(modules: &Modules, index: usize, leaf: &Leaf) -> Vec<usize> {
    let file = |target: Target| match target {
        Target::File(file) => Some(file),
        _ => None,
    };
    match modules.resolve(index, &leaf.path) {
        Target::Module(inside) if leaf.is_glob() => {
            modules.all_of(inside).into_iter().filter_map(file).collect()
        }
        target => file(target).into_iter().collect(),
    }
}

/// Sets of files that reach each other, largest first.
fn circles(arrows: &Arrows) -> Vec<Vec<usize>> {
    let mut reaches: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(from, _) in arrows.keys() {
        reaches.entry(from).or_insert_with(|| reachable(arrows, from));
    }
    let mut circles: Vec<Vec<usize>> = Vec::new();
    for (&file, there) in &reaches {
        if !there.contains(&file) || circles.iter().any(|circle| circle.contains(&file)) {
            continue;
        }
        let back = |other: &&usize| {
            reaches.get(*other).is_some_and(|from_there| from_there.contains(&file))
        };
        circles.push(there.iter().filter(back).copied().collect());
    }
    circles
}

fn reachable(arrows: &Arrows, from: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut next = vec![from];
    while let Some(here) = next.pop() {
        for &(_, to) in arrows.keys().filter(|(start, _)| *start == here) {
            if !found.contains(&to) {
                found.push(to);
                next.push(to);
            }
        }
    }
    found.sort_unstable();
    found
}

/// One finding for each arrow within a circle.
fn report(sources: &[Source], arrows: &Arrows, circle: &[usize]) -> Vec<Finding> {
    let names: Vec<&str> = circle.iter().map(|&file| name(sources, file)).collect();
    arrows
        .iter()
        .filter(|((from, to), _)| circle.contains(from) && circle.contains(to))
        .map(|(&(from, to), &line)| {
            Finding::new(
                name(sources, from),
                line,
                "circle",
                format!(
                    "imports {}, which leads back here ({} files: {}); move what both need to a small file of its own",
                    name(sources, to),
                    names.len(),
                    names.join(", ")
                ),
            )
        })
        .collect()
}
