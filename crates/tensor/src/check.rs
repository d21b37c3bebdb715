//! What callers get wrong about shapes, refused in one way everywhere: the function's name, what was
//! expected and what came, at the caller's line.
//!
//! A function that computes by another one checks first, under its own name.
//!
//! ```should_panic
//! use mirrorgrad_tensor::{Tensor, check};
//!
//! /// The sum over the last of two axes.
//! #[track_caller]
//! fn sum_rows(x: &Tensor) -> Tensor {
//!     check::dims::<2>("sum_rows", x.shape());
//!     x.sum_axes(&[1])
//! }
//! sum_rows(&Tensor::ones([4])); // sum_rows: expected a tensor of 2 axes, got one of shape [4]
//! ```

use crate::broadcast_shape;
use std::ops::Range;

/// Every axis exists, and none is named twice.
///
/// ```
/// # use mirrorgrad_tensor::check;
/// check::axes("sum", &[0, 2], &[4, 3, 2]);
/// ```
///
/// # Panics
/// If that is not so.
#[track_caller]
pub fn axes(name: &str, axes: &[usize], shape: &[usize]) {
    for (i, &axis) in axes.iter().enumerate() {
        assert!(axis < shape.len(), "{name}: axis {axis} does not exist in shape {shape:?}");
        assert!(!axes[..i].contains(&axis), "{name}: axis {axis} is named twice in {axes:?}");
    }
}

/// The sizes of a shape of `N` axes.
///
/// ```
/// # use mirrorgrad_tensor::check;
/// let [batch, channels, height, width] = check::dims("conv2d", &[8, 3, 60, 80]);
/// assert_eq!([batch, channels, height, width], [8, 3, 60, 80]);
/// ```
///
/// # Panics
/// If there are more or fewer.
#[track_caller]
pub fn dims<const N: usize>(name: &str, shape: &[usize]) -> [usize; N] {
    match shape.try_into() {
        Ok(sizes) => sizes,
        Err(_) => panic!("{name}: expected a tensor of {N} axes, got one of shape {shape:?}"),
    }
}

/// Both shapes are the same.
///
/// ```
/// # use mirrorgrad_tensor::check;
/// check::same_shape("mse_loss", &[2, 3], &[2, 3]);
/// ```
///
/// # Panics
/// If they differ.
#[track_caller]
pub fn same_shape(name: &str, expected: &[usize], got: &[usize]) {
    assert!(
        expected == got,
        "{name}: the shapes differ: expected {expected:?} as in the first operand, got {got:?}"
    );
}

/// The shape that both broadcast to.
///
/// ```
/// # use mirrorgrad_tensor::check;
/// assert_eq!(check::broadcast("add", &[2, 1], &[3]), [2, 3]);
/// ```
///
/// # Panics
/// If an axis has two sizes and neither is 1.
#[track_caller]
pub fn broadcast(name: &str, a: &[usize], b: &[usize]) -> Vec<usize> {
    match broadcast_shape(a, b) {
        Some(shape) => shape,
        None => panic!("{name}: shapes {a:?} and {b:?} do not broadcast"),
    }
}

/// There is a range for each axis, and it lies inside.
///
/// ```
/// # use mirrorgrad_tensor::check;
/// check::block("slice", &[0..2, 1..3], &[2, 3]);
/// ```
///
/// # Panics
/// If that is not so.
#[track_caller]
pub fn block(name: &str, ranges: &[Range<usize>], shape: &[usize]) {
    let inside =
        |(range, &size): (&Range<usize>, &usize)| range.start <= range.end && range.end <= size;
    assert!(
        ranges.len() == shape.len() && ranges.iter().zip(shape).all(inside),
        "{name}: {ranges:?} does not lie inside shape {shape:?}"
    );
}

/// Planes are not empty, before and after.
///
/// ```
/// # use mirrorgrad_tensor::check;
/// check::sizes("upsample_nearest2d", [4, 4], [8, 6]);
/// ```
///
/// # Panics
/// If a size is 0.
#[track_caller]
pub fn sizes(name: &str, from: [usize; 2], to: [usize; 2]) {
    assert!(
        !from.contains(&0) && !to.contains(&0),
        "{name}: expected sizes of at least 1, got {from:?} to {to:?}"
    );
}
