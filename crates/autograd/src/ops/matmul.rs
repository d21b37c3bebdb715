//! Products of matrices, and of stacks of them.

use crate::record::Description;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Tensor};

#[derive(Debug)]
struct MatMul;

impl<T: Element> Op<T> for MatMul {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].matmul(x[1]), ())
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let part = match i {
            0 => grad.matmul(&call.input(1).transpose()),
            _ => call.input(0).transpose().matmul(grad),
        };
        part.sum_to(call.shape(i))
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::MatMul)
    }
}

impl<T: Element> Var<T> {
    /// The matrix product over the last two axes; axes before them broadcast.
    /// `[.., m, k] · [.., k, n] -> [.., m, n]`.
    ///
    /// # Panics
    /// If there are under two axes, the inner sizes differ, or the outer axes do not broadcast.
    #[track_caller]
    pub fn matmul(&self, other: &Self) -> Self {
        Self::apply(MatMul, &[self, other])
    }
}
