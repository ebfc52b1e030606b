//! The program under test.

use std::process::{Command, Stdio};

/// `restante` with these arguments, without a terminal.
pub(crate) fn restante(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_restante"));
    command.args(arguments).env_remove("RESTANTE_CONFIG").stdin(Stdio::null());
    command
}
