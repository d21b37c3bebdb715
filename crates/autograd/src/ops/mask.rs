//! Factors that select: what has the factor 0 is gone, whatever it was.

use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Tensor, check, masked};

/// The operand times constant factors, broadcast, as [`masked`] multiplies. Adjoint: itself, summed along
/// what was repeated.
#[derive(Debug)]
struct Mask<T: Element> {
    factors: Tensor<T>,
}

impl<T: Element> Op<T> for Mask<T> {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].zip(&self.factors, masked), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.mask(&self.factors).sum_to(call.shape(0))
    }
}

impl<T: Element> Var<T> {
    /// Each element times a factor, broadcast; 0 where the factor is 0, though the element be infinite or
    /// NaN, and the same for gradients.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn mask(&self, factors: &Tensor<T>) -> Self {
        check::broadcast("mask", self.shape(), factors.shape());
        Self::apply(Mask { factors: factors.clone() }, &[self])
    }
}
