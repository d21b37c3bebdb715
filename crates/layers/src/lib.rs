//! Layers, optimizers and networks: parameters with names, and what is built from them.
//!
//! Read in this order: a [`Param`] is a place whose value an optimizer may replace; a [`Module`] is a
//! function with such places; the layers, one file each; the optimizers that move parameters; the
//! [`models`].

#![forbid(unsafe_code)]

mod activation;
mod contribution;
mod conv;
mod draws;
mod dropout;
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
mod probe;
mod schedule;
mod sequential;
mod trace;
mod upsample;
pub mod weights;

pub use activation::Activation;
pub use contribution::Contribution;
pub use conv::{Conv2d, ConvTranspose2d};
pub use draws::{Draws, seeded};
pub use dropout::{Dropout, Dropout2d};
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
