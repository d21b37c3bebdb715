//! The dice loss: how much of each class is found, whatever its size.

use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{
    ClassTargets, Element, Tensor, for_each_chunk, log_softmax, log_softmax_backward, masked,
};

/// `1 − mean_c (2 Σ p·t + s) / (Σ p + Σ t + s)`, p the softmax of the scores, t the truth, sums over
/// the counted pixels of the batch.
#[derive(Debug)]
struct Dice {
    targets: ClassTargets,
    smooth: f64,
}

/// The sums of one class: Σ p·t, and Σ p + Σ t.
#[derive(Clone, Copy, Debug, Default)]
struct Sums<T> {
    overlap: T,
    total: T,
}

impl<T: Element> Sums<T> {
    /// Of some pixels.
    fn of(class: usize, p: &[T], labels: &[Option<usize>]) -> Self {
        let mut sums = Self::default();
        for (&p, label) in p.iter().zip(labels) {
            match label {
                None => {}
                Some(label) if *label == class => {
                    sums.overlap += p;
                    sums.total += p + T::one();
                }
                Some(_) => sums.total += p,
            }
        }
        sums
    }
}

impl Sums<f64> {
    fn add<T: Element>(&mut self, part: Sums<T>) {
        self.overlap += part.overlap.as_f64();
        self.total += part.total.as_f64();
    }
}

/// Pixels that are added up in their own precision: beside a sum of millions, a probability would lose its
/// digits.
const STRETCH: usize = 1024;

impl Dice {
    /// The definition, in differentiable calls: what gradients of gradients are taken from.
    fn composed<T: Element>(&self, scores: &Var<T>) -> Var<T> {
        let axes: Vec<usize> = (0..scores.value().rank()).filter(|&axis| axis != 1).collect();
        let (truth, counted) = (self.targets.one_hot(), self.counted());
        let p = scores.mask(&counted).softmax(1).mask(&counted);
        let overlap =
            p.mask(&truth).sum_axes(&axes).mul_scalar(T::of(2.0)).add_scalar(T::of(self.smooth));
        let total = (p + Var::constant(truth)).sum_axes(&axes).add_scalar(T::of(self.smooth));
        (overlap / total).mean().mul_scalar(-T::one()).add_scalar(T::one())
    }

    /// 1 where a pixel counts, `[batch, 1, ..]`.
    fn counted<T: Element>(&self) -> Tensor<T> {
        let shape = self.targets.shape();
        self.targets.counted().reshape([&shape[..1], &[1], &shape[1..]].concat())
    }

    /// (2 Σ p·t + s) / (Σ p + Σ t + s) of a class, with the slopes by p where t is 1 and where it is
    /// not.
    fn ratio(&self, sums: Sums<f64>) -> (f64, [f64; 2]) {
        let (over, under) = (2.0 * sums.overlap + self.smooth, sums.total + self.smooth);
        let ratio = over / under;
        (ratio, [-ratio / under, (2.0 - ratio) / under])
    }
}

impl<T: Element> Op<T> for Dice {
    type Saved = (Tensor<T>, Vec<[T; 2]>);

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let log_p = log_softmax(x[0], 1);
        let classes = self.targets.classes();
        let places: usize = self.targets.shape()[1..].iter().product();
        let mut sums = vec![Sums::<f64>::default(); classes];
        let labels: Vec<Option<usize>> = self.targets.iter().collect();
        let p = log_p.map(T::exp);
        for (line, p) in p.as_slice().chunks(places.max(1)).enumerate() {
            let (batch, class) = (line / classes, line % classes);
            let labels = labels[batch * places..][..places].chunks(STRETCH);
            p.chunks(STRETCH)
                .zip(labels)
                .for_each(|(p, labels)| sums[class].add(Sums::of(class, p, labels)));
        }
        let ratios: Vec<_> = sums.into_iter().map(|sums| self.ratio(sums)).collect();
        let mean = ratios.iter().map(|(ratio, _)| *ratio).sum::<f64>() / classes as f64;
        let slopes = ratios.into_iter().map(|(_, slopes)| slopes.map(T::of)).collect();
        (Tensor::scalar(T::of(1.0 - mean)), (log_p, slopes))
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, Self::Saved>, grad: &Var<T>) -> Var<T> {
        call.composed_vjp(0, grad, |operands| self.composed(&operands[0]))
    }

    fn fused(
        &self,
        _: &[bool],
        call: &Call<'_, T, Self::Saved>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        let (log_p, slopes) = call.saved();
        let classes = self.targets.classes();
        let places: usize = self.targets.shape()[1..].iter().product();
        let labels: Vec<Option<usize>> = self.targets.iter().collect();
        let factor = -grad.item() / T::of(classes as f64);
        // d loss / d ln p = p · d loss / d p; the softmax's own gradient does the rest.
        let to_log_p = Tensor::build(log_p.shape(), |out| {
            for_each_chunk(out, |at, out| {
                for ((i, out), &log_p) in (at..).zip(out).zip(&log_p.as_slice()[at..]) {
                    let (line, place) = (i / places, i % places);
                    let (batch, class) = (line / classes, line % classes);
                    *out = match labels[batch * places + place] {
                        None => T::zero(),
                        Some(label) => {
                            factor * log_p.exp() * slopes[class][usize::from(label == class)]
                        }
                    };
                }
            });
        });
        let to_scores = log_softmax_backward(log_p, &to_log_p, 1);
        if labels.iter().all(Option::is_some) {
            return Some(vec![Some(to_scores)]);
        }
        // Selected out, since an ignored pixel's scores may be infinite.
        Some(vec![Some(to_scores.zip(&self.counted(), masked))])
    }
}

/// The soft dice loss over all classes (Milletari et al. 2016, with sums in the denominator): 1 less
/// the mean over classes of `(2 Σ p·t + smooth) / (Σ p + Σ t + smooth)`. Ignored pixels are left out.
/// `scores: [batch, classes, ..]`, `targets: [batch, ..]`.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::dice_loss};
/// # use mirrorgrad_tensor::{ClassTargets, Tensor};
/// let targets = ClassTargets::new([1, 4], [0, 0, 0, 1], 2, None)?;
/// let scores = Var::constant(Tensor::<f64>::zeros([1, 2, 4])); // p is a half everywhere.
/// let loss = dice_loss(&scores, &targets, 1.0).value().item();
/// // (2 · 1.5 + 1) / (2 + 3 + 1) for class 0, (2 · 0.5 + 1) / (2 + 1 + 1) for class 1.
/// assert!((loss - (1.0 - (2.0 / 3.0 + 1.0 / 2.0) / 2.0)).abs() < 1e-12);
/// # Ok::<(), mirrorgrad_tensor::TargetError>(())
/// ```
///
/// # Panics
/// If the shapes of scores and targets do not fit together, or `smooth` is not positive: a class that is
/// nowhere would divide by 0.
#[track_caller]
pub fn dice_loss<T: Element>(scores: &Var<T>, targets: &ClassTargets, smooth: f64) -> Var<T> {
    let (shape, own) = (scores.shape(), targets.shape());
    assert!(
        shape.len() == own.len() + 1
            && shape[0] == own[0]
            && shape[1] == targets.classes()
            && shape[2..] == own[1..],
        "dice_loss: scores {shape:?} do not fit targets {own:?} of {} classes",
        targets.classes()
    );
    assert!(smooth > 0.0, "dice_loss: expected a positive smooth, got {smooth}");
    Var::apply(Dice { targets: targets.clone(), smooth }, &[scores])
}
