//! All that decides a run: written into its folder, and into every checkpoint.

use crate::dataset::Joined;
use crate::error::shown;
use crate::files::check_size;
use crate::{Augment, DataError, Dataset, Folder, FolderOptions, Part, Shapes};
use mirrorgrad_layers::models::{Fcn, FcnConfig, Network, UNet, UNetConfig, Upsampling};
use mirrorgrad_layers::optim::{Adam, Optimizer, Sgd};
use mirrorgrad_layers::{Curve, Schedule};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A run, resolved: the same configuration gives the same bits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What is learned from.
    pub data: DataConfig,
    /// What learns.
    pub model: ModelConfig,
    /// How.
    pub training: TrainingConfig,
}

/// Which pictures, and how they are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// A folder of pictures and masks; the built-in shapes without.
    pub dir: Option<PathBuf>,
    /// How the folder is read.
    pub folder: FolderOptions,
    /// What is changed at random while training.
    pub augment: Augment,
}

impl DataConfig {
    fn check(&self) -> Result<(), DataError> {
        let FolderOptions { size, validation_split, ignore_index, .. } = self.folder;
        match &self.dir {
            Some(dir) if dir.to_str().is_none() => {
                let expected = "a path in UTF-8, which the run's configuration can hold";
                return Err(DataError::option("--data", expected, shown(dir)));
            }
            Some(_) => {}
            None => {
                let given =
                    [("--size", size.is_some()), ("--val-split", validation_split.is_some())];
                if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
                    let expected = "no such option for the built-in shapes, or --data beside it";
                    return Err(DataError::option(option, expected, "it alone"));
                }
            }
        }
        if let Some(size) = size {
            check_size(Path::new("--size"), size)?;
        }
        self.augment.check(ignore_index)
    }
}

/// A network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Which one.
    pub kind: ModelKind,
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// Whether convolutions are batch-normalized.
    pub batch_norm: bool,
    /// The way back up to the picture's size.
    pub upsample: Upsampling,
}

/// Networks by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// The fully convolutional network.
    #[default]
    Fcn,
    /// The U-Net.
    Unet,
}

impl ModelKind {
    /// Channels of each stage where nothing else is asked for.
    pub fn widths(self) -> Vec<usize> {
        match self {
            Self::Fcn => FcnConfig::new(2).widths,
            Self::Unet => UNetConfig::new(2).widths,
        }
    }
}

/// How a network learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Passes over the training pictures.
    pub epochs: usize,
    /// Pictures in a step.
    pub batch: usize,
    /// What moves the weights.
    pub optimizer: OptimizerKind,
    /// The highest learning rate.
    pub lr: f64,
    /// How strongly weights are pulled towards 0.
    pub weight_decay: f64,
    /// SGD's momentum.
    pub momentum: f64,
    /// The decay rates of Adam's averages of the gradient and of its square.
    pub betas: [f64; 2],
    /// How the learning rate falls.
    pub schedule: ScheduleKind,
    /// Steps over which the learning rate rises at the start.
    pub warmup: u64,
    /// The norm that all gradients together are kept under.
    pub clip: Option<f64>,
    /// What order, augmentation and first weights are drawn from.
    pub seed: u64,
}

/// Optimizers by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// AdamW.
    #[default]
    Adamw,
    /// Adam.
    Adam,
    /// SGD with momentum.
    Sgd,
}

/// Schedules by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// The same to the end.
    Constant,
    /// A tenth after each third of the run.
    Step,
    /// Half a cosine wave down to 0.
    #[default]
    Cosine,
    /// (1 − progress)^0.9.
    Poly,
}

impl Default for ModelConfig {
    fn default() -> Self {
        let kind = ModelKind::Fcn;
        Self { kind, widths: kind.widths(), batch_norm: true, upsample: Upsampling::Deconv }
    }
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 6,
            batch: 8,
            optimizer: OptimizerKind::Adamw,
            lr: 1e-2,
            weight_decay: 1e-4,
            momentum: 0.9,
            // Runs of a few thousand steps are too short for the usual 0.999.
            betas: [0.9, 0.99],
            schedule: ScheduleKind::Cosine,
            warmup: 100,
            clip: None,
            seed: 0,
        }
    }
}

/// Widths and depths beyond these are mistakes, not networks.
const MOST_CHANNELS: usize = 4096;
const MOST_STAGES: usize = 10;

impl Config {
    /// Refuses values that no run can have.
    ///
    /// # Errors
    /// The first such value, with what was expected.
    pub fn check(&self) -> Result<(), DataError> {
        let TrainingConfig { epochs, batch, lr, weight_decay, momentum, clip, .. } = self.training;
        let refuse =
            |option, expected: &str, found: String| Err(DataError::option(option, expected, found));
        let widths = &self.model.widths;
        if widths.is_empty()
            || widths.len() > MOST_STAGES
            || !widths.iter().all(|width| (1..=MOST_CHANNELS).contains(width))
        {
            let expected = format!("1 to {MOST_STAGES} widths of 1 to {MOST_CHANNELS} channels");
            return refuse("widths", &expected, format!("{widths:?}"));
        }
        if self.model.kind == ModelKind::Unet && self.model.upsample == Upsampling::Unpool {
            return refuse("upsample", "deconv or bilinear for a U-Net", "unpool".to_owned());
        }
        if !(1..=1_000_000).contains(&epochs) {
            return refuse("epochs", "1 to 1000000", epochs.to_string());
        }
        if !(1..=65_536).contains(&batch) {
            return refuse("batch", "1 to 65536 pictures", batch.to_string());
        }
        if !(lr > 0.0 && lr.is_finite()) {
            return refuse("lr", "a positive learning rate", lr.to_string());
        }
        if !(weight_decay >= 0.0 && weight_decay.is_finite()) {
            return refuse("weight-decay", "a number of at least 0", weight_decay.to_string());
        }
        if !(0.0..1.0).contains(&momentum) {
            return refuse("momentum", "a number from 0 to under 1", momentum.to_string());
        }
        if !self.training.betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
            let found = format!("{:?}", self.training.betas);
            return refuse("betas", "two numbers from 0 to under 1", found);
        }
        if let Some(clip) = clip
            && !(clip > 0.0 && clip.is_finite())
        {
            return refuse("clip", "a positive norm", clip.to_string());
        }
        for (option, value) in [("seed", self.training.seed), ("warmup", self.training.warmup)] {
            // The configuration is written as TOML, whose integers end here.
            if value > i64::MAX as u64 {
                return refuse(option, &format!("at most {}", i64::MAX), value.to_string());
            }
        }
        self.data.check()
    }

    /// Opens a part of the data.
    ///
    /// # Errors
    /// If the folder is not what it should be.
    pub fn open(&self, part: Part) -> Result<Arc<dyn Dataset>, DataError> {
        let seed = self.training.seed;
        Ok(match (&self.data.dir, part) {
            (Some(dir), part) => Arc::new(Folder::open(dir, part, &self.data.folder)?),
            (None, Part::Train) => Arc::new(Shapes::train(seed)),
            (None, Part::Validation) => Arc::new(Shapes::validation(seed)),
            (None, Part::All) => Arc::new(Joined {
                first: Arc::new(Shapes::train(seed)),
                second: Arc::new(Shapes::validation(seed)),
            }),
        })
    }

    /// The network for so many classes, with first weights drawn from the seed.
    ///
    /// # Panics
    /// If the configuration does not pass [`Config::check`].
    pub fn network(&self, classes: usize) -> Box<dyn Network> {
        let ModelConfig { kind, ref widths, batch_norm, upsample } = self.model;
        let (inputs, widths) = (3, widths.clone());
        let rng = &mut crate::random::first_weights(self.training.seed);
        match kind {
            ModelKind::Fcn => {
                let config = FcnConfig { inputs, classes, widths, batch_norm, upsample, finest: 0 };
                Box::new(Fcn::new(&config, rng))
            }
            ModelKind::Unet => {
                let config = UNetConfig { inputs, classes, widths, batch_norm, upsample };
                Box::new(UNet::new(&config, rng))
            }
        }
    }

    /// The optimizer, before its first step.
    pub fn optimizer(&self) -> Box<dyn Optimizer> {
        let TrainingConfig { weight_decay, momentum, betas, .. } = self.training;
        match self.training.optimizer {
            OptimizerKind::Adamw => Box::new(Adam::adamw(weight_decay).betas(betas)),
            OptimizerKind::Adam => Box::new(Adam::new(weight_decay).betas(betas)),
            OptimizerKind::Sgd => Box::new(Sgd::new(momentum).weight_decay(weight_decay)),
        }
    }

    /// The learning rate's way through a run of `total` steps.
    pub fn schedule(&self, total: u64) -> Schedule {
        let curve = match self.training.schedule {
            ScheduleKind::Constant => Curve::Constant,
            ScheduleKind::Step => Curve::Step { every: (total / 3).max(1), factor: 0.1 },
            ScheduleKind::Cosine => Curve::Cosine,
            ScheduleKind::Poly => Curve::Poly { power: 0.9 },
        };
        Schedule { curve, warmup: self.training.warmup.min(total / 4), total }
    }
}
