//! The logarithm of the softmax.

use crate::record::Description;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{self as tensor, Element, Tensor, check};

#[derive(Debug)]
struct LogSoftmax {
    axis: usize,
}

impl<T: Element> Op<T> for LogSoftmax {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (tensor::log_softmax(x[0], self.axis), ())
    }

    fn reads(&self) -> Reads {
        Reads::OUTPUT
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad - &(call.output().exp() * grad.sum_axes_keep(&[self.axis]))
    }

    fn fused(
        &self,
        _: &[bool],
        call: &Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        Some(vec![Some(tensor::log_softmax_backward(call.output_value(), grad, self.axis))])
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::LogSoftmax { axis: self.axis })
    }
}

impl<T: Element> Var<T> {
    /// x − ln Σ eˣ, the sum over `axis`.
    ///
    /// # Panics
    /// If the axis does not exist.
    #[track_caller]
    pub fn log_softmax(&self, axis: usize) -> Self {
        check::axes("log_softmax", &[axis], self.shape());
        Self::apply(LogSoftmax { axis }, &[self])
    }

    /// eˣ / Σ eˣ, the sum over `axis`.
    ///
    /// # Panics
    /// If the axis does not exist.
    #[track_caller]
    pub fn softmax(&self, axis: usize) -> Self {
        check::axes("softmax", &[axis], self.shape());
        self.log_softmax(axis).exp()
    }
}
