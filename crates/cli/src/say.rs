//! What the command says. Words that nobody reads any more are no reason to stop working.

use crate::Failure;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Writes a line to standard output; a reader that has gone is no failure.
pub fn line(text: impl Display) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("standard output: cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Tells how work goes on, which goes on whether or not it can be told.
pub fn progress(text: impl Display) {
    let _ = line(text);
}

/// Writes a line to standard error. Whoever closed it cannot be told.
pub fn aside(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
