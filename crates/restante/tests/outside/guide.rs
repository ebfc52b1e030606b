//! What README and docs/ tell people to type is there, and what the guide runs by itself works.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::restante;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn guide() -> String {
    fs::read_to_string(root().join("docs/guide/first-ten-minutes.md")).unwrap()
}

/// The pages that people read, with their names.
fn pages() -> Vec<(String, String)> {
    let mut paths = vec![root().join("README.md")];
    for folder in ["docs/guide", "docs/operating", "docs/reference"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        paths.extend(entries.map(|entry| entry.unwrap().path()));
    }
    paths
        .into_iter()
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// What follows the program's name wherever it stands as a command: `restante account add x`.
fn commands(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in page.lines() {
        for (at, name) in line.match_indices("restante ") {
            let (before, rest) = (&line[..at], &line[at + name.len()..]);
            let typed = before.is_empty()
                || ["`", "$ ", "/usr/bin/"].iter().any(|sign| before.ends_with(sign));
            let command = rest.split(['`', '#']).next().unwrap_or_default();
            // Postfix's master.cf begins a service so: `restante unix - n n - - pipe`.
            let service = command.starts_with("unix ");
            if typed && !service && command.starts_with(|c: char| c.is_ascii_lowercase()) {
                found.push(command);
            }
        }
    }
    found
}

fn help(arguments: &[&str]) -> Option<String> {
    // `deliver --help` is no success where there is no terminal (security D20).
    let output = restante(&[arguments, &["--help"]].concat()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.contains("Usage: ").then_some(text)
}

#[test]
fn every_command_and_option_in_the_docs_exists() {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut seen = 0;
    for (name, page) in pages() {
        for command in commands(&page) {
            let words: Vec<&str> = command.split_whitespace().collect();
            // `add|list` are two, `NAME` is none.
            for verb in words.get(1).copied().unwrap_or_default().split('|') {
                let has_acts = [
                    "account",
                    "app-password",
                    "address",
                    "maildrop",
                    "config",
                    "guard",
                    "hold",
                    "store",
                ];
                let path: Vec<&str> = match words[0] {
                    group if has_acts.contains(&group) && !verb.is_empty() => vec![group, verb],
                    alone => vec![alone],
                };
                let text = known.entry(path.join(" ")).or_insert_with(|| help(&path));
                let text = text.as_ref().unwrap_or_else(|| panic!("{name}: restante {command}"));
                // What stands behind `--` is for another program.
                let own = words.iter().take_while(|word| **word != "--");
                for option in own.filter(|word| word.starts_with("--")) {
                    let option = option.trim_end_matches([',', '.', ')', ']']);
                    assert!(text.contains(option), "{name}: restante {command}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "only {seen} commands were found in the docs");
}

#[test]
fn the_command_that_the_guide_runs_beside_a_trial_works() {
    let bin = Path::new(env!("CARGO_BIN_EXE_restante")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let guide = guide();
    let lines: Vec<&str> =
        guide.lines().filter_map(|line| line.strip_prefix("    $ restante try -- ")).collect();
    assert_eq!(lines.len(), 1);
    for line in lines {
        let output = Command::new("sh")
            .args(["-c", &format!("restante try -- {line}")])
            .env("PATH", &path)
            .output()
            .unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(listed.lines().count(), 7, "{line}: {listed}");
    }
}

#[test]
fn the_configurations_of_the_guide_have_the_right_form() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("restante.toml");
    let mut seen = 0;
    for (name, page) in pages() {
        for block in page.split("```toml\n").skip(1) {
            let (block, _) = block.split_once("```").unwrap();
            let needed = "hostname = \"mail.example.org\"\ndomains = [\"example.org\"]\n";
            let whole = block.contains("hostname = ");
            fs::write(&file, if whole { block.to_owned() } else { needed.to_owned() + block })
                .unwrap();
            let output = restante(&["check", "--json", "--config", file.to_str().unwrap()])
                .output()
                .unwrap();
            let verdict = String::from_utf8(output.stdout).unwrap();
            for complaint in ["no setting", "takes", "missing", "unit"] {
                assert!(!verdict.contains(complaint), "{name}: {block}{verdict}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} configurations were found in the docs");
}
