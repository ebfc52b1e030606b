//! Which configuration file: `--config`, else `RESTANTE_CONFIG`, else the well-known place.

use std::path::{Path, PathBuf};

use crate::output::{Failure, Output};
use crate::settings::load::{Settings, load};

/// Where the configuration is where nobody says otherwise.
pub(crate) const CONFIG: &str = "/etc/restante/restante.toml";

/// `--config FILE`, for commands to flatten into their `Args`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConfigArg {
    /// The configuration; by default $RESTANTE_CONFIG, or /etc/restante/restante.toml
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl ConfigArg {
    /// The file that was asked for, or would be read.
    pub(crate) fn path(&self) -> PathBuf {
        let variable = || std::env::var_os("RESTANTE_CONFIG").filter(|path| !path.is_empty());
        self.config
            .clone()
            .or_else(|| variable().map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(CONFIG))
    }

    /// Reads the settings, for a command that works on a server or its state.
    pub(crate) fn load(&self, output: Output) -> Result<Settings, Failure> {
        let path = self.path();
        if !path.exists() {
            return Err(absent(&path));
        }
        load(&path, output)
    }
}

/// The failure of a configuration that is not there.
pub(crate) fn absent(path: &Path) -> Failure {
    Failure::new(format!("there is no configuration at {}", path.display()))
        .hint("name it with --config FILE; `restante serve` explains what to write")
}
