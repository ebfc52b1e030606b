//! Links between the pages: each leads to a file that is there.

use super::finding::Finding;
use crate::tree::TextFile;

/// Checks every page of Markdown.
pub(crate) fn check(files: &[TextFile]) -> Vec<Finding> {
    let exists = |path: &str| {
        let folder = format!("{}/", path.trim_end_matches('/'));
        files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    };
    let mut findings = Vec::new();
    for page in files.iter().filter(|file| file.path.ends_with(".md")) {
        let mut in_code = false;
        for (index, line) in page.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            for target in targets(line).filter(|_| !in_code) {
                if resolve(&page.path, target).is_some_and(|path| !exists(&path)) {
                    let what = format!("the link leads to {target:?}, which is not there");
                    findings.push(Finding::new(&page.path, index.saturating_add(1), "link", what));
                }
            }
        }
    }
    findings
}

/// What stands in the parentheses of `[…](…)`, without the place within the page.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next())
}

/// The path from the root; `None` for what is no file of ours.
fn resolve(page: &str, target: &str) -> Option<String> {
    if target.is_empty() || target.contains(':') || target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}
