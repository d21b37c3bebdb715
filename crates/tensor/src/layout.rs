//! The same numbers in another order or place. Each function names its adjoint.

use crate::parallel::for_each_plane;
use crate::{Element, Tensor, check};
use ndarray::{ArrayViewMutD, Axis, IxDyn, Slice};
use std::ops::Range;

impl<T: Element> Tensor<T> {
    /// Axis `i` of the result is axis `axes[i]` of this tensor. Adjoint: the inverse permutation.
    ///
    /// # Panics
    /// If `axes` is not a permutation of the axes.
    #[track_caller]
    pub fn permute(&self, axes: &[usize]) -> Self {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        assert!(
            sorted.iter().copied().eq(0..self.rank()),
            "permute: {axes:?} is not a permutation of the axes of shape {:?}",
            self.shape()
        );
        Self::from_view(self.view().permuted_axes(axes))
    }

    /// The last two axes exchanged. Its own adjoint.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn transpose(&self) -> Self {
        assert!(
            self.rank() >= 2,
            "transpose: expected at least two axes, got shape {:?}",
            self.shape()
        );
        let mut axes: Vec<usize> = (0..self.rank()).collect();
        axes.swap(self.rank() - 2, self.rank() - 1);
        self.permute(&axes)
    }

    /// The block at `ranges`, one for each axis. Adjoint: [`Tensor::pad`].
    ///
    /// # Panics
    /// If a range reaches outside its axis or their number is not the rank.
    #[track_caller]
    pub fn slice(&self, ranges: &[Range<usize>]) -> Self {
        check::block("slice", ranges, self.shape());
        let mut view = self.view();
        for (axis, range) in ranges.iter().enumerate() {
            view.slice_axis_inplace(Axis(axis), Slice::from(range.clone()));
        }
        // Of the first axis, the blocks are apart: one a task.
        let shape: Vec<usize> = ranges.iter().map(Range::len).collect();
        let block: usize = shape.iter().skip(1).product();
        if shape.len() < 2 || block == 0 {
            return Self::from_view(view);
        }
        Self::build(&shape, |out| {
            let work = out.len();
            for_each_plane(out, block, work, &|i, out| {
                view_mut(&shape[1..], out).assign(&view.index_axis(Axis(0), i));
            });
        })
    }

    /// This tensor with zeros around it: `sides[axis]` are the numbers of zeros before and after.
    /// Adjoint: [`Tensor::slice`].
    ///
    /// # Panics
    /// If there is not one pair for each axis.
    #[track_caller]
    pub fn pad(&self, sides: &[[usize; 2]]) -> Self {
        assert!(
            sides.len() == self.rank(),
            "pad: expected one pair of sides per axis of shape {:?}, got {sides:?}",
            self.shape()
        );
        let size = |(&n, [before, after]): (&usize, &[usize; 2])| {
            n.saturating_add(*before).saturating_add(*after)
        };
        let shape: Vec<usize> = self.shape().iter().zip(sides).map(size).collect();
        let all = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        assert!(
            all.is_some_and(|all| all <= isize::MAX as usize / size_of::<T>()),
            "pad: {sides:?} around shape {:?} holds too many elements",
            self.shape()
        );
        Self::build(&shape, |out| {
            out.fill(T::zero());
            let mut target = view_mut(&shape, out);
            for (axis, (&n, [before, _])) in self.shape().iter().zip(sides).enumerate() {
                target.slice_axis_inplace(Axis(axis), Slice::from(*before..before + n));
            }
            target.assign(&self.view());
        })
    }
}

/// Joins tensors end to end along `axis`. Adjoint: one [`Tensor::slice`] for each part.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, concat};
/// let left = Tensor::from([[1.0], [2.0]]);
/// let right = Tensor::from([[3.0, 4.0], [5.0, 6.0]]);
/// let both = concat(&[&left, &right], 1);
/// assert_eq!(both, Tensor::from([[1.0, 3.0, 4.0], [2.0, 5.0, 6.0]]));
/// assert_eq!(both.slice(&[0..2, 1..3]), right);
/// ```
///
/// # Panics
/// If there are none, or sizes along other axes differ.
#[track_caller]
pub fn concat<T: Element>(parts: &[&Tensor<T>], axis: usize) -> Tensor<T> {
    let first = parts.first().expect("concat: expected at least one tensor, got none");
    check::axes("concat", &[axis], first.shape());
    let mut shape = first.shape().to_vec();
    shape[axis] = parts.iter().map(|part| part.shape().get(axis).copied().unwrap_or(0)).sum();
    for part in parts {
        let mut expected = shape.clone();
        expected[axis] = part.shape().get(axis).copied().unwrap_or(0);
        assert!(
            part.shape() == expected,
            "concat: shapes differ outside axis {axis}: {:?} and {:?}",
            first.shape(),
            part.shape()
        );
    }
    // Before the axis all parts agree, after it each contributes one contiguous run.
    let inner: usize = shape[axis + 1..].iter().product();
    Tensor::build(&shape, |out| {
        let work = out.len();
        for_each_plane(out, (shape[axis] * inner).max(1), work, &|block, out| {
            let mut rest = out;
            for part in parts {
                let run = part.shape()[axis] * inner;
                let (to, after) = rest.split_at_mut(run);
                to.copy_from_slice(&part.as_slice()[block * run..][..run]);
                rest = after;
            }
        });
    })
}

fn view_mut<'a, T>(shape: &[usize], out: &'a mut [T]) -> ArrayViewMutD<'a, T> {
    ArrayViewMutD::from_shape(IxDyn(shape), out).expect("the buffer has this shape")
}
