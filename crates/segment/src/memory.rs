//! What training will need of the machine's memory, before it takes it.

use crate::trainer::{Learner, StepError};
use crate::{Config, Mask, Picture, RunError, Sample};
use mirrorgrad_layers::named_params;
use mirrorgrad_tensor::peak_bytes;

/// Pixels of a picture that is tried, at most; larger ones are tried smaller.
const MOST_TRIED: f64 = 256.0 * 256.0;
/// Batches of decoded pictures on their way: two loaders with one in hand and one in their channel each,
/// and the one in training.
const BATCHES_ON_THE_WAY: usize = 5;
/// What the holes between buffers add to them, as a part: 0.04 to 0.12 were seen in training.
const HOLES: f64 = 0.07;
/// Bytes of a decoded pixel and its label.
const PIXEL: usize = 4;

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
    /// The bytes of a checkpoint before they are written: weights and what the optimizer remembers.
    pub checkpoint: usize,
}

impl MemoryEstimate {
    /// All of it.
    pub fn total(&self) -> usize {
        let Self { program, parameters, activations, pictures, checkpoint } = *self;
        program + parameters + activations + pictures + checkpoint
    }

    /// Of training with this configuration on pictures of `size`: measured on two small batches, and
    /// continued along the line through both. `program` is what the process holds by now.
    ///
    /// # Errors
    /// If the configuration cannot be trained with.
    pub fn of(
        config: &Config,
        classes: usize,
        size: [usize; 2],
        program: usize,
    ) -> Result<Self, RunError> {
        let network = config.network(classes);
        let params = named_params(&*network);
        let trained: usize = params.iter().map(|(_, param)| param.value().len()).sum();
        let least = network.smallest_input();
        drop(network);
        let [wanted, most] = [size[0] as f64 * size[1] as f64, MOST_TRIED];
        let shrink = (most / wanted).sqrt().min(1.0);
        let tried = size.map(|side| ((side as f64 * shrink) as usize).max(least));
        // What kernels work in grows with the first pictures of a batch, and then no more.
        let few = if config.training.batch < 4 { 1 } else { 2 };
        let [small, large] = [few, 2 * few].map(|batch| try_steps(config, classes, batch, tried));
        let (small, large) = (small? as f64, large? as f64);
        let per_picture = (large - small) / few as f64;
        let larger = wanted / (tried[0] * tried[1]) as f64;
        let batch = config.training.batch as f64;
        let kept = config.training.optimizer.numbers_kept();
        Ok(Self {
            program,
            parameters: ((1.0 + HOLES) * (small - per_picture * few as f64).max(0.0)) as usize,
            activations: ((1.0 + HOLES) * per_picture * larger * batch) as usize,
            pictures: (BATCHES_ON_THE_WAY * PIXEL) * (wanted * batch) as usize,
            checkpoint: trained * (1 + kept) * size_of::<f32>(),
        })
    }
}

/// The bytes that buffers come to hold in two steps on a batch of grey pictures: the second finds what the
/// first has left.
fn try_steps(
    config: &Config,
    classes: usize,
    batch: usize,
    [height, width]: [usize; 2],
) -> Result<usize, RunError> {
    let picture = Picture { width, height, rgb: vec![128; 3 * width * height] };
    let mask = Mask { width, height, labels: vec![0; width * height] };
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
