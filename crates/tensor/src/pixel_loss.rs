//! Losses that compare a class score at every pixel with the class it should be.
//!
//! Cross entropy (with class weights and label smoothing) and the focal loss are one formula: with p
//! the softmax of a pixel's scores over C classes, y its class, w the class weights,
//!
//! ```text
//! loss = − (1 − ε) · w[y] · (1 − p[y])^γ · ln p[y]  −  ε / C · Σ_c w[c] · ln p[c]
//! ```
//!
//! where γ is the focal loss's focusing (Lin et al. 2017; 0 for cross entropy) and ε the label
//! smoothing (PyTorch's `CrossEntropyLoss`).

use crate::softmax::{Places, log_sum_exp};
use crate::{Element, Tensor, masked};
use std::sync::Arc;

/// The class of every pixel, checked once: each is a class or ignored.
///
/// ```
/// # use mirrorgrad_tensor::{ClassTargets, Tensor};
/// let targets = ClassTargets::new([1, 3], [0, 2, 255], 3, Some(255))?;
/// assert!(targets.iter().eq([Some(0), Some(2), None]));
/// assert_eq!(targets.counted::<f32>(), Tensor::from([[1.0, 1.0, 0.0]]));
/// // One plane a class.
/// let planes = targets.one_hot::<f32>().reshape([3, 3]);
/// assert_eq!(planes, Tensor::from([[1.0, 0.0, 0.0], [0.0; 3], [0.0, 1.0, 0.0]]));
/// # Ok::<(), mirrorgrad_tensor::TargetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassTargets {
    shape: Arc<[usize]>,
    classes: usize,
    labels: Arc<[u32]>,
}

/// A label that is neither a class nor the one to ignore.
///
/// ```
/// # use mirrorgrad_tensor::ClassTargets;
/// let error = ClassTargets::new([1, 2], [0, 7], 3, Some(255)).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "label 7 at position 1 is not a class: expected 0 to 2 or the ignored Some(255)"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The labels do not fill the shape.
    #[error("targets of shape {shape:?} do not hold {labels} labels")]
    Shape {
        /// The shape asked for.
        shape: Vec<usize>,
        /// The number of labels given.
        labels: usize,
    },
    /// A label is out of range.
    #[error("label {label} at position {at} is not a class: expected 0 to {last} or the ignored {ignore:?}", last = classes - 1)]
    Label {
        /// The label.
        label: i64,
        /// Its position, counted in row-major order.
        at: usize,
        /// The number of classes.
        classes: usize,
        /// The label that marks pixels to ignore.
        ignore: Option<i64>,
    },
}

impl ClassTargets {
    const IGNORED: u32 = u32::MAX;

    /// Targets of shape `[batch, ..]`, in row-major order. Pixels labelled `ignore_index` count for
    /// nothing.
    ///
    /// # Errors
    /// If the labels do not fill the shape, or one is neither a class nor `ignore_index`.
    ///
    /// # Panics
    /// If there are no classes, or too many to be counted, or the shape has no axes.
    #[track_caller]
    pub fn new(
        shape: impl AsRef<[usize]>,
        labels: impl IntoIterator<Item = i64>,
        classes: usize,
        ignore_index: Option<i64>,
    ) -> Result<Self, TargetError> {
        let (shape, most) = (shape.as_ref(), Self::IGNORED as usize);
        assert!(classes > 0, "targets: expected at least one class, got 0");
        assert!(classes < most, "targets: expected fewer than {most} classes, got {classes}");
        assert!(!shape.is_empty(), "targets: expected a shape [batch, ..], got []");
        let check = |(at, label): (usize, i64)| match u32::try_from(label) {
            _ if Some(label) == ignore_index => Ok(Self::IGNORED),
            Ok(class) if (class as usize) < classes => Ok(class),
            _ => Err(TargetError::Label { label, at, classes, ignore: ignore_index }),
        };
        let labels =
            labels.into_iter().enumerate().map(check).collect::<Result<Arc<[u32]>, _>>()?;
        let places = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        if places != Some(labels.len()) {
            return Err(TargetError::Shape { shape: shape.to_vec(), labels: labels.len() });
        }
        Ok(Self { shape: shape.into(), classes, labels })
    }

    /// The size along each axis: `[batch, ..]`.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The class of each pixel in row-major order, `None` where it is ignored.
    pub fn iter(&self) -> impl Iterator<Item = Option<usize>> {
        self.labels.iter().map(|&label| (label != Self::IGNORED).then_some(label as usize))
    }

    /// One plane a class, `[batch, classes, ..]`: 1 at the class's pixels, 0 elsewhere and where
    /// ignored.
    pub fn one_hot<T: Element>(&self) -> Tensor<T> {
        let places: usize = self.shape[1..].iter().product();
        let shape = [&[self.shape[0], self.classes], &self.shape[1..]].concat();
        Tensor::build(shape, |out| {
            out.fill(T::zero());
            for (i, class) in self.iter().enumerate() {
                if let Some(class) = class {
                    out[(i / places * self.classes + class) * places + i % places] = T::one();
                }
            }
        })
    }

    /// 1 where a pixel counts, 0 where it is ignored, in the shape of the targets.
    pub fn counted<T: Element>(&self) -> Tensor<T> {
        let counts = self.iter().map(|class| if class.is_some() { T::one() } else { T::zero() });
        Tensor::new(self.shape(), counts.collect::<Vec<_>>())
    }
}

/// How scores are compared with classes; see the module's formula.
///
/// ```
/// # use mirrorgrad_tensor::{ClassTargets, PixelLoss, Tensor};
/// let (loss, scores) = (PixelLoss::default(), Tensor::<f64>::zeros([1, 4, 2]));
/// let targets = ClassTargets::new([1, 2], [3, 255], 4, Some(255))?;
/// let [losses, log_sums] = loss.forward(&scores, &targets);
/// // Four classes, each as likely as the others, cost ln 4; an ignored pixel costs nothing.
/// assert!((losses.at(&[0, 0]) - 4_f64.ln()).abs() < 1e-12 && losses.at(&[0, 1]) == 0.0);
/// // The gradient is the softmax less the target.
/// let grad = loss.backward(&scores, &targets, &log_sums, &Tensor::ones([1, 2]));
/// assert!((grad.at(&[0, 3, 0]) - (0.25 - 1.0)).abs() < 1e-12 && grad.at(&[0, 3, 1]) == 0.0);
/// # Ok::<(), mirrorgrad_tensor::TargetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PixelLoss<T: Element> {
    /// A weight for each class; all 1 when absent.
    pub class_weights: Option<Tensor<T>>,
    /// The part ε of the target that is spread over all classes.
    pub label_smoothing: f64,
    /// The exponent γ that fades out pixels already classified well.
    pub focusing: f64,
}

/// Plain cross entropy.
impl<T: Element> Default for PixelLoss<T> {
    fn default() -> Self {
        Self { class_weights: None, label_smoothing: 0.0, focusing: 0.0 }
    }
}

impl<T: Element> PixelLoss<T> {
    /// The sum of the class weights of all counted pixels: what a mean is divided by.
    ///
    /// # Panics
    /// If there are class weights, and not one a class.
    #[track_caller]
    pub fn total_weight(&self, targets: &ClassTargets) -> T {
        // Counted first: a long sum of equal terms would lose its digits.
        self.check_weights(targets);
        let mut counts = vec![0_u64; targets.classes];
        targets.iter().flatten().for_each(|class| counts[class] += 1);
        let weight = |class: usize| self.weight(class).as_f64();
        T::of(counts.iter().enumerate().map(|(class, &count)| count as f64 * weight(class)).sum())
    }

    /// What every pixel's own class counts, `(1 − ε) · w[y]`, and 0 where it is ignored; in the shape of the
    /// targets.
    ///
    /// # Panics
    /// If there are weights for other classes than the targets'.
    #[track_caller]
    pub fn target_weights(&self, targets: &ClassTargets) -> Tensor<T> {
        self.check_weights(targets);
        self.at_pixels(targets, |class| self.hard(class))
    }

    /// What each class counts at every pixel, `ε / C · w[c]`, of shape `[classes]`.
    ///
    /// # Panics
    /// If there are weights for other classes than the targets'.
    #[track_caller]
    pub fn spread_weights(&self, targets: &ClassTargets) -> Tensor<T> {
        self.check_weights(targets);
        Tensor::from_fn([targets.classes], |class| self.soft(class, targets.classes))
    }

    /// 1 where the loss depends on a pixel's scores; 0 where it is ignored or all that could count weighs
    /// nothing. In the shape of the targets.
    ///
    /// # Panics
    /// If there are weights for other classes than the targets'.
    #[track_caller]
    pub fn read(&self, targets: &ClassTargets) -> Tensor<T> {
        self.check_weights(targets);
        let soft_sum = self.soft_sum(targets.classes);
        let one = |read| if read { T::one() } else { T::zero() };
        self.at_pixels(targets, |class| one(self.reads(class, soft_sum)))
    }

    /// The loss of every pixel, 0 where ignored, and ln Σ exp of its scores, which
    /// [`PixelLoss::backward`] reads. `scores: [batch, classes, ..]`, results `[batch, ..]`.
    ///
    /// # Panics
    /// If the shapes of scores, targets and class weights do not fit together.
    #[track_caller]
    pub fn forward(&self, scores: &Tensor<T>, targets: &ClassTargets) -> [Tensor<T>; 2] {
        let places = self.check(scores, targets);
        let one_line = Places { classes: 1, ..places };
        let x = scores.as_slice();
        let log_sums = one_line.build(targets.shape(), |batch, first, out| {
            let line = |class| places.line(x, batch, class, first);
            out[0].copy_from_slice(&log_sum_exp(places.classes, line));
        });
        let soft_sum = self.soft_sum(places.classes);
        let losses = one_line.build(targets.shape(), |batch, first, out| {
            let line = |class| places.line(x, batch, class, first);
            let log_sum = one_line.line(log_sums.as_slice(), batch, 0, first);
            let labels = one_line.line(&targets.labels, batch, 0, first);
            for (i, (out, &label)) in out[0].iter_mut().zip(labels).enumerate() {
                *out = T::zero();
                if label == ClassTargets::IGNORED {
                    continue;
                }
                let (y, hard) = (label as usize, self.hard(label as usize));
                if hard == T::zero() && soft_sum == T::zero() {
                    continue; // It reads nothing, be it infinite.
                }
                let log_p = line(y)[i] - log_sum[i];
                // A class that weighs nothing costs nothing, though its probability be 0.
                *out = -masked(log_p, hard * self.fade(log_p));
                if self.label_smoothing > 0.0 {
                    let all: T = (0..places.classes)
                        .map(|c| masked(line(c)[i] - log_sum[i], self.soft(c, places.classes)))
                        .sum();
                    *out -= all;
                }
            }
        });
        [losses, log_sums]
    }

    /// The gradient of [`PixelLoss::forward`] with respect to the scores, for its `log_sums` and a
    /// gradient of one number a pixel, `[batch, ..]`, that has arrived.
    ///
    /// # Panics
    /// If the shapes do not fit together.
    #[track_caller]
    pub fn backward(
        &self,
        scores: &Tensor<T>,
        targets: &ClassTargets,
        log_sums: &Tensor<T>,
        grad: &Tensor<T>,
    ) -> Tensor<T> {
        let places = self.check(scores, targets);
        for (what, each) in [("a gradient", grad), ("sums", log_sums)] {
            let (own, got) = (targets.shape(), each.shape());
            assert!(got == own, "cross_entropy: expected {what} of shape {own:?}, got {got:?}");
        }
        let one_line = Places { classes: 1, ..places };
        let x = scores.as_slice();
        let soft_sum = self.soft_sum(places.classes);
        places.build(scores.shape(), |batch, first, out| {
            let line = |class| places.line(x, batch, class, first);
            let log_sum = one_line.line(log_sums.as_slice(), batch, 0, first);
            let labels = one_line.line(&targets.labels, batch, 0, first);
            let grads = one_line.line(grad.as_slice(), batch, 0, first);
            // d loss / d ln p is −(hard at y) − (soft everywhere); the softmax turns d into
            // d − p · Σ d. A pixel that the loss does not read is selected out: its scores may be infinite.
            let (mut hard, mut all) =
                (vec![T::zero(); labels.len()], vec![T::zero(); labels.len()]);
            let mut unread = Vec::new();
            for (i, &label) in labels.iter().enumerate() {
                if label == ClassTargets::IGNORED {
                    unread.push(i);
                    continue;
                }
                let (y, own) = (label as usize, self.hard(label as usize));
                if own == T::zero() && soft_sum == T::zero() {
                    unread.push(i);
                    continue;
                }
                let log_p = line(y)[i] - log_sum[i];
                hard[i] = own * self.fade_slope(log_p);
                all[i] = (hard[i] + soft_sum) * grads[i];
                hard[i] *= grads[i];
            }
            for (class, out) in out.iter_mut().enumerate() {
                for (o, (&score, &log_sum)) in out.iter_mut().zip(line(class).iter().zip(log_sum)) {
                    *o = score - log_sum;
                }
                T::exp_in_place(out);
                out.iter_mut().zip(&all).for_each(|(o, &all)| *o *= all);
                unread.iter().for_each(|&i| out[i] = T::zero());
                let soft = self.soft(class, places.classes);
                if soft == T::zero() {
                    continue;
                }
                for ((o, &label), &grad) in out.iter_mut().zip(labels).zip(grads) {
                    if label != ClassTargets::IGNORED {
                        *o -= soft * grad;
                    }
                }
            }
            for (i, &label) in labels.iter().enumerate() {
                // What is not read has no part here either: 0.
                if label != ClassTargets::IGNORED {
                    out[label as usize][i] -= hard[i];
                }
            }
        })
    }

    /// Weight of the target class: (1 − ε) · w[y].
    fn hard(&self, class: usize) -> T {
        T::of(1.0 - self.label_smoothing) * self.weight(class)
    }

    /// Weight of every class: ε / C · w[c].
    fn soft(&self, class: usize, classes: usize) -> T {
        T::of(self.label_smoothing / classes as f64) * self.weight(class)
    }

    fn soft_sum(&self, classes: usize) -> T {
        (0..classes).map(|class| self.soft(class, classes)).sum()
    }

    fn reads(&self, class: usize, soft_sum: T) -> bool {
        self.hard(class) != T::zero() || soft_sum != T::zero()
    }

    fn at_pixels(&self, targets: &ClassTargets, of: impl Fn(usize) -> T) -> Tensor<T> {
        let values = targets.iter().map(|class| class.map_or(T::zero(), &of));
        Tensor::new(targets.shape(), values.collect::<Vec<_>>())
    }

    fn weight(&self, class: usize) -> T {
        self.class_weights.as_ref().map_or(T::one(), |weights| weights.as_slice()[class])
    }

    /// (1 − p)^γ.
    fn fade(&self, log_p: T) -> T {
        if self.focusing == 0.0 { T::one() } else { (-log_p.exp_m1()).powf(T::of(self.focusing)) }
    }

    /// The slope of (1 − p)^γ · ln p with respect to ln p: (1 − p)^γ · (1 − γ · p · ln p / (1 − p)).
    fn fade_slope(&self, log_p: T) -> T {
        if self.focusing == 0.0 {
            return T::one();
        }
        let (gamma, rest) = (T::of(self.focusing), -log_p.exp_m1());
        // ln p / (1 − p) tends to −1 as p tends to 1.
        let ratio = if rest == T::zero() { -T::one() } else { log_p / rest };
        // p · ln p tends to 0 with p.
        rest.powf(gamma) * (T::one() - masked(ratio, gamma * log_p.exp()))
    }

    #[track_caller]
    fn check_weights(&self, targets: &ClassTargets) {
        let (own, classes) = (self.class_weights.as_ref().map(Tensor::shape), targets.classes);
        if let Some(got) = own.filter(|own| *own != [classes]) {
            panic!("cross_entropy: expected one weight per class, [{classes}], got {got:?}");
        }
    }

    #[track_caller]
    fn check(&self, scores: &Tensor<T>, targets: &ClassTargets) -> Places {
        let fits = match scores.shape() {
            [batch, classes, rest @ ..] => {
                *classes == targets.classes && targets.shape() == [&[*batch], rest].concat()
            }
            _ => false,
        };
        assert!(
            fits,
            "cross_entropy: scores {:?} do not fit targets {:?} of {} classes",
            scores.shape(),
            targets.shape(),
            targets.classes
        );
        self.check_weights(targets);
        Places::along(scores.shape(), 1)
    }
}
