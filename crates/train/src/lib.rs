//! Training segmentation networks on [`mirrorgrad_data`]. A [`Config`] decides a run, a [`Trainer`] takes its steps, a
//! [`RunFolder`] keeps it in files, and a [`Predictor`] makes masks for new pictures.
//!
//! ```
//! use mirrorgrad_data::Dataset;
//! use mirrorgrad_train::{Outcome, Predictor, RunFolder, Settings, Trainer};
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! let mut settings = Settings::default();
//! for set in ["model.widths=[2]", "training.epochs=1", "training.limit_batches=1"] {
//!     settings.set_text(set)?;
//! }
//! let mut trainer = Trainer::new(settings.resolve()?)?;
//! let folder = RunFolder::create(dir)?;
//! assert_eq!(trainer.run(&folder, &mut ())?, Outcome::Finished);
//!
//! let predictor = Predictor::read(dir)?;
//! let sample = trainer.validation().sample(0)?;
//! assert_eq!(predictor.predict(&sample.name, &sample.picture)?.size(), sample.size());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The files, in the order to read:
//!
//! ```text
//! config/                      everything that decides a run; settings from files and options
//! batch                        samples as tensors, scores as labels
//! objective, class_weights     the loss; how much a pixel counts by its class
//! trainer/                     a run: its loaders, its beginning, one step, its observer
//! fitness, small_batches,      whether data fit a run; batches too small to normalize; all that prevents a run
//! check
//! confusion, boundary,         the confusion matrix; outlines; metrics of an epoch and of a data set
//! metrics
//! checkpoint/, run_folder,     the state of a run in files
//! files, codec, weights
//! predict                      masks for pictures without one
//! ranks/                       who trains together, and what they exchange
//! plan                         how long a step takes among more ranks than there are
//! memory/                      memory estimates; memory limits of the process
//! bench                        what `mirrorgrad bench` times
//! run_error                    why a run cannot begin or go on
//! ```

#![forbid(unsafe_code)]

pub mod batch;
pub mod bench;
mod boundary;
mod check;
mod checkpoint;
mod class_weights;
mod codec;
mod config;
mod confusion;
mod files;
mod fitness;
mod memory;
mod metrics;
mod objective;
mod plan;
mod predict;
mod ranks;
mod run_error;
mod run_folder;
mod small_batches;
mod trainer;
mod weights;

pub use boundary::{Boundary, boundary_f, boundary_tolerance};
pub use check::check_run;
pub use checkpoint::{Checkpoint, Progress};
pub use class_weights::{ClassWeights, WeightsByName, class_weights};
pub use config::{
    Config, DataConfig, LossKind, ModelConfig, ModelKind, OptimizerKind, ScheduleKind, Settings,
    TrainingConfig,
};
pub use confusion::{Confusion, MetricError};
pub use files::write_streamed;
pub use memory::{
    Largest, MemoryEstimate, PredictionEstimate, Process, allowed_bytes, evaluation_bytes,
    least_bytes, machine_bytes, may_need_more, most_resident_bytes, resident_bytes,
};
pub use metrics::{EpochMetrics, Evaluation, check_size, evaluate, evaluate_among, evaluate_each};
pub use objective::Objective;
pub use plan::{Forecast, Gradient, Link, StepCost};
pub use predict::Predictor;
pub use ranks::{Alone, Reduce, ThreadRank, check_alike, exchange, launched, thread_ranks};
#[cfg(feature = "mpi")]
pub use ranks::{MpiJob, MpiRank};
pub use run_error::RunError;
pub use run_folder::RunFolder;
pub use small_batches::{advice_on_memory, check_normalization, small_batch_note};
pub use trainer::{Observer, Outcome, StepReport, Trainer, loader, training_set, validation_set};
pub use weights::read_weights;
