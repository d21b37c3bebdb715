//! How a network learns.

use crate::ClassWeights;
use mirrorgrad_data::DataError;
use mirrorgrad_layers::optim::{Adam, Optimizer, Sgd};
use mirrorgrad_layers::{Curve, Schedule};
use serde::{Deserialize, Serialize};

/// How a network learns.
///
/// ```
/// # use mirrorgrad_train::TrainingConfig;
/// let training = TrainingConfig { lr: 0.5, warmup: 4, ..TrainingConfig::default() };
/// // Up in four steps, and down by half a cosine wave.
/// let schedule = training.schedule(100);
/// let lr = |step| training.lr * schedule.factor(step);
/// assert_eq!([lr(0), lr(3), lr(100)], [0.125, 0.5, 0.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Passes over the training pictures.
    pub epochs: usize,
    /// Pictures in a batch.
    pub batch: usize,
    /// Batches that make one step: their losses are averaged, each by the weight of its counted pixels.
    pub accumulate: usize,
    /// Parts that a batch is cut into. Each is a pass of its own, as if it were a batch and `accumulate` so many times
    /// larger; ranks share the passes of a step.
    pub shards: usize,
    /// Whether the shards of a batch share the statistics of batch normalization, as if they were one pass: they run side
    /// by side, and are there at a time.
    pub sync_batch_norm: bool,
    /// What is made small.
    pub loss: LossKind,
    /// How much a pixel counts, by its true class; all alike without. `auto` is replaced by numbers
    /// when a run begins.
    pub class_weights: Option<ClassWeights>,
    /// The share of every truth that is spread over all classes.
    pub label_smoothing: f64,
    /// The focal loss's exponent γ.
    pub focusing: f64,
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
    /// Epochs without a better validation mIoU after which the run ends.
    pub patience: Option<usize>,
    /// Steps between checkpoints within an epoch.
    pub checkpoint_every: u64,
    /// Learn this many batches by heart: the same pictures every epoch, unchanged but for a crop, and validate
    /// on them, whole.
    pub overfit_batches: Option<usize>,
    /// Train and validate on this many batches of pictures at most, to see whether a run works.
    pub limit_batches: Option<usize>,
    /// What order, augmentation and first weights are drawn from.
    pub seed: u64,
}

/// Losses by name.
///
/// ```
/// # use mirrorgrad_train::{LossKind, Settings};
/// let mut settings = Settings::default();
/// settings.set_text("training.loss=cross_entropy_dice")?;
/// assert_eq!(settings.resolve()?.training.loss, LossKind::CrossEntropyDice);
/// let unknown = settings.set_text("training.loss=hinge").unwrap_err().to_string();
/// assert!(unknown.contains("unknown variant `hinge`"), "{unknown}");
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// Cross entropy.
    #[default]
    CrossEntropy,
    /// Focal loss (Lin et al. 2017).
    Focal,
    /// Dice loss (Milletari et al. 2016), of each batch: over batches that make one step it is averaged, by the
    /// number of their counted pixels, which is not the Dice loss of all their pictures together.
    Dice,
    /// The sum of cross entropy and Dice loss.
    CrossEntropyDice,
}

/// Optimizers by name.
///
/// ```
/// # use mirrorgrad_layers::{Param, Params};
/// # use mirrorgrad_train::{OptimizerKind, TrainingConfig};
/// let mut training = TrainingConfig { weight_decay: 0.0, ..TrainingConfig::default() };
/// training.optimizer = OptimizerKind::Sgd;
/// let params = Params::from_iter([("w".to_owned(), Param::new([1.0_f32].into()))]);
/// let slope = [("w".to_owned(), [2.0].into())].into();
/// training.optimizer().descend(&params, &slope, 0.25);
/// assert_eq!(params[0].1.value().item(), 0.5);
/// ```
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

impl OptimizerKind {
    /// Numbers that it remembers for each that it moves.
    pub(crate) fn numbers_kept(self) -> usize {
        match self {
            Self::Adamw | Self::Adam => 2,
            Self::Sgd => 1,
        }
    }
}

/// Schedules by name.
///
/// ```
/// # use mirrorgrad_train::{ScheduleKind, TrainingConfig};
/// let factor = |schedule, step| {
///     let training = TrainingConfig { schedule, warmup: 0, ..TrainingConfig::default() };
///     training.schedule(300).factor(step)
/// };
/// assert_eq!(factor(ScheduleKind::Constant, 299), 1.0);
/// let tenths = |step| factor(ScheduleKind::Step, step).log10().round();
/// assert_eq!([99, 100, 200, 299].map(tenths), [0.0, -1.0, -2.0, -2.0]);
/// assert!((factor(ScheduleKind::Cosine, 150) - 0.5).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// The same to the end.
    Constant,
    /// A tenth after each third of what follows the warm-up.
    Step,
    /// Half a cosine wave down to 0.
    #[default]
    Cosine,
    /// (1 − progress)^0.9.
    Poly,
}

/// A greater exponent leaves nothing of the loss of any pixel that is not all wrong.
const MOST_FOCUSING: f64 = 100.0;

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 6,
            batch: 8,
            accumulate: 1,
            shards: 1,
            sync_batch_norm: false,
            loss: LossKind::CrossEntropy,
            class_weights: None,
            label_smoothing: 0.0,
            focusing: 2.0,
            optimizer: OptimizerKind::Adamw,
            lr: 1e-2,
            weight_decay: 1e-4,
            momentum: 0.9,
            // Runs of a few thousand steps are too short for the usual 0.999.
            betas: [0.9, 0.99],
            schedule: ScheduleKind::Cosine,
            warmup: 100,
            clip: None,
            patience: None,
            checkpoint_every: 500,
            overfit_batches: None,
            limit_batches: None,
            seed: 0,
        }
    }
}

impl TrainingConfig {
    /// Passes, forward and back, that make one step.
    pub fn passes(&self) -> usize {
        self.accumulate * self.shards
    }

    /// Pictures in a pass.
    pub fn pass(&self) -> usize {
        self.batch / self.shards
    }

    /// Pictures that batch normalization has statistics of, and whose passes are there at a time.
    pub fn at_once(&self) -> usize {
        if self.sync_batch_norm { self.batch } else { self.pass() }
    }

    /// Refuses values that no run can have.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        // Networks are trained in single precision: what it cannot hold is as good as infinite, or as 0 or 1.
        let at_least_0 = |value: f64| value >= 0.0 && (value as f32).is_finite();
        let share = |value: f64| value >= 0.0 && (value as f32) < 1.0;
        let positive = |value: f64| value > 0.0 && (value as f32).is_normal();
        let number = |value: f64| format!("{value:?}").trim_end_matches(".0").to_owned();
        let count = |value: Option<usize>| value.is_none_or(|n| (1..=1_000_000).contains(&n));
        // The configuration is written as TOML, whose integers end here.
        let written = |value: u64| i64::try_from(value).is_ok();
        let most = format!("at most {}", i64::MAX);
        let optional = |value: Option<usize>| value.map_or("none".to_owned(), |n| n.to_string());
        let weights = self.class_weights.as_ref();
        let rules: [(&'static str, bool, &str, String); 19] = [
            ("training.epochs", count(Some(self.epochs)), "1 to 1000000", self.epochs.to_string()),
            (
                "training.batch",
                (1..=65_536).contains(&self.batch),
                "1 to 65536 pictures",
                self.batch.to_string(),
            ),
            (
                "training.accumulate",
                count(Some(self.accumulate)),
                "1 to 1000000 batches",
                self.accumulate.to_string(),
            ),
            (
                "training.shards",
                self.shards > 0 && self.batch.is_multiple_of(self.shards),
                "parts of equal size of a batch (training.batch)",
                self.shards.to_string(),
            ),
            (
                "training.class_weights",
                weights.is_none_or(ClassWeights::are_usable),
                "auto, or numbers of 0 or from 1e-12 to 1e12, not all 0",
                format!("{:?}", weights.map_or(&[][..], ClassWeights::numbers)),
            ),
            (
                "training.label_smoothing",
                share(self.label_smoothing),
                "a share from 0 to under 1, in single precision too",
                number(self.label_smoothing),
            ),
            (
                "training.focusing",
                (0.0..=MOST_FOCUSING).contains(&self.focusing),
                "an exponent from 0 to 100",
                number(self.focusing),
            ),
            (
                "training.lr",
                positive(self.lr),
                "a positive learning rate, of single precision",
                number(self.lr),
            ),
            (
                "training.weight_decay",
                at_least_0(self.weight_decay),
                "a number of at least 0, of single precision",
                number(self.weight_decay),
            ),
            (
                "training.momentum",
                share(self.momentum),
                "a number from 0 to under 1, in single precision too",
                number(self.momentum),
            ),
            (
                "training.betas",
                self.betas.iter().all(|&beta| share(beta)),
                "two numbers from 0 to under 1, in single precision too",
                format!("{:?}", self.betas),
            ),
            ("training.warmup", written(self.warmup), &most, self.warmup.to_string()),
            (
                "training.clip",
                self.clip.is_none_or(positive),
                "a positive norm, of single precision",
                number(self.clip.unwrap_or_default()),
            ),
            (
                "training.patience",
                count(self.patience),
                "1 to 1000000 epochs",
                optional(self.patience),
            ),
            (
                "training.checkpoint_every",
                self.checkpoint_every > 0,
                "1 step or more",
                self.checkpoint_every.to_string(),
            ),
            (
                "training.checkpoint_every",
                written(self.checkpoint_every),
                &most,
                self.checkpoint_every.to_string(),
            ),
            (
                "training.overfit_batches",
                count(self.overfit_batches),
                "1 to 1000000 batches",
                optional(self.overfit_batches),
            ),
            (
                "training.limit_batches",
                count(self.limit_batches),
                "1 to 1000000 batches",
                optional(self.limit_batches),
            ),
            ("training.seed", written(self.seed), &most, self.seed.to_string()),
        ];
        match rules.into_iter().find(|(_, holds, ..)| !holds) {
            None => Ok(()),
            Some((key, _, expected, found)) => Err(DataError::value(key, expected, found)),
        }
    }

    /// The optimizer, before its first step.
    pub fn optimizer(&self) -> Box<dyn Optimizer> {
        let Self { weight_decay, momentum, betas, .. } = *self;
        match self.optimizer {
            OptimizerKind::Adamw => Box::new(Adam::adamw(weight_decay).betas(betas)),
            OptimizerKind::Adam => Box::new(Adam::new(weight_decay).betas(betas)),
            OptimizerKind::Sgd => Box::new(Sgd::new(momentum).weight_decay(weight_decay)),
        }
    }

    /// The learning rate's way through a run of `total` steps.
    pub fn schedule(&self, total: u64) -> Schedule {
        let warmup = self.warmup.min(total / 4);
        let third = (total - warmup).div_ceil(3).max(1);
        let curve = match self.schedule {
            ScheduleKind::Constant => Curve::Constant,
            ScheduleKind::Step => Curve::Step { every: third, factor: 0.1 },
            ScheduleKind::Cosine => Curve::Cosine,
            ScheduleKind::Poly => Curve::Poly { power: 0.9 },
        };
        Schedule { curve, warmup, total }
    }
}
