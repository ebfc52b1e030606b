//! What is wrong with a store or a maildrop, line by line.

use crate::operations::condition::Finding;
use crate::output::{Failure, Output, printable};

/// What is wrong was found: neither a success nor a failure of the command.
pub(crate) const FOUND: u8 = 1;

/// One line for each.
pub(crate) fn write_findings(findings: &[Finding], output: Output) -> Result<(), Failure> {
    for Finding { maildrop, uidl, what } in findings {
        let whose = maildrop.map_or_else(String::new, |number| format!("maildrop {number}: "));
        let which =
            uidl.as_ref().map_or_else(String::new, |uidl| format!("message {}: ", printable(uidl)));
        output.line(format_args!("{whose}{which}{}", printable(what)))?;
    }
    Ok(())
}

/// `nothing is wrong`, or how much is.
pub(crate) fn told(findings: &[Finding]) -> String {
    match findings.len() {
        0 => "nothing is wrong".to_owned(),
        1 => "1 thing is wrong".to_owned(),
        more => format!("{more} things are wrong"),
    }
}
