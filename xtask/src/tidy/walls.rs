//! Walls inside the house: who may name what from another crate or from the standard library.

use super::finding::Finding;
use super::imports::roots;
use super::manifests::PURE;
use super::modules::{Modules, Target};
use super::source::Source;

/// A crate with backends, and the files and folders of its `src` that are backends.
const BACKENDS: &[(&str, &[&str])] = &[
    ("restante-store", &["memory", "maildir", "log", "mbox", "cluster"]),
    (
        "restante-directory",
        &["accounts", "chain", "passwd_file", "sql", "ldap", "pam", "oauth", "remote"],
    ),
];

/// What crates without I/O may not name, and what to do instead.
const WORLD: &[(&[&str], &str)] = &[
    (&["std", "net"], "`core::net` has the addresses without the sockets"),
    (&["std", "io"], "a machine is given octets and gives octets"),
    (&["std", "fs"], "a machine opens no file"),
    (&["std", "env"], "settings come in as values"),
    (&["std", "process"], "a machine starts nothing"),
    (&["std", "thread"], "a machine has no thread"),
    (&["tokio"], "the driver awaits"),
    (&["tracing"], "the driver logs what it is told"),
    (&["log"], "the driver logs what it is told"),
];

/// Checks every crate.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for root in roots(sources) {
        let Some(home) = sources.get(root).map(|source| crate_folder(&source.path)) else {
            continue;
        };
        let modules = Modules::read(sources, root);
        let outside = outside(sources, &modules);
        if PURE.contains(&crate_name(home)) {
            findings.extend(world(sources, home, &outside));
        }
        if matches!(crate_name(home), "restante-server" | "restante" | "restante-admin") {
            findings.extend(backends(sources, home, &outside));
        }
        findings.extend(rustls(sources, home, &outside));
    }
    findings
}

/// A path that leads out of the crate: the file and line it stands on, and its words.
struct Outside {
    file: usize,
    line: usize,
    path: Vec<String>,
}

fn outside(sources: &[Source], modules: &Modules) -> Vec<Outside> {
    let mut found = Vec::new();
    for (index, module) in modules.iter() {
        for leaf in module.uses.iter().chain(&module.mentions) {
            if let Target::Outside(path) = modules.resolve(index, &leaf.path)
                && sources.get(module.file).is_some_and(|source| !source.is_test())
            {
                found.push(Outside { file: module.file, line: leaf.line, path });
            }
        }
    }
    found
}

/// `crates/x` of `crates/x/src/lib.rs`.
fn crate_folder(path: &str) -> &str {
    path.split("/src/").next().unwrap_or_default()
}

fn crate_name(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or_default()
}

fn path_of(sources: &[Source], file: usize) -> &str {
    sources.get(file).map(|source| source.path.as_str()).unwrap_or_default()
}

/// Crates without I/O know no socket, clock, runtime or logger.
fn world(sources: &[Source], home: &str, outside: &[Outside]) -> Vec<Finding> {
    let name = crate_name(home);
    let mut findings: Vec<Finding> = outside
        .iter()
        .filter_map(|found| {
            let (words, instead) = WORLD.iter().find(|(words, _)| {
                found.path.len() >= words.len()
                    && words.iter().zip(&found.path).all(|(word, part)| *word == *part)
            })?;
            let what = format!("{name} may not name {}: {instead}", words.join("::"));
            Some(Finding::new(path_of(sources, found.file), found.line, "no I/O", what))
        })
        .collect();
    for source in sources.iter().filter(|source| crate_folder(&source.path) == home) {
        let clock = source.code.windows(3).filter_map(|window| match window {
            [kind, _, now] if kind.is_word("Instant") && now.is_word("now") => Some(kind.line),
            _ => None,
        });
        let calendar = source.code.iter().filter(|token| token.is_word("SystemTime"));
        findings.extend(clock.chain(calendar.map(|token| token.line)).map(|line| {
            let what = format!("{name} reads no clock: time comes in as `now`");
            Finding::new(&source.path, line, "no I/O", what)
        }));
        let prints = source.code.windows(2).filter_map(|window| match window {
            [word, bang] if bang.is_mark('!') => word
                .word()
                .filter(|word| matches!(*word, "println" | "eprintln" | "print" | "eprint"))
                .map(|_| word.line),
            _ => None,
        });
        findings.extend(prints.map(|line| {
            Finding::new(&source.path, line, "no I/O", format!("{name} prints nothing"))
        }));
    }
    findings
}

/// The server names traits; only `compose.rs` of the binary names backends.
fn backends(sources: &[Source], home: &str, outside: &[Outside]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (owner, places) in BACKENDS {
        let crate_word = owner.replace('-', "_");
        let lib = format!("crates/{owner}/src/lib.rs");
        let Some(root) = sources.iter().position(|source| source.path == lib) else { continue };
        let modules = Modules::read(sources, root);
        for found in outside {
            let Some((first, rest)) = found.path.split_first() else { continue };
            let here = path_of(sources, found.file);
            if *first != crate_word || is_compose(home, here) {
                continue;
            }
            let Some(place) = backend(sources, owner, places, &modules.resolve(0, rest), &modules)
            else {
                continue;
            };
            let what = format!(
                "names {}, of the backend {owner}/{place}; take the trait here and let compose.rs of the binary choose",
                found.path.join("::")
            );
            findings.push(Finding::new(here, found.line, "backend", what));
        }
    }
    findings
}

fn is_compose(home: &str, path: &str) -> bool {
    crate_name(home) == "restante"
        && (path.ends_with("/src/compose.rs") || path.contains("/src/compose/"))
}

/// Which backend a target belongs to, if any.
fn backend<'p>(
    sources: &[Source],
    owner: &str,
    places: &[&'p str],
    target: &Target,
    modules: &Modules,
) -> Option<&'p str> {
    let file = match *target {
        Target::File(file) => file,
        Target::Module(module) => modules.iter().nth(module)?.1.file,
        _ => return None,
    };
    let inside = path_of(sources, file).strip_prefix(&format!("crates/{owner}/src/"))?;
    let place = inside.split('/').next()?.trim_end_matches(".rs");
    places.iter().copied().find(|name| *name == place)
}

/// One module a crate imports rustls: a file, or a folder.
fn rustls(sources: &[Source], home: &str, outside: &[Outside]) -> Vec<Finding> {
    let mut named: Vec<(&str, usize)> = outside
        .iter()
        .filter(|found| {
            found.path.first().is_some_and(|first| first == "rustls" || first == "tokio_rustls")
        })
        .map(|found| (path_of(sources, found.file), found.line))
        .collect();
    named.sort_unstable();
    let inside =
        |module: &str| named.iter().filter(|(path, _)| is_inside(module_of(path), module)).count();
    // Where most of it is, is its home; the rest is out of place.
    let Some(first) = named.iter().map(|(path, _)| module_of(path)).max_by_key(|m| inside(m))
    else {
        return Vec::new();
    };
    named
        .iter()
        .filter(|(path, _)| !is_inside(module_of(path), first))
        .map(|(path, line)| {
            let what = format!(
                "names rustls, which in {} only {first} does; ask that module instead",
                crate_name(home)
            );
            Finding::new(path, *line, "rustls", what)
        })
        .collect()
}

/// `a/b` of `a/b.rs` and of `a/b/mod.rs`.
fn module_of(path: &str) -> &str {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    path.strip_suffix("/mod").unwrap_or(path)
}

fn is_inside(module: &str, folder: &str) -> bool {
    module.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
