//! Why a command did not do what it was asked to.

use crate::settings::Options;
use mirrorgrad_data::{DataError, one_line};
use mirrorgrad_study::Refusal;
use mirrorgrad_tensor::{ConvAlgorithmError, IsaError};
use mirrorgrad_train::RunError;
use std::fmt;
use std::io;
use std::path::Path;

/// One line that names the place, what was expected and what came.
#[derive(Clone, Debug)]
pub struct Failure {
    line: String,
    code: u8,
    /// Another process has failed with it, and says so.
    elsewhere: bool,
}

/// The exit code of a request that makes no sense, as of options that do not.
const USAGE: u8 = 2;

impl Failure {
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), code: 1, elsewhere: false }
    }

    /// For a request that makes no sense.
    pub(crate) fn usage(error: impl fmt::Display) -> Self {
        Self { code: USAGE, ..Self::new(error.to_string()) }
    }

    /// For a setting that cannot be read.
    pub(crate) fn setting(error: DataError) -> Self {
        Self::usage(error.message().worded(&Options))
    }

    /// For a file that cannot be read.
    pub(crate) fn read(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::new(format!("{}: cannot be read: {error}", path.display()))
    }

    /// For a file that cannot be written.
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::new(format!("{}: cannot be written: {error}", path.display()))
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> u8 {
        self.code
    }

    /// Whether another process has failed with it, and says so.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names may hold line breaks and terminal codes; the message stays one plain line.
        f.write_str(&one_line(&self.line))
    }
}

impl From<IsaError> for Failure {
    fn from(error: IsaError) -> Self {
        Self::usage(error)
    }
}

impl From<ConvAlgorithmError> for Failure {
    fn from(error: ConvAlgorithmError) -> Self {
        Self { code: USAGE, ..Self::new(error.to_string()) }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let message = match &error {
            RunError::Occupied { .. } => error.message().and("; pass --resume to continue its run"),
            RunError::ScheduleEnds { schedule, epochs } => format!(
                "--epochs: expected a run with a constant schedule, or --stretch-schedule, found a \
                 {schedule} schedule that ends after epoch {epochs}"
            )
            .into(),
            _ => error.message(),
        };
        let elsewhere = matches!(error, RunError::Elsewhere { .. });
        Self { elsewhere, ..Self::new(message.worded(&Options)) }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::new(error.message().worded(&Options))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::usage(refusal)
    }
}
