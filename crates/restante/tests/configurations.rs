//! Golden pairs: a configuration, and the whole of what `restante check` says about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/config")
}

fn check(folder: &Path, file: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_restante"))
        .current_dir(folder)
        .args(["check", "--config", file])
        .args(arguments)
        .env_remove("RESTANTE_CONFIG")
        .output()
        .expect("restante runs")
}

// style 34: a bad configuration is answered with file, line, and what would be right
#[test]
fn every_bad_configuration_is_answered_in_full() {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("tests/config is there")
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 8);
    for name in names {
        let output = check(&folder(), &format!("{name}.toml"), &[]);
        let code = output.status.code().expect("no signal ended it");
        let here = format!("{}/", fs::canonicalize(folder()).unwrap().display());
        let said = String::from_utf8(output.stdout).unwrap().replace(&here, "/…/");
        let said = format!("{said}exit code {code}\n");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{name}");
        let golden = folder().join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(said, expected, "{name}.toml: UPDATE_GOLDEN=1 writes {name}.txt anew");
    }
}
