//! Layers, optimizers and segmentation networks. A [`Module`] is a function with named [`Param`]s, whose values an
//! optimizer replaces. This crate alone is enough to train a network: it re-exports [`autograd`] and [`tensor`].
//!
//! ```
//! use mirrorgrad_layers::prelude::*;
//!
//! let rng = &mut seeded(0);
//! let net = Sequential::<f32>::new()
//!     .with(Linear::new([2, 8], rng))
//!     .with(Activation::Relu)
//!     .with(Linear::new([8, 1], rng));
//! let x = Var::constant([[0.0, 1.0], [1.0, 0.0]].into());
//! let target = Var::constant([[1.0], [-1.0]].into());
//!
//! let params = Params::of(&net);
//! let mut sgd = Sgd::new(0.9);
//! let mut losses = Vec::new();
//! for step in 0..20 {
//!     let pass = Pass::train(Draws::new(0, step));
//!     let error = &net.forward(&x, &pass) - &target;
//!     let loss = (&error * &error).mean();
//!     losses.push(loss.value().item());
//!     sgd.step(&params, &params.backward(loss, pass), 0.05);
//! }
//! assert!(losses[19] < losses[0] / 10.0);
//! ```
//!
//! The files, in the order to read:
//!
//! ```text
//! param, module, params       a value that an optimizer replaces; a function with named parameters; all of them
//! pass, draws, trace          training or evaluation; random numbers by seed and step; the layers a pass has called
//! contribution, fold          the gradients and running averages of one batch; how those of a step are added up
//! conv, linear, norm, pool,   the layers, one file per family
//! upsample, dropout,
//! activation, sequential
//! init                        initial weights
//! optim/, schedule            SGD, Adam, AdamW; the learning rate over a run
//! models/                     FCN (with SegNet's decoder) and U-Net
//! weights/                    safetensors files with PyTorch's names
//! probe, place                the first layer with a non-finite number; a layer's path, for messages
//! ```
//!
//! Features `threads` and `arena`, both on by default, are those of [`mirrorgrad_tensor`].

#![forbid(unsafe_code)]

mod activation;
mod contribution;
mod conv;
mod draws;
mod dropout;
mod fold;
mod init;
mod linear;
pub mod models;
mod module;
mod norm;
pub mod optim;
mod param;
mod params;
mod pass;
mod place;
mod pool;
pub mod prelude;
mod probe;
mod schedule;
mod sequential;
mod trace;
mod upsample;
pub mod weights;

pub use activation::Activation;
pub use contribution::{Contribution, GradientNorm};
pub use conv::{Conv2d, ConvTranspose2d};
pub use draws::{Draws, seeded};
pub use dropout::{Dropout, Dropout2d};
pub use fold::{Fold, Subtotal};
pub use init::Init;
pub use linear::Linear;
pub use module::{Module, Visitor, summary};
pub use norm::{BatchNorm2d, GroupNorm};
pub use param::Param;
pub use params::Params;
pub use pass::{Pass, Update};
pub use pool::{AdaptiveAvgPool2d, AvgPool2d, MaxPool2d, MaxUnpool2d};
pub use probe::{Direction, Fault, find_fault};
pub use schedule::{Curve, Schedule};
pub use sequential::Sequential;
pub use trace::{LayerCall, Sizes};
pub use upsample::{Interpolation, Upsample};

/// The crate below: numbers with history.
pub use mirrorgrad_autograd as autograd;
/// The crate below that: numbers without.
pub use mirrorgrad_tensor as tensor;
