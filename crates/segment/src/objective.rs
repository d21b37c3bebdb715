//! What training makes small: a loss by name, weighted by class.

use crate::{ClassWeights, DataError, Dataset, LossKind, TrainingConfig};
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_tensor::{ClassTargets, PixelLoss, Tensor};
use rayon::prelude::*;

/// What Dice's numerator and denominator begin with, so that a class that is nowhere loses nothing.
const SMOOTH: f64 = 1.0;

/// A loss of scores and true classes.
#[derive(Clone, Debug)]
pub struct Objective {
    pixels: Option<PixelLoss<f32>>,
    dice: bool,
}

impl Objective {
    /// The loss that a configuration names, for so many classes.
    ///
    /// # Errors
    /// If class weights are given and not one a class, or still to be counted.
    pub fn new(training: &TrainingConfig, classes: usize) -> Result<Self, DataError> {
        let class_weights = match &training.class_weights {
            None => None,
            Some(ClassWeights::Given(weights)) if weights.len() == classes => {
                Some(Tensor::from_fn([classes], |i| weights[i] as f32))
            }
            Some(ClassWeights::Given(weights)) => {
                let expected = format!("{classes} numbers, one a class");
                let found = format!("{} of them", weights.len());
                return Err(DataError::option("class-weights", expected, found));
            }
            Some(ClassWeights::Named(_)) => {
                return Err(DataError::option("class-weights", "numbers by now", "auto"));
            }
        };
        if class_weights.is_some() && training.loss == LossKind::Dice {
            let expected = "none for the Dice loss, which weighs classes alike by itself";
            return Err(DataError::option("class-weights", expected, "some"));
        }
        let focusing = if training.loss == LossKind::Focal { training.focusing } else { 0.0 };
        let label_smoothing = training.label_smoothing;
        let pixels = PixelLoss { class_weights, label_smoothing, focusing };
        Ok(Self {
            pixels: (training.loss != LossKind::Dice).then_some(pixels),
            dice: matches!(training.loss, LossKind::Dice | LossKind::CrossEntropyDice),
        })
    }

    /// The loss of `scores: [batch, classes, height, width]`, a single number.
    ///
    /// # Panics
    /// If scores and targets do not fit together.
    #[track_caller]
    pub fn loss(&self, scores: &Var, targets: &ClassTargets) -> Var {
        let pixels = self.pixels.as_ref();
        let pixels =
            pixels.map(|loss| ops::cross_entropy(scores, targets, loss, ops::Reduction::Mean));
        let dice = self.dice.then(|| ops::dice_loss(scores, targets, SMOOTH));
        let parts = pixels.into_iter().chain(dice);
        parts.reduce(|sum, part| sum + part).expect("every loss has a part")
    }
}

/// How many pixels have each of the 256 labels, over a whole data set.
///
/// # Errors
/// If a sample is broken; the first one by number.
pub fn count_labels(dataset: &dyn Dataset) -> Result<[u64; 256], DataError> {
    // Collected in order, so that the error told is the same every time.
    let each = (0..dataset.len()).into_par_iter().map(|index| {
        let mut counts = [0_u64; 256];
        dataset
            .sample(index)?
            .mask
            .labels
            .iter()
            .for_each(|&label| counts[usize::from(label)] += 1);
        Ok(counts)
    });
    let each: Vec<Result<[u64; 256], DataError>> = each.collect();
    each.into_iter().try_fold([0; 256], |sum, counts| {
        let counts = counts?;
        Ok(std::array::from_fn(|label| sum[label] + counts[label]))
    })
}

/// Class weights from the number of pixels of each class: the median share over the share of each
/// (median frequency balancing, Eigen & Fergus 2015, with shares of all pixels); 0 for a class that is
/// nowhere.
pub fn class_weights(counts: &[u64]) -> Vec<f64> {
    let mut seen: Vec<u64> = counts.iter().copied().filter(|&count| count > 0).collect();
    seen.sort_unstable();
    let middle = |i: usize| seen.get(i).map_or(0.0, |&count| count as f64);
    let median = (middle(seen.len().saturating_sub(1) / 2) + middle(seen.len() / 2)) / 2.0;
    let weight = |&count: &u64| if count == 0 { 0.0 } else { median / count as f64 };
    counts.iter().map(weight).collect()
}
