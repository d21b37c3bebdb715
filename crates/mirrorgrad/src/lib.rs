//! An autograd framework for small segmentation networks, built on one fact: a convolution is a
//! matrix C, a transposed convolution is Cᵀ, so the backward pass of one is the forward pass of the
//! other.
//!
//! ```
//! use mirrorgrad::prelude::*;
//!
//! let x = Var::parameter(Tensor::<f64>::from_fn([1, 1, 4, 4], |i| i as f64));
//! let w = Var::constant(Tensor::ones([1, 1, 3, 3]));
//! let geometry = Window::square(3).stride(2).padding(1).conv([4, 4])?;
//!
//! // Differentiate a convolution by its input …
//! let y = ops::conv2d(geometry, &x, &w, None);
//! let seed = Var::constant(Tensor::ones(y.shape()));
//! let gradient = y.grad_with(&seed, &[&x]).remove(0);
//!
//! // … and it is the transposed convolution, bit for bit.
//! assert_eq!(gradient.value(), ops::conv_transpose2d(geometry, &seed, &w, None).value());
//! # Ok::<(), mirrorgrad::tensor::GeometryError>(())
//! ```
//!
//! The crates behind this one, from the ground up: [`tensor`] (numbers without history),
//! [`autograd`] (numbers with history), [`layers`] (parameters, optimizers, networks),
//! [`segment`] (data, metrics, runs), [`report`] (what a run came to), [`onnx`] (networks for other
//! programs) and [`study`] (the symmetry, to be looked at).

#![forbid(unsafe_code)]

pub use mirrorgrad_autograd as autograd;
pub use mirrorgrad_layers as layers;
pub use mirrorgrad_onnx as onnx;
pub use mirrorgrad_report as report;
pub use mirrorgrad_segment as segment;
pub use mirrorgrad_study as study;
pub use mirrorgrad_tensor as tensor;

/// What most programs use.
pub mod prelude {
    pub use crate::autograd::{Gradients, Var, gradcheck, no_grad, ops};
    pub use crate::layers::models::{Fcn, FcnConfig, Network, Norm, UNet, UNetConfig, Upsampling};
    pub use crate::layers::optim::{Adam, Optimizer, Sgd};
    pub use crate::layers::{
        Activation, BatchNorm2d, Conv2d, ConvTranspose2d, Curve, Draws, Linear, MaxPool2d, Mode,
        Module, Names, Param, Schedule, Sequential, named_params,
    };
    pub use crate::tensor::{ClassTargets, Form, Geometry, PixelLoss, Tensor, Window};
}

/// The code in the README, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
