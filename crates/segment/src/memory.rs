//! What training and predicting will need of the machine's memory, before they take it.

mod limit;

pub use limit::{allowed_bytes, machine_bytes, most_resident_bytes, resident_bytes};

use crate::small_batches::check_normalization;
use crate::trainer::{Learner, StepError};
use crate::{Config, Mask, Picture, Predictor, RunError, Sample};
use mirrorgrad_layers::named_params;
use mirrorgrad_tensor::peak_bytes;

/// Pixels of a picture that is tried, at most; larger ones are tried smaller.
const MOST_TRIED: f64 = 256.0 * 256.0;
/// Batches of decoded pictures on their way: two loaders with one in hand and one in their channel each,
/// and the one in training.
const BATCHES_ON_THE_WAY: usize = 5;
/// What the holes between buffers add to them, as a part: 0.03 to 0.12 were seen in training. The upper end makes
/// up for what is no buffer.
const HOLES: f64 = 0.12;
/// Bytes of a decoded pixel and its label.
const PIXEL: usize = 4;

/// Bytes that a process that trains comes to hold, at the worst time.
///
/// ```
/// # use mirrorgrad_layers::weights::state_dict;
/// # use mirrorgrad_segment::{Config, MemoryEstimate};
/// let mut config = Config::default();
/// (config.model.widths, config.training.batch) = (vec![2], 4);
/// let estimate = MemoryEstimate::of(&config, 5, [32, 32], 0)?;
/// // Five batches on their way, each pixel in three bytes and its label in one.
/// assert_eq!(estimate.pictures, 5 * 4 * (3 + 1) * 32 * 32);
/// // Four bytes a weight, and as many for each of AdamW's two averages.
/// let numbers: usize = state_dict(&*config.network(5)).values().map(|w| w.len()).sum();
/// assert_eq!(estimate.checkpoint, 3 * 4 * numbers);
/// # Ok::<(), mirrorgrad_segment::RunError>(())
/// ```
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
        let alone = check_normalization(config, 1, "a grey picture", tried).is_ok();
        let few = if config.training.batch < 4 && alone { 1 } else { 2 };
        let [small, large] = [few, 2 * few].map(|batch| try_steps(config, classes, batch, tried));
        let (small, large) = (small? as f64, large? as f64);
        let per_picture = (large - small) / few as f64;
        let larger = wanted / (tried[0] * tried[1]) as f64;
        let batch = config.training.batch as f64;
        let kept = config.training.optimizer.numbers_kept();
        // Gradients that wait for those of the next batch.
        let waiting = if config.training.accumulate > 1 { trained * size_of::<f32>() } else { 0 };
        Ok(Self {
            program,
            parameters: ((1.0 + HOLES) * (small - per_picture * few as f64).max(0.0)) as usize
                + waiting,
            activations: ((1.0 + HOLES) * per_picture * larger * batch) as usize,
            pictures: (BATCHES_ON_THE_WAY * PIXEL) * (wanted * batch) as usize,
            checkpoint: trained * (1 + kept) * size_of::<f32>(),
        })
    }
}

fn grey([height, width]: [usize; 2]) -> Picture {
    Picture { width, height, rgb: vec![128; 3 * width * height] }
}

/// The bytes that buffers come to hold in two steps on a batch of grey pictures: the second finds what the
/// first has left.
fn try_steps(
    config: &Config,
    classes: usize,
    batch: usize,
    [height, width]: [usize; 2],
) -> Result<usize, RunError> {
    let picture = grey([height, width]);
    let mask = Mask { width, height, labels: vec![0; width * height] };
    let sample = Sample { name: "a grey picture".to_owned(), picture, mask };
    let samples = vec![sample; batch];
    let mut config = config.clone();
    // Its weights may be for other classes, or still to be counted, and take no memory.
    config.training.class_weights = None;
    let (result, bytes) = peak_bytes(|| {
        let mut learner = Learner::new(&config, classes, 2)?;
        (0..2).try_for_each(|step| learner.step([Ok(samples.clone())], 1, step).map(|_| ()))
    });
    result.map(|()| bytes).map_err(|error: StepError| error.into_run_error(1, 1))
}

/// Bytes that predicting a picture comes to hold, at the worst time, beyond what the process holds before.
///
/// ```
/// # use mirrorgrad_layers::weights::state_dict;
/// # use mirrorgrad_segment::{Config, PredictionEstimate, Predictor};
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// # let weights = state_dict(&*config.network(2));
/// # let classes = vec!["ground".to_owned(), "car".to_owned()];
/// let predictor = Predictor::from_weights(config, classes, &weights)?;
/// let estimate = PredictionEstimate::of(&predictor)?;
/// // The scores of two classes alone take eight bytes a pixel.
/// assert!(estimate.bytes([1000, 1000]) > 8_000_000);
/// # Ok::<(), mirrorgrad_segment::RunError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictionEstimate {
    fixed: f64,
    of_a_pixel: f64,
}

impl PredictionEstimate {
    /// Pictures with fewer pixels than this take less memory than it is worth to find out how much.
    pub const SMALL: usize = MOST_TRIED as usize;

    /// Of predicting with this network: measured on two small pictures, and continued along the line
    /// through both.
    ///
    /// # Errors
    /// If the network cannot predict.
    pub fn of(predictor: &Predictor) -> Result<Self, RunError> {
        let side = 128.max(predictor.network().smallest_input());
        let taken = |side: usize| {
            let (result, bytes) =
                peak_bytes(|| predictor.scores("a grey picture", &grey([side; 2])));
            result.map(|_| bytes as f64)
        };
        let (small, large) = (taken(side)?, taken(2 * side)?);
        let pixels = (side * side) as f64;
        let of_a_pixel = (large - small) / (3.0 * pixels);
        let fixed = (small - of_a_pixel * pixels).max(0.0);
        Ok(Self { fixed, of_a_pixel })
    }

    /// For a picture of `[height, width]`.
    pub fn bytes(&self, [height, width]: [usize; 2]) -> usize {
        let pixels = height as f64 * width as f64;
        ((1.0 + HOLES) * (self.fixed + self.of_a_pixel * pixels)) as usize
    }
}

/// Bytes of what a network has to have at the least: its weights, their gradients, and what the optimizer
/// remembers. Known before any of them is there.
///
/// ```
/// # use mirrorgrad_segment::{Config, least_bytes};
/// let mut config = Config::default();
/// config.model.widths = vec![2];
/// // Two windows of 3 by 3, from three channels to two and from two to two, and four numbers for each.
/// assert_eq!(least_bytes(&config), 4 * 4 * (9 * 3 * 2 + 9 * 2 * 2));
/// ```
pub fn least_bytes(config: &Config) -> usize {
    let each = size_of::<f32>() * (2 + config.training.optimizer.numbers_kept());
    config.model.least_weights().saturating_mul(each)
}

/// Whether training could need more than `most` bytes at all, by a generous guess that costs nothing: forty
/// values of every pixel and channel of every stage, and four times what the network has to have.
///
/// ```
/// # use mirrorgrad_segment::{Config, may_need_more};
/// let mut config = Config::default();
/// assert!(!may_need_more(&config, [64, 64], 1 << 30));
/// assert!(may_need_more(&config, [1024, 1024], 1 << 30));
/// config.model.widths = vec![1024; 4];
/// assert!(may_need_more(&config, [64, 64], 1 << 30));
/// ```
pub fn may_need_more(config: &Config, size: [usize; 2], most: usize) -> bool {
    let stages = config.model.widths.iter().enumerate();
    // A stage has a quarter of the pixels of the one before.
    let channels: f64 = stages.map(|(i, &width)| width as f64 / 4_f64.powi(i as i32)).sum();
    let pixels = config.training.batch as f64 * size[0] as f64 * size[1] as f64;
    let activations = 40.0 * size_of::<f32>() as f64 * channels * pixels;
    activations + 4.0 * least_bytes(config) as f64 > most as f64
}
