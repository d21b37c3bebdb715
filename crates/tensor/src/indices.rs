//! Positions chosen by data: gather reads at them, scatter adds at them.

use crate::{Element, Tensor, check};
use std::sync::Arc;

/// A tensor of positions, shared like any other.
///
/// ```
/// # use mirrorgrad_tensor::{Indices, Tensor};
/// let x = Tensor::from([[1.0, 9.0], [7.0, 3.0]]);
/// // The column of each row's largest number, as a position in the whole tensor.
/// let at = Indices::new([2, 1], [1, 0]).along(1, x.shape());
/// assert_eq!(at.as_slice(), [1, 2]);
/// let largest = x.gather_flat(&at);
/// assert_eq!(largest, Tensor::from([[9.0], [7.0]]));
/// assert_eq!(largest.scatter_flat(&at, [2, 2]), Tensor::from([[0.0, 9.0], [7.0, 0.0]]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indices {
    shape: Arc<[usize]>,
    values: Arc<[usize]>,
}

impl Indices {
    /// Positions of the given shape in row-major order.
    ///
    /// # Panics
    /// If their number is not what `shape` holds.
    #[track_caller]
    pub fn new(shape: impl AsRef<[usize]>, values: impl Into<Arc<[usize]>>) -> Self {
        let (shape, values) = (shape.as_ref(), values.into());
        let (all, len) =
            (shape.iter().try_fold(1_usize, |all, &n| all.checked_mul(n)), values.len());
        assert!(all == Some(len), "indices: shape {shape:?} does not hold {len} positions");
        Self { shape: shape.into(), values }
    }

    /// The size along each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The positions in row-major order.
    pub fn as_slice(&self) -> &[usize] {
        &self.values
    }

    /// Positions along `axis` of a tensor of shape `from`, as positions in the whole tensor.
    ///
    /// # Panics
    /// If the ranks differ, the other axes are longer than the tensor's, or a position lies outside.
    #[track_caller]
    pub fn along(&self, axis: usize, from: &[usize]) -> Self {
        self.check_along("along", axis, from);
        let flat = self.values.iter().enumerate().map(|(nth, &position)| {
            let (mut rest, mut stride, mut at) = (nth, 1, 0);
            for i in (0..from.len()).rev() {
                let own = rest % self.shape[i];
                rest /= self.shape[i];
                at += stride * if i == axis { position } else { own };
                stride *= from[i];
            }
            at
        });
        Self { shape: Arc::clone(&self.shape), values: flat.collect() }
    }

    /// Refuses what [`Indices::along`] does, in the name of a function that will call it.
    ///
    /// # Panics
    /// As [`Indices::along`].
    #[track_caller]
    pub fn check_along(&self, name: &str, axis: usize, from: &[usize]) {
        let others = |(i, (own, there)): (usize, (&usize, &usize))| i == axis || own <= there;
        assert!(
            axis < from.len()
                && self.shape.len() == from.len()
                && self.shape.iter().zip(from).enumerate().all(others),
            "{name}: indices of shape {:?} do not fit along axis {axis} of {from:?}",
            self.shape
        );
        let position = self.values.iter().find(|&&position| position >= from[axis]);
        if let Some(position) = position {
            panic!("{name}: position {position} lies outside axis {axis} of {from:?}");
        }
    }
}

/// Positions lie in a tensor of `len` elements.
#[track_caller]
fn check_positions(name: &str, at: &Indices, len: usize) {
    if let Some(position) = at.as_slice().iter().find(|&&position| position >= len) {
        panic!("{name}: position {position} lies outside the {len} elements");
    }
}

impl<T: Element> Tensor<T> {
    /// The elements at flat positions `at`, in their shape. Adjoint: [`Tensor::scatter_flat`].
    ///
    /// # Panics
    /// If a position lies outside.
    #[track_caller]
    pub fn gather_flat(&self, at: &Indices) -> Self {
        check_positions("gather_flat", at, self.len());
        let from = self.as_slice();
        Self::build(at.shape(), |out| {
            out.iter_mut().zip(at.as_slice()).for_each(|(o, &i)| *o = from[i]);
        })
    }

    /// Adds each element to flat position `at` of a tensor of zeros. Adjoint:
    /// [`Tensor::gather_flat`].
    ///
    /// # Panics
    /// If the shapes of values and positions differ, or a position lies outside `shape`.
    #[track_caller]
    pub fn scatter_flat(&self, at: &Indices, shape: impl AsRef<[usize]>) -> Self {
        let shape = shape.as_ref();
        check::same_shape("scatter_flat", self.shape(), at.shape());
        check_positions("scatter_flat", at, shape.iter().product());
        Self::build(shape, |out| {
            out.fill(T::zero());
            self.as_slice().iter().zip(at.as_slice()).for_each(|(&v, &i)| out[i] += v);
        })
    }
}
