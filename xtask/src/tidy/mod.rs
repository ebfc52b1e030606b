//! The walls of ARCHITECTURE.md and the rules of STYLE.md that a program can hold.
//!
//! ```text
//!   lexer ── source ── paths ── modules     what the files say
//!                         │
//!     manifests  imports  walls  shape  words  links     what they may not say
//! ```

mod finding;
mod imports;
mod lexer;
mod links;
mod manifests;
mod modules;
mod paths;
mod shape;
mod source;
mod walls;
mod words;

use std::path::Path;

use crate::requirements;
use crate::tree::{self, TextFile};
use finding::Finding;
use source::Source;

/// Checks the tree; prints each finding, and answers whether there is none.
pub(crate) fn run(root: &Path) -> Result<bool, String> {
    let files = tree::text_files(root)?;
    let mut findings = all(&files);
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    let rust = files.iter().filter(|file| is_rust(&file.path)).count();
    println!("tidy: {} findings in {} files, {rust} of them Rust", findings.len(), files.len());
    Ok(findings.is_empty())
}

/// All findings in these files.
fn all(files: &[TextFile]) -> Vec<Finding> {
    let sources: Vec<Source> = files
        .iter()
        .filter(|file| is_rust(&file.path))
        .map(|file| Source::new(&file.path, &file.text))
        .collect();
    let mut findings = manifests::check(files);
    findings.extend(imports::check(&sources));
    findings.extend(walls::check(&sources));
    findings.extend(shape::check(&sources));
    findings.extend(words::check(files, &sources));
    findings.extend(links::check(files));
    findings.extend(
        requirements::check(files)
            .into_iter()
            .map(|(path, line, what)| Finding::new(&path, line, "requirement", what)),
    );
    findings
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs") && !path.starts_with("target/")
}

#[cfg(test)]
mod tests;
