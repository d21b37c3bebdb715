//! Batch, group and layer normalization: one op over three layouts.

use crate::record::Description;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Epilogue, NormLayout, NormStats, Normalization, Tensor};

/// Operands: input, weight, bias.
#[derive(Debug)]
struct Normalize(Normalization);

impl Normalize {
    /// The definition, in differentiable calls: what gradients of gradients are taken from.
    fn composed<T: Element>(&self, operands: &[Var<T>]) -> Var<T> {
        let [x, weight, bias] = operands else { unreachable!("there are three operands") };
        let NormLayout { repeats, sets, period, channels, inner } = self.0.layout;
        let by_set = x.reshape([repeats, sets, channels * inner]);
        let centred = &by_set - &by_set.mean_axes_keep(&[0, 2]);
        let variance = (&centred * &centred).mean_axes_keep(&[0, 2]);
        let normal = centred / variance.add_scalar(T::of(self.0.eps)).sqrt();
        let by_weight = normal.reshape([repeats * sets / period, period * channels, inner]);
        let column = [period * channels, 1];
        let y = (by_weight * weight.reshape(column) + bias.reshape(column)).reshape(x.shape());
        match self.0.epilogue {
            Epilogue::Identity => y,
            Epilogue::Relu => y.relu(),
        }
    }
}

impl<T: Element> Op<T> for Normalize {
    type Saved = NormStats<T>;

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, NormStats<T>) {
        self.0.forward(x[0], x[1], x[2])
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, NormStats<T>>, grad: &Var<T>) -> Var<T> {
        call.composed_vjp(i, grad, |operands| self.composed(operands))
    }

    fn fused(
        &self,
        _: &[bool],
        call: &Call<'_, T, NormStats<T>>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        let [x, weight, bias] = [0, 1, 2].map(|i| call.value(i));
        let [to_x, to_weight, to_bias] = self.0.backward(x, weight, bias, call.saved(), grad);
        let [to_weight, to_bias] =
            [(to_weight, weight), (to_bias, bias)].map(|(grad, of)| grad.reshape(of.shape()));
        Some(vec![Some(to_x), Some(to_weight), Some(to_bias)])
    }

    fn describe(&self, _: &NormStats<T>) -> Option<Description> {
        let Normalization { layout, eps, epilogue } = self.0;
        // A normalization and a relu are two words.
        (epilogue == Epilogue::Identity).then_some(Description::Normalize { layout, eps })
    }
}

/// Normalizes every channel of `x: [batch, channels, ..]` over batch and places, multiplies by
/// `weight: [channels]` and adds `bias: [channels]` (Ioffe & Szegedy 2015, training mode); the result goes
/// through `epilogue` in the same pass through memory. Also returns each channel's mean and biased variance.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::batch_norm};
/// # use mirrorgrad_tensor::Epilogue;
/// let x = Var::constant([[1.0_f64, 10.0], [3.0, 14.0]].into()); // Two pictures, two channels.
/// let weight = Var::constant([1.0_f64, 1.0].into());
/// let bias = Var::constant([0.0_f64, 5.0].into());
/// let (y, stats) = batch_norm(&x, &weight, &bias, 0.0, Epilogue::Identity);
/// assert_eq!(y.value(), &[[-1.0, 4.0], [1.0, 6.0]].into());
/// assert_eq!(stats.mean, [2.0, 12.0].into());
/// assert_eq!(stats.variance, [1.0, 4.0].into());
/// let (positive, _) = batch_norm(&x, &weight, &bias, 0.0, Epilogue::Relu);
/// assert_eq!(positive.value(), y.relu().value());
/// ```
///
/// # Panics
/// If the sizes do not match, or a channel has one value alone: that is its own mean, so whatever it is, it would
/// become the bias, and nothing would be learned from it.
#[track_caller]
pub fn batch_norm<T: Element>(
    x: &Var<T>,
    weight: &Var<T>,
    bias: &Var<T>,
    eps: f64,
    epilogue: Epilogue,
) -> (Var<T>, NormStats<T>) {
    let (shape, layout) = (x.shape(), NormLayout::batch(x.shape()));
    layout.check("batch_norm", x.value(), [weight.value(), bias.value()]);
    assert!(
        layout.set_len() != 1,
        "batch_norm: expected more than one value per channel when training, got {shape:?}"
    );
    let norm = Normalization { epilogue, ..Normalization::new(layout, eps) };
    Var::apply_saving(Normalize(norm), &[x, weight, bias])
}

/// Normalizes every group of channels of every picture of `x: [batch, channels, ..]`, then applies
/// `weight` and `bias: [channels]` (Wu & He 2018).
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::group_norm};
/// # use mirrorgrad_tensor::Tensor;
/// let x = Var::constant([[1.0_f64, 3.0, 10.0, 14.0]].into()); // One picture, four channels.
/// let (weight, bias) = (Var::constant(Tensor::ones([4])), Var::constant(Tensor::zeros([4])));
/// let y = group_norm(2, &x, &weight, &bias, 0.0);
/// assert_eq!(y.value(), &[[-1.0, 1.0, -1.0, 1.0]].into());
/// ```
///
/// # Panics
/// If the sizes do not match or the groups do not divide the channels.
#[track_caller]
pub fn group_norm<T: Element>(
    groups: usize,
    x: &Var<T>,
    weight: &Var<T>,
    bias: &Var<T>,
    eps: f64,
) -> Var<T> {
    let layout = NormLayout::group(x.shape(), groups);
    layout.check("group_norm", x.value(), [weight.value(), bias.value()]);
    Var::apply(Normalize(Normalization::new(layout, eps)), &[x, weight, bias])
}

/// Normalizes over the trailing axes, which have the shape of `weight` and `bias` (Ba et al. 2016).
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::layer_norm};
/// let x = Var::constant([[1.0_f64, 3.0], [10.0, 14.0]].into());
/// let weight = Var::constant([1.0_f64, 2.0].into());
/// let bias = Var::constant([0.0_f64, 1.0].into());
/// let y = layer_norm(&x, &weight, &bias, 0.0);
/// assert_eq!(y.value(), &[[-1.0, 3.0], [-1.0, 3.0]].into()); // Each row is normalized by itself.
/// ```
///
/// # Panics
/// If the input's shape does not end with the weight's.
#[track_caller]
pub fn layer_norm<T: Element>(x: &Var<T>, weight: &Var<T>, bias: &Var<T>, eps: f64) -> Var<T> {
    let layout = NormLayout::layer(x.shape(), weight.shape());
    layout.check("layer_norm", x.value(), [weight.value(), bias.value()]);
    Var::apply(Normalize(Normalization::new(layout, eps)), &[x, weight, bias])
}
