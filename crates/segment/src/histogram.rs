//! How often each label occurs, and what a loss can weigh the classes by.

use rayon::prelude::*;
use serde::Serialize;

use crate::{DataError, Dataset, Mask};

/// Counts of labels over masks. Those of different masks add up in any order.
///
/// ```
/// # use mirrorgrad_segment::{Histogram, Mask};
/// let mut histogram = Histogram::new(2);
/// histogram.add(&Mask { width: 4, height: 1, labels: vec![0, 0, 1, 255] }, Some(255));
/// histogram.add(&Mask { width: 1, height: 1, labels: vec![0] }, Some(255));
/// assert_eq!((histogram.pixels.as_slice(), histogram.ignored), ([3, 1].as_slice(), 1));
/// assert_eq!(histogram.masks, [2, 1]);
/// assert_eq!(histogram.shares(), [0.75, 0.25]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// Pixels of each class.
    pub pixels: Vec<u64>,
    /// Masks that each class occurs in.
    pub masks: Vec<u64>,
    /// Pixels, of any class, of the masks that each class occurs in.
    pub around: Vec<u64>,
    /// Pixels that are left out.
    pub ignored: u64,
}

impl Histogram {
    /// No masks yet, of so many classes.
    pub fn new(classes: usize) -> Self {
        let none = vec![0; classes];
        Self { pixels: none.clone(), masks: none.clone(), around: none, ignored: 0 }
    }

    /// The labels of a whole data set.
    ///
    /// # Errors
    /// The first sample's that cannot be read.
    ///
    /// # Panics
    /// If a label is neither a class nor `ignore_index`.
    pub fn of(dataset: &dyn Dataset, ignore_index: Option<u8>) -> Result<Self, DataError> {
        let classes = dataset.classes().len();
        let one = |index| {
            let mut histogram = Self::new(classes);
            histogram.add(&dataset.sample(index)?.mask, ignore_index);
            Ok(histogram)
        };
        let join = |mut all: Self, one: Self| {
            all.merge(&one);
            Ok(all)
        };
        (0..dataset.len()).into_par_iter().map(one).try_reduce(|| Self::new(classes), join)
    }

    /// Counts a mask's labels.
    ///
    /// # Panics
    /// If one is neither a class nor `ignore_index`.
    #[track_caller]
    pub fn add(&mut self, mask: &Mask, ignore_index: Option<u8>) {
        let mut counts = [0_u64; 256];
        mask.labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
        if let Some(ignored) = ignore_index {
            self.ignored += std::mem::take(&mut counts[usize::from(ignored)]);
        }
        let (counts, beyond) = counts.split_at(self.pixels.len());
        assert!(
            beyond.iter().all(|&n| n == 0),
            "histogram: expected labels below {}",
            counts.len()
        );
        let labelled: u64 = counts.iter().sum();
        for (class, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.pixels[class] += count;
            self.masks[class] += 1;
            self.around[class] += labelled;
        }
    }

    /// Adds what another has counted.
    ///
    /// # Panics
    /// If its classes are not as many.
    #[track_caller]
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.pixels.len(), other.pixels.len(), "histogram: expected as many classes");
        let pairs = [
            (&mut self.pixels, &other.pixels),
            (&mut self.masks, &other.masks),
            (&mut self.around, &other.around),
        ];
        for (all, one) in pairs {
            all.iter_mut().zip(one).for_each(|(all, one)| *all += one);
        }
        self.ignored += other.ignored;
    }

    /// The share of each class in all pixels that have one, from 0 to 1.
    pub fn shares(&self) -> Vec<f64> {
        let all = self.pixels.iter().sum::<u64>().max(1) as f64;
        self.pixels.iter().map(|&pixels| pixels as f64 / all).collect()
    }
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
/// # use mirrorgrad_segment::{Histogram, Mask, class_weights};
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
