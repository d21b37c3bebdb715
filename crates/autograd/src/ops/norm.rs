//! Batch, group and layer normalization: one op over three layouts.

use crate::record::Description;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{self as tensor, Element, NormLayout, NormStats, Tensor};

/// Operands: input, gain, bias.
#[derive(Debug)]
struct Normalize {
    layout: NormLayout,
    eps: f64,
}

impl Normalize {
    /// The definition, in differentiable calls: what gradients of gradients are taken from.
    fn composed<T: Element>(&self, operands: &[Var<T>]) -> Var<T> {
        let [x, gain, bias] = operands else { unreachable!("there are three operands") };
        let NormLayout { repeats, sets, period, channels, inner } = self.layout;
        let by_set = x.reshape([repeats, sets, channels * inner]);
        let centred = &by_set - &by_set.mean_axes_keep(&[0, 2]);
        let variance = (&centred * &centred).mean_axes_keep(&[0, 2]);
        let normal = centred / variance.shift(T::of(self.eps)).sqrt();
        let by_gain = normal.reshape([repeats * sets / period, period * channels, inner]);
        let column = [period * channels, 1];
        (by_gain * gain.reshape(column) + bias.reshape(column)).reshape(x.shape())
    }
}

impl<T: Element> Op<T> for Normalize {
    type Saved = NormStats<T>;

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, NormStats<T>) {
        tensor::normalize(&self.layout, x[0], x[1], x[2], self.eps)
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
        let (x, gain, bias) = (call.value(0), call.value(1), call.shape(2));
        let [to_x, to_gain, to_bias] =
            tensor::normalize_backward(&self.layout, x, gain, call.saved(), self.eps, grad);
        Some(vec![Some(to_x), Some(to_gain.reshape(gain.shape())), Some(to_bias.reshape(bias))])
    }

    fn describe(&self, _: &NormStats<T>) -> Option<Description> {
        Some(Description::Normalize { layout: self.layout, eps: self.eps })
    }
}

/// Normalizes every channel of `x: [batch, channels, ..]` over batch and places, then multiplies by
/// `gain: [channels]` and adds `bias: [channels]` (Ioffe & Szegedy 2015, training mode). Also returns
/// each channel's mean and biased variance.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::batch_norm};
/// let x = Var::constant([[1.0_f64, 10.0], [3.0, 14.0]].into()); // Two pictures, two channels.
/// let gain = Var::constant([1.0_f64, 1.0].into());
/// let bias = Var::constant([0.0_f64, 5.0].into());
/// let (y, stats) = batch_norm(&x, &gain, &bias, 0.0);
/// assert_eq!(y.value(), &[[-1.0, 4.0], [1.0, 6.0]].into());
/// assert_eq!(stats.mean, [2.0, 12.0].into());
/// assert_eq!(stats.variance, [1.0, 4.0].into());
/// ```
///
/// # Panics
/// If the sizes do not match.
#[track_caller]
pub fn batch_norm<T: Element>(
    x: &Var<T>,
    gain: &Var<T>,
    bias: &Var<T>,
    eps: f64,
) -> (Var<T>, NormStats<T>) {
    Var::apply_saving(Normalize { layout: NormLayout::batch(x.shape()), eps }, &[x, gain, bias])
}

/// Normalizes every group of channels of every picture of `x: [batch, channels, ..]`, then applies
/// `gain` and `bias: [channels]` (Wu & He 2018).
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::group_norm};
/// # use mirrorgrad_tensor::Tensor;
/// let x = Var::constant([[1.0_f64, 3.0, 10.0, 14.0]].into()); // One picture, four channels.
/// let (gain, bias) = (Var::constant(Tensor::ones([4])), Var::constant(Tensor::zeros([4])));
/// let y = group_norm(2, &x, &gain, &bias, 0.0);
/// assert_eq!(y.value(), &[[-1.0, 1.0, -1.0, 1.0]].into());
/// ```
///
/// # Panics
/// If the sizes do not match or the groups do not divide the channels.
#[track_caller]
pub fn group_norm<T: Element>(
    groups: usize,
    x: &Var<T>,
    gain: &Var<T>,
    bias: &Var<T>,
    eps: f64,
) -> Var<T> {
    let layout = NormLayout::group(x.shape(), groups);
    Var::apply(Normalize { layout, eps }, &[x, gain, bias])
}

/// Normalizes over the trailing axes, which have the shape of `gain` and `bias` (Ba et al. 2016).
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::layer_norm};
/// let x = Var::constant([[1.0_f64, 3.0], [10.0, 14.0]].into());
/// let gain = Var::constant([1.0_f64, 2.0].into());
/// let bias = Var::constant([0.0_f64, 1.0].into());
/// let y = layer_norm(&x, &gain, &bias, 0.0);
/// assert_eq!(y.value(), &[[-1.0, 3.0], [-1.0, 3.0]].into()); // Each row is normalized by itself.
/// ```
///
/// # Panics
/// If the input's shape does not end with the gain's.
#[track_caller]
pub fn layer_norm<T: Element>(x: &Var<T>, gain: &Var<T>, bias: &Var<T>, eps: f64) -> Var<T> {
    let layout = NormLayout::layer(x.shape(), gain.shape());
    Var::apply(Normalize { layout, eps }, &[x, gain, bias])
}
