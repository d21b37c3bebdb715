//! Layers, optimizers and networks: parameters with names, and what is built from them.
//!
//! Read in this order: a [`Param`] is a place whose value an optimizer may replace; a [`Module`] is a
//! function with such places; the layers, one file each; the optimizers that move parameters; the
//! [`models`].

#![forbid(unsafe_code)]

mod activation;
mod conv;
mod dropout;
mod init;
mod linear;
mod mode;
pub mod models;
mod module;
mod norm;
pub mod optim;
mod param;
mod place;
mod pool;
mod probe;
mod schedule;
mod sequential;
mod upsample;
pub mod weights;

pub use activation::Activation;
pub use conv::{Conv2d, ConvTranspose2d};
pub use dropout::{Dropout, Dropout2d};
pub use init::Init;
pub use linear::Linear;
pub use mode::{Draws, LayerCall, Mode, Sizes, Trace};
pub use module::{Module, Names, named_params, summary};
pub use norm::{BatchNorm2d, GroupNorm};
pub use param::Param;
pub use pool::{AdaptiveAvgPool2d, AvgPool2d, MaxPool2d, MaxUnpool2d};
pub use probe::{Direction, Fault, find_fault};
pub use schedule::{Curve, Schedule};
pub use sequential::Sequential;
pub use upsample::{Interpolation, Upsample};
