//! Writes the pages that come from definitions in the code.

use std::path::Path;
use std::process::Command;

use crate::run::cargo;

/// What `restante config` prints, and the page that holds it.
const PAGES: &[(&str, &str)] =
    &[("reference", "docs/reference/settings.md"), ("example", "docs/reference/restante.toml")];

/// Writes each page anew. That they are current is a test of the binary.
pub(crate) fn run(root: &Path) -> Result<bool, String> {
    for (what, page) in PAGES {
        let output = Command::new(cargo())
            .args(["run", "--quiet", "--locked", "--package", "restante", "--", "config", what])
            .current_dir(root)
            .output()
            .map_err(|error| format!("cargo cannot be started: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("`restante config {what}`: {}\n{said}", output.status));
        }
        std::fs::write(root.join(page), &output.stdout)
            .map_err(|error| format!("cannot write {page}: {error}"))?;
        println!("docs: {page}");
    }
    Ok(true)
}
