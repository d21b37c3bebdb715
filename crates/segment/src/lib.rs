//! Training segmentation networks: the data, what is measured, and runs.
//!
//! Data come first. A [`Sample`] is a [`Picture`] with its [`Mask`]; a [`Dataset`] has many of
//! them, drawn by the program ([`Shapes`]) or read from a directory ([`Folder`]); [`Augment`]
//! changes them at random, and a [`Loader`] brings them in batches. What a network makes of them
//! is counted in a [`Confusion`]. These are plain bytes: tensors are made of them by the trainer.

#![forbid(unsafe_code)]

mod augment;
pub mod batch;
mod boundary;
mod census;
mod checkpoint;
mod chunks;
mod config;
mod confusion;
mod dataset;
mod error;
mod files;
mod folder;
mod histogram;
mod loader;
mod mask;
mod memory;
mod metrics;
mod objective;
mod picture;
pub mod plots;
mod predict;
mod random;
mod run_error;
mod run_folder;
mod sample;
mod shapes;
mod small_batches;
mod split;
mod survey;
mod text;
mod trainer;
mod weights;

pub use augment::Augment;
pub use boundary::{Boundary, boundary_f, boundary_tolerance};
pub use census::{Census, PartCensus, SizeCount};
pub use checkpoint::{Checkpoint, Progress};
pub use config::{
    ClassWeights, Config, DataConfig, LossKind, ModelConfig, ModelKind, OptimizerKind,
    ScheduleKind, Settings, TrainingConfig, WeightsByName,
};
pub use confusion::{Confusion, MetricError};
pub use dataset::{Dataset, Inspected, palette};
pub use error::{DataError, is_hidden, one_line, shown};
pub use files::{write_streamed, write_whole};
pub use folder::{Folder, FolderOptions, Layout, Part, class_names, is_picture_file};
pub use histogram::{Histogram, class_weights};
pub use loader::{Batches, Loader};
pub use mask::{decode_mask, read_mask};
pub use memory::{
    Largest, MemoryEstimate, PredictionEstimate, allowed_bytes, evaluation_bytes, least_bytes,
    machine_bytes, may_need_more, most_resident_bytes, resident_bytes,
};
pub use metrics::{EpochMetrics, Evaluation, check_size, evaluate, evaluate_each};
pub use objective::Objective;
pub use picture::{
    PictureFormat, PictureRules, RangeByName, ValueRange, decode_picture, read_picture,
};
pub use predict::{Predictor, colours, overlay};
pub use run_error::RunError;
pub use run_folder::RunFolder;
pub use sample::{Mask, Picture, Sample};
pub use shapes::Shapes;
pub use small_batches::{advice_on_memory, check_normalization, small_batch_note};
pub use split::Split;
pub use trainer::{Outcome, StepReport, Trainer, Watch, judged_by, loader, trained_on};
pub use weights::read_weights;
