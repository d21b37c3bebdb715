//! What training will need of the machine's memory, before it takes it.

use crate::trainer::{Learner, StepError};
use crate::{Config, Mask, Picture, RunError, Sample};
use mirrorgrad_layers::named_params;
use mirrorgrad_tensor::peak_bytes;

/// Pictures of the small batches that are tried, at most. More change only what grows with the pixels.
const MOST_TRIED: usize = 16;
/// The side of the smaller pictures that are tried, at least.
const LEAST_SIDE: usize = 48;
/// Batches of decoded pictures on their way: two loaders with one in hand and one in their channel each,
/// and the one in training.
const BATCHES_ON_THE_WAY: usize = 5;
/// Bytes of a decoded pixel and its label.
const PIXEL: usize = 4;
/// Numbers that are written for each trained one when a checkpoint is made: the weight and the optimizer's
/// averages, once as values, once encoded, once with the header before them.
const COPIES: usize = 3;

/// Bytes that a process that trains comes to hold, at the worst time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// The program itself, as it is when it begins.
    pub program: usize,
    /// What does not grow with the pictures: weights, their gradients, what the optimizer remembers, and
    /// what kernels work in.
    pub parameters: usize,
    /// What grows with them: the values that the way back reads, and the gradients on their way.
    pub activations: usize,
    /// Decoded pictures and masks, loaded ahead.
    pub pictures: usize,
    /// The copies that a checkpoint is written from.
    pub checkpoint: usize,
}

impl MemoryEstimate {
    /// All of it.
    pub fn total(&self) -> usize {
        let Self { program, parameters, activations, pictures, checkpoint } = *self;
        program + parameters + activations + pictures + checkpoint
    }

    /// Of training with this configuration on pictures of `size`: measured on small pictures of two sizes,
    /// and continued along the line through both. `program` is what the process holds by now.
    ///
    /// # Errors
    /// If the configuration cannot be trained with.
    pub fn of(
        config: &Config,
        classes: usize,
        size: [usize; 2],
        program: usize,
    ) -> Result<Self, RunError> {
        let batch = config.training.batch;
        let tried = batch.min(MOST_TRIED);
        let network = config.network(classes);
        let sides = [1, 2].map(|times| times * network.smallest_input().max(LEAST_SIDE));
        let numbers: usize = named_params(&*network).iter().map(|(_, p)| p.value().len()).sum();
        drop(network);
        let [small, large] = [
            try_step(config, classes, [tried, sides[0]])?,
            try_step(config, classes, [tried, sides[1]])?,
        ];
        let pixels = |side: usize| (tried * side * side) as f64;
        let slope = (large as f64 - small as f64) / (pixels(sides[1]) - pixels(sides[0]));
        let wanted = batch as f64 * size[0] as f64 * size[1] as f64;
        let kept = config.training.optimizer.numbers_kept();
        Ok(Self {
            program,
            parameters: (small as f64 - slope * pixels(sides[0])).max(0.0) as usize,
            activations: (slope * wanted) as usize,
            pictures: (BATCHES_ON_THE_WAY as f64 * PIXEL as f64 * wanted) as usize,
            checkpoint: numbers * (1 + kept) * COPIES * size_of::<f32>(),
        })
    }
}

/// The bytes that buffers come to hold in two steps on a batch of grey pictures: the second finds what the
/// first has left.
fn try_step(config: &Config, classes: usize, [batch, side]: [usize; 2]) -> Result<usize, RunError> {
    let picture = Picture { width: side, height: side, rgb: vec![128; 3 * side * side] };
    let mask = Mask { width: side, height: side, labels: vec![0; side * side] };
    let sample = Sample { name: "a grey picture".to_owned(), picture, mask };
    let samples = vec![sample; batch];
    let (result, bytes) = peak_bytes(|| {
        let mut learner = Learner::new(config, classes, 2)?;
        (0..2).try_for_each(|step| learner.step(std::slice::from_ref(&samples), step).map(|_| ()))
    });
    result.map(|()| bytes).map_err(|error: StepError| error.into_run_error(1, 1))
}

/// Whether training could need more than `most` bytes at all, by a generous guess that costs nothing: forty
/// values of every pixel and channel of every stage.
pub fn may_need_more(config: &Config, size: [usize; 2], most: usize) -> bool {
    let stages = config.model.widths.iter().enumerate();
    // A stage has a quarter of the pixels of the one before.
    let channels: f64 = stages.map(|(i, &width)| width as f64 / 4_f64.powi(i as i32)).sum();
    let pixels = config.training.batch as f64 * size[0] as f64 * size[1] as f64;
    40.0 * size_of::<f32>() as f64 * channels * pixels > most as f64
}

/// The machine's memory, where the system tells (Linux).
pub fn machine_bytes() -> Option<usize> {
    account("/proc/meminfo", "MemTotal:")
}

/// What this process holds by now, where the system tells (Linux).
pub fn resident_bytes() -> Option<usize> {
    account("/proc/self/status", "VmRSS:")
}

/// The most that this process has held so far, where the system tells (Linux).
pub fn most_resident_bytes() -> Option<usize> {
    account("/proc/self/status", "VmHWM:")
}

/// A line of one of the system's accounts, in bytes.
fn account(file: &str, name: &str) -> Option<usize> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
