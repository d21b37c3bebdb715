//! The block that encoders and decoders are made of.

use super::Norm;
use super::norm::NormRelu;
use crate::{Conv2d, Init, Module, Pass, Visitor};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::{Element, Window};
use rand::Rng;

/// Two 3x3 convolutions, each followed by a normalization (if wanted) and a relu. Keeps height and width.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Pass, Module, models::{DoubleConv, Norm}, Params};
/// # use mirrorgrad_tensor::Tensor;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let block = DoubleConv::new([3, 8], Norm::Batch, rng);
/// let y = block.forward(&Var::constant(Tensor::<f32>::ones([1, 3, 5, 7])), &Pass::eval());
/// assert_eq!(y.shape(), [1, 8, 5, 7]);
/// assert!(y.value().as_slice().iter().all(|&v| v >= 0.0));
/// assert_eq!(Params::of(&block).len(), 10); // Two weights, and four tensors for each norm.
/// ```
#[derive(Debug)]
pub struct DoubleConv<T: Element = f32> {
    conv1: Conv2d<T>,
    norm1: NormRelu<T>,
    conv2: Conv2d<T>,
    norm2: NormRelu<T>,
}

impl<T: Element> DoubleConv<T> {
    /// From `inputs` channels to `outputs`.
    ///
    /// # Panics
    /// If a number of channels is 0.
    #[track_caller]
    pub fn new([inputs, outputs]: [usize; 2], norm: Norm, rng: &mut impl Rng) -> Self {
        assert!(
            inputs > 0 && outputs > 0,
            "double_conv: expected at least one channel on both sides, got {inputs} and {outputs}"
        );
        let mut conv = |channels| {
            let conv = Conv2d::new(channels, Window::square(3).padding(1), rng);
            let conv = conv.init(Init::KaimingNormal, rng);
            if norm == Norm::None { conv } else { conv.without_bias() }
        };
        Self {
            conv1: conv([inputs, outputs]),
            norm1: NormRelu::new(norm, outputs),
            conv2: conv([outputs, outputs]),
            norm2: NormRelu::new(norm, outputs),
        }
    }
}

impl<T: Element> Module<T> for DoubleConv<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let x = self.conv1.forward(x, &pass.child("conv1"));
        let x = self.norm1.forward(&x, &pass.child("norm1"));
        let x = self.conv2.forward(&x, &pass.child("conv2"));
        self.norm2.forward(&x, &pass.child("norm2"))
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.child("conv1", &self.conv1);
        visitor.child("norm1", &self.norm1);
        visitor.child("conv2", &self.conv2);
        visitor.child("norm2", &self.norm2);
    }
}
