//! The fully connected layer.

use crate::place::Place;
use crate::{Init, Module, Param, Pass, Visitor};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::Element;
use rand::Rng;

/// `x · weightᵀ + bias` over the last axis: `[batch, .., in] -> [batch, .., out]`, weight `[out, in]`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Linear, Module, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let layer = Linear::new([3, 5], rng);
/// let y = layer.forward(&Var::constant(Tensor::<f32>::zeros([2, 3])), &Pass::eval());
/// assert_eq!(y.shape(), [2, 5]);
/// ```
#[derive(Debug)]
pub struct Linear<T: Element = f32> {
    weight: Param<T>,
    bias: Param<T>,
}

impl<T: Element> Linear<T> {
    /// From `[inputs, outputs]` features, with PyTorch's default initialization.
    ///
    /// # Panics
    /// If there are no inputs or no outputs.
    #[track_caller]
    pub fn new([inputs, outputs]: [usize; 2], rng: &mut impl Rng) -> Self {
        assert!(
            inputs > 0 && outputs > 0,
            "linear: expected at least one feature on both sides, got {inputs} and {outputs}"
        );
        let shape = [outputs, inputs];
        let weight = Param::new(Init::PyTorch.weight(&shape, rng));
        Self { weight, bias: Param::new(Init::bias(&shape, outputs, rng)) }
    }
}

impl<T: Element> Module<T> for Linear<T> {
    /// # Panics
    /// If there are under two axes, or the last is not the layer's inputs long.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let weight = self.weight.var();
        let (shape, inputs) = (x.shape(), weight.shape()[1]);
        if shape.len() < 2 || shape.last() != Some(&inputs) {
            Place::new("linear", pass)
                .refuse(format_args!("expected a shape [batch, .., {inputs}], got {shape:?}"));
        }
        let rows: usize = x.shape().iter().skip(1).rev().skip(1).product();
        let y = x.matmul(&weight.transpose()) + self.bias.var();
        pass.record("Linear", &y, rows * weight.value().len());
        y
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.param("weight", &self.weight);
        visitor.param("bias", &self.bias);
    }
}
