//! Functions between layers.

use crate::{Module, Pass};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::Element;

/// A function of one number, as a layer without parameters.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Activation, Module, Pass};
/// let x = Var::constant([-2.0_f32, 3.0].into());
/// let y = Activation::LeakyRelu(0.25).forward(&x, &Pass::eval());
/// assert_eq!(y.value(), &[-0.5, 3.0].into());
/// assert_eq!(Activation::Relu.forward(&x, &Pass::eval()).value(), &[0.0, 3.0].into());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x where positive, a multiple of it elsewhere.
    LeakyRelu(f64),
    /// x · Φ(x).
    Gelu,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// ln(1 + eˣ).
    Softplus,
}

impl<T: Element> Module<T> for Activation {
    fn forward(&self, x: &Var<T>, _: &Pass<T>) -> Var<T> {
        match *self {
            Self::Relu => x.relu(),
            Self::LeakyRelu(slope) => x.leaky_relu(T::of(slope)),
            Self::Gelu => x.gelu(),
            Self::Sigmoid => x.sigmoid(),
            Self::Tanh => x.tanh(),
            Self::Softplus => x.softplus(),
        }
    }
}
