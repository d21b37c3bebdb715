//! The same numbers in another order or place; every op here is linear and names its adjoint.

use crate::record::Description;
use crate::var::is_traced;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{self as tensor, Element, Tensor, check};
use std::ops::Range;

/// Another shape. Adjoint: itself, to the old shape.
#[derive(Debug)]
struct Reshape {
    shape: Vec<usize>,
}

impl<T: Element> Op<T> for Reshape {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].reshape(&self.shape), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.reshape(call.shape(0))
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Reshape { shape: self.shape.clone() })
    }
}

/// The same variable anew: a place in the graph that nothing older depends on.
#[derive(Debug)]
struct Renew;

impl<T: Element> Op<T> for Renew {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].clone(), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.clone()
    }
}

/// Another order of axes. Adjoint: the inverse order.
#[derive(Debug)]
struct Permute {
    axes: Vec<usize>,
}

impl<T: Element> Op<T> for Permute {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].permute(&self.axes), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let mut inverse = vec![0; self.axes.len()];
        self.axes.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
        grad.permute(&inverse)
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Permute { axes: self.axes.clone() })
    }
}

/// A block. Adjoint: [`Pad`].
#[derive(Debug)]
struct Slice {
    ranges: Vec<Range<usize>>,
}

impl<T: Element> Op<T> for Slice {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].slice(&self.ranges), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let sides = self.ranges.iter().zip(call.shape(0)).map(|(r, n)| [r.start, n - r.end]);
        grad.pad(&sides.collect::<Vec<_>>())
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Slice { ranges: self.ranges.clone() })
    }
}

/// Zeros around. Adjoint: [`Slice`].
#[derive(Debug)]
struct Pad {
    sides: Vec<[usize; 2]>,
}

impl<T: Element> Op<T> for Pad {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].pad(&self.sides), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let ranges =
            self.sides.iter().zip(call.shape(0)).map(|(&[before, _], n)| before..before + n);
        grad.slice(&ranges.collect::<Vec<_>>())
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Pad { sides: self.sides.clone() })
    }
}

/// End to end along an axis. Adjoint: one [`Slice`] for each part.
#[derive(Debug)]
struct Concat {
    axis: usize,
}

impl<T: Element> Op<T> for Concat {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (tensor::concat(x, self.axis), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let start: usize = (0..i).map(|part| call.shape(part)[self.axis]).sum();
        grad.narrow(self.axis, start..start + call.shape(i)[self.axis])
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Concat { axis: self.axis })
    }
}

/// Joins variables end to end along `axis`.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::concat};
/// let (a, b) = (Var::parameter([[1.0_f64, 2.0]].into()), Var::parameter([[3.0_f64]].into()));
/// let y = concat(&[&a, &b], 1);
/// assert_eq!(y.value(), &[[1.0, 2.0, 3.0]].into());
/// let cotangent = Var::constant([[10.0, 20.0, 30.0]].into());
/// let grads = y.grad_with(&cotangent, &[&a, &b]); // Each part gets its stretch back.
/// assert_eq!(grads[0].value(), &[[10.0, 20.0]].into());
/// assert_eq!(grads[1].value(), &[[30.0]].into());
/// ```
///
/// # Panics
/// If there are none, or sizes along other axes differ.
#[track_caller]
pub fn concat<T: Element>(parts: &[&Var<T>], axis: usize) -> Var<T> {
    Var::apply(Concat { axis }, parts)
}

impl<T: Element> Var<T> {
    /// The same numbers, shared, as a newer variable than any there is.
    pub(crate) fn renewed(&self) -> Self {
        Self::apply(Renew, &[self])
    }

    /// The same numbers under another shape.
    ///
    /// # Panics
    /// If the shape holds another number of elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Self {
        if self.shape() == shape.as_ref() && !is_traced() {
            return self.clone();
        }
        Self::apply(Reshape { shape: shape.as_ref().to_vec() }, &[self])
    }

    /// Axis `i` of the result is axis `axes[i]` of this variable.
    ///
    /// # Panics
    /// If `axes` is not a permutation of the axes.
    #[track_caller]
    pub fn permute(&self, axes: &[usize]) -> Self {
        if axes.iter().copied().eq(0..self.value().rank()) {
            return self.clone();
        }
        Self::apply(Permute { axes: axes.to_vec() }, &[self])
    }

    /// The last two axes exchanged.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn transpose(&self) -> Self {
        let rank = self.value().rank();
        assert!(rank >= 2, "transpose: expected at least two axes, got shape {:?}", self.shape());
        let mut axes: Vec<usize> = (0..rank).collect();
        axes.swap(rank - 2, rank - 1);
        self.permute(&axes)
    }

    /// The block at `ranges`, one for each axis.
    ///
    /// # Panics
    /// If a range reaches outside its axis or their number is not the rank.
    #[track_caller]
    pub fn slice(&self, ranges: &[Range<usize>]) -> Self {
        Self::apply(Slice { ranges: ranges.to_vec() }, &[self])
    }

    /// The stretch `range` of one axis.
    ///
    /// # Panics
    /// If the axis does not exist or the range reaches outside it.
    #[track_caller]
    pub fn narrow(&self, axis: usize, range: Range<usize>) -> Self {
        check::axes("narrow", &[axis], self.shape());
        let mut ranges: Vec<_> = self.shape().iter().map(|&n| 0..n).collect();
        ranges[axis] = range;
        check::block("narrow", &ranges, self.shape());
        self.slice(&ranges)
    }

    /// The block of `[height, width]` whose corner is at `[top, left]` of the last two axes.
    ///
    /// # Panics
    /// If it reaches outside or there are fewer than two axes.
    #[track_caller]
    pub fn crop(&self, [top, left]: [usize; 2], [height, width]: [usize; 2]) -> Self {
        let rank = self.value().rank();
        assert!(rank >= 2, "crop: expected at least two axes, got shape {:?}", self.shape());
        let mut ranges: Vec<_> = self.shape().iter().map(|&n| 0..n).collect();
        ranges[rank - 2] = top..top.saturating_add(height);
        ranges[rank - 1] = left..left.saturating_add(width);
        check::block("crop", &ranges, self.shape());
        self.slice(&ranges)
    }

    /// With zeros around: `sides[axis]` are their numbers before and after.
    ///
    /// # Panics
    /// If there is not one pair for each axis.
    #[track_caller]
    pub fn pad(&self, sides: &[[usize; 2]]) -> Self {
        Self::apply(Pad { sides: sides.to_vec() }, &[self])
    }
}
