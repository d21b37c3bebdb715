//! Losses: how far scores are from what they should be.

use super::focal;
use super::pointwise::sigmoid;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{ClassTargets, Element, Indices, PixelLoss, Tensor, check, masked};

/// How the losses of many places become one result.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_autograd::ops::{Reduction, mse_loss};
/// let (x, target) = (Var::constant([1.0_f64, 4.0].into()), Var::constant([0.0_f64, 1.0].into()));
/// assert_eq!(mse_loss(&x, &target, Reduction::None).value(), &[1.0, 9.0].into());
/// assert_eq!(mse_loss(&x, &target, Reduction::Sum).value().item(), 10.0);
/// assert_eq!(mse_loss(&x, &target, Reduction::Mean).value().item(), 5.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// The mean over the places that count, weighted by class where there are weights; 0 if none
    /// count.
    #[default]
    Mean,
    /// The sum.
    Sum,
    /// Every place's own loss.
    None,
}

impl Reduction {
    fn of<T: Element>(self, losses: &Var<T>, total_weight: T) -> Var<T> {
        match self {
            Self::None => losses.clone(),
            Self::Sum => losses.sum(),
            // Nothing counts: 0, not 0 / 0.
            Self::Mean if total_weight == T::zero() => losses.mask(&Tensor::zeros([])).sum(),
            Self::Mean => losses.sum().mul_scalar(total_weight.recip()),
        }
    }
}

/// The loss of every pixel; see [`PixelLoss`].
#[derive(Debug)]
struct PerPixel<T: Element> {
    loss: PixelLoss<T>,
    targets: ClassTargets,
}

impl<T: Element> PerPixel<T> {
    /// The definition, in differentiable calls: what gradients of gradients are taken from.
    fn composed(&self, scores: &Var<T>) -> Var<T> {
        let Self { loss, targets } = self;
        let shape = targets.shape();
        let line = [&shape[..1], &[1], &shape[1..]].concat();
        let log_p = scores.mask(&loss.read(targets).reshape(&line)).log_softmax(1);
        let classes = targets.iter().map(|class| class.unwrap_or(0)).collect::<Vec<_>>();
        let own = Indices::new(&line, classes);
        let hard = match loss.focusing {
            0.0 => log_p.gather(1, &own),
            focusing => focal::faded(&log_p, &own, focusing),
        };
        let hard = hard.reshape(shape).mask(&loss.target_weights(targets).map(|w| -w));
        if loss.label_smoothing == 0.0 {
            return hard;
        }
        let mut column = vec![1; line.len()];
        column[1] = targets.classes();
        let spread = loss.spread_weights(targets).map(|w| -w).reshape(&column);
        hard + log_p.mask(&spread).sum_axes(&[1]).mask(&targets.counted())
    }
}

impl<T: Element> Op<T> for PerPixel<T> {
    /// ln Σ exp of every pixel's scores.
    type Saved = Tensor<T>;

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Tensor<T>) {
        let [losses, log_sums] = self.loss.forward(x[0], &self.targets);
        (losses, log_sums)
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, Tensor<T>>, grad: &Var<T>) -> Var<T> {
        call.composed_vjp(0, grad, |operands| self.composed(&operands[0]))
    }

    fn fused(
        &self,
        _: &[bool],
        call: &Call<'_, T, Tensor<T>>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        let scores = self.loss.backward(call.value(0), &self.targets, call.saved(), grad);
        Some(vec![Some(scores)])
    }
}

/// Compares the scores at every pixel with its class: cross entropy, weighted, smoothed or focal, as
/// `loss` says. `scores: [batch, classes, ..]`, `targets: [batch, ..]`. Ignored pixels count for
/// nothing; if all are ignored the loss is 0.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::{Reduction, cross_entropy}};
/// # use mirrorgrad_tensor::{ClassTargets, PixelLoss, Tensor};
/// let scores = Var::parameter(Tensor::<f64>::zeros([1, 4, 2, 2]));
/// let targets = ClassTargets::new([1, 2, 2], [0, 3, 1, 255], 4, Some(255)).unwrap();
/// let loss = cross_entropy(&scores, &targets, &PixelLoss::default(), Reduction::Mean);
/// assert!((loss.value().item() - 4f64.ln()).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the shapes of scores, targets and class weights do not fit together.
#[track_caller]
pub fn cross_entropy<T: Element>(
    scores: &Var<T>,
    targets: &ClassTargets,
    loss: &PixelLoss<T>,
    reduction: Reduction,
) -> Var<T> {
    let total_weight = loss.total_weight(targets);
    let op = PerPixel { loss: loss.clone(), targets: targets.clone() };
    reduction.of(&Var::apply(op, &[scores]), total_weight)
}

/// The binary cross entropy of logits, `ln(1 + eˣ) − y · x`, one a place. Operands: logits, targets.
#[derive(Debug)]
struct Bce;

impl<T: Element> Op<T> for Bce {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        // (1 − y) · max(x, 0) + y · max(−x, 0) + ln(1 + e^−|x|): a target of 0 or 1 leaves one of the first
        // two out, though it be infinite.
        let loss = |x: T, y: T| {
            let [above, below] = [x, -x].map(|x| x.max(T::zero()));
            masked(above, T::one() - y) + masked(below, y) + (-x.abs()).exp().ln_1p()
        };
        (x[0].zip(x[1], loss), ())
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let x = call.input(0);
        match i {
            0 => grad * &(x.sigmoid() - call.input(1)),
            _ => -grad * x,
        }
    }

    fn fused(
        &self,
        wanted: &[bool],
        call: &Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        let (x, y) = (call.value(0), call.value(1));
        Some(vec![
            wanted[0].then(|| grad.zip3(x, y, |g, x, y| g * (sigmoid(x) - y))),
            wanted[1].then(|| grad.zip(x, |g, x| -g * x)),
        ])
    }
}

/// Compares logits with probabilities of the same shape: `ln(1 + eˣ) − y · x`, computed so that
/// nothing overflows (PyTorch's `binary_cross_entropy_with_logits`).
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_autograd::ops::{Reduction, binary_cross_entropy_with_logits};
/// let logits = Var::constant([0.0_f64, 1000.0].into());
/// let targets = Var::constant([1.0_f64, 0.0].into());
/// let losses = binary_cross_entropy_with_logits(&logits, &targets, Reduction::None);
/// assert!((losses.value().at(&[0]) - 2f64.ln()).abs() < 1e-15);
/// assert_eq!(losses.value().at(&[1]), 1000.0); // Though e¹⁰⁰⁰ is not finite.
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn binary_cross_entropy_with_logits<T: Element>(
    logits: &Var<T>,
    targets: &Var<T>,
    reduction: Reduction,
) -> Var<T> {
    check::same_shape("binary_cross_entropy_with_logits", logits.shape(), targets.shape());
    let losses = Var::apply(Bce, &[logits, targets]);
    reduction.of(&losses, T::of(logits.value().len() as f64))
}

/// The square of the difference, one a place.
#[derive(Debug)]
struct SquaredError;

impl<T: Element> Op<T> for SquaredError {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].zip(x[1], |a, b| (a - b) * (a - b)), ())
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let difference = &call.input(i) - &call.input(1 - i);
        (grad * &difference).mul_scalar(T::of(2.0))
    }

    fn fused(
        &self,
        wanted: &[bool],
        call: &Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        let two = T::of(2.0);
        let part = |i: usize| {
            grad.zip3(call.value(i), call.value(1 - i), |g, own, other| two * (g * (own - other)))
        };
        Some(wanted.iter().enumerate().map(|(i, &wanted)| wanted.then(|| part(i))).collect())
    }
}

/// The squared difference of two variables of the same shape.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_autograd::ops::{Reduction, mse_loss};
/// let x = Var::parameter([1.0_f64, 4.0].into());
/// let target = Var::constant([0.0_f64, 1.0].into());
/// let loss = mse_loss(&x, &target, Reduction::Mean);
/// assert_eq!(loss.value().item(), 5.0);
/// assert_eq!(loss.grad(&[&x])[0].value(), &[1.0, 3.0].into()); // 2 (x − target) / 2
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn mse_loss<T: Element>(x: &Var<T>, target: &Var<T>, reduction: Reduction) -> Var<T> {
    check::same_shape("mse_loss", x.shape(), target.shape());
    reduction.of(&Var::apply(SquaredError, &[x, target]), T::of(x.value().len() as f64))
}
