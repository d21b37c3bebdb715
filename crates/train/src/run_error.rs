//! Why a run cannot begin or go on.

use crate::MetricError;
use mirrorgrad_data::{DataError, Message, Setting, shown, tall};
use mirrorgrad_layers::weights::WeightsError;
use mirrorgrad_tensor::TargetError;
use std::error::Error;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

/// Why a run cannot begin or go on, in one line.
///
/// ```
/// # use mirrorgrad_train::{RunError, RunFolder};
/// # use std::path::Path;
/// let error = RunFolder::open(Path::new("runs/none")).unwrap_err();
/// assert!(matches!(error, RunError::Unfit { .. }));
/// assert_eq!(error.to_string(), "runs/none: expected a run folder, found none");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// Data, settings or files are not what they should be.
    Data(DataError),
    /// A file of the run is not what it should be.
    Unfit {
        /// The file or folder.
        path: PathBuf,
        /// What was expected and what came.
        what: Message,
    },
    /// The folder for a new run has files in it.
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// A run's schedule ends with the epochs that it has.
    ScheduleEnds {
        /// The schedule's name.
        schedule: String,
        /// The epochs.
        epochs: usize,
    },
    /// Weights do not fit the network.
    Weights(WeightsError),
    /// Weights to start from do not fit the network.
    Start {
        /// Their file.
        path: PathBuf,
        /// What does not fit.
        why: WeightsError,
    },
    /// What the optimizer remembers does not fit the network.
    Optimizer {
        /// The tensor that fits no parameter.
        name: String,
        /// Its shape.
        got: Vec<usize>,
    },
    /// Labels do not fit the classes.
    Targets(TargetError),
    /// Predictions cannot be counted.
    Metric(MetricError),
    /// A picture is too small for the network.
    TooSmall {
        /// The picture, or the setting that brings it to this size.
        name: Message,
        /// The least height and width.
        least: usize,
        /// Its `[height, width]`.
        size: [usize; 2],
    },
    /// A normalization would have one value, which becomes 0 whatever it is.
    OneValue {
        /// The picture.
        name: String,
        /// Where it comes to one.
        found: String,
        /// What can be done.
        ways: Message,
    },
    /// A rank of the run is gone, or is not what it should be.
    Rank {
        /// Which, counted from 0.
        rank: usize,
        /// What happened to it, or what was expected and what came.
        what: String,
    },
    /// Another rank of the run has failed, and says so itself.
    Elsewhere {
        /// Which, counted from 0.
        rank: usize,
        /// Its error.
        what: String,
    },
    /// A number is not finite any more.
    Diverged {
        /// The layer and whether it was on the way there (forward) or back (backward), the loss, or a
        /// parameter.
        what: String,
        /// Its value.
        value: f64,
        /// The step, counted from 1.
        step: u64,
        /// The epoch, counted from 1.
        epoch: usize,
    },
}

impl RunError {
    /// As what is wrong with the file at `path`, if it is the weights.
    pub(crate) fn of_weights(path: &Path) -> impl Fn(Self) -> Self {
        move |error| match error {
            Self::Weights(error) => Self::unfit(path, error.to_string()),
            error => error,
        }
    }

    /// [`Unfit`](Self::Unfit), of what was expected and what came.
    pub fn unfit(path: &Path, what: impl Into<Message>) -> Self {
        Self::Unfit { path: path.to_owned(), what: what.into() }
    }

    /// It in words, with the settings that it names kept apart.
    pub fn message(&self) -> Message {
        match self {
            Self::Data(error) => error.message(),
            Self::Unfit { path, what } => {
                Message::from(format!("{}: ", shown(path))).and(what.clone())
            }
            Self::Occupied { path } => {
                format!("{}: expected an empty folder, found files", shown(path)).into()
            }
            Self::ScheduleEnds { schedule, epochs } => Message::from(Setting::of("training.epochs"))
                .and(": expected a run with a constant schedule, found ")
                .and(format!("a {schedule} schedule that ends after epoch {epochs}")),
            Self::Weights(error) => {
                format!("the checkpoint does not fit its own network: {error}").into()
            }
            Self::Start { path, why } => Message::from(Setting::word("model.weights", shown(path)))
                .and(format!(": {why}")),
            Self::Optimizer { name, got } => format!(
                "the checkpoint's optimizer does not fit its own network: it has {name:?} of shape {got:?}"
            )
            .into(),
            Self::Targets(error) => error.to_string().into(),
            Self::Metric(error) => error.to_string().into(),
            Self::TooSmall { name, least, size } => name.clone().and(format!(
                ": expected at least {least}x{least} pixels for this network, found {}",
                tall(*size)
            )),
            Self::OneValue { name, found, ways } => Message::from(format!(
                "{name}: expected at least two values per normalization in training, found one: {found}; try "
            ))
            .and(ways.clone()),
            Self::Rank { rank, what } | Self::Elsewhere { rank, what } => format!("rank {rank}: {what}").into(),
            Self::Diverged { what, value, step, epoch } => Message::from(format!(
                "{what} became {value} at step {step} (epoch {epoch}): training stopped, earlier checkpoints \
                 are kept; try a lower "
            ))
            .and(Setting::of("training.lr"))
            .and(" or ")
            .and(Setting::number("training.clip", 1_u64)),
        }
    }
}

impl Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Their words are its own.
            Self::Data(error) => error.source(),
            Self::Targets(error) => error.source(),
            Self::Metric(error) => error.source(),
            Self::Weights(error) => Some(error),
            _ => None,
        }
    }
}

impl From<DataError> for RunError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<WeightsError> for RunError {
    fn from(error: WeightsError) -> Self {
        Self::Weights(error)
    }
}

impl From<TargetError> for RunError {
    fn from(error: TargetError) -> Self {
        Self::Targets(error)
    }
}

impl From<MetricError> for RunError {
    fn from(error: MetricError) -> Self {
        Self::Metric(error)
    }
}
