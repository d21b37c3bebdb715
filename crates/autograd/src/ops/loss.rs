//! Losses: how far scores are from what they should be.

use super::pointwise::sigmoid;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{ClassTargets, Element, PixelLoss, Tensor, check};

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
            // Nothing counts, and the sum is 0: so is the mean, not 0 / 0.
            Self::Mean if total_weight == T::zero() => losses.sum(),
            Self::Mean => losses.sum().scale(total_weight.recip()),
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
        let constant = |t: Tensor<T>| Var::constant(t);
        let PixelLoss { class_weights, label_smoothing, focusing } = &self.loss;
        let classes = self.targets.classes();
        let mut column = vec![1; scores.value().rank()];
        column[1] = classes;
        let weights = match class_weights {
            Some(weights) => constant(weights.reshape(&column)),
            None => constant(Tensor::ones(&column)),
        };
        let log_p = scores.log_softmax(1);
        let weighted = &log_p * &weights;
        let truth = constant(self.targets.one_hot());
        let mut hard = &weighted * &truth;
        if *focusing != 0.0 {
            // (1 − p)^γ as exp(γ · ln(1 − p)), the logarithm finite where p rounds to 1.
            let rest = (-log_p.exp().shift(-T::one())).shift(T::min_positive_value());
            hard = hard * rest.ln().scale(T::of(*focusing)).exp();
        }
        let counted = constant(self.targets.counted());
        let soft = weighted.sum_axes(&[1]).scale(T::of(-label_smoothing / classes as f64));
        hard.sum_axes(&[1]).scale(T::of(label_smoothing - 1.0)) + soft * counted
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
    let op = PerPixel { loss: loss.clone(), targets: targets.clone() };
    reduction.of(&Var::apply(op, &[scores]), loss.total_weight(targets))
}

/// The binary cross entropy of logits, `ln(1 + eˣ) − y · x`, one a place. Operands: logits, targets.
#[derive(Debug)]
struct Bce;

impl Bce {
    fn composed<T: Element>(x: &Var<T>, y: &Var<T>) -> Var<T> {
        x.softplus() - x * y
    }
}

impl<T: Element> Op<T> for Bce {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let loss = |x: T, y: T| x.max(T::zero()) - x * y + (-x.abs()).exp().ln_1p();
        (x[0].zip(x[1], loss), ())
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        call.composed_vjp(i, grad, |operands| Self::composed(&operands[0], &operands[1]))
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
        (grad * &difference).scale(T::of(2.0))
    }

    fn fused(
        &self,
        wanted: &[bool],
        call: &Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        let two = T::of(2.0);
        let part = |i: usize| {
            grad.zip3(call.value(i), call.value(1 - i), |g, own, other| two * g * (own - other))
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
