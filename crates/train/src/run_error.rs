//! Why a run cannot begin or go on.

use mirrorgrad_data::{DataError, shown, tall};
use mirrorgrad_layers::weights::WeightsError;
use std::path::{Path, PathBuf};

/// Why a run cannot begin or go on, in one line.
///
/// ```
/// # use mirrorgrad_train::{RunError, RunFolder};
/// # use std::path::Path;
/// let error = RunFolder::open(Path::new("runs/none")).unwrap_err();
/// assert!(matches!(error, RunError::Unfit { .. }));
/// assert_eq!(error.to_string(), "runs/none: expected the folder of a run, found none");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Data, options or files are not what they should be.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file of the run is not what it should be.
    #[error("{}: {what}", shown(.path))]
    Unfit {
        /// The file or folder.
        path: PathBuf,
        /// What was expected and what came.
        what: String,
    },
    /// Weights do not fit the network.
    #[error("the checkpoint does not fit its own network: {0}")]
    Weights(#[from] WeightsError),
    /// Weights to start from do not fit the network.
    #[error("--weights {}: {why}", shown(.path))]
    Start {
        /// Their file.
        path: PathBuf,
        /// What does not fit.
        why: WeightsError,
    },
    /// What the optimizer remembers does not fit the network.
    #[error(
        "the checkpoint's optimizer does not fit its own network: it has {name:?} of shape {got:?}"
    )]
    Optimizer {
        /// The tensor that fits no parameter.
        name: String,
        /// Its shape.
        got: Vec<usize>,
    },
    /// Labels do not fit the classes.
    #[error(transparent)]
    Targets(#[from] mirrorgrad_tensor::TargetError),
    /// Predictions cannot be counted.
    #[error(transparent)]
    Metric(#[from] crate::MetricError),
    /// A picture is too small for the network.
    #[error("{name}: expected at least {least}x{least} pixels for this network, found {}", tall(*.size))]
    TooSmall {
        /// The picture.
        name: String,
        /// The least height and width.
        least: usize,
        /// Its `[height, width]`.
        size: [usize; 2],
    },
    /// A normalization would have one value, which becomes 0 whatever it is.
    #[error(
        "{name}: expected two values or more to normalize together while training, found one: {found}; try {ways}"
    )]
    OneValue {
        /// The picture.
        name: String,
        /// Where it comes to one.
        found: String,
        /// What can be done.
        ways: &'static str,
    },
    /// What should be a number no longer is.
    #[error(
        "{what} became {value} at step {step} (epoch {epoch}): training stopped, earlier checkpoints are kept; try a lower --lr or --clip 1"
    )]
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

    pub(crate) fn unfit(path: &Path, what: impl Into<String>) -> Self {
        Self::Unfit { path: path.to_owned(), what: what.into() }
    }
}
