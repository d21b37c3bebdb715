//! What most programs use, of this crate and of those below it.
//!
//! ```
//! use mirrorgrad_layers::prelude::*;
//!
//! let net = Fcn::<f32>::new(&FcnConfig { widths: vec![2, 4], ..FcnConfig::new(3) }, &mut seeded(0));
//! let scores = net.forward(&Var::constant(Tensor::zeros([1, 3, 9, 12])), &Pass::eval());
//! assert_eq!(scores.shape(), [1, 3, 9, 12]);
//! ```

pub use crate::models::{Fcn, FcnConfig, Network, Norm, UNet, UNetConfig, Upsampling};
pub use crate::optim::{Adam, Optimizer, Sgd};
pub use crate::{
    Activation, BatchNorm2d, Contribution, Conv2d, ConvTranspose2d, Curve, Draws, Linear,
    MaxPool2d, Module, Param, Params, Pass, Schedule, Sequential, Visitor, seeded,
};
pub use mirrorgrad_autograd::{Gradients, Var, gradcheck, no_grad, ops};
pub use mirrorgrad_tensor::{ClassTargets, Form, Geometry, PixelLoss, Tensor, Window};
