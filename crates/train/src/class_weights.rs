//! How much a pixel counts by its true class: as asked for, as counted, as a loss takes it.

use mirrorgrad_data::{DataError, Histogram};
use mirrorgrad_tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Class weights other than 0: their sum over any batch stays a number, and each of them counts.
const WEIGHTS: RangeInclusive<f64> = 1e-12..=1e12;

/// How much a pixel counts, by its true class.
///
/// ```
/// # use mirrorgrad_train::{ClassWeights, Settings, WeightsByName};
/// let mut settings = Settings::default();
/// settings.set_text("training.class_weights=auto")?;
/// let by_name = Some(ClassWeights::Named(WeightsByName::Auto));
/// assert_eq!(settings.resolve()?.training.class_weights, by_name);
/// settings.set_text("training.class_weights=[0.25, 1, 1, 1, 2]")?;
/// let given = Some(ClassWeights::Given(vec![0.25, 1.0, 1.0, 1.0, 2.0]));
/// assert_eq!(settings.resolve()?.training.class_weights, given);
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// By a rule.
    Named(WeightsByName),
    /// As given, one a class.
    Given(Vec<f64>),
}

impl ClassWeights {
    /// The numbers that were given or counted.
    pub(crate) fn numbers(&self) -> &[f64] {
        match self {
            Self::Named(_) => &[],
            Self::Given(weights) => weights,
        }
    }

    /// Whether a loss can be weighed by them: each is 0 or counts, and not all are 0.
    pub(crate) fn are_usable(&self) -> bool {
        let weights = self.numbers();
        weights.iter().all(|weight| *weight == 0.0 || WEIGHTS.contains(weight))
            && (weights.is_empty() || weights.iter().any(|&weight| weight > 0.0))
    }

    /// Replaces those that are to be counted by what is counted.
    pub(crate) fn count(
        &mut self,
        histogram: impl FnOnce() -> Result<Histogram, DataError>,
    ) -> Result<(), DataError> {
        if *self == Self::Named(WeightsByName::Auto) {
            *self = Self::Given(class_weights(&histogram()?));
        }
        Ok(())
    }

    /// As a loss of so many classes takes them.
    pub(crate) fn of_classes(&self, classes: usize) -> Result<Tensor, DataError> {
        let refused = |expected: String, found: String| {
            Err(DataError::value("training.class_weights", expected, found))
        };
        match self {
            Self::Given(weights) if weights.len() == classes => {
                Ok(Tensor::from_fn([classes], |i| weights[i] as f32))
            }
            Self::Given(weights) => refused(
                format!("{classes} numbers, one per class"),
                format!("{} of them", weights.len()),
            ),
            Self::Named(_) => refused("numbers by now".to_owned(), "auto".to_owned()),
        }
    }
}

/// Rules for class weights.
///
/// ```
/// # use mirrorgrad_data::{Histogram, Shapes};
/// # use mirrorgrad_train::{ClassWeights, Objective, TrainingConfig};
/// # use mirrorgrad_train::{WeightsByName, class_weights};
/// let mut training = TrainingConfig::default();
/// training.class_weights = Some(ClassWeights::Named(WeightsByName::Auto));
/// assert!(Objective::new(&training, 5).is_err(), "nothing is counted yet");
/// let histogram = Histogram::of(&Shapes::new(0, 2), None)?;
/// training.class_weights = Some(ClassWeights::Given(class_weights(&histogram)));
/// assert!(Objective::new(&training, 5).is_ok());
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightsByName {
    /// From how often each class is seen, by [`class_weights`](crate::class_weights).
    Auto,
}

/// Weights that make up for how rare classes are, for a loss to multiply each pixel's by: median
/// frequency balancing.
///
/// A class's frequency is its share of the pixels in the masks that it occurs in. Its weight is the
/// median of all frequencies over its own, so that a class half as frequent counts twice. A class that
/// never occurs has no frequency, and weight 1. (D. Eigen, R. Fergus: Predicting depth, surface normals
/// and semantic labels with a common multi-scale convolutional architecture. ICCV 2015, section 6.)
///
/// ```
/// # use mirrorgrad_data::{Histogram, Mask};
/// # use mirrorgrad_train::class_weights;
/// let mut histogram = Histogram::new(2);
/// histogram.add(&Mask { width: 4, height: 1, labels: vec![0, 0, 0, 1] }, None);
/// // Frequencies 3/4 and 1/4, their median 1/2.
/// assert_eq!(class_weights(&histogram), [2.0 / 3.0, 2.0]);
/// ```
pub fn class_weights(histogram: &Histogram) -> Vec<f64> {
    let counts = histogram.pixels.iter().zip(&histogram.around);
    let frequencies: Vec<Option<f64>> = counts
        .map(|(&pixels, &around)| (pixels > 0).then(|| pixels as f64 / around as f64))
        .collect();
    let mut sorted: Vec<f64> = frequencies.iter().copied().flatten().collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return vec![1.0; frequencies.len()] };
    let median = (sorted[last / 2] + sorted[last.div_ceil(2)]) / 2.0;
    frequencies.iter().map(|frequency| frequency.map_or(1.0, |own| median / own)).collect()
}
