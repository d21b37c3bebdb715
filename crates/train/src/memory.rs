//! What training and predicting will need of the machine's memory, before they take it.

mod least;
mod limit;

pub(crate) use least::least_weights;
pub use least::{least_bytes, may_need_more};
pub use limit::{allowed_bytes, machine_bytes, most_resident_bytes, resident_bytes};

use crate::metrics::evaluate_batch;
use crate::ranks::passes_of_rank;
use crate::small_batches::check_normalization;
use crate::trainer::{Learner, StepError, validation_batch};
use crate::{Config, Predictor, RunError};
use mirrorgrad_data::{Loader, Mask, Picture, Sample};
use mirrorgrad_layers::Params;
use mirrorgrad_layers::models::Network;
use mirrorgrad_tensor::peak_bytes;

/// Pixels of a picture that is tried, at most; larger ones are tried smaller.
const MOST_TRIED: f64 = 256.0 * 256.0;
/// Batches of decoded pictures on their way: two loaders with one in hand and one in their channel each,
/// and the one in training.
const BATCHES_ON_THE_WAY: usize = 5;
/// Bytes of a decoded pixel and its label.
const PIXEL: usize = 4;
/// Steps after which the buffers of a run have found their places, but for [`LATER_HOLES`].
const STEPS_TRIED: u64 = 4;
/// What later steps add by holes between buffers, as a part: 0 to 0.08 were seen.
const LATER_HOLES: f64 = 0.06;
/// Copies of the gradients beside a rank's own while ranks exchange them: what it was given, and what it joins.
const COPIES_EXCHANGED: usize = 2;
/// Bytes of the program that are there when it has trained and drawn, and are not when it begins: its code, the
/// stacks of its threads, and what is small. 6 to 8 million were seen.
const PROGRAM_LATER: usize = 7_600_000;
/// What MPI comes to hold for its connections: 2 to 12 million bytes were seen.
const CONNECTIONS: usize = 8_000_000;
/// Pictures that are kept to be shown at the end, at most, and bytes of a pixel of each: the picture, its mask and
/// what was predicted.
const MOST_SHOWN: usize = 8;
const SHOWN: usize = 5;
/// Bytes of a pixel of the view that is written: as it is drawn, as a PNG and as text.
const WRITTEN: usize = 15;

/// The largest pictures that a run comes to, as `[height, width]`.
///
/// ```
/// # use mirrorgrad_train::{Config, Largest};
/// let mut config = Config::default();
/// config.data.augment.crop = Some([32, 32]);
/// // It is validated on whole pictures.
/// let largest = Largest::of_all(&config, [90, 120]);
/// assert_eq!((largest.training, largest.validation), ([32, 32], [90, 120]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Largest {
    /// Of those it trains on, as the network gets them.
    pub training: [usize; 2],
    /// Of those it validates on.
    pub validation: [usize; 2],
    /// How many it validates on: some are drawn at the end.
    pub validated: usize,
}

impl Largest {
    /// Where all pictures have this size, and there are many.
    pub fn of_all(config: &Config, size: [usize; 2]) -> Self {
        let validation = config.data.folder.size.unwrap_or(size);
        let training = config.data.augment.crop.unwrap_or(validation);
        Self { training, validation, validated: usize::MAX }
    }

    /// The pixels of the largest batch, of training or of validation.
    fn pixels(&self, config: &Config) -> f64 {
        let training = config.training.at_once() as f64 * area(self.training);
        training.max(validation_batch(config) as f64 * area(self.validation))
    }
}

fn area([height, width]: [usize; 2]) -> f64 {
    height as f64 * width as f64
}

/// One of the processes that train together.
///
/// ```
/// # use mirrorgrad_train::{Config, Largest, MemoryEstimate, Process};
/// # let mut config = Config::default();
/// # (config.model.widths, config.training.batch) = (vec![2], 4);
/// # let largest = Largest::of_all(&config, [32, 32]);
/// config.training.shards = 4;
/// let of = |ranks| MemoryEstimate::of_rank(&config, 5, largest, Process { held: 0, ranks });
/// assert!(of(1)?.exchange == 0 && of(4)?.exchange > 0);
/// assert!(of(3).is_err());
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Bytes that it holds by now.
    pub held: usize,
    /// How many share every step.
    pub ranks: usize,
}

/// Bytes that a process that trains comes to hold, at the worst time.
///
/// ```
/// # use mirrorgrad_layers::weights::state_dict;
/// # use mirrorgrad_train::{Config, Largest, MemoryEstimate};
/// let mut config = Config::default();
/// (config.model.widths, config.training.batch) = (vec![2], 4);
/// let largest = Largest::of_all(&config, [32, 32]);
/// let estimate = MemoryEstimate::of(&config, 5, largest, 0)?;
/// // Five batches on their way, each pixel in three bytes and its label in one.
/// assert_eq!(estimate.pictures, 5 * 4 * (3 + 1) * 32 * 32);
/// // A wide network's weights take more when they are written, four bytes each.
/// config.model.widths = vec![64];
/// let estimate = MemoryEstimate::of(&config, 5, largest, 0)?;
/// let numbers: usize = state_dict(&*config.network(5)).values().map(|w| w.len()).sum();
/// assert_eq!(estimate.pictures + estimate.writing, 4 * numbers);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// The program itself: as it is when it begins, and what it comes to while it works.
    pub program: usize,
    /// What does not grow with the pictures: weights, their gradients, what the optimizer remembers, and
    /// what kernels work in.
    pub parameters: usize,
    /// What grows with them: the values that the way back reads, and the gradients on their way.
    pub activations: usize,
    /// What validating takes beyond both: nothing, unless whole pictures are much larger than what is trained on.
    pub validation: usize,
    /// Decoded pictures and masks, loaded ahead.
    pub pictures: usize,
    /// What comes when no pictures are loaded, beyond their room: the file of weights before it is written, and the
    /// drawings at the end.
    pub writing: usize,
    /// Among several ranks, what each holds of gradients to give to others and of what they give, beyond its own.
    pub exchange: usize,
}

impl MemoryEstimate {
    /// All of it.
    pub fn total(&self) -> usize {
        let Self { program, parameters, activations, validation, pictures, writing, exchange } =
            *self;
        program + parameters + activations + validation + pictures + writing + exchange
    }

    /// Of a run of one process, as [`of_rank`](Self::of_rank) of one.
    ///
    /// # Errors
    /// If the configuration cannot be trained with.
    pub fn of(
        config: &Config,
        classes: usize,
        largest: Largest,
        program: usize,
    ) -> Result<Self, RunError> {
        Self::of_rank(config, classes, largest, Process { held: program, ranks: 1 })
    }

    /// Of one rank of a run with this configuration and `largest` pictures: training is measured on two small batches, and
    /// continued along the line through both; validating likewise.
    ///
    /// # Errors
    /// If the configuration cannot be trained with, or the ranks cannot share the passes of a step equally.
    pub fn of_rank(
        config: &Config,
        classes: usize,
        largest: Largest,
        process: Process,
    ) -> Result<Self, RunError> {
        let passes = passes_of_rank(config.training.passes(), process.ranks)?;
        let network = config.network(classes);
        let params = Params::of(&*network);
        let numbers = |trained: bool| -> usize {
            let params = params.iter().filter(|(_, param)| !trained || param.is_trainable());
            params.map(|(_, param)| size_of::<f32>() * param.value().len()).sum()
        };
        let [weights, trained] = [false, true].map(numbers);
        let kept = weights + trained * config.training.optimizer.numbers_kept();
        let least = network.smallest_input();
        let validating = PredictionEstimate::of_evaluating(&*network, classes)?;
        drop(params);
        drop(network);
        let steps = of_steps(config, classes, Tried { size: largest.training, passes }, least)?;
        let parameters = steps.fixed as usize + waiting_sums(passes) * trained;
        // Of shards side by side, a rank has no more than its own.
        let batch = config.training.at_once().min(passes * config.training.pass()) as f64;
        let activations = (steps.of_a_pixel * batch * area(largest.training)) as usize;
        let batch = validation_batch(config);
        let validating = validating.bytes(batch, largest.validation) as f64;
        let validation = kept + ((1.0 + LATER_HOLES) * validating) as usize;
        let pictures = loaded(largest.pixels(config));
        let drawn = largest.validated.min(MOST_SHOWN) * SHOWN + WRITTEN;
        let drawn = drawn * area(largest.validation) as usize;
        Ok(Self {
            program: process.held + PROGRAM_LATER + if process.ranks > 1 { CONNECTIONS } else { 0 },
            parameters,
            activations,
            validation: validation.saturating_sub(parameters + activations),
            pictures,
            writing: weights.max(drawn).saturating_sub(pictures),
            exchange: if process.ranks > 1 { COPIES_EXCHANGED * trained } else { 0 },
        })
    }
}

/// Sums of gradients that wait for their neighbours while so many batches of a step are added up by a tree, beyond the one
/// that [`try_steps`] has.
fn waiting_sums(passes: usize) -> usize {
    let levels = passes.max(1).ilog2();
    (levels as usize).saturating_sub(1)
}

/// Bytes of decoded batches of so many pixels, loaded ahead.
fn loaded(pixels: f64) -> usize {
    BATCHES_ON_THE_WAY * PIXEL * pixels as usize
}

/// Bytes as they grow with the pixels of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    fixed: f64,
    of_a_pixel: f64,
}

impl Line {
    /// Through the bytes that two numbers of pixels took, the smaller first.
    fn through([(few, small), (many, large)]: [(f64, usize); 2]) -> Self {
        let of_a_pixel = (large as f64 - small as f64).max(0.0) / (many - few);
        Self { fixed: (small as f64 - of_a_pixel * few).max(0.0), of_a_pixel }
    }

    fn bytes(&self, pixels: f64) -> usize {
        (self.fixed + self.of_a_pixel * pixels) as usize
    }
}

/// A picture of this size without anything on it.
pub(crate) fn grey([height, width]: [usize; 2]) -> Sample {
    Sample {
        name: "a grey picture".to_owned(),
        picture: Picture { width, height, rgb: vec![128; 3 * width * height] },
        mask: Mask { width, height, labels: vec![0; width * height] },
    }
}

/// The steps that are asked about: pictures of this size, in so many passes.
#[derive(Clone, Copy)]
struct Tried {
    size: [usize; 2],
    passes: usize,
}

/// What buffers come to reach in steps on pictures of `wanted` size: by steps on smaller batches of smaller pictures,
/// where these are large.
fn of_steps(
    config: &Config,
    classes: usize,
    Tried { size: wanted, passes }: Tried,
    least: usize,
) -> Result<Line, RunError> {
    let shrink = (MOST_TRIED / area(wanted)).sqrt().min(1.0);
    let tried = wanted.map(|side| ((side as f64 * shrink) as usize).max(least));
    let alone = check_normalization(config, 1, "a grey picture", tried).is_ok();
    let fewest = if alone { 1 } else { 2 };
    // What kernels work in grows with the first pictures of a batch, and then no more.
    let most = ((2.0 * MOST_TRIED / area(tried)) as usize).max(4);
    let many = config.training.at_once().min(most).max(2 * fewest);
    let point = |batch: usize| {
        let pixels = batch as f64 * area(tried);
        let bytes = try_steps(config, classes, vec![grey(tried); batch], passes)? as f64;
        Ok::<_, RunError>((pixels, ((1.0 + LATER_HOLES) * bytes) as usize))
    };
    Ok(Line::through([point(many / 2)?, point(many)?]))
}

/// The bytes that buffers come to reach in steps on batches as this: each finds what the one before has left.
fn try_steps(
    config: &Config,
    classes: usize,
    samples: Vec<Sample>,
    passes: usize,
) -> Result<usize, RunError> {
    let mut config = config.clone();
    // Its weights may be for other classes, or still to be counted, and take no memory.
    config.training.class_weights = None;
    // What shards hold side by side, one pass of all their pictures holds.
    config.training.sync_batch_norm = false;
    // More batches in a step add nothing but sums of gradients, which are counted apart.
    let count = passes.min(2);
    let batches = || std::iter::repeat_with(|| Ok(samples.clone())).take(count);
    let (result, bytes) = peak_bytes(|| {
        let mut learner = Learner::new(&config, classes, STEPS_TRIED)?;
        for step in 0..STEPS_TRIED {
            learner.step(batches(), count, step)?;
            if step % 2 == 1 {
                evaluate_batch(&*learner.network, classes, None, &samples)?;
            }
        }
        Ok(())
    });
    result.map(|()| bytes).map_err(|error: StepError| error.into_run_error(1, 1))
}

/// Bytes that predicting comes to hold, at the worst time, beyond what the process holds before.
///
/// ```
/// # use mirrorgrad_layers::weights::state_dict;
/// # use mirrorgrad_train::{Config, PredictionEstimate, Predictor};
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// # let weights = state_dict(&*config.network(2));
/// # let classes = vec!["ground".to_owned(), "car".to_owned()];
/// let predictor = Predictor::from_weights(config, classes, &weights)?;
/// let estimate = PredictionEstimate::of(&predictor)?;
/// // The scores of two classes alone take eight bytes a pixel.
/// assert!(estimate.bytes(1, [1000, 1000]) > 8_000_000);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictionEstimate(Line);

impl PredictionEstimate {
    /// Pictures with fewer pixels than this take less memory than it is worth to find out how much.
    pub const SMALL: usize = MOST_TRIED as usize;

    /// Of predicting with this network: measured on two small pictures, and continued along the line
    /// through both.
    ///
    /// # Errors
    /// If the network cannot predict.
    pub fn of(predictor: &Predictor) -> Result<Self, RunError> {
        Self::measured(predictor.network().smallest_input(), |Sample { name, picture, .. }| {
            predictor.scores(&name, &picture).map(drop)
        })
    }

    /// Of measuring how well a network of so many classes does.
    fn of_evaluating(network: &dyn Network, classes: usize) -> Result<Self, RunError> {
        Self::measured(network.smallest_input(), |sample| {
            evaluate_batch(network, classes, None, &[sample]).map(drop)
        })
    }

    fn measured(
        least: usize,
        work: impl Fn(Sample) -> Result<(), RunError>,
    ) -> Result<Self, RunError> {
        let side = 128.max(least);
        let point = |side: usize| {
            let sample = grey([side; 2]);
            let (result, bytes) = peak_bytes(|| work(sample));
            result.map(|()| (area([side; 2]), bytes))
        };
        Ok(Self(Line::through([point(side)?, point(2 * side)?])))
    }

    /// For a batch of so many pictures of `[height, width]`.
    pub fn bytes(&self, batch: usize, size: [usize; 2]) -> usize {
        self.0.bytes(batch as f64 * area(size))
    }
}

/// Bytes that measuring a network on a data set comes to hold, at the worst time, beyond what the process holds
/// before: as [`evaluate`](crate::evaluate) does, by its largest pictures.
///
/// ```
/// # use mirrorgrad_layers::weights::state_dict;
/// # use mirrorgrad_data::Shapes;
/// # use mirrorgrad_train::{Config, Predictor, evaluation_bytes, loader};
/// # use std::sync::Arc;
/// # let mut config = Config::default();
/// # (config.model.widths, config.training.batch) = (vec![2], 4);
/// # let classes = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
/// # let weights = state_dict(&*config.network(5));
/// let shapes = loader(&config, Arc::new(Shapes::new(0, 8)));
/// let predictor = Predictor::from_weights(config, classes, &weights)?;
/// // Scores and labels of a batch of four alone take this.
/// assert!(evaluation_bytes(&predictor, &shapes)? > 4 * 64 * 64 * (5 * 4 + 1));
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
///
/// # Errors
/// If the network cannot predict.
pub fn evaluation_bytes(predictor: &Predictor, loader: &Loader) -> Result<usize, RunError> {
    let (size, batch) = (loader.largest(), loader.batch.min(loader.dataset.len()));
    let classes = predictor.classes().len();
    let working = PredictionEstimate::of_evaluating(predictor.network(), classes)?;
    Ok(working.bytes(batch, size) + loaded(batch as f64 * area(size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_holds_what_its_passes_take_and_two_copies_of_the_gradients() {
        let mut config = Config::default();
        config.model.widths = vec![4, 8];
        (config.training.batch, config.training.shards) = (16, 8);
        let largest = Largest::of_all(&config, [32, 32]);
        let of = |ranks| MemoryEstimate::of_rank(&config, 5, largest, Process { held: 9, ranks });
        let trained = size_of::<f32>() * Params::of(&*config.network(5)).trainable_len();
        let [one, two, eight] = [1, 2, 8].map(|ranks| of(ranks).unwrap());
        assert_eq!(MemoryEstimate::of(&config, 5, largest, 9).unwrap().exchange, 0);
        assert_eq!([one, two, eight].map(|of| of.exchange), [0, 2 * trained, 2 * trained]);
        // Eight passes leave two sums waiting beside the one of two, four leave one, and one pass leaves none.
        assert_eq!([8, 4, 2, 1].map(waiting_sums), [2, 1, 0, 0]);
        assert!(eight.parameters + trained < one.parameters, "{eight:?} {one:?}");
        assert_eq!(one.pictures, eight.pictures);
        for ranks in [0, 3, 16] {
            let error = of(ranks).unwrap_err().to_string();
            let says = format!("that {ranks} ranks can share, found 8, which 1, 2, 4, or 8 can");
            assert!(error.contains(&says), "{error}");
        }
    }
}
