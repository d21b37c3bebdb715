//! Sums, means, variances and maxima over axes, and the broadcasting that is their adjoint.

use crate::record::Description;
use crate::var::is_traced;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Indices, Tensor, check};

/// Sums over `axes`, which stay with size 1. Adjoint: [`BroadcastTo`].
#[derive(Debug)]
struct Sum {
    axes: Vec<usize>,
}

impl<T: Element> Op<T> for Sum {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].sum_axes_keep(&self.axes), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.broadcast_to(call.shape(0))
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Sum { axes: self.axes.clone() })
    }
}

/// The mean over `axes`, which stay with size 1.
#[derive(Debug)]
struct Mean {
    axes: Vec<usize>,
}

impl Mean {
    /// What each number of an operand of `shape` counts in its mean.
    fn part<T: Element>(&self, shape: &[usize]) -> T {
        T::of(count(shape, &self.axes)).recip()
    }
}

impl<T: Element> Op<T> for Mean {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let part: T = self.part(x[0].shape());
        (x[0].sum_axes_keep(&self.axes).map(|sum| sum * part), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.mul_scalar(self.part(call.shape(0))).broadcast_to(call.shape(0))
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Mean { axes: self.axes.clone() })
    }
}

/// Repeats along new or unit axes. Adjoint: [`SumTo`].
#[derive(Debug)]
struct BroadcastTo {
    shape: Vec<usize>,
}

impl<T: Element> Op<T> for BroadcastTo {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].broadcast_to(&self.shape), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.sum_to(call.shape(0))
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Broadcast { shape: self.shape.clone() })
    }
}

/// Sums along the axes that broadcasting repeated. Adjoint: [`BroadcastTo`].
#[derive(Debug)]
struct SumTo {
    shape: Vec<usize>,
}

impl<T: Element> Op<T> for SumTo {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].sum_to(&self.shape), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.broadcast_to(call.shape(0))
    }
}

/// The largest element of the last axis: a gather at positions chosen by the data.
#[derive(Debug)]
struct MaxLast;

impl<T: Element> Op<T> for MaxLast {
    type Saved = Indices;

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Indices) {
        x[0].max_last()
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, Indices>, grad: &Var<T>) -> Var<T> {
        grad.scatter_flat(call.saved(), call.shape(0))
    }

    fn describe(&self, _: &Indices) -> Option<Description> {
        Some(Description::MaxLast)
    }
}

impl<T: Element> Var<T> {
    /// The sum of all elements, of rank 0.
    pub fn sum(&self) -> Self {
        self.sum_axes(&self.all_axes())
    }

    /// The sum over `axes`, which disappear.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn sum_axes(&self, axes: &[usize]) -> Self {
        check::axes("sum_axes", axes, self.shape());
        self.sum_axes_keep(axes).reshape(self.shape_without(axes))
    }

    /// The sum over `axes`, which stay with size 1.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn sum_axes_keep(&self, axes: &[usize]) -> Self {
        check::axes("sum_axes_keep", axes, self.shape());
        Self::apply(Sum { axes: axes.to_vec() }, &[self])
    }

    /// The mean of all elements, of rank 0.
    pub fn mean(&self) -> Self {
        self.mean_axes(&self.all_axes())
    }

    /// The mean over `axes`, which disappear.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn mean_axes(&self, axes: &[usize]) -> Self {
        check::axes("mean_axes", axes, self.shape());
        self.mean_axes_keep(axes).reshape(self.shape_without(axes))
    }

    /// The mean over `axes`, which stay with size 1.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn mean_axes_keep(&self, axes: &[usize]) -> Self {
        check::axes("mean_axes_keep", axes, self.shape());
        Self::apply(Mean { axes: axes.to_vec() }, &[self])
    }

    /// The variance over `axes`, which disappear: squared distances from the mean, divided by their
    /// number less `correction` (0 for the variance of these numbers, 1 for an unbiased estimate). A number
    /// that is no greater than `correction` leaves nothing to divide by: the result is infinite, or NaN where
    /// all distances are 0, as NumPy's.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn var_axes(&self, axes: &[usize], correction: usize) -> Self {
        check::axes("var_axes", axes, self.shape());
        let distance = self - &self.mean_axes_keep(axes);
        let squares = &distance * &distance;
        if correction == 0 {
            return squares.mean_axes(axes);
        }
        let count = (count(self.shape(), axes) - correction as f64).max(0.0);
        squares.sum_axes(axes).mul_scalar(T::of(count).recip())
    }

    /// The largest element over `axes`, which disappear. NaN is larger than every number; of equals
    /// the first is taken, and alone gets the gradient.
    ///
    /// # Panics
    /// If an axis does not exist, is named twice or is empty.
    #[track_caller]
    pub fn max_axes(&self, axes: &[usize]) -> Self {
        check::axes("max_axes", axes, self.shape());
        self.largest("max_axes", axes)
    }

    /// See [`Var::max_axes`]; the axes exist.
    #[track_caller]
    fn largest(&self, name: &str, axes: &[usize]) -> Self {
        let empty = axes.iter().any(|&axis| self.shape()[axis] == 0);
        assert!(!empty, "{name}: an axis of {axes:?} is empty in shape {:?}", self.shape());
        let kept: Vec<usize> = (0..self.value().rank()).filter(|a| !axes.contains(a)).collect();
        let mut shape = self.shape_without(axes);
        let last = self.permute(&[&kept, axes].concat());
        shape.push(axes.iter().map(|&axis| self.shape()[axis]).product());
        Self::apply(MaxLast, &[&last.reshape(shape)])
    }

    /// The largest of all elements, of rank 0; see [`Var::max_axes`].
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn max(&self) -> Self {
        self.largest("max", &self.all_axes())
    }

    /// Repeated along new or unit axes. Adjoint: [`Var::sum_to`].
    ///
    /// # Panics
    /// If the shape does not broadcast to `shape`.
    #[track_caller]
    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        if self.shape() == shape && !is_traced() {
            return self.clone();
        }
        Self::apply(BroadcastTo { shape: shape.to_vec() }, &[self])
    }

    /// Summed along the axes that broadcasting from `shape` repeated. Adjoint:
    /// [`Var::broadcast_to`].
    ///
    /// # Panics
    /// If `shape` does not broadcast to this one.
    #[track_caller]
    pub fn sum_to(&self, shape: &[usize]) -> Self {
        if self.shape() == shape {
            return self.clone();
        }
        Self::apply(SumTo { shape: shape.to_vec() }, &[self])
    }

    fn all_axes(&self) -> Vec<usize> {
        (0..self.value().rank()).collect()
    }

    fn shape_without(&self, axes: &[usize]) -> Vec<usize> {
        let kept = self.shape().iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        kept.map(|(_, &size)| size).collect()
    }
}

/// How many numbers of a tensor of `shape` become one over `axes`.
fn count(shape: &[usize], axes: &[usize]) -> f64 {
    axes.iter().map(|&axis| shape[axis] as f64).product()
}
