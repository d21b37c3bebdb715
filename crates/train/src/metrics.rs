//! What is told of an epoch, and how a network does on a data set.

use crate::batch::{highest_scores, to_tensors};
use crate::ranks::exchange;
use crate::{Alone, Confusion, Reduce, RunError};
use mirrorgrad_autograd::{Var, no_grad, ops};
use mirrorgrad_data::{Loader, Message, Sample};
use mirrorgrad_layers::Pass;
use mirrorgrad_layers::models::Network;
use mirrorgrad_tensor::PixelLoss;
use serde::{Deserialize, Deserializer, Serialize};

/// One line of `metrics.jsonl`.
///
/// A field that is added here is its default in the lines of older versions, and older versions ignore it.
/// JSON has no NaN: what is not finite is written as null, and read as NaN.
///
/// ```
/// # use mirrorgrad_train::EpochMetrics;
/// let metrics = EpochMetrics { epoch: 1, val_loss: f64::NAN, ..EpochMetrics::default() };
/// let line = serde_json::to_string(&metrics)?;
/// assert!(line.starts_with(r#"{"epoch":1,"train_loss":0.0,"val_loss":null,"#), "{line}");
/// let read: EpochMetrics = serde_json::from_str(&line)?;
/// assert!(read.val_loss.is_nan());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochMetrics {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The mean of the training losses of its steps.
    #[serde(deserialize_with = "number")]
    pub train_loss: f64,
    /// The mean loss over the validation pixels.
    #[serde(deserialize_with = "number")]
    pub val_loss: f64,
    /// The mean intersection over union of the classes present.
    #[serde(deserialize_with = "number")]
    pub val_miou: f64,
    /// The share of validation pixels classified right.
    #[serde(deserialize_with = "number")]
    pub val_pixel_accuracy: f64,
    /// The intersection over union of each class, null for one that is nowhere.
    pub val_iou: Vec<Option<f64>>,
    /// The learning rate of its last step.
    #[serde(deserialize_with = "number")]
    pub lr: f64,
    /// Seconds of training and validating.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
    /// Seconds of validating alone, which are among the above; 0 in the lines of older versions.
    #[serde(deserialize_with = "number")]
    pub val_seconds: f64,
    /// Of several ranks that train together, the seconds that each waited for others and for what they sent; of one,
    /// nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waited: Vec<f64>,
    /// BLAKE3 of the weights' safetensors file.
    pub weights_hash: String,
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Epochs as the text of `metrics.jsonl`.
pub(crate) fn to_json_lines(history: &[EpochMetrics]) -> String {
    let line = |epoch| serde_json::to_string(epoch).expect("numbers and lists have a JSON form");
    history.iter().map(|epoch| line(epoch) + "\n").collect()
}

/// The epochs in the text of a `metrics.jsonl`.
///
/// # Errors
/// A sentence that names the first line that is none.
pub(crate) fn from_json_lines(text: &str) -> Result<Vec<EpochMetrics>, String> {
    let epoch = |(i, line)| {
        serde_json::from_str(line)
            .map_err(|error| format!("line {} of its metrics: {error}", i + 1))
    };
    text.lines().enumerate().map(epoch).collect()
}

/// How a network does on a data set.
///
/// ```
/// # use mirrorgrad_data::{Histogram, Shapes};
/// # use mirrorgrad_train::{Config, evaluate, loader};
/// # use std::sync::Arc;
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// let shapes = Shapes::new(0, 2);
/// let background = Histogram::of(&shapes, None)?.shares()[0];
/// let evaluation = evaluate(&*config.network(5), &loader(&config, Arc::new(shapes)))?;
/// // Before its training, the network takes everything for background.
/// assert_eq!(evaluation.confusion.pixel_accuracy(), background);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The mean cross entropy over all counted pixels.
    pub loss: f64,
    /// True against predicted classes.
    pub confusion: Confusion,
}

/// Lets a network predict a whole data set.
///
/// ```
/// # use mirrorgrad_data::Shapes;
/// # use mirrorgrad_train::{Config, evaluate, loader};
/// # use std::sync::Arc;
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// let shapes = loader(&config, Arc::new(Shapes::new(0, 2)));
/// let evaluation = evaluate(&*config.network(5), &shapes)?;
/// assert_eq!(evaluation.confusion.total(), 2 * 64 * 64);
/// // Before its training, the network finds all five classes alike.
/// assert!((evaluation.loss - 5_f64.ln()).abs() < 1e-3);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
///
/// # Errors
/// If a sample is broken, or too small for the network.
pub fn evaluate(network: &dyn Network, loader: &Loader) -> Result<Evaluation, RunError> {
    evaluate_among(&Alone, network, loader)
}

/// As [`evaluate`], each rank on its share of the batches; all ranks get the same.
///
/// ```
/// # use mirrorgrad_data::Shapes;
/// # use mirrorgrad_train::{Alone, Config, evaluate, evaluate_among, loader};
/// # use std::sync::Arc;
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// # let network = config.network(5);
/// let shapes = loader(&config, Arc::new(Shapes::new(0, 2)));
/// let evaluation = evaluate_among(&Alone, &*network, &shapes)?;
/// assert_eq!(evaluation.loss, evaluate(&*network, &shapes)?.loss);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
///
/// # Errors
/// As [`evaluate`], or if a rank has failed or is gone.
pub fn evaluate_among(
    ranks: &dyn Reduce,
    network: &dyn Network,
    loader: &Loader,
) -> Result<Evaluation, RunError> {
    let classes = loader.dataset.classes().len();
    let own = (ranks.rank()..loader.batches()).step_by(ranks.ranks());
    let mut batches = loader.numbered(0, own);
    let found =
        batches.try_fold((Vec::new(), Total::new(classes)), |(mut losses, mut total), samples| {
            let batch = evaluate_batch(network, classes, loader.ignore_index, &samples?)?;
            losses.push(batch.loss_sum);
            total.add(&batch);
            Ok::<_, RunError>((losses, total))
        });
    let found = exchange(ranks, found)?;
    for (rank, (losses, of_rank)) in found.iter().enumerate() {
        let own = (rank..loader.batches()).step_by(ranks.ranks()).len();
        if losses.len() != own || !of_rank.is_sound(classes) {
            let what = format!("expected an evaluation of {own} batches, found another");
            return Err(RunError::Rank { rank, what });
        }
    }
    let mut total = Total::new(classes);
    found.iter().for_each(|(_, of_rank)| total.add(of_rank));
    // Floats add up in the order of the batches: the same sum for any number of ranks.
    let losses = |batch: usize| found[batch % ranks.ranks()].0.get(batch / ranks.ranks());
    total.loss_sum = (0..loader.batches()).filter_map(losses).sum();
    Ok(total.evaluation())
}

/// As [`evaluate_among`], of every picture by itself: `each` is told its name and how the network does on it, in the
/// order of the pictures, on every rank.
///
/// ```
/// # use mirrorgrad_data::Shapes;
/// # use mirrorgrad_train::{Alone, Config, evaluate_each, loader};
/// # use std::sync::Arc;
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// let shapes = loader(&config, Arc::new(Shapes::new(0, 2)));
/// let mut pixels = Vec::new();
/// let all = evaluate_each(&Alone, &*config.network(5), &shapes, |_, one| {
///     pixels.push(one.confusion.total());
///     Ok::<_, mirrorgrad_train::RunError>(())
/// })?;
/// assert_eq!((pixels, all.confusion.total()), (vec![64 * 64; 2], 2 * 64 * 64));
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
///
/// # Errors
/// As [`evaluate_among`], or what `each` refuses.
pub fn evaluate_each<E: From<RunError>>(
    ranks: &dyn Reduce,
    network: &dyn Network,
    loader: &Loader,
    mut each: impl FnMut(&str, &Evaluation) -> Result<(), E>,
) -> Result<Evaluation, E> {
    let classes = loader.dataset.classes().len();
    let one = |sample: Sample| {
        let alone = std::slice::from_ref(&sample);
        let one = evaluate_batch(network, classes, loader.ignore_index, alone)?;
        Ok((sample.name, one))
    };
    let mut total = Total::new(classes);
    let mut add = |name: &str, one: Total| {
        total.add(&one);
        each(name, &one.evaluation())
    };
    if ranks.ranks() == 1 {
        // One picture is there at a time.
        for samples in loader.epoch(0) {
            for sample in samples.map_err(RunError::from)? {
                let (name, one) = one(sample)?;
                add(&name, one)?;
            }
        }
        return Ok(total.evaluation());
    }
    let own = (ranks.rank()..loader.batches()).step_by(ranks.ranks());
    let batch = |samples: Result<Vec<Sample>, _>| samples?.into_iter().map(one).collect();
    let found: Result<Vec<Vec<_>>, RunError> = loader.numbered(0, own).map(batch).collect();
    let mut found: Vec<_> = exchange(ranks, found)?.into_iter().map(Vec::into_iter).collect();
    for batch in 0..loader.batches() {
        let rank = batch % ranks.ranks();
        let pictures = found[rank].next().unwrap_or_default();
        for (name, one) in pictures {
            if !one.is_sound(classes) {
                let what = format!("{name}: expected an evaluation, found none that adds up");
                return Err(RunError::Rank { rank, what }.into());
            }
            add(&name, one)?;
        }
    }
    Ok(total.evaluation())
}

/// What an evaluation is made of: sums over pixels.
#[derive(Serialize, Deserialize)]
pub(crate) struct Total {
    loss_sum: f64,
    counted: usize,
    confusion: Confusion,
}

impl Total {
    fn new(classes: usize) -> Self {
        Self { loss_sum: 0.0, counted: 0, confusion: Confusion::new(classes) }
    }

    fn add(&mut self, other: &Self) {
        self.loss_sum += other.loss_sum;
        self.counted += other.counted;
        self.confusion.merge(&other.confusion);
    }

    /// Whether it is of so many classes, and counts no pixel in one place alone.
    fn is_sound(&self, classes: usize) -> bool {
        self.confusion.is_sound(classes) && self.confusion.total() == self.counted as u64
    }

    fn evaluation(self) -> Evaluation {
        Evaluation { loss: self.loss_sum / self.counted.max(1) as f64, confusion: self.confusion }
    }
}

/// That of one batch: labels below `classes` count, except `ignore_index`.
pub(crate) fn evaluate_batch(
    network: &dyn Network,
    classes: usize,
    ignore_index: Option<u8>,
    samples: &[Sample],
) -> Result<Total, RunError> {
    let mut total = Total::new(classes);
    check_size(network, &samples[0].name, samples[0].size())?;
    let (x, targets) = to_tensors(samples, classes, ignore_index)?;
    let scores = no_grad(|| network.forward(&Var::constant(x), &Pass::eval()));
    let loss =
        ops::cross_entropy(&scores.detach(), &targets, &PixelLoss::default(), ops::Reduction::Sum);
    total.loss_sum = f64::from(loss.value().item());
    total.counted = targets.iter().flatten().count();
    let truth: Vec<u8> =
        samples.iter().flat_map(|sample| sample.mask.labels.iter().copied()).collect();
    total.confusion.add(&truth, &highest_scores(scores.value()), ignore_index)?;
    Ok(total)
}

/// Refuses a picture that the network's pools would halve to nothing.
///
/// ```
/// # use mirrorgrad_train::{Config, check_size};
/// # let mut config = Config::default();
/// config.model.widths = vec![2; 4];
/// let network = config.network(5);
/// assert!(check_size(&*network, "a.png", [16, 16]).is_ok());
/// assert_eq!(
///     check_size(&*network, "a.png", [40, 9]).unwrap_err().to_string(),
///     "a.png: expected at least 16x16 pixels for this network, found 40 high, 9 wide"
/// );
/// ```
///
/// # Errors
/// If it is too small.
pub fn check_size(
    network: &dyn Network,
    name: impl Into<Message>,
    size: [usize; 2],
) -> Result<(), RunError> {
    too_small(network.smallest_input(), name, size).map_or(Ok(()), Err)
}

/// What is said of a picture with a side under `least`, the smallest that a network takes.
pub(crate) fn too_small(
    least: usize,
    name: impl Into<Message>,
    size: [usize; 2],
) -> Option<RunError> {
    let fits = size.iter().all(|&side| side >= least);
    (!fits).then(|| RunError::TooSmall { name: name.into(), least, size })
}
