//! What is generated stands in docs/ as it is generated; man pages and completions are whole.

use std::path::Path;
use std::process::{Command, Output};

fn restante(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_restante")).args(arguments).output().expect("restante runs")
}

fn generated(arguments: &[&str]) -> String {
    let output = restante(arguments);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

// style 35: one definition of a setting yields parser, reference and example
#[test]
fn the_reference_is_what_the_definitions_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (what, file) in [("reference", "settings.md"), ("example", "restante.toml")] {
        let path = folder.join(file);
        let now = generated(&["config", what]);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let standing = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(standing == now, "restante config {what} > docs/reference/{file}");
    }
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    assert!(restante(&["man", folder.path().to_str().unwrap()]).status.success());
    for page in ["restante", "restante-serve", "restante-try", "restante-check", "restante-config"]
    {
        let text = std::fs::read_to_string(folder.path().join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(generated(&["completions", shell]).contains("serve"), "{shell}");
    }
}
