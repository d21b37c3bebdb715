//! Training segmentation networks on the pictures of [`mirrorgrad_data`]: what is measured, and runs.
//!
//! A [`Config`] decides a run, a [`Trainer`] takes its steps, a [`RunFolder`] keeps it in files. What a
//! network makes of pictures is counted in a [`Confusion`]; a [`Predictor`] makes masks for new ones.

#![forbid(unsafe_code)]

pub mod batch;
mod boundary;
mod check;
mod checkpoint;
mod class_weights;
mod config;
mod confusion;
mod files;
mod fitness;
mod memory;
mod metrics;
mod objective;
mod predict;
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
    Largest, MemoryEstimate, PredictionEstimate, allowed_bytes, evaluation_bytes, least_bytes,
    machine_bytes, may_need_more, most_resident_bytes, resident_bytes,
};
pub use metrics::{EpochMetrics, Evaluation, check_size, evaluate, evaluate_each};
pub use objective::Objective;
pub use predict::Predictor;
pub use run_error::RunError;
pub use run_folder::RunFolder;
pub use small_batches::{advice_on_memory, check_normalization, small_batch_note};
pub use trainer::{Observer, Outcome, StepReport, Trainer, loader, training_set, validation_set};
pub use weights::read_weights;
