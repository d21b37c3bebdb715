//! An autograd framework for segmentation networks, built on one fact: a convolution is a matrix C and a transposed
//! convolution is Cᵀ, so the backward pass of one is the forward pass of the other. This crate re-exports the
//! crates of the framework, and [`prelude`] has what most programs use.
//!
//! ```
//! use mirrorgrad::prelude::*;
//!
//! let x = Var::parameter(Tensor::<f64>::from_fn([1, 1, 4, 4], |i| i as f64));
//! let w = Var::constant(Tensor::ones([1, 1, 3, 3]));
//! let geometry = Window::square(3).stride(2).padding(1).conv([4, 4])?;
//!
//! // The gradient of a convolution with respect to its input …
//! let y = ops::conv2d(geometry, &x, &w, None);
//! let seed = Var::constant(Tensor::ones(y.shape()));
//! let gradient = y.grad_with(&seed, &[&x]).remove(0);
//!
//! // … is the transposed convolution, bit for bit.
//! assert_eq!(gradient.value(), ops::conv_transpose2d(geometry, &seed, &w, None).value());
//! # Ok::<(), mirrorgrad::tensor::GeometryError>(())
//! ```
//!
//! The crates, in the order to read:
//!
//! ```text
//! tensor     tensors and kernels, without gradients
//! autograd   differentiable functions, gradients of any order
//! layers     parameters, layers, optimizers, networks
//! data       pictures and masks, read, augmented and in batches, without tensors
//! train      losses, training, metrics, checkpoints
//! report     reports of training runs
//! onnx       networks as ONNX files
//! study      convolutions, inspected and compared
//! ```

#![forbid(unsafe_code)]

pub use mirrorgrad_autograd as autograd;
pub use mirrorgrad_data as data;
pub use mirrorgrad_layers as layers;
pub use mirrorgrad_onnx as onnx;
pub use mirrorgrad_report as report;
pub use mirrorgrad_study as study;
pub use mirrorgrad_tensor as tensor;
pub use mirrorgrad_train as train;

pub use mirrorgrad_layers::prelude;

/// The code in the README, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
