//! Arrows between crates, read from the manifests.

use super::finding::Finding;
use crate::tree::TextFile;

/// Which crates of ours a crate may depend on: the drawing in ARCHITECTURE.md as a table.
///
/// Tests may reach further (`[dev-dependencies]`): to any crate that is not on a higher floor
/// and is not the binary.
const ARROWS: &[(&str, u8, &[&str])] = &[
    ("mail-wire", 1, &[]),
    ("pop3-proto", 2, &["mail-wire"]),
    ("lmtp-proto", 2, &["mail-wire"]),
    ("restante-store", 2, &["mail-wire"]),
    ("restante-directory", 2, &["mail-wire"]),
    ("restante-client", 3, &["pop3-proto", "mail-wire"]),
    ("pop3-conformance", 4, &["restante-client", "mail-wire"]),
    (
        "restante-server",
        4,
        &["pop3-proto", "lmtp-proto", "restante-store", "restante-directory", "mail-wire"],
    ),
    ("restante-admin", 4, &["restante-server", "mail-wire"]),
    ("sim", 4, &["restante-server", "restante-store", "pop3-proto", "mail-wire"]),
    (
        "restante",
        5,
        &[
            "restante-admin",
            "restante-server",
            "restante-client",
            "pop3-conformance",
            "restante-store",
            "restante-directory",
            "lmtp-proto",
            "pop3-proto",
            "mail-wire",
        ],
    ),
    ("bench", 3, &["restante-store", "mail-wire"]),
    ("xtask", 5, &[]),
];

/// What the crates without I/O may not depend on, whatever they do with it.
const NO_WORLD: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "rustix",
    "libc",
    "nix",
    "rustls",
    "tokio-rustls",
    "tracing",
    "log",
    "metrics",
    "time",
    "chrono",
    "jiff",
    "getrandom",
    "rand",
];

/// The crates that have no I/O.
pub(crate) const PURE: &[&str] = &["mail-wire", "pop3-proto", "lmtp-proto"];

/// Checks every manifest.
pub(crate) fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_member(&file.path)) {
        check_one(file, &mut findings);
    }
    findings
}

fn is_member(path: &str) -> bool {
    path.ends_with("/Cargo.toml")
        && (path.starts_with("crates/") || path.starts_with("xtask/") || path.starts_with("sim/"))
}

fn check_one(file: &TextFile, findings: &mut Vec<Finding>) {
    let name = package_name(&file.text).unwrap_or_default();
    let Some(&(_, floor, allowed)) = ARROWS.iter().find(|(crate_name, ..)| *crate_name == name)
    else {
        findings.push(Finding::new(
            &file.path,
            1,
            "arrow",
            format!("{name:?} is not in the drawing; add its floor and arrows to xtask/src/tidy/manifests.rs and to ARCHITECTURE.md"),
        ));
        return;
    };
    for dependency in dependencies(&file.text) {
        let ours = ARROWS.iter().find(|(crate_name, ..)| *crate_name == dependency.name);
        if let Some(&(other, other_floor, _)) = ours {
            let allowed_here = allowed.contains(&other)
                || (dependency.only_tests && other_floor <= floor && other_floor < 5);
            if !allowed_here {
                findings.push(Finding::new(
                    &file.path,
                    dependency.line,
                    "arrow",
                    format!("{name} may not depend on {other}; move what both need to a lower floor, or pass it in as a trait"),
                ));
            }
        } else if PURE.contains(&name.as_str())
            && !dependency.only_tests
            && NO_WORLD.contains(&dependency.name.as_str())
        {
            findings.push(Finding::new(
                &file.path,
                dependency.line,
                "no I/O",
                format!("{name} knows no socket, clock, chance, runtime or logger; {} brings one: the driver passes it in", dependency.name),
            ));
        }
    }
}

/// One entry of a `dependencies` table.
#[derive(Debug, PartialEq, Eq)]
struct Dependency {
    name: String,
    line: usize,
    only_tests: bool,
}

/// The entries of every table of dependencies. The manifests here write one a line, or a
/// table of its own; that is all this understands.
fn dependencies(text: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut table = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let number = index.saturating_add(1);
        if let Some(header) = line.strip_prefix('[') {
            header.trim_end_matches(']').trim().clone_into(&mut table);
            if let Some((kind, name)) = table.rsplit_once("dependencies.") {
                let only_tests = kind.ends_with("dev-");
                found.push(Dependency { name: name.to_owned(), line: number, only_tests });
            }
            continue;
        }
        if !table.ends_with("dependencies") || line.starts_with('#') {
            continue;
        }
        if let Some((name, _)) = line.split_once(['=', '.', ' ']) {
            let name = name.trim().trim_matches('"').to_owned();
            let only_tests = table.ends_with("dev-dependencies");
            if !name.is_empty() {
                found.push(Dependency { name, line: number, only_tests });
            }
        }
    }
    found
}

/// `name = "…"` of `[package]`.
fn package_name(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.trim_start().starts_with("name"))?;
    Some(line.split_once('=')?.1.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_dependencies_are_read_in_every_form() {
        let text = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n\
                    [dev-dependencies]\nc = { version = \"1\" }\n[dependencies.d]\npath = \"e\"\n\
                    [target.'cfg(unix)'.dependencies]\nf.workspace = true\n[features]\ng = []\n";
        let names: Vec<_> =
            dependencies(text).into_iter().map(|d| (d.name, d.only_tests)).collect();
        let pair = |name: &str, tests| (name.to_owned(), tests);
        assert_eq!(
            names,
            [
                pair("a", false),
                pair("b", false),
                pair("c", true),
                pair("d", false),
                pair("f", false)
            ]
        );
    }
}
