//! Why a command did not do what it was asked to.

use mirrorgrad_segment::{DataError, RunError};
use std::fmt;
use std::io;
use std::path::Path;

/// One line that names the place, what was expected and what came. The exit code is 1.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }

    /// For a file that cannot be written.
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self(format!("{}: cannot be written: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names may hold line breaks and terminal codes; the message stays one plain line.
        self.0.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => write!(f, "{c}"),
        })
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self(error.to_string())
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self(error.to_string())
    }
}
