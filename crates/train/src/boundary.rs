//! How well outlines are met, which a network can miss while nearly every pixel is right.
//!
//! The boundary F-score of a class (Csurka, Larlus & Perronnin 2013, "What is a good evaluation
//! measure for semantic segmentation?"; the F of Perazzi et al. 2016 for video): of the predicted
//! outline, the share within a few pixels of the true one (precision); of the true outline, the share
//! within as many of the predicted one (recall); and the harmonic mean of both.
//!
//! Here the outline of a class is made of its pixels with a neighbour above, below, left or right of
//! another class. The picture's edge is no outline, and neither is the edge of an ignored region: what
//! lies behind is not known. Pixels are counted over all pictures before shares are taken, as
//! [`Confusion`](crate::Confusion) counts, so that a picture weighs as much as it has outline; Csurka
//! et al. take the mean over pictures.

use crate::MetricError;
use mirrorgrad_data::Mask;

/// Counts of outline pixels by class, met and all, on both sides.
///
/// Counts of the same classes add up, in any order, to those of all their pictures.
///
/// ```
/// # use mirrorgrad_data::Mask;
/// # use mirrorgrad_train::Boundary;
/// let mask = |labels: [u8; 4]| Mask { width: 4, height: 1, labels: labels.to_vec() };
/// let mut boundary = Boundary::new(2);
/// boundary.add(&mask([0, 1, 0, 0]), &mask([0, 1, 1, 0]), None, 0)?;
/// // Class 1 has a true outline of one pixel, and a predicted one of two.
/// assert_eq!(boundary.recall(), [Some(0.5), Some(1.0)]);
/// assert_eq!(boundary.precision(), [Some(0.5), Some(0.5)]);
/// # Ok::<(), mirrorgrad_train::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    classes: Vec<Sides>,
}

/// The outlines of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sides {
    truth: Met,
    predicted: Met,
}

/// The pixels of an outline, and how many of them the other outline comes near.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Met {
    near: u64,
    all: u64,
}

/// Pixels that an outline may be off in a picture of `[height, width]`: 0.0075 of its diagonal, rounded
/// up (Csurka et al. 2013).
///
/// ```
/// # use mirrorgrad_train::boundary_tolerance;
/// // The diagonal has 500 pixels, of which 0.0075 are 3.75.
/// assert_eq!(boundary_tolerance([300, 400]), 4);
/// assert_eq!(boundary_tolerance([64, 64]), 1);
/// ```
pub fn boundary_tolerance([height, width]: [usize; 2]) -> usize {
    (0.0075 * (height as f64).hypot(width as f64)).ceil() as usize
}

/// The outlines of one picture; see [`Boundary::add`].
///
/// ```
/// # use mirrorgrad_data::Mask;
/// # use mirrorgrad_train::boundary_f;
/// let mask = |labels: [u8; 8]| Mask { width: 4, height: 2, labels: labels.to_vec() };
/// let (truth, shifted) = (mask([0, 0, 1, 1, 0, 0, 1, 1]), mask([0, 1, 1, 1, 0, 1, 1, 1]));
/// assert_eq!(boundary_f(&truth, &shifted, 2, None, 0)?.f(), [Some(0.0), Some(0.0)]);
/// assert_eq!(boundary_f(&truth, &shifted, 2, None, 1)?.f(), [Some(1.0), Some(1.0)]);
/// # Ok::<(), mirrorgrad_train::MetricError>(())
/// ```
///
/// # Errors
/// As [`Boundary::add`].
///
/// # Panics
/// As [`Boundary::add`].
#[track_caller]
pub fn boundary_f(
    truth: &Mask,
    prediction: &Mask,
    classes: usize,
    ignore_index: Option<u8>,
    tolerance_pixels: usize,
) -> Result<Boundary, MetricError> {
    let mut boundary = Boundary::new(classes);
    boundary.add(truth, prediction, ignore_index, tolerance_pixels)?;
    Ok(boundary)
}

impl Boundary {
    /// Counts of nothing yet, for `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self { classes: vec![Sides::default(); classes] }
    }

    /// Counts the outlines of a picture. A pixel is near an outline if one of the outline's pixels is at
    /// most `tolerance_pixels` away, as the crow flies. Pixels whose true label is `ignore_index` are
    /// taken out of both masks.
    ///
    /// # Errors
    /// If the masks differ in size, or a label or prediction is not a class. Nothing is counted then.
    ///
    /// # Panics
    /// If a mask has not as many labels as its size says.
    #[track_caller]
    pub fn add(
        &mut self,
        truth: &Mask,
        prediction: &Mask,
        ignore_index: Option<u8>,
        tolerance_pixels: usize,
    ) -> Result<(), MetricError> {
        for mask in [truth, prediction] {
            assert_eq!(mask.labels.len(), mask.width * mask.height, "boundary: labels of a mask");
        }
        if truth.size() != prediction.size() {
            let (truth, prediction) = (truth.labels.len(), prediction.labels.len());
            return Err(MetricError::Lengths { truth, prediction });
        }
        self.check(truth, prediction, ignore_index)?;
        let known: Vec<bool> = truth.labels.iter().map(|&t| Some(t) != ignore_index).collect();
        let [true_outlines, outlines] =
            [truth, prediction].map(|mask| outlines(mask, &known, self.classes.len()));
        for ((sides, truth_outline), outline) in
            self.classes.iter_mut().zip(true_outlines).zip(outlines)
        {
            sides.truth.count(&truth_outline, &outline, truth.size(), tolerance_pixels);
            sides.predicted.count(&outline, &truth_outline, truth.size(), tolerance_pixels);
        }
        Ok(())
    }

    /// Refuses what is no class.
    fn check(
        &self,
        truth: &Mask,
        prediction: &Mask,
        ignore_index: Option<u8>,
    ) -> Result<(), MetricError> {
        let classes = self.classes.len();
        let outside = |label: u8| usize::from(label) >= classes;
        let (truth, prediction) = (&truth.labels, &prediction.labels);
        if let Some(pixel) = truth.iter().position(|&t| outside(t) && Some(t) != ignore_index) {
            return Err(MetricError::Label { label: truth[pixel], pixel, classes });
        }
        if let Some(pixel) = prediction.iter().position(|&p| outside(p)) {
            return Err(MetricError::Prediction { label: prediction[pixel], pixel, classes });
        }
        Ok(())
    }

    /// Adds other counts.
    ///
    /// # Panics
    /// If they are of another number of classes.
    #[track_caller]
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.classes.len(), other.classes.len(), "boundary: counts of other classes");
        for (sides, more) in self.classes.iter_mut().zip(&other.classes) {
            sides.truth.merge(more.truth);
            sides.predicted.merge(more.predicted);
        }
    }

    /// The share of each class's predicted outline that is near the true one; `None` where none was
    /// predicted.
    pub fn precision(&self) -> Vec<Option<f64>> {
        self.classes.iter().map(|sides| sides.predicted.share()).collect()
    }

    /// The share of each class's true outline that is near the predicted one; `None` where there is none.
    pub fn recall(&self) -> Vec<Option<f64>> {
        self.classes.iter().map(|sides| sides.truth.share()).collect()
    }

    /// The F-score of each class; 0 for an outline on one side alone, `None` where there is none at all.
    pub fn f(&self) -> Vec<Option<f64>> {
        self.classes.iter().map(Sides::f).collect()
    }

    /// The mean of [`f`](Self::f) over the classes that have one (0 when none has), and their number.
    pub fn mean_f(&self) -> (f64, usize) {
        let (sum, count) =
            self.classes.iter().filter_map(Sides::f).fold((0.0, 0), |(s, n), f| (s + f, n + 1));
        (sum / count.max(1) as f64, count)
    }
}

impl Sides {
    fn f(&self) -> Option<f64> {
        if self.truth.all + self.predicted.all == 0 {
            return None;
        }
        let (precision, recall) =
            (self.predicted.share().unwrap_or(0.0), self.truth.share().unwrap_or(0.0));
        let sum = precision + recall;
        Some(if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 })
    }
}

impl Met {
    fn count(&mut self, own: &[usize], other: &[usize], size: [usize; 2], tolerance: usize) {
        self.all += own.len() as u64;
        if own.is_empty() || other.is_empty() {
            return;
        }
        let near = near(other, size, tolerance);
        self.near += own.iter().filter(|&&pixel| near[pixel]).count() as u64;
    }

    fn merge(&mut self, more: Self) {
        self.near += more.near;
        self.all += more.all;
    }

    fn share(&self) -> Option<f64> {
        (self.all > 0).then(|| self.near as f64 / self.all as f64)
    }
}

/// The outline of each class, as places in the mask.
fn outlines(mask: &Mask, known: &[bool], classes: usize) -> Vec<Vec<usize>> {
    let mut outlines = vec![Vec::new(); classes];
    let (width, labels) = (mask.width, &mask.labels);
    for (pixel, &label) in labels.iter().enumerate().filter(|&(pixel, _)| known[pixel]) {
        let x = pixel % width;
        let neighbours = [
            pixel.checked_sub(width),
            Some(pixel + width).filter(|&below| below < labels.len()),
            (x > 0).then(|| pixel - 1),
            (x + 1 < width).then(|| pixel + 1),
        ];
        if neighbours.into_iter().flatten().any(|n| known[n] && labels[n] != label) {
            outlines[usize::from(label)].push(pixel);
        }
    }
    outlines
}

/// Which pixels are at most `tolerance` away from one of `outline`: discs around each, row by row as
/// where a stretch begins and ends, then added along the rows.
fn near(outline: &[usize], [height, width]: [usize; 2], tolerance: usize) -> Vec<bool> {
    // No pixel is further away than this.
    let tolerance = tolerance.min(height + width);
    let half: Vec<usize> =
        (0..=tolerance).map(|dy| (tolerance * tolerance - dy * dy).isqrt()).collect();
    let mut steps = vec![0_i32; height * (width + 1)];
    for &pixel in outline {
        let (y, x) = (pixel / width, pixel % width);
        for row in y.saturating_sub(tolerance)..=(y + tolerance).min(height - 1) {
            let reach = half[row.abs_diff(y)];
            steps[row * (width + 1) + x.saturating_sub(reach)] += 1;
            steps[row * (width + 1) + (x + reach + 1).min(width)] -= 1;
        }
    }
    let rows = steps.chunks_exact(width + 1);
    let covered = rows.flat_map(|row| {
        row[..width].iter().scan(0, |discs, step| {
            *discs += step;
            Some(*discs > 0)
        })
    });
    covered.collect()
}
