//! Reading at positions and adding at positions, each the other's adjoint.

use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Indices, Tensor, check};

/// Reads at flat positions. Adjoint: [`ScatterFlat`].
#[derive(Debug)]
struct GatherFlat {
    at: Indices,
}

impl<T: Element> Op<T> for GatherFlat {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].gather_flat(&self.at), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.scatter_flat(&self.at, call.shape(0))
    }
}

/// Adds at flat positions of zeros. Adjoint: [`GatherFlat`].
#[derive(Debug)]
struct ScatterFlat {
    at: Indices,
    shape: Vec<usize>,
}

impl<T: Element> Op<T> for ScatterFlat {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].scatter_flat(&self.at, &self.shape), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        Var::apply(GatherFlat { at: self.at.clone() }, &[grad])
    }
}

impl<T: Element> Var<T> {
    /// Reads along `axis` at `positions`: element `[.., p, ..]` of the result is element
    /// `[.., positions[.., p, ..], ..]` of this variable (PyTorch's `gather`). Adjoint:
    /// [`Var::scatter_add`].
    ///
    /// # Panics
    /// If ranks differ, other axes of `positions` are longer, or a position lies outside.
    #[track_caller]
    pub fn gather(&self, axis: usize, positions: &Indices) -> Self {
        positions.check_along("gather", axis, self.shape());
        Self::apply(GatherFlat { at: positions.along(axis, self.shape()) }, &[self])
    }

    /// Adds each element at its position along `axis` of a variable of zeros of `shape`. Adjoint:
    /// [`Var::gather`].
    ///
    /// # Panics
    /// If the shapes of values and positions differ, or a position lies outside `shape`.
    #[track_caller]
    pub fn scatter_add(&self, axis: usize, positions: &Indices, shape: &[usize]) -> Self {
        check::same_shape("scatter_add", positions.shape(), self.shape());
        positions.check_along("scatter_add", axis, shape);
        self.scatter_flat(&positions.along(axis, shape), shape)
    }

    #[track_caller]
    pub(crate) fn scatter_flat(&self, at: &Indices, shape: &[usize]) -> Self {
        Self::apply(ScatterFlat { at: at.clone(), shape: shape.to_vec() }, &[self])
    }
}
