//! How well predictions match the truth, all of it from one table of counts.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Counts of pixels by true and predicted class.
///
/// Tables of the same classes add up, in any order, to the table of all their pixels.
///
/// ```
/// # use mirrorgrad_train::Confusion;
/// let mut confusion = Confusion::new(2);
/// confusion.add(&[0, 0, 1, 255], &[0, 1, 1, 0], Some(255))?;
/// assert_eq!(confusion.iou(), [Some(0.5), Some(0.5)]);
/// # Ok::<(), mirrorgrad_train::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    classes: usize,
    /// `[true class, predicted class]`.
    counts: Vec<u64>,
}

/// Why labels and predictions cannot be counted.
///
/// ```
/// # use mirrorgrad_train::{Confusion, MetricError};
/// let error = Confusion::new(2).add(&[0, 7], &[0, 1], None).unwrap_err();
/// assert_eq!(error, MetricError::Label { label: 7, pixel: 1, classes: 2 });
/// assert_eq!(error.to_string(), "expected labels below 2, found 7 at pixel 1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetricError {
    /// One is longer than the other.
    #[error("expected a prediction for each of {truth} labels, found {prediction}")]
    Lengths {
        /// The number of labels.
        truth: usize,
        /// The number of predictions.
        prediction: usize,
    },
    /// A label is no class, nor the one to ignore.
    #[error("expected labels below {classes}, found {label} at pixel {pixel}")]
    Label {
        /// The label.
        label: u8,
        /// Its place.
        pixel: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A prediction is no class.
    #[error("expected predictions below {classes}, found {label} at pixel {pixel}")]
    Prediction {
        /// The prediction.
        label: u8,
        /// Its place.
        pixel: usize,
        /// The number of classes.
        classes: usize,
    },
}

/// The pixels of one class.
struct Class {
    truth: u64,
    predicted: u64,
    both: u64,
}

impl Confusion {
    /// An empty table for `classes` classes.
    ///
    /// # Panics
    /// If there are more than the 256 that labels can name.
    #[track_caller]
    pub fn new(classes: usize) -> Self {
        assert!(classes <= 256, "confusion: expected at most 256 classes, found {classes}");
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts the pixels whose label is not `ignore_index`. The predictions of those left out
    /// must be classes too.
    ///
    /// # Errors
    /// If the lengths differ, or a label or prediction is not a class. Nothing is counted then.
    pub fn add(
        &mut self,
        truth: &[u8],
        prediction: &[u8],
        ignore_index: Option<u8>,
    ) -> Result<(), MetricError> {
        let classes = self.classes;
        if truth.len() != prediction.len() {
            let (truth, prediction) = (truth.len(), prediction.len());
            return Err(MetricError::Lengths { truth, prediction });
        }
        let outside = |label: u8| usize::from(label) >= classes;
        if let Some(pixel) = truth.iter().position(|&t| outside(t) && Some(t) != ignore_index) {
            return Err(MetricError::Label { label: truth[pixel], pixel, classes });
        }
        if let Some(pixel) = prediction.iter().position(|&p| outside(p)) {
            return Err(MetricError::Prediction { label: prediction[pixel], pixel, classes });
        }
        for (&t, &p) in truth.iter().zip(prediction).filter(|&(&t, _)| Some(t) != ignore_index) {
            self.counts[usize::from(t) * classes + usize::from(p)] += 1;
        }
        Ok(())
    }

    /// Adds the counts of another table.
    ///
    /// # Panics
    /// If it has another number of classes.
    #[track_caller]
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.classes, other.classes, "confusion: tables of different classes");
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Whether it is a table of so many classes, of no more pixels than can be counted on: one that was sent.
    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        const MOST: u64 = 1 << 53;
        let total = self.counts.iter().try_fold(0_u64, |sum, &count| sum.checked_add(count));
        self.classes == classes
            && self.counts.len() == classes * classes
            && total.is_some_and(|total| total <= MOST)
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many pixels of class `truth` were taken for class `prediction`.
    ///
    /// # Panics
    /// If either is not a class.
    #[track_caller]
    pub fn count(&self, truth: usize, prediction: usize) -> u64 {
        assert!(truth < self.classes && prediction < self.classes, "confusion: no such class");
        self.counts[truth * self.classes + prediction]
    }

    /// The number of pixels counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The share of pixels predicted right; 0 when none were counted.
    pub fn pixel_accuracy(&self) -> f64 {
        ratio(self.each().map(|class| class.both).sum(), self.total()).unwrap_or(0.0)
    }

    /// The share of each true class predicted right, averaged over the classes in the truth; 0
    /// when there are none.
    pub fn mean_accuracy(&self) -> f64 {
        mean(self.each().map(|class| ratio(class.both, class.truth))).0
    }

    /// Intersection over union of each class; `None` for one absent from both sides.
    pub fn iou(&self) -> Vec<Option<f64>> {
        self.each().map(|class| class.iou()).collect()
    }

    /// The mean of [`iou`](Self::iou) over the classes that have one (0 when none has), and
    /// their number.
    pub fn mean_iou(&self) -> (f64, usize) {
        mean(self.each().map(|class| class.iou()))
    }

    /// [`iou`](Self::iou) averaged with each true class weighted by its pixels; 0 when no pixels
    /// were counted.
    pub fn frequency_weighted_iou(&self) -> f64 {
        let parts = self.each().map(|class| class.truth as f64 * class.iou().unwrap_or(0.0));
        parts.sum::<f64>() / self.total().max(1) as f64
    }

    /// Dice's coefficient of each class, twice the intersection over the sum of both sides;
    /// `None` for a class absent from both.
    pub fn dice(&self) -> Vec<Option<f64>> {
        self.each().map(|class| ratio(2 * class.both, class.truth + class.predicted)).collect()
    }

    fn each(&self) -> impl Iterator<Item = Class> {
        let n = self.classes;
        (0..n).map(move |class| Class {
            truth: self.counts[class * n..][..n].iter().sum(),
            predicted: self.counts[class..].iter().step_by(n).sum(),
            both: self.counts[class * n + class],
        })
    }
}

impl Class {
    fn iou(&self) -> Option<f64> {
        ratio(self.both, self.truth + self.predicted - self.both)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean of the values there are, 0 of none, and their number.
fn mean(values: impl Iterator<Item = Option<f64>>) -> (f64, usize) {
    let (sum, count) = values.flatten().fold((0.0, 0), |(s, n), value| (s + value, n + 1));
    (sum / count.max(1) as f64, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_was_sent_has_its_classes_and_can_be_added_up() {
        let table = |classes, counts: &[u64]| Confusion { classes, counts: counts.to_vec() };
        assert!(table(2, &[1, 2, 3, 4]).is_sound(2));
        assert!(!table(2, &[1, 2, 3, 4]).is_sound(3));
        assert!(!table(2, &[1, 2, 3]).is_sound(2));
        assert!(!table(2, &[u64::MAX, 1, 0, 0]).is_sound(2));
        assert!(!table(1, &[1 << 60]).is_sound(1));
    }
}
