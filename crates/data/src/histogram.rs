//! How often each label occurs.

use rayon::prelude::*;
use serde::Serialize;

use crate::{DataError, Dataset, Mask};

/// Counts of labels over masks. Those of different masks add up in any order.
///
/// ```
/// # use mirrorgrad_data::{Histogram, Mask};
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
